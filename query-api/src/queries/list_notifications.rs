//! `GET /api/v1/notifications`: what the caller was told.

use axum::{Json, extract::State};
use contract::{List, Notification};
use platform::{Problem, http::Params, tokens::Caller};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    QueryApi, failures,
    list::{self, Filters, Order, PageParams},
    read_your_writes::{Projection, ReadAfter},
    rows::notification::{IN_THE_INBOX, NotificationSort},
};

/// Which notifications, and which part of their list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListNotificationsParams {
    /// `true`: only those that were not read; `false`: only those that were.
    unread: Option<bool>,
    /// Most items, 1 to 100; 10 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// Items to skip, 0 to 10,000.
    #[param(minimum = 0, maximum = 10_000)]
    offset: Option<i64>,
    /// By what they are sorted.
    #[param(inline)]
    sort: Option<NotificationSort>,
    /// In which direction; `desc` by default.
    #[param(inline)]
    order: Option<Order>,
    /// The `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct NotificationFilters {
    user_id: Uuid,
    unread: Option<bool>,
}

impl Filters for NotificationFilters {
    fn push_to(&self, query: &mut QueryBuilder<'_, Postgres>) {
        query.push(IN_THE_INBOX).push(" and n.user_id = ").push_bind(self.user_id);
        match self.unread {
            None => {}
            Some(true) => _ = query.push(" and n.read_at is null"),
            Some(false) => _ = query.push(" and n.read_at is not null"),
        }
    }
}

/// What the caller was told
///
/// What they want by e-mail alone, or not at all, is not in it; see `/users/{id}/preferences`.
#[utoipa::path(
    get, path = "/api/v1/notifications", tag = "Notifications", security(("bearer" = [])),
    params(
        ListNotificationsParams,
        ("Consistency-Token" = Option<String>, Header, description = "Waits until these writes are included"),
    ),
    responses(
        (status = 200, description = "Own notifications, newest first", body = List<Notification>),
        (status = "4XX", description = "`unauthorized`, `invalid-token`, `token-expired`, `invalid-fields`",
         body = contract::Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "`read-model-lagging`, `unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_notifications(
    State(api): State<QueryApi>,
    caller: Caller,
    after: ReadAfter,
    Params(params): Params<ListNotificationsParams>,
) -> Result<Json<List<Notification>>, Problem> {
    let ListNotificationsParams { unread, limit, offset, sort, order, cursor } = params;
    let filters = NotificationFilters { user_id: caller.id, unread };
    let page = PageParams { limit, offset, sort, order, cursor }.page_of::<Notification>(&filters)?;
    after.included_in(Projection::Notifications, &api.read).await?;
    list::read(&api.read, &filters, &page).await.map(Json).map_err(|error| failures::database(&error))
}
