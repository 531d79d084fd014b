//! The paging parameters: checked once, so that a [`Page`] is always possible.

use platform::{FieldError, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Filters, Listed, Sort,
    cursor::{Cursor, Key},
};

/// Most items of a page.
const MAX_LIMIT: i64 = 100;
/// Items of a page where nothing is asked for.
const DEFAULT_LIMIT: i64 = 10;
/// Items that can be skipped; every one of them is read all the same, which a cursor does not do.
const MAX_OFFSET: i64 = 10_000;
/// Bytes of the fingerprint that binds a cursor to its list; forging one harms nobody.
const FINGERPRINT_BYTES: usize = 8;

/// The direction of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    /// Smallest, earliest first.
    Asc,
    /// Largest, latest first.
    Desc,
}

impl Order {
    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Asc => " asc",
            Self::Desc => " desc",
        }
    }

    /// Between the columns and the values of a place: what comes after it.
    pub(super) const fn sql_after(self) -> &'static str {
        match self {
            Self::Asc => ") > (",
            Self::Desc => ") < (",
        }
    }
}

/// The paging parameters as they came.
#[derive(Debug)]
pub(crate) struct PageParams<S> {
    pub(crate) limit: Option<i64>,
    pub(crate) offset: Option<i64>,
    pub(crate) sort: Option<S>,
    pub(crate) order: Option<Order>,
    pub(crate) cursor: Option<String>,
}

/// Which part of a list in which order.
#[derive(Debug, PartialEq)]
pub(crate) struct Page<S> {
    pub(super) limit: i64,
    pub(super) start: Start,
    pub(super) sort: S,
    pub(super) order: Order,
    /// What cursors of this list, order and filters are recognised by.
    fingerprint: String,
}

/// Where a page starts.
#[derive(Debug, PartialEq)]
pub(super) enum Start {
    Offset(i64),
    After(Cursor),
}

impl Start {
    pub(super) const fn offset(&self) -> i64 {
        match self {
            Self::Offset(offset) => *offset,
            Self::After(_) => 0,
        }
    }
}

impl<S: Sort> PageParams<S> {
    /// The page of the list of `T` with these filters.
    ///
    /// # Errors
    /// 422 with every parameter that is not allowed.
    pub(crate) fn page_of<T: Listed<Sort = S>>(self, filters: &impl Filters) -> Result<Page<S>, Problem> {
        let mut faults = Vec::new();
        let mut check = |field: &str, value: i64, min: i64, max: i64| {
            if !(min..=max).contains(&value) {
                faults.push(FieldError::new(field, format!("must be a whole number from {min} to {max}")));
            }
        };
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        let offset = self.offset.unwrap_or(0);
        check("limit", limit, 1, MAX_LIMIT);
        check("offset", offset, 0, MAX_OFFSET);

        let sort = self.sort.unwrap_or_default();
        let order = self.order.unwrap_or(T::ORDER);
        let fingerprint = fingerprint::<T>(sort, order, filters);
        let mut start = Start::Offset(offset);
        match self.cursor {
            None => {}
            Some(_) if self.offset.is_some() => {
                faults.push(FieldError::new("cursor", "cannot be combined with offset"));
            }
            Some(text) => match Cursor::decode(&text, &fingerprint, sort.column()) {
                Ok(cursor) => start = Start::After(cursor),
                Err(_) => faults.push(FieldError::new(
                    "cursor",
                    "must be the next of a page with the same filters, sort and order",
                )),
            },
        }
        if faults.is_empty() {
            Ok(Page { limit, start, sort, order, fingerprint })
        } else {
            Err(Problem::invalid(faults))
        }
    }
}

impl<S: Sort> Page<S> {
    /// `?cursor=` of the page after an item.
    pub(super) fn cursor_after(&self, key: Key, id: Uuid) -> String {
        Cursor { key, id }.encode(&self.fingerprint)
    }
}

/// The tables tell lists apart.
fn fingerprint<T: Listed>(sort: T::Sort, order: Order, filters: &impl Filters) -> String {
    let bound = serde_json::to_vec(&(T::TABLES, sort, order, filters))
        .expect("filters are plain data with string keys");
    let hash = blake3::hash(&bound);
    hash.as_bytes().iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
}
