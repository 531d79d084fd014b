//! Orders that are decided together, in one process and in two.

use std::time::Duration;

use command_api::{OrderError, ShowOrder};
use domain::{UserId, show::ShowError};
use event_store::CommandContext;
use testkit::eventually;
use uuid::Uuid;

use crate::hall::{Buyer, Hall, with_receipt};

/// Longer than anything here takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_another_process_frees_can_be_sold() {
    let hall = Hall::with(2).await;
    let (one, two) = (hall.process(), hall.process());
    let (ada, grace, joan) = (Buyer::new(), Buyer::new(), Buyer::new());
    hall.sell(&one, &[ada, grace]).await;
    let refused = hall.order(&one, joan.place()).await.unwrap_err();
    assert!(matches!(refused, OrderError::Show(ShowError::SoldOut { available: 0 })), "{refused:?}");

    hall.order(&two, ada.cancel()).await.unwrap();
    hall.order(&one, joan.place()).await.unwrap();
    let refused = hall.order(&two, ada.booking_again().place()).await.unwrap_err();
    assert!(matches!(refused, OrderError::Show(ShowError::SoldOut { available: 0 })), "{refused:?}");
    assert_eq!(hall.folded().await.created().unwrap().sold(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_sell_every_ticket_once() {
    const CAPACITY: u32 = 400;
    let hall = Hall::with(CAPACITY).await;
    let processes = [hall.process(), hall.process()];
    let orders =
        (0..CAPACITY as usize + 100).map(|nth| hall.order(&processes[nth % 2], Buyer::new().place()));
    let outcomes = futures::future::join_all(orders).await;
    let sold = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(sold, CAPACITY as usize);
    for refused in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, OrderError::Show(ShowError::SoldOut { available: 0 })), "{refused:?}");
    }
    assert_eq!(hall.folded().await.created().unwrap().sold(), CAPACITY);
}

/// The first stranger comes alone; the others, the repetition and nobody arrive while their writer loads the show.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_do_not_fail_with_a_repetition_and_an_account_that_is_gone() {
    let hall = Hall::with(100).await;
    let before = hall.process();
    before.submit(hall.show_id, Buyer::new().place(), None, with_receipt(1)).await.unwrap();

    let process = hall.process();
    let submit = |actor: Option<UserId>, receipt: u8| {
        process.submit(hall.show_id, Buyer::new().place(), actor, with_receipt(receipt))
    };
    let strangers = futures::future::join_all((10..21).map(|receipt| submit(None, receipt)));
    let repeated = submit(None, 1);
    let of_nobody = submit(Some(UserId::new(Uuid::now_v7())), 2);
    let (strangers, repeated, of_nobody) = tokio::join!(strangers, repeated, of_nobody);
    assert!(matches!(repeated.unwrap_err(), OrderError::Repeated));
    assert!(matches!(of_nobody.unwrap_err(), OrderError::Gone));
    for stranger in strangers {
        stranger.unwrap();
    }
    assert_eq!(hall.folded().await.created().unwrap().sold(), 12);
}

/// Somebody has the receipt of an order, and does not commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_waits_holds_up_nobody_who_comes_later() {
    let stuck = Hall::with(10).await;
    let open = stuck.and_with(1_000).await;
    let process = stuck.process();
    let context = with_receipt(1);
    let mut elsewhere = stuck.store.pool().begin().await.unwrap();
    sqlx::query("insert into receipts (command_id, body_hash, outcome) values ($1, $2, 'null')")
        .bind(&context.receipt.as_ref().unwrap().command_id.0[..])
        .bind(&[0_u8; 32][..])
        .execute(&mut *elsewhere)
        .await
        .unwrap();
    let waiting = process.submit(stuck.show_id, Buyer::new().place(), None, context);
    tokio::pin!(waiting);
    // Whoever came at the same moment would go with it, and wait as long.
    tokio::select! {
        ended = &mut waiting => panic!("it waits for the receipt: {ended:?}"),
        () = somebody_waits_for_a_lock(&stuck) => {}
    }
    for _ in 0..20 {
        let others: Vec<_> = (0..10).map(|_| Buyer::new()).collect();
        tokio::select! {
            biased;
            ended = &mut waiting => panic!("it waits for the receipt: {ended:?}"),
            sold = tokio::time::timeout(PATIENCE, open.sell(&process, &others)) => {
                sold.expect("others need not wait for it");
            }
        }
    }
    elsewhere.rollback().await.unwrap();
    waiting.await.unwrap();
    assert_eq!(open.folded().await.created().unwrap().sold(), 200);
    assert_eq!(stuck.folded().await.created().unwrap().sold(), 1);
}

async fn somebody_waits_for_a_lock(hall: &Hall) {
    let waits = "select exists (select from pg_stat_activity
                                where datname = current_database() and wait_event_type = 'Lock')";
    eventually("somebody waits for a lock", PATIENCE, async || {
        let waits: bool = sqlx::query_scalar(waits).fetch_one(hall.store.pool()).await.unwrap();
        waits.then_some(())
    })
    .await;
}

/// Two processes append to the same two shows with the same two receipts, in opposite order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow proof: 10,000 rounds"]
async fn crossed_streams_and_receipts_never_deadlock() {
    const ROUNDS: u32 = 10_000;
    let hall = Hall::with(1_000_000).await;
    let halls = [hall.and_with(1_000_000).await, hall];
    let processes = [halls[0].process(), halls[1].process()];
    for round in 0..ROUNDS {
        let [a, b] = [0, 1].map(|nth| receipt_of(round, nth));
        let order = |process: usize, hall: usize, context: &CommandContext| {
            processes[process].submit(halls[hall].show_id, Buyer::new().place(), None, context.clone())
        };
        let crossed = [order(0, 0, &a), order(0, 1, &b), order(1, 0, &b), order(1, 1, &a)];
        let all = futures::future::join_all(crossed);
        let outcomes = tokio::time::timeout(PATIENCE, all).await.expect("no deadlock");
        let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(done, 2, "each receipt takes effect once: {outcomes:?}");
        for refused in outcomes.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, OrderError::Repeated), "{refused:?}");
        }
    }
    let mut sold = 0;
    for hall in &halls {
        sold += hall.folded().await.created().unwrap().sold();
    }
    assert_eq!(sold, 2 * ROUNDS);
    let deadlocks: i64 =
        sqlx::query_scalar("select deadlocks from pg_stat_database where datname = current_database()")
            .fetch_one(halls[0].store.pool())
            .await
            .unwrap();
    assert_eq!(deadlocks, 0);
}

fn receipt_of(round: u32, nth: u8) -> CommandContext {
    let mut context = with_receipt(nth);
    if let Some(receipt) = &mut context.receipt {
        receipt.command_id.0[..4].copy_from_slice(&round.to_be_bytes());
    }
    context
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_refusals_appends_nothing() {
    let hall = Hall::with(1).await;
    let process = hall.process();
    hall.sell(&process, &[Buyer::new()]).await;
    let before = hall.stream().await.len();
    let orders = (0..50).map(|_| hall.order(&process, Buyer::new().place()));
    for refused in futures::future::join_all(orders).await {
        assert!(matches!(refused, Err(OrderError::Show(ShowError::SoldOut { .. }))));
    }
    let nothing_to_do = hall.order(&process, ShowOrder::ExpireHolds { limit: 10 }).await;
    nothing_to_do.unwrap();
    assert_eq!(hall.stream().await.len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_the_mailbox_full_is_told_at_once_and_the_others_get_their_tickets() {
    const CROWD: u32 = 6_000;
    let hall = Hall::with(CROWD).await;
    let process = hall.process();
    let orders = (0..CROWD).map(|_| hall.order(&process, Buyer::new().place()));
    let outcomes = futures::future::join_all(orders).await;
    let sold = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((4_096..CROWD as usize).contains(&sold), "{sold}");
    for refused in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, OrderError::Busy), "{refused:?}");
    }
    assert_eq!(hall.folded().await.created().unwrap().sold() as usize, sold);
}
