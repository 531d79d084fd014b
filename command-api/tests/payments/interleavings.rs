//! At every moment of a payment something happens; whoever drives it goes on or dies; webhooks come before the answer,
//! twice or never. The end is the same, whatever the order.

use domain::booking::{BookingStatus, PaymentState, PlacedBooking};

use crate::{
    box_office::BoxOffice,
    ends::{is_free_of_money, is_paid, payment},
    gate::{Call, Gate, Moment},
};

const MOMENTS: &[Moment] = &[
    Moment::Never,
    Moment::Before(Call::Open),
    Moment::After(Call::Open),
    Moment::Before(Call::Authorise),
    Moment::After(Call::Authorise),
    Moment::Before(Call::Capture),
    Moment::After(Call::Capture),
];

const GOOD: &str = "pm_card_visa";
const DECLINED: &str = "pm_card_chargeDeclined";

/// A card, and the moments that its payment goes through.
const CARDS: [(&str, &[Moment]); 2] = [(GOOD, MOMENTS), (DECLINED, MOMENTS.split_at(5).0)];

/// What becomes of whoever drives the payment.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Driver {
    GoesOn,
    Dies,
}

/// Runs one after the other, all moments with all drivers and no, one and two webhooks. Each ends in one of these.
async fn at_every_moment(
    card: &str,
    moments: &[Moment],
    happens: impl AsyncFn(&BoxOffice),
    is_expected: impl Fn(&PlacedBooking, Moment, Driver) -> bool,
) {
    let first = BoxOffice::open().await;
    for moment in moments {
        for driver in [Driver::GoesOn, Driver::Dies] {
            for webhooks in 0..3 {
                if (*moment, driver) == (Moment::Never, Driver::Dies) {
                    continue;
                }
                let office = first.another().await;
                let gate = Gate::at(*moment, &office.ledger);
                let paying = office.pay(&gate, card).await;
                if *moment == Moment::Never {
                    paying.await.unwrap().ok();
                    happens(&office).await;
                    for _ in 0..webhooks {
                        office.hear().await;
                    }
                } else {
                    gate.reached().await;
                    happens(&office).await;
                    for _ in 0..webhooks {
                        office.hear().await;
                    }
                    if driver == Driver::GoesOn {
                        gate.open();
                        paying.await.unwrap().ok();
                    } else {
                        paying.abort();
                    }
                }
                office.release().await;
                office.settle().await;
                office.money_and_tickets_agree().await;
                let booking = office.booking().await;
                assert!(
                    is_expected(&booking, *moment, driver),
                    "{card}, {moment:?}, {driver:?}, {webhooks} webhooks: {booking:#?}"
                );
            }
        }
    }
}

/// Whoever died before the bank was asked leaves an attempt that is abandoned.
fn was_never_asked(moment: Moment, driver: Driver) -> bool {
    let is_before =
        matches!(moment, Moment::Before(Call::Open | Call::Authorise) | Moment::After(Call::Open));
    is_before && driver == Driver::Dies
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_ends_confirmed_wherever_its_driver_dies_once_the_bank_was_asked() {
    at_every_moment(
        GOOD,
        MOMENTS,
        async |_| {},
        |booking, moment, driver| {
            if was_never_asked(moment, driver) {
                booking.status == BookingStatus::Held && payment(booking) == PaymentState::Declined
            } else {
                is_paid(booking)
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_payment_leaves_the_hold_wherever_its_driver_dies() {
    at_every_moment(
        DECLINED,
        CARDS[1].1,
        async |_| {},
        |booking, _, _| booking.status == BookingStatus::Held && payment(booking) == PaymentState::Declined,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_is_cancelled_at_any_moment_costs_nothing() {
    let happens = async |office: &BoxOffice| office.cancel().await;
    for (card, moments) in CARDS {
        at_every_moment(card, moments, happens, |booking, _, _| {
            booking.status == BookingStatus::Cancelled && is_free_of_money(booking)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_expires_and_is_cancelled_at_any_moment_is_not_charged_later() {
    let happens = async |office: &BoxOffice| {
        office.expire().await;
        office.cancel().await;
    };
    at_every_moment(GOOD, MOMENTS, happens, |booking, _, _| {
        booking.status == BookingStatus::Cancelled && is_free_of_money(booking)
    })
    .await;
    at_every_moment(DECLINED, CARDS[1].1, happens, |booking, moment, _| {
        // When the attempt is over, nothing is left to cancel of what has expired.
        let expected =
            if moment == Moment::Never { BookingStatus::Expired } else { BookingStatus::Cancelled };
        (booking.status, payment(booking)) == (expected, PaymentState::Declined)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_cancelled_at_any_moment_costs_nobody_anything() {
    let happens = async |office: &BoxOffice| office.cancel_event().await;
    for (card, moments) in CARDS {
        at_every_moment(card, moments, happens, |booking, _, _| {
            booking.status == BookingStatus::Cancelled && is_free_of_money(booking)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_lapses_at_any_moment_is_taken_again_while_it_is_free() {
    let happens = async |office: &BoxOffice| office.expire().await;
    for (card, moments) in CARDS {
        at_every_moment(card, moments, happens, |booking, moment, driver| {
            if card == DECLINED || was_never_asked(moment, driver) {
                booking.status == BookingStatus::Expired && payment(booking) == PaymentState::Declined
            } else {
                is_paid(booking)
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_whose_tickets_went_to_somebody_else_is_given_back() {
    let happens = async |office: &BoxOffice| {
        office.expire().await;
        office.somebody_else_books().await;
    };
    // From the moment on when the tickets are sold, nothing lapses.
    let is_sold = |moment| {
        matches!(moment, Moment::Never | Moment::Before(Call::Capture) | Moment::After(Call::Capture))
    };
    for (card, moments) in CARDS {
        at_every_moment(card, moments, happens, |booking, moment, _| {
            if card == GOOD && is_sold(moment) {
                is_paid(booking)
            } else {
                booking.status == BookingStatus::Expired && is_free_of_money(booking)
            }
        })
        .await;
    }
}
