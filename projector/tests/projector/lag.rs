//! How far behind a read model is.

use projector::{
    lag::{self, Lag},
    projections::{Events, Users},
};

use crate::{DEADLINE, Databases, a_show, created, eventually, sold};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lag_is_what_is_logged_and_not_applied_and_returns_to_zero() {
    let (databases, show) = (Databases::new().await, a_show());
    let measure =
        async |projection| lag::measure(&databases.read, &databases.store, projection).await.unwrap();
    assert_eq!(measure(&Events).await, Lag::NONE, "nothing is logged");
    databases.append(show, 0, &[created(show), sold(show)]).await;
    let following = databases.follow(None);
    databases.until_sold(show, 1).await;
    assert_eq!(measure(&Events).await, Lag::NONE);
    drop(following);

    // Further than one sample.
    let sales: Vec<_> = (0..120).map(|_| sold(show)).collect();
    databases.append(show, 2, &sales).await;
    databases.number(122).await;
    let behind = measure(&Events).await;
    assert_eq!(behind.events, 120);
    assert!(behind.seconds > 0.0);
    assert_eq!(measure(&Users).await, Lag::NONE, "there is nothing for it in the log");

    let _following = databases.follow(None);
    eventually("nothing is missing any more", DEADLINE, || async {
        (measure(&Events).await == Lag::NONE).then_some(())
    })
    .await;
}
