//! Rows of sessions, in the write database.

use contract::OpenSession;
use serde::{Deserialize, Serialize};
use sqlx::{Row, postgres::PgRow};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::list::{Column, Key, Listed, Order, Sort};

/// By what sessions can be sorted. Not by their last use: it moves while the list is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SessionSort {
    /// When the user signed in.
    #[default]
    CreatedAt,
}

impl Sort for SessionSort {
    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::Time("s.created_at"),
        }
    }
}

/// Which session is the caller's own, a row does not know: `current` is false.
impl Listed for OpenSession {
    type Sort = SessionSort;
    const ORDER: Order = Order::Desc;
    const COLUMNS: &'static str = "s.session_id, s.created_at, s.last_used_at, s.expires_at";
    const TABLES: &'static str = "sessions s";
    const ID: &'static str = "s.session_id";

    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("session_id")?,
            created_at: row.try_get("created_at")?,
            last_used_at: row.try_get("last_used_at")?,
            expires_at: row.try_get("expires_at")?,
            current: false,
        })
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, sort: SessionSort) -> Key {
        match sort {
            SessionSort::CreatedAt => Key::Time(self.created_at),
        }
    }
}
