//! A writer that begins with a snapshot decides as one that has read the whole stream.

use command_api::OrderError;
use domain::show::ShowError;

use crate::hall::{Buyer, Hall};

/// More than a writer reads anew without keeping a snapshot.
const SOLD: usize = 1_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_with_a_snapshot_knows_who_has_tickets() {
    let hall = Hall::with(SOLD as u32 + 1).await;
    let buyers: Vec<Buyer> = (0..SOLD).map(|_| Buyer::new()).collect();
    let first = hall.process();
    hall.sell(&first, &buyers).await;
    first.rest().await;
    assert_eq!(snapshot_sequence(&hall).await, Some(1 + SOLD as i64));

    let second = hall.process();
    for buyer in [buyers[0], buyers[SOLD / 2], buyers[SOLD - 1]] {
        let again = hall.order(&second, buyer.booking_again().place()).await.unwrap_err();
        let OrderError::Show(ShowError::AlreadyBooked { booking_id }) = again else { panic!("{again:?}") };
        assert_eq!(booking_id, buyer.booking_id);
        // What came back can be sold again, and to the same attendee.
        hall.order(&second, buyer.cancel()).await.unwrap();
        hall.order(&second, buyer.booking_again().place()).await.unwrap();
    }
    hall.order(&second, Buyer::new().place()).await.unwrap();
    let refused = hall.order(&second, Buyer::new().place()).await.unwrap_err();
    assert!(matches!(refused, OrderError::Show(ShowError::SoldOut { available: 0 })), "{refused:?}");
    assert_eq!(hall.folded().await.created().unwrap().open_bookings(), SOLD + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_of_two_processes_and_none_lead_to_the_same() {
    let hall = Hall::with(10_000).await;
    let (one, two) = (hall.process(), hall.process());
    let mut buyers: Vec<Buyer> = Vec::new();
    for round in 0..4 {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            ((0..600).map(|_| Buyer::new()).collect(), (0..600).map(|_| Buyer::new()).collect());
        tokio::join!(hall.sell(&one, &ours), hall.sell(&two, &theirs));
        let back: Vec<Buyer> = buyers.iter().copied().step_by(3).collect();
        for buyer in &back {
            hall.order(if round % 2 == 0 { &one } else { &two }, buyer.cancel()).await.unwrap();
        }
        buyers.retain(|buyer| back.iter().all(|other| other.booking_id != buyer.booking_id));
        buyers.extend(ours.iter().chain(&theirs));
    }
    one.rest().await;
    two.rest().await;
    assert!(snapshot_sequence(&hall).await.is_some());
    assert_eq!(hall.folded().await.created().unwrap().open_bookings(), buyers.len());

    for thrown_away in [false, true] {
        if thrown_away {
            sqlx::query("delete from snapshots").execute(hall.store.pool()).await.unwrap();
        }
        let process = hall.process();
        for buyer in buyers.iter().step_by(50) {
            let again = hall.order(&process, buyer.booking_again().place()).await.unwrap_err();
            assert!(matches!(again, OrderError::Show(ShowError::AlreadyBooked { .. })), "{again:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_another_folding_is_not_read() {
    let hall = Hall::with(1_000).await;
    let buyers: Vec<Buyer> = (0..200).map(|_| Buyer::new()).collect();
    let first = hall.process();
    hall.sell(&first, &buyers).await;
    first.rest().await;
    let spoil = "update snapshots set fold_version = fold_version - 1, head = 'nonsense'";
    sqlx::query(spoil).execute(hall.store.pool()).await.unwrap();

    let second = hall.process();
    let again = hall.order(&second, buyers[0].booking_again().place()).await.unwrap_err();
    assert!(matches!(again, OrderError::Show(ShowError::AlreadyBooked { .. })), "{again:?}");
    hall.sell(&second, &[Buyer::new()]).await;
    second.rest().await;
    assert_eq!(snapshot_sequence(&hall).await, Some(202), "it is replaced by one of this folding");
}

async fn snapshot_sequence(hall: &Hall) -> Option<i64> {
    let sql = "select sequence from snapshots where aggregate_id = $1 and fold_version = $2";
    sqlx::query_scalar(sql)
        .bind(hall.show_id.to_string())
        .bind(domain::show::FOLD_VERSION)
        .fetch_optional(hall.store.pool())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_whose_parts_are_gone_is_noticed() {
    let hall = Hall::with(1_000).await;
    let buyers: Vec<Buyer> = (0..200).map(|_| Buyer::new()).collect();
    let first = hall.process();
    hall.sell(&first, &buyers).await;
    first.rest().await;
    sqlx::query("delete from snapshot_parts").execute(hall.store.pool()).await.unwrap();

    let second = hall.process();
    let again = hall.order(&second, buyers[0].booking_again().place()).await.unwrap_err();
    assert!(matches!(again, OrderError::Show(ShowError::AlreadyBooked { .. })), "{again:?}");
    hall.order(&second, buyers[1].cancel()).await.unwrap();
    assert_eq!(hall.folded().await.created().unwrap().open_bookings(), 199);
}

/// Both begin with the same snapshot, keep newer ones at the same time, and miss parts while they do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_overtake_each_others_snapshots_lose_sight_of_nobody() {
    let hall = Hall::with(20_000).await;
    let old: Vec<Buyer> = (0..1_200).map(|_| Buyer::new()).collect();
    let first = hall.process();
    hall.sell(&first, &old).await;
    first.rest().await;

    let (one, two) = (hall.process(), hall.process());
    let mut sold = old.len();
    for leaving in old.chunks(300) {
        let ours: Vec<Buyer> = (0..550).map(|_| Buyer::new()).collect();
        let theirs: Vec<Buyer> = (0..550).map(|_| Buyer::new()).collect();
        let cancel = async {
            for (nth, buyer) in leaving.iter().enumerate() {
                hall.order(if nth % 2 == 0 { &one } else { &two }, buyer.cancel()).await.unwrap();
            }
        };
        tokio::join!(hall.sell(&one, &ours), hall.sell(&two, &theirs), cancel);
        sold += ours.len() + theirs.len() - leaving.len();
    }
    assert_eq!(hall.folded().await.created().unwrap().open_bookings(), sold);
}
