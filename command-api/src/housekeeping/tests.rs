//! However much has lapsed, one sweep takes it away.

use std::sync::Arc;

use event_store::{EventStore, MasterKey};
use sqlx::PgPool;

use super::sweep;

/// More than two parts of any sweep.
const LAPSED: i64 = 20_001;

#[tokio::test]
async fn a_sweep_ends_when_nothing_is_left_that_has_lapsed() {
    let database = testkit::postgres::database("sweeps").await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    EventStore::migrate(&pool).await.unwrap();
    let key = MasterKey::parse(&MasterKey::generate()).unwrap();
    let store = EventStore::new(pool.clone(), Arc::new(key));
    for insert in [
        "insert into login_attempts (subject, failures, window_started_at)
         select int8send(n), 1, clock_timestamp() - make_interval(days => sign(n)::int)
         from generate_series(0, $1) as n",
        "with account as (insert into accounts (user_id, email_hash, password_hash)
                          values (gen_random_uuid(), '', '') returning user_id)
         insert into sessions (session_id, user_id, refresh_token_hash, expires_at)
         select gen_random_uuid(), user_id, int8send(n), clock_timestamp() + make_interval(days => 1 - 2 * sign(n)::int)
         from account, generate_series(0, $1) as n",
        "insert into receipts (command_id, body_hash, outcome, expires_at)
         select int8send(n), '', '{}', clock_timestamp() + make_interval(days => 1 - 2 * sign(n)::int)
         from generate_series(0, $1) as n",
        "insert into webhooks (id, kind, booking_id, said, body_sha256, received_at)
         select 'evt_' || n, 'payment_intent.succeeded', gen_random_uuid(), '{}', '',
                clock_timestamp() - make_interval(days => 300 * sign(n)::int)
         from generate_series(0, $1) as n",
    ] {
        sqlx::query(insert).bind(LAPSED).execute(&pool).await.unwrap();
    }

    sweep(&store).await.unwrap();

    let left: Vec<i64> = sqlx::query_scalar(
        "select count(*) from login_attempts union all select count(*) from sessions
         union all select count(*) from receipts union all select count(*) from webhooks",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(left, [1, 1, 1, 1]);
}
