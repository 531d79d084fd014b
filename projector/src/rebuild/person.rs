//! Erasing a person from half-built tables.
//!
//! A rebuild that is paused does not see the event that erases somebody until it goes on, if it ever does. So whoever
//! applies that event to the live tables takes the person out of those, too.

use sqlx::PgConnection;
use uuid::Uuid;

/// The tables beside the live one in which names and addresses are clear; how to wait for a batch under way, which may have
/// opened a name before its key was gone; and how to take persons out.
const TABLES: [(&str, &str, &str); 2] = [
    (
        "rebuild_users.users",
        "lock table rebuild_users.users in share row exclusive mode",
        "delete from rebuild_users.users where id = any($1)",
    ),
    (
        "compare_users.users",
        "lock table compare_users.users in share row exclusive mode",
        "delete from compare_users.users where id = any($1)",
    ),
];

/// Takes the rows of these persons out of all half-built tables. What is not applied there yet comes without name and
/// address: the persons' keys are gone.
pub(crate) async fn forget_users_in_tx(tx: &mut PgConnection, users: &[Uuid]) -> Result<(), sqlx::Error> {
    for (table, lock, delete) in TABLES {
        let is_there: bool =
            sqlx::query_scalar("select to_regclass($1) is not null").bind(table).fetch_one(&mut *tx).await?;
        if is_there {
            sqlx::query(lock).execute(&mut *tx).await?;
            sqlx::query(delete).bind(users).execute(&mut *tx).await?;
        }
    }
    Ok(())
}
