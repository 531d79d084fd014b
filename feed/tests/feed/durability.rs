//! What is on disk when offsets are committed.

use feed::Batch;
use sqlx::postgres::PgPoolOptions;
use testkit::postgres;

/// PostgreSQL writes its log to disk now and then by itself, so once proves nothing.
const ROUNDS: usize = 20;

#[tokio::test]
async fn what_must_last_takes_all_before_it_to_the_disk_though_it_changes_nothing() {
    let database = postgres::database("durability").await;
    let pool = PgPoolOptions::new().max_connections(1).connect(database.url()).await.unwrap();
    sqlx::query("create table made (round bigint)").execute(&pool).await.unwrap();
    let begin = |must_last| {
        let batch = Batch { events: vec![], checkpoint: None, must_last };
        pool.begin_with(format!("begin; {}", batch.durability()))
    };
    for round in 0..ROUNDS {
        let mut tx = begin(false).await.unwrap();
        sqlx::query("insert into made values ($1)").bind(round as i64).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let made: String =
            sqlx::query_scalar("select pg_current_wal_insert_lsn()::text").fetch_one(&pool).await.unwrap();
        begin(true).await.unwrap().commit().await.unwrap();
        let is_on_disk: bool = sqlx::query_scalar("select pg_current_wal_flush_lsn() >= $1::text::pg_lsn")
            .bind(&made)
            .fetch_one(&pool)
            .await
            .unwrap();
        assert!(is_on_disk, "round {round}");
    }
}
