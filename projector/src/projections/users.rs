//! `users`: people with an account, for lists and lookups, and whom they follow.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{Personal, user::UserEvent};
use event_store::StoredEvent;
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use crate::{
    ApplyError, Projection,
    projection::{AppliedSql, applied_sql, column},
    rebuild,
};

/// The type of the event that erases a person.
const ERASED: &str = "UserErased";

/// One row a user, one for each host they follow. Name and address are clear here; they go when the user is erased.
#[derive(Debug, Clone, Copy)]
pub struct Users;

#[async_trait]
impl Projection for Users {
    fn name(&self) -> &'static str {
        "users"
    }

    fn stream_types(&self) -> &'static [&'static str] {
        &["user"]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["users", "follows", "users_applied"]
    }

    fn rebuild_schema(&self) -> &'static str {
        "rebuild_users"
    }

    fn applied(&self) -> &'static AppliedSql {
        &applied_sql!("users_applied")
    }

    async fn apply_in_tx(&self, tx: &mut PgConnection, events: &[StoredEvent]) -> Result<(), ApplyError> {
        let decoded = events.iter().map(StoredEvent::decode).collect::<Result<Vec<UserEvent>, _>>()?;
        let mut rows = Rows { users: users_in_tx(tx, &changed(&decoded)).await?, ..Rows::default() };
        for event in decoded {
            rows.fold(event);
        }
        rows.write_in_tx(tx).await?;
        Ok(())
    }

    /// Name and address, for one.
    async fn forget_parked_in_tx(
        &self,
        tx: &mut PgConnection,
        event: &StoredEvent,
    ) -> Result<(), sqlx::Error> {
        match event.stream.id.parse() {
            Ok(erased) if event.event_type == ERASED => erase_in_tx(tx, &BTreeSet::from([erased])).await,
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// What events make of the tables.
#[derive(Default)]
struct Rows {
    users: BTreeMap<Uuid, User>,
    erased: BTreeSet<Uuid>,
    /// Who follows whom since when.
    follows: BTreeMap<(Uuid, Uuid), DateTime<Utc>>,
    /// Who has stopped following whom; some have begun again.
    unfollowed: BTreeSet<(Uuid, Uuid)>,
}

struct User {
    name: Option<String>,
    email: Option<String>,
    role: String,
    registered_at: DateTime<Utc>,
    version: i64,
}

impl Rows {
    fn fold(&mut self, event: UserEvent) {
        match event {
            UserEvent::UserRegistered { user_id, name, email, role, at } => {
                let (name, email) = (clear(&name), clear(&email));
                let user = User { name, email, role: role.name().to_owned(), registered_at: at, version: 1 };
                self.users.insert(user_id.uuid(), user);
            }
            UserEvent::UserChanged { user_id, name, email, .. } => {
                if let Some(user) = self.users.get_mut(&user_id.uuid()) {
                    // What the event does not mention stays; what it mentions and was erased since is nobody's.
                    user.name = name.map_or(user.name.take(), |name| clear(&name));
                    user.email = email.map_or(user.email.take(), |email| clear(&email));
                    user.version += 1;
                }
            }
            UserEvent::UserErased { user_id, .. } => {
                let erased = user_id.uuid();
                self.users.remove(&erased);
                // Not those of others who follow them: between streams there is no order. Readers see no host who is gone.
                self.follows.retain(|(user, _), _| *user != erased);
                self.erased.insert(erased);
            }
            UserEvent::HostFollowed { user_id, host_id, at } => {
                self.follows.entry((user_id.uuid(), host_id.uuid())).or_insert(at);
            }
            UserEvent::HostUnfollowed { user_id, host_id, .. } => {
                let follow = (user_id.uuid(), host_id.uuid());
                self.follows.remove(&follow);
                self.unfollowed.insert(follow);
            }
            UserEvent::InterestShown { .. }
            | UserEvent::InterestWithdrawn { .. }
            | UserEvent::PreferencesChanged { .. }
            | UserEvent::NotificationRead { .. } => {}
        }
    }

    /// What ends before what begins: somebody may have followed again.
    async fn write_in_tx(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !self.erased.is_empty() {
            erase_in_tx(tx, &self.erased).await?;
        }
        if !self.unfollowed.is_empty() {
            unfollow_in_tx(tx, &self.unfollowed).await?;
        }
        if !self.users.is_empty() {
            put_users_in_tx(tx, &self.users).await?;
        }
        if !self.follows.is_empty() {
            follow_in_tx(tx, &self.follows).await?;
        }
        Ok(())
    }
}

fn clear(text: &Personal) -> Option<String> {
    text.clear().map(str::to_owned)
}

/// Those whose rows must be known.
fn changed(events: &[UserEvent]) -> Vec<Uuid> {
    let changed = |event: &UserEvent| match event {
        UserEvent::UserChanged { user_id, .. } => Some(user_id.uuid()),
        UserEvent::UserRegistered { .. }
        | UserEvent::UserErased { .. }
        | UserEvent::HostFollowed { .. }
        | UserEvent::HostUnfollowed { .. }
        | UserEvent::InterestShown { .. }
        | UserEvent::InterestWithdrawn { .. }
        | UserEvent::PreferencesChanged { .. }
        | UserEvent::NotificationRead { .. } => None,
    };
    events.iter().filter_map(changed).collect()
}

async fn users_in_tx(tx: &mut PgConnection, ids: &[Uuid]) -> Result<BTreeMap<Uuid, User>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows =
        sqlx::query("select id, name, email, role, registered_at, version from users where id = any($1)")
            .bind(ids)
            .fetch_all(tx)
            .await?;
    rows.iter().map(user).collect()
}

fn user(row: &PgRow) -> Result<(Uuid, User), sqlx::Error> {
    let user = User {
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        role: row.try_get("role")?,
        registered_at: row.try_get("registered_at")?,
        version: row.try_get("version")?,
    };
    Ok((row.try_get("id")?, user))
}

async fn put_users_in_tx(tx: &mut PgConnection, users: &BTreeMap<Uuid, User>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into users (id, name, email, role, registered_at, version)
         select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[])
         on conflict (id) do update
         set name = excluded.name, email = excluded.email, version = excluded.version",
    )
    .bind(column(users.keys(), |id| *id))
    .bind(column(users.values(), |user| user.name.as_deref()))
    .bind(column(users.values(), |user| user.email.as_deref()))
    .bind(column(users.values(), |user| user.role.as_str()))
    .bind(column(users.values(), |user| user.registered_at))
    .bind(column(users.values(), |user| user.version))
    .execute(tx)
    .await?;
    Ok(())
}

async fn erase_in_tx(tx: &mut PgConnection, erased: &BTreeSet<Uuid>) -> Result<(), sqlx::Error> {
    let ids = column(erased, |id| *id);
    rebuild::forget_users_in_tx(tx, &ids).await?;
    sqlx::query("delete from follows where user_id = any($1)").bind(&ids).execute(&mut *tx).await?;
    sqlx::query("delete from users where id = any($1)").bind(&ids).execute(tx).await?;
    Ok(())
}

async fn follow_in_tx(
    tx: &mut PgConnection,
    follows: &BTreeMap<(Uuid, Uuid), DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into follows (user_id, host_id, followed_at)
         select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[])
         on conflict do nothing",
    )
    .bind(column(follows.keys(), |(user, _)| *user))
    .bind(column(follows.keys(), |(_, host)| *host))
    .bind(column(follows.values(), |at| *at))
    .execute(tx)
    .await?;
    Ok(())
}

async fn unfollow_in_tx(
    tx: &mut PgConnection,
    unfollowed: &BTreeSet<(Uuid, Uuid)>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from follows f using unnest($1::uuid[], $2::uuid[]) as ended (user_id, host_id)
         where f.user_id = ended.user_id and f.host_id = ended.host_id",
    )
    .bind(column(unfollowed, |(user, _)| *user))
    .bind(column(unfollowed, |(_, host)| *host))
    .execute(tx)
    .await?;
    Ok(())
}
