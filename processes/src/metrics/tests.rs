//! What counts as stuck.

use std::sync::Arc;

use event_store::{EventStore, MasterKey};
use sqlx::PgPool;

use crate::Processes;

#[tokio::test]
async fn a_payment_that_failed_again_and_again_is_stuck_and_one_that_nobody_drives_is_overdue() {
    let database = testkit::postgres::database("stuck").await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    EventStore::migrate(&pool).await.unwrap();
    sqlx::query(
        "insert into payments_due (booking_id, due_at, tries, sequence)
         select gen_random_uuid(), clock_timestamp() + make_interval(secs => due_in), tries, 1
         from (values (-120, 0), (-30, 11), (60, 12), (60, 40), (86400, 0)) as rows (due_in, tries)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let key = MasterKey::parse("dGVzdCB0ZXN0IHRlc3QgdGVzdCB0ZXN0IHRlc3QgISE=").unwrap();
    let processes = Processes::new(EventStore::new(pool, Arc::new(key)), None);
    assert_eq!(processes.measure_payments().await.unwrap(), (1, 2));
}
