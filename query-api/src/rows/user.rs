//! Rows of users.

use contract::User;
use sqlx::{PgPool, Row, postgres::PgRow};
use uuid::Uuid;

/// A user with everything that only they and admins may see. Nobody without a name: they were erased.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn find(pool: &PgPool, id: Uuid) -> Result<Option<User>, sqlx::Error> {
    let sql =
        "select id, name, email, role, registered_at, version from users where id = $1 and name is not null";
    sqlx::query(sql).bind(id).fetch_optional(pool).await?.as_ref().map(from_row).transpose()
}

fn from_row(row: &PgRow) -> Result<User, sqlx::Error> {
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        role: row.try_get("role")?,
        created_at: row.try_get("registered_at")?,
        version: row.try_get("version")?,
    })
}
