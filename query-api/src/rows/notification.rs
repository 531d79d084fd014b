//! Rows of notifications, with the title of what they are about.

use contract::Notification;
use serde::{Deserialize, Serialize};
use sqlx::{Row, postgres::PgRow};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::list::{Column, Key, Listed, Order, Sort};

/// What was told by e-mail alone, or not at all, is in nobody's inbox.
pub(crate) const IN_THE_INBOX: &str = "n.channel in ('inbox', 'both')";

/// By what notifications can be sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum NotificationSort {
    /// When it happened.
    #[default]
    CreatedAt,
}

impl Sort for NotificationSort {
    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::Time("n.created_at"),
        }
    }
}

impl Listed for Notification {
    type Sort = NotificationSort;
    const ORDER: Order = Order::Desc;
    const COLUMNS: &'static str = "n.id, n.kind, n.event_id, n.booking_id, n.created_at, n.read_at, \
                                   (select e.title from events e where e.id = n.event_id) as event_title";
    const TABLES: &'static str = "notifications n";
    const ID: &'static str = "n.id";

    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            event_id: row.try_get("event_id")?,
            event_title: row.try_get("event_title")?,
            booking_id: row.try_get("booking_id")?,
            created_at: row.try_get("created_at")?,
            read_at: row.try_get("read_at")?,
        })
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, sort: NotificationSort) -> Key {
        match sort {
            NotificationSort::CreatedAt => Key::Time(self.created_at),
        }
    }
}
