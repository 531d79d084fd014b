//! The checker against real rows of `signing_keys`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use chrono::Utc;
use jsonwebtoken::EncodingKey;
use platform::embedded_postgres::EmbeddedPostgres;
use platform::postgres::{PoolOptions, Statements, connect};
use platform::tokens::{AccessClaims, TokenChecker, TokenError};
use sqlx::PgPool;
use uuid::Uuid;

struct Key {
    kid: &'static str,
    private: EncodingKey,
    public: Vec<u8>,
}

impl Key {
    fn new(kid: &'static str) -> Result<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())?;
        let public = Ed25519KeyPair::from_pkcs8(document.as_ref())?.public_key().as_ref().to_vec();
        Ok(Self { kid, private: EncodingKey::from_ed_der(document.as_ref()), public })
    }

    async fn publish(&self, pool: &PgPool) -> Result<()> {
        let insert = sqlx::query("insert into signing_keys (kid, public_key) values ($1, $2)");
        insert.bind(self.kid).bind(&self.public).execute(pool).await?;
        Ok(())
    }

    fn token(&self) -> Result<String> {
        let lifetime = chrono::Duration::minutes(15);
        let claims = AccessClaims::new(Uuid::now_v7(), "host", Uuid::now_v7(), Utc::now(), lifetime);
        Ok(claims.encode(self.kid, &self.private)?)
    }
}

#[tokio::test]
async fn keys_are_read_on_demand_forgotten_when_withdrawn_and_kept_while_the_database_is_away() -> Result<()>
{
    let directory = std::env::temp_dir().join(format!("platform-keys-{}", Uuid::now_v7().simple()));
    let postgres = EmbeddedPostgres::start(&directory).await?;
    let options = PoolOptions {
        max_connections: 2,
        application_name: "test",
        search_path: None,
        statements: Statements::Writes,
    };
    let pool = connect(&postgres.write_url(), options).await?;
    sqlx::query(
        "create table signing_keys (kid text primary key, public_key bytea not null, retired_at timestamptz)",
    )
    .execute(&pool)
    .await?;
    let (first, second, never) = (Key::new("first")?, Key::new("second")?, Key::new("never")?);
    first.publish(&pool).await?;
    let checker = TokenChecker::new(pool.clone());

    checker.check(&first.token()?).await.context("the first key is read on demand")?;
    assert_eq!(checker.check(&never.token()?).await, Err(TokenError::Invalid));

    second.publish(&pool).await?;
    let token = second.token()?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while checker.check(&token).await.is_err() {
        assert!(Instant::now() < deadline, "a new key works within seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let token = second.token()?;
    checker.check(&token).await.context("it is verified and remembered")?;
    sqlx::query("delete from signing_keys where kid = 'second'").execute(&pool).await?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while checker.check(&token).await != Err(TokenError::Invalid) {
        assert!(Instant::now() < deadline, "a withdrawn key is forgotten with the next reading");
        // An unknown key makes the checker read again.
        assert_eq!(checker.check(&never.token()?).await, Err(TokenError::Invalid));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // A retired key is believed as long as the last of its tokens lives, and not much longer.
    for (minutes, believed) in [(15, true), (17, false)] {
        let retire = "update signing_keys set retired_at = clock_timestamp() - make_interval(mins => $1)";
        sqlx::query(retire).bind(minutes).execute(&pool).await?;
        let checked = TokenChecker::new(pool.clone()).check(&first.token()?).await;
        assert_eq!(checked.is_ok(), believed, "retired {minutes} minutes ago");
    }

    pool.close().await;
    checker.check(&first.token()?).await.context("a known key needs no database")?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while checker.check(&never.token()?).await != Err(TokenError::KeysUnavailable) {
        assert!(Instant::now() < deadline, "nobody can tell whether a key is known");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    postgres.stop().await?;
    std::fs::remove_dir_all(directory)?;
    Ok(())
}
