//! Erasing a person from half-built tables.
//!
//! A rebuild that is paused does not see the event that erases somebody until it goes on, if it ever does. So whoever
//! applies that event to the live tables takes the person out of those, too.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::migrate::READ_SCHEMA;

/// The tables beside the live one in which names and addresses are clear; how to wait for the batch that is under way there,
/// which may have opened a name before its key was gone; and how to take persons out.
const TABLES: [(&str, &str, &str); 2] = [
    (
        "rebuild_users.users",
        "select from rebuild_users.projections for update",
        "delete from rebuild_users.users where id = any($1)",
    ),
    (
        "compare_users.users",
        "select from compare_users.projections for update",
        "delete from compare_users.users where id = any($1)",
    ),
];

/// Takes the rows of these persons out of all half-built tables, if it is the live tables that the transaction writes. What is
/// not applied there yet comes without name and address: the persons' keys are gone.
pub(crate) async fn forget_users_in_tx(tx: &mut PgConnection, users: &[Uuid]) -> Result<(), sqlx::Error> {
    for (table, wait, delete) in TABLES {
        let is_there: bool =
            sqlx::query_scalar("select current_schema() = $1 and to_regclass($2) is not null")
                .bind(READ_SCHEMA)
                .bind(table)
                .fetch_one(&mut *tx)
                .await?;
        if is_there {
            sqlx::query(wait).execute(&mut *tx).await?;
            sqlx::query(delete).bind(users).execute(&mut *tx).await?;
        }
    }
    Ok(())
}
