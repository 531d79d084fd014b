//! Rows of users.

use contract::User;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row, postgres::PgRow};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::list::{Column, Key, Listed, Order, Sort};

/// By what users can be sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum UserSort {
    /// What they are called.
    #[default]
    Name,
    /// When they registered.
    CreatedAt,
}

impl Sort for UserSort {
    fn column(self) -> Column {
        match self {
            Self::Name => Column::Text("u.name"),
            Self::CreatedAt => Column::Time("u.registered_at"),
        }
    }
}

/// Lists must ask for users with a name: those without were erased.
impl Listed for User {
    type Sort = UserSort;
    const ORDER: Order = Order::Asc;
    const COLUMNS: &'static str = "u.id, u.name, u.email, u.role, u.registered_at, u.version";
    const TABLES: &'static str = "users u";
    const ID: &'static str = "u.id";

    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        from_row(row)
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, sort: UserSort) -> Key {
        match sort {
            UserSort::Name => Key::Text(self.name.clone()),
            UserSort::CreatedAt => Key::Time(self.created_at),
        }
    }
}

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
