//! A bank that wants to know more from the buyer: what may happen while it waits for them, whoever dies meanwhile.

use domain::booking::{BookingStatus, PaymentState, PlacedBooking};
use payments::Gateway;

use crate::{
    box_office::BoxOffice,
    ends::{is_free_of_money, is_paid, payment},
    gate::{Call, Gate, Moment},
};

const CARD: &str = "pm_card_authenticationRequired";

/// What happens while the bank waits.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Happens {
    Nothing,
    Expires,
    IsTakenByOthers,
    IsCancelled,
    ExpiresAndIsCancelled,
    EventIsCancelled,
}

const ALL: [Happens; 6] = [
    Happens::Nothing,
    Happens::Expires,
    Happens::IsTakenByOthers,
    Happens::IsCancelled,
    Happens::ExpiresAndIsCancelled,
    Happens::EventIsCancelled,
];

impl Happens {
    async fn to(self, office: &BoxOffice) {
        match self {
            Self::Nothing => {}
            Self::Expires => office.expire().await,
            Self::IsTakenByOthers => {
                office.expire().await;
                office.somebody_else_books().await;
            }
            Self::IsCancelled => office.cancel().await,
            Self::ExpiresAndIsCancelled => {
                office.expire().await;
                office.cancel().await;
            }
            Self::EventIsCancelled => office.cancel_event().await,
        }
    }

    /// Whether the booking is as it must be in the end, if this happened before the tickets were sold.
    fn ends_well(self, booking: &PlacedBooking, satisfies: bool) -> bool {
        let is_declined = |status| (booking.status, payment(booking)) == (status, PaymentState::Declined);
        match self {
            Self::Nothing | Self::Expires if satisfies => is_paid(booking),
            Self::Nothing => is_declined(BookingStatus::Held),
            Self::Expires => is_declined(BookingStatus::Expired),
            Self::IsTakenByOthers => booking.status == BookingStatus::Expired && is_free_of_money(booking),
            Self::IsCancelled | Self::ExpiresAndIsCancelled | Self::EventIsCancelled => {
                booking.status == BookingStatus::Cancelled && is_free_of_money(booking)
            }
        }
    }
}

/// Before or after the buyer answers the bank, and how many webhooks come then or afterwards.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Before { webhooks: usize },
    HeardOfBefore,
    After { webhooks: usize },
}

const ORDERS: [When; 5] = [
    When::Before { webhooks: 0 },
    When::Before { webhooks: 2 },
    When::HeardOfBefore,
    When::After { webhooks: 0 },
    When::After { webhooks: 2 },
];

/// What becomes of the request that asked the bank.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Request {
    IsAnswered,
    /// Webhooks come before its answer.
    IsHeldUp,
    Dies,
}

/// The buyer satisfies the bank, or does not; nothing if nobody waits for it any more.
async fn answer(office: &BoxOffice, satisfies: bool) {
    let payment_id = office.booking().await.payments[0].id;
    let gateway = office.ungated();
    let found = gateway.find_payment(payment_id.uuid()).await.unwrap().unwrap();
    if let Some(client_secret) = found.client_secret {
        gateway.act(&client_secret, satisfies).await.unwrap();
    }
}

async fn hear(office: &BoxOffice, webhooks: usize) {
    for _ in 0..webhooks {
        office.hear().await;
    }
}

async fn everything_happens_to(request: Request) {
    let first = BoxOffice::open().await;
    for happens in ALL {
        for when in ORDERS {
            for satisfies in [true, false] {
                let office = first.another().await;
                let moment = match request {
                    Request::IsAnswered => Moment::Never,
                    Request::IsHeldUp | Request::Dies => Moment::After(Call::Authorise),
                };
                let gate = Gate::at(moment, &office.ledger);
                let mut paying = office.pay(&gate, CARD).await;
                match request {
                    Request::IsAnswered => {
                        (&mut paying).await.unwrap().unwrap();
                        assert_eq!(payment(&office.booking().await), PaymentState::ActionRequired);
                    }
                    Request::IsHeldUp => gate.reached().await,
                    Request::Dies => {
                        gate.reached().await;
                        paying.abort();
                    }
                }
                match when {
                    When::Before { webhooks } => {
                        happens.to(&office).await;
                        answer(&office, satisfies).await;
                        hear(&office, webhooks).await;
                    }
                    When::HeardOfBefore => {
                        happens.to(&office).await;
                        hear(&office, 1).await;
                        answer(&office, satisfies).await;
                    }
                    When::After { webhooks } => {
                        answer(&office, satisfies).await;
                        happens.to(&office).await;
                        hear(&office, webhooks).await;
                    }
                }
                if request == Request::IsHeldUp {
                    gate.open();
                    paying.await.unwrap().ok();
                }
                // A lost webhook is made up for by looking again.
                office.release().await;
                office.settle().await;
                office.money_and_tickets_agree().await;
                let booking = office.booking().await;
                assert!(
                    happens.ends_well(&booking, satisfies),
                    "{happens:?}, {when:?}, satisfies {satisfies}, {request:?}: {booking:#?}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_wants_more_is_waited_for_and_its_answer_counts_whoever_brings_it() {
    everything_happens_to(Request::IsAnswered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_wants_more_may_be_answered_before_the_request_that_asked_it() {
    everything_happens_to(Request::IsHeldUp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_wants_more_is_waited_for_when_the_request_that_asked_it_died() {
    everything_happens_to(Request::Dies).await;
}

/// A booking whose bank waits for its buyer.
async fn asked(first: &BoxOffice) -> BoxOffice {
    let office = first.another().await;
    let gate = Gate::at(Moment::Never, &office.ledger);
    office.pay(&gate, CARD).await.await.unwrap().unwrap();
    office
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hears_that_the_bank_is_satisfied_may_die_at_any_moment() {
    let first = BoxOffice::open().await;
    for moment in [Moment::Before(Call::Capture), Moment::After(Call::Capture)] {
        for happens in ALL {
            for webhooks in [0, 2] {
                let office = asked(&first).await;
                answer(&office, true).await;
                let gate = Gate::at(moment, &office.ledger);
                let (payments, booking_id) = (office.process(gate.clone()), office.booking_id);
                let driving = tokio::spawn(async move { payments.drive(booking_id).await });
                gate.reached().await;
                happens.to(&office).await;
                driving.abort();
                hear(&office, webhooks).await;
                office.release().await;
                office.settle().await;
                office.money_and_tickets_agree().await;
                let booking = office.booking().await;
                // The tickets are sold: nothing lapses any more, and nobody else gets them.
                let happens = if happens == Happens::IsTakenByOthers { Happens::Nothing } else { happens };
                assert!(
                    happens.ends_well(&booking, true),
                    "{moment:?}, {happens:?}, {webhooks} webhooks: {booking:#?}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gives_back_what_a_satisfied_bank_has_set_aside_may_die_at_any_moment() {
    let first = BoxOffice::open().await;
    for moment in [Moment::Before(Call::Void), Moment::After(Call::Void)] {
        for happens in [
            Happens::IsTakenByOthers,
            Happens::IsCancelled,
            Happens::ExpiresAndIsCancelled,
            Happens::EventIsCancelled,
        ] {
            let office = asked(&first).await;
            answer(&office, true).await;
            happens.to(&office).await;
            let gate = Gate::at(moment, &office.ledger);
            let (payments, booking_id) = (office.process(gate.clone()), office.booking_id);
            let driving = tokio::spawn(async move { payments.drive(booking_id).await });
            gate.reached().await;
            driving.abort();
            office.release().await;
            office.settle().await;
            office.money_and_tickets_agree().await;
            let booking = office.booking().await;
            assert!(happens.ends_well(&booking, true), "{moment:?}, {happens:?}: {booking:#?}");
        }
    }
}
