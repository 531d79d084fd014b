//! Erasing a person from half-built tables.
//!
//! A rebuild that is paused does not see the event that erases somebody until it goes on, if it ever does. So whoever
//! applies that event to the live tables takes the person out of those, too.

use sqlx::PgConnection;
use uuid::Uuid;

/// The tables beside the live one in which names and addresses are clear.
const TABLES: [(&str, &str); 2] = [
    ("rebuild_users.users", "delete from rebuild_users.users where id = any($1)"),
    ("compare_users.users", "delete from compare_users.users where id = any($1)"),
];

/// Takes the rows of these persons out of all half-built tables. What is not applied there yet comes without name and
/// address: the persons' keys are gone.
pub(crate) async fn forget_users_in_tx(tx: &mut PgConnection, users: &[Uuid]) -> Result<(), sqlx::Error> {
    for (table, delete) in TABLES {
        let is_there: bool =
            sqlx::query_scalar("select to_regclass($1) is not null").bind(table).fetch_one(&mut *tx).await?;
        if is_there {
            sqlx::query(delete).bind(users).execute(&mut *tx).await?;
        }
    }
    Ok(())
}
