//! How often somebody may guess, on two processes at once.

use futures::future::join_all;
use reqwest::StatusCode;
use uuid::Uuid;

use crate::harness::{Answer, BoxOffice, PASSWORD};

const WRONG: &str = "not the password";
const OF_ACCOUNT: usize = 10;
const OF_ADDRESS: usize = 100;

fn somebody() -> String {
    format!("{}@example.org", Uuid::now_v7().simple())
}

#[track_caller]
fn expect_too_many(answer: &Answer) {
    answer.expect_problem(429, "too-many-attempts");
    let seconds: u32 = answer.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=900).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn signing_in_is_limited_by_account_and_by_address() {
    let office = BoxOffice::in_roles(None).await;
    let (ada, bob) = (office.register("attendee").await, office.register("host").await);
    let mut failures = 0;

    // A success starts the count anew.
    for _ in 0..2 {
        for _ in 0..OF_ACCOUNT - 1 {
            office.log_in(&ada.email, WRONG).await.expect_problem(401, "invalid-credentials");
            failures += 1;
        }
        office.log_in(&ada.email, PASSWORD).await.expect(StatusCode::OK);
    }

    // However many come at once: no more than the limit are looked at, whether or not there is such an account.
    for email in [&ada.email, &somebody()] {
        let answers = join_all((0..OF_ACCOUNT + 5).map(|_| office.log_in(email, WRONG))).await;
        let looked_at = answers.iter().filter(|answer| answer.status == 401).count();
        assert_eq!(looked_at, OF_ACCOUNT, "{email}");
        answers.iter().filter(|answer| answer.status != 401).for_each(expect_too_many);
        failures += OF_ACCOUNT + 5;
    }
    for email in [ada.email.to_uppercase(), somebody()] {
        let answer = office.log_in(&email, PASSWORD).await;
        if email == ada.email.to_uppercase() {
            expect_too_many(&answer);
        } else {
            answer.expect_problem(401, "invalid-credentials");
        }
        failures += 1;
    }
    office.log_in(&bob.email, PASSWORD).await.expect(StatusCode::OK);

    // Other accounts, the same address.
    while failures < OF_ADDRESS {
        office.log_in(&somebody(), WRONG).await.expect_problem(401, "invalid-credentials");
        failures += 1;
    }
    for email in [&bob.email, &somebody()] {
        expect_too_many(&office.log_in(email, PASSWORD).await);
    }
    office.register("attendee").await;
}
