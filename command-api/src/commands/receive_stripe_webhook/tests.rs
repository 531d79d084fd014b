//! What Stripe said is not kept for ever.

use event_store::EventStore;
use sqlx::PgPool;

use super::sweep;

#[tokio::test]
async fn what_stripe_said_is_forgotten_after_a_month() {
    let database = testkit::postgres::database("webhooks").await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    EventStore::migrate(&pool).await.unwrap();
    sqlx::query(
        "insert into webhooks (id, kind, booking_id, said, body_sha256, received_at)
         select 'evt_' || days, 'payment_intent.succeeded', gen_random_uuid(), '{}', '',
                clock_timestamp() - make_interval(days => days)
         from unnest(array[0, 29, 31, 300]) as days",
    )
    .execute(&pool)
    .await
    .unwrap();
    sweep(&pool).await.unwrap();
    let kept: Vec<String> =
        sqlx::query_scalar("select id from webhooks order by id").fetch_all(&pool).await.unwrap();
    assert_eq!(kept, ["evt_0", "evt_29"]);
}
