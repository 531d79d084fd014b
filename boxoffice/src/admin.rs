//! `boxoffice admin create`.

use anyhow::{Context, bail};
use command_api::{NewUser, Passwords};
use event_store::{EventStore, MasterKey};
use platform::{Config, postgres::Statements};
use secrecy::SecretString;

use crate::databases::Databases;

pub(crate) async fn create(
    config: &Config,
    email: &str,
    name: &str,
    password_stdin: bool,
) -> anyhow::Result<()> {
    let (password, generated) = password(password_stdin)?;
    let admin = NewUser::admin(name, email, password)?;
    let databases = Databases::beside_up(config).await?;
    let write = databases.write_pool("boxoffice admin", Statements::Patient).await?;
    EventStore::migrate(&write).await.context("migrating the write database")?;
    let store = databases.store(write).await?;
    let id = command_api::register(&store, &Passwords::new(), admin).await?;
    println!("Administrator {email} has the id {id}.");
    if let Some(password) = generated {
        println!("Password, shown this once: {password}");
    }
    databases.stop().await
}

/// The first line of the standard input, or a fresh one and its text.
fn password(from_stdin: bool) -> anyhow::Result<(SecretString, Option<String>)> {
    if !from_stdin {
        // 32 random bytes, in base64.
        let fresh = MasterKey::generate();
        return Ok((SecretString::from(fresh.clone()), Some(fresh)));
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("the standard input holds no password");
    }
    Ok((SecretString::from(password), None))
}
