//! What all lists share: `?limit=&offset=&sort=&order=&cursor=`, totals, and pages that neither repeat nor lose an item
//! while others are inserted.
//!
//! Must not know any noun. A list says what it selects and by which columns it can be sorted ([`Listed`]), and what its
//! filters are in SQL ([`Filters`]); every text of SQL is static, values are always bound.

mod cursor;
mod page;

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder, postgres::PgRow};
use uuid::Uuid;

pub(crate) use cursor::Key;
pub(crate) use page::{Order, Page, PageParams};

use cursor::Cursor;
use page::Start;

use crate::rows::ONE_STATE;

/// An item of a list.
pub(crate) trait Listed: Sized {
    /// By what it can be sorted.
    type Sort: Sort;
    /// The order where none is asked for.
    const ORDER: Order;
    /// The columns that [`Self::from_row`] reads.
    const COLUMNS: &'static str;
    /// The tables, as they follow `from`.
    const TABLES: &'static str;
    /// The column of the id, which decides between equals.
    const ID: &'static str;

    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error>;
    fn id(&self) -> Uuid;
    /// The value of the sort's column.
    fn key(&self, sort: Self::Sort) -> Key;
}

/// By what a list can be sorted; the default is what it is sorted by where nothing is asked for. Its name is the one
/// that it is serialized as.
pub(crate) trait Sort: Copy + Default + PartialEq + Serialize + DeserializeOwned {
    fn column(self) -> Column;
}

/// A column that a list can be sorted by: never null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Time(&'static str),
    Text(&'static str),
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Time(name) | Self::Text(name) => name,
        }
    }
}

/// What narrows a list. Cursors are bound to its serialized form.
pub(crate) trait Filters: Serialize {
    /// Appends a condition, without `where`.
    fn push_to(&self, query: &mut QueryBuilder<'_, Postgres>);
}

/// One page.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn read<T: Listed>(
    pool: &PgPool,
    filters: &impl Filters,
    page: &Page<T::Sort>,
) -> Result<contract::List<T>, sqlx::Error> {
    // What is shown and what is counted belong together.
    let mut tx = pool.begin_with(ONE_STATE).await?;
    let total = count_in_tx::<T>(&mut tx, filters).await?;
    let rows = page_query::<T>(filters, page).build().fetch_all(&mut *tx).await?;
    tx.commit().await?;
    // One row more than the page tells whether there is a next one.
    let shown = usize::try_from(page.limit).unwrap_or(rows.len());
    let items = rows.iter().take(shown).map(T::from_row).collect::<Result<Vec<_>, _>>()?;
    let has_next = rows.len() > shown;
    let next =
        items.last().filter(|_| has_next).map(|last| page.cursor_after(last.key(page.sort), last.id()));
    Ok(contract::List { items, total, limit: page.limit, offset: page.start.offset(), next })
}

async fn count_in_tx<T: Listed>(tx: &mut PgConnection, filters: &impl Filters) -> Result<i64, sqlx::Error> {
    let mut query = QueryBuilder::new("select count(*) from ");
    query.push(T::TABLES).push(" where ");
    filters.push_to(&mut query);
    query.build_query_scalar().fetch_one(tx).await
}

fn page_query<'q, T: Listed>(filters: &impl Filters, page: &Page<T::Sort>) -> QueryBuilder<'q, Postgres> {
    let (column, order) = (page.sort.column().name(), page.order.sql());
    let mut query = QueryBuilder::new("select ");
    query.push(T::COLUMNS).push(" from ").push(T::TABLES).push(" where ");
    filters.push_to(&mut query);
    if let Start::After(Cursor { key, id }) = &page.start {
        query.push(" and (").push(column).push(", ").push(T::ID).push(page.order.sql_after());
        match key {
            Key::Time(time) => query.push_bind(*time),
            Key::Text(text) => query.push_bind(text.clone()),
        };
        query.push(", ").push_bind(*id).push(")");
    }
    query.push(" order by ").push(column).push(order).push(", ").push(T::ID).push(order);
    query.push(" limit ").push_bind(page.limit + 1);
    query.push(" offset ").push_bind(page.start.offset());
    query
}

#[cfg(test)]
mod tests;
