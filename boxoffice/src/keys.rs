//! `boxoffice keys rotate` and `boxoffice keys list`.

use chrono::{SecondsFormat, Utc};
use command_api::signing_keys::{self, KeyInfo};
use event_store::EventStore;
use platform::{Config, postgres::Statements};

use crate::databases::Databases;

/// A new key. Running processes sign with it within seconds, and believe the old one until its tokens have expired.
pub(crate) async fn rotate(config: &Config) -> anyhow::Result<()> {
    let (databases, store) = open(config).await?;
    let kid = signing_keys::rotate(&store).await?;
    println!(
        "New tokens are signed with the key {kid} within seconds; those of before are good until they expire."
    );
    databases.stop().await
}

/// One line a key.
pub(crate) async fn list(config: &Config) -> anyhow::Result<()> {
    let (databases, store) = open(config).await?;
    for key in signing_keys::list(&store).await? {
        println!("{}", line(&key));
    }
    databases.stop().await
}

async fn open(config: &Config) -> anyhow::Result<(Databases, EventStore)> {
    let databases = Databases::beside_up(config).await?;
    let store = databases.store(databases.write_pool("boxoffice keys", Statements::Writes).await?).await?;
    Ok((databases, store))
}

fn line(key: &KeyInfo) -> String {
    let time = |time: chrono::DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let state = match key.believed_until() {
        None => "signs new tokens".to_owned(),
        Some(until) if until > Utc::now() => format!("retired; its tokens are good until {}", time(until)),
        Some(_) => "retired".to_owned(),
    };
    format!("{}  made {}  {state}", key.kid, time(key.created_at))
}
