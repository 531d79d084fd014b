//! Lists.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The page.
    pub items: Vec<T>,
    /// How many there are in all, with these filters.
    pub total: i64,
    /// Most items of a page.
    pub limit: i64,
    /// Items before this page; 0 when it was asked for by cursor.
    pub offset: i64,
    /// `?cursor=` of the next page; null at the end.
    pub next: Option<String>,
}
