//! When a gateway is asked again, when it is given a rest, and when that is over.

use std::sync::Arc;

use tokio::time::{advance, sleep};

use super::*;
use crate::{PaymentStanding, RefundStanding};

/// What a call comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Does {
    Answer,
    Fail,
    Refuse,
    SayItIsUnderWay,
    /// It answers after this time.
    Take(Duration),
}

/// A gateway that does what it is told, and counts what it is asked.
#[derive(Debug, Clone)]
struct Told(Arc<Mutex<(Does, u32)>>);

impl Told {
    fn to(does: Does) -> Self {
        Self(Arc::new(Mutex::new((does, 0))))
    }

    fn then(&self, does: Does) {
        self.0.lock().unwrap().0 = does;
    }

    fn calls(&self) -> u32 {
        self.0.lock().unwrap().1
    }

    async fn called(&self) -> Result<GatewayPayment, GatewayError> {
        let does = {
            let mut told = self.0.lock().unwrap();
            told.1 += 1;
            told.0
        };
        match does {
            Does::Answer => {}
            Does::Fail => return Err(GatewayError::Unavailable { reason: "a test" }),
            Does::Refuse => return Err(GatewayError::Refused { reason: "a_test".to_owned() }),
            Does::SayItIsUnderWay => return Err(GatewayError::UnderWay),
            Does::Take(time) => sleep(time).await,
        }
        let standing = PaymentStanding::Authorised;
        Ok(GatewayPayment { reference: "pi_told".to_owned(), standing, client_secret: None })
    }
}

#[async_trait]
impl Gateway for Told {
    async fn open(&self, _: &NewPayment) -> Result<GatewayPayment, GatewayError> {
        self.called().await
    }

    async fn authorise(&self, _: Uuid, _: &str, _: &PaymentMethod) -> Result<GatewayPayment, GatewayError> {
        self.called().await
    }

    async fn payment(&self, _: &str) -> Result<GatewayPayment, GatewayError> {
        self.called().await
    }

    async fn find_payment(&self, _: Uuid) -> Result<Option<GatewayPayment>, GatewayError> {
        self.called().await.map(Some)
    }

    async fn capture(&self, _: Uuid, _: &str) -> Result<GatewayPayment, GatewayError> {
        self.called().await
    }

    async fn void(&self, _: Uuid, _: &str) -> Result<GatewayPayment, GatewayError> {
        self.called().await
    }

    async fn refund(&self, _: &NewRefund) -> Result<GatewayRefund, GatewayError> {
        self.called().await.map(|_| GatewayRefund { standing: RefundStanding::Made, resumed: 0 })
    }

    async fn find_refund(&self, _: &NewRefund) -> Result<Option<GatewayRefund>, GatewayError> {
        self.called().await.map(|_| None)
    }
}

/// A call that has nothing to do with a bank.
async fn look(guarded: &Guarded<Told>) -> Result<(), GatewayError> {
    guarded.payment("pi_told").await.map(drop)
}

async fn authorise(guarded: &Guarded<Told>) -> Result<(), GatewayError> {
    let card = PaymentMethod::parse("pm_card_visa").expect("a payment method");
    guarded.authorise(Uuid::now_v7(), "pi_told", &card).await.map(drop)
}

async fn fail_until_it_rests(guarded: &Guarded<Told>) {
    for _ in 0..FAILURES_TO_OPEN {
        assert!(guarded.is_available());
        look(guarded).await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_is_made_three_times_and_one_that_is_refused_once() {
    for (does, calls) in [(Does::Fail, 3), (Does::Refuse, 1), (Does::Answer, 1)] {
        let told = Told::to(does);
        let answered = look(&Guarded::new(told.clone())).await;
        assert_eq!((answered.is_ok(), told.calls()), (does == Does::Answer, calls), "{does:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_five_calls_that_failed_nothing_is_sent_until_it_has_rested() {
    let told = Told::to(Does::Fail);
    let guarded = Guarded::new(told.clone());
    fail_until_it_rests(&guarded).await;
    let sent = told.calls();
    assert_eq!(sent, 15);
    assert!(!guarded.is_available());
    assert_eq!(look(&guarded).await, Err(GatewayError::Resting));
    assert_eq!(told.calls(), sent, "nothing was sent");
    advance(REST - Duration::from_millis(1)).await;
    assert_eq!(look(&guarded).await, Err(GatewayError::Resting));
}

#[tokio::test(start_paused = true)]
async fn after_a_rest_one_call_finds_out_and_the_others_wait_for_it() {
    let told = Told::to(Does::Fail);
    let guarded = Guarded::new(told.clone());
    fail_until_it_rests(&guarded).await;
    advance(REST).await;
    assert!(guarded.is_available());
    told.then(Does::Take(Duration::from_secs(1)));
    let (first, second) = tokio::join!(look(&guarded), look(&guarded));
    assert_eq!((first, second), (Ok(()), Err(GatewayError::Resting)));
    assert_eq!(told.calls(), 16);
    assert!(guarded.is_available());
    assert_eq!(look(&guarded).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_helped_nothing_is_followed_by_another() {
    let told = Told::to(Does::Fail);
    let guarded = Guarded::new(told.clone());
    fail_until_it_rests(&guarded).await;
    advance(REST).await;
    look(&guarded).await.unwrap_err();
    assert!(!guarded.is_available());
}

#[tokio::test(start_paused = true)]
async fn failures_with_an_answer_between_them_open_nothing() {
    let told = Told::to(Does::Fail);
    let guarded = Guarded::new(told.clone());
    for _ in 0..2 {
        for _ in 1..FAILURES_TO_OPEN {
            look(&guarded).await.unwrap_err();
        }
        told.then(Does::Refuse);
        look(&guarded).await.unwrap_err();
        told.then(Does::Fail);
    }
    assert!(guarded.is_available());
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_asked_for_again_a_moment_later_and_opens_nothing() {
    let told = Told::to(Does::SayItIsUnderWay);
    let guarded = Guarded::new(told.clone());
    for _ in 0..2 * FAILURES_TO_OPEN {
        let begun = Instant::now();
        assert_eq!(look(&guarded).await, Err(GatewayError::UnderWay));
        let paused = begun.elapsed();
        assert!((2 * PAUSE_UNDER_WAY..3 * PAUSE_UNDER_WAY).contains(&paused), "{paused:?}");
    }
    assert!(guarded.is_available());
}

#[tokio::test(start_paused = true)]
async fn a_bank_may_take_half_a_minute_and_nothing_else_may() {
    let told = Told::to(Does::Take(Duration::from_secs(25)));
    let guarded = Guarded::new(told.clone());
    assert_eq!(authorise(&guarded).await, Ok(()));
    let begun = Instant::now();
    look(&guarded).await.unwrap_err();
    assert!((TRY_TIMEOUT * 3..TRY_TIMEOUT * 3 + 2 * MAX_PAUSE).contains(&begun.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_answers_is_over_in_time() {
    let guarded = Guarded::new(Told::to(Does::Take(Duration::from_secs(3_600))));
    let begun = Instant::now();
    authorise(&guarded).await.unwrap_err();
    assert!(begun.elapsed() <= CALL_TIMEOUT + Duration::from_millis(10), "{:?}", begun.elapsed());
}
