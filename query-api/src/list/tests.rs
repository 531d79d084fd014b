use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use platform::Problem;
use serde::Deserialize;

use super::*;

#[derive(Debug)]
struct Thing {
    id: Uuid,
    made_at: DateTime<Utc>,
    name: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ThingSort {
    #[default]
    MadeAt,
    Name,
}

impl Sort for ThingSort {
    fn column(self) -> Column {
        match self {
            Self::MadeAt => Column::Time("made_at"),
            Self::Name => Column::Text("name"),
        }
    }
}

impl Listed for Thing {
    type Sort = ThingSort;
    const ORDER: Order = Order::Asc;
    const COLUMNS: &'static str = "id, made_at, name";
    const TABLES: &'static str = "things";
    const ID: &'static str = "id";

    fn from_row(_: &PgRow) -> Result<Self, sqlx::Error> {
        Err(sqlx::Error::RowNotFound)
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn key(&self, sort: ThingSort) -> Key {
        match sort {
            ThingSort::MadeAt => Key::Time(self.made_at),
            ThingSort::Name => Key::Text(self.name.clone()),
        }
    }
}

#[derive(Debug, Serialize)]
struct ByColour(&'static str);

impl Filters for ByColour {
    fn push_to(&self, query: &mut QueryBuilder<'_, Postgres>) {
        query.push("colour = ").push_bind(self.0.to_owned());
    }
}

const RED: ByColour = ByColour("red");

fn params() -> PageParams<ThingSort> {
    PageParams { limit: None, offset: None, sort: None, order: None, cursor: None }
}

fn page(params: PageParams<ThingSort>) -> Result<Page<ThingSort>, Problem> {
    params.page_of::<Thing>(&RED)
}

fn faulty_fields(problem: &Problem) -> Vec<&str> {
    assert_eq!(problem.status(), StatusCode::UNPROCESSABLE_ENTITY);
    problem.errors().iter().map(|error| error.field.as_str()).collect()
}

fn cursor_of(page: &Page<ThingSort>) -> String {
    let thing = Thing { id: Uuid::now_v7(), made_at: Utc::now(), name: "a name".to_owned() };
    page.cursor_after(thing.key(page.sort), thing.id())
}

#[test]
fn without_parameters_it_is_the_first_ten_in_the_default_order() {
    let page = page(params()).unwrap();
    assert_eq!((page.limit, page.sort, page.order), (10, ThingSort::MadeAt, Order::Asc));
    assert_eq!(page.start, Start::Offset(0));
    assert_eq!(
        page_query::<Thing>(&RED, &page).sql(),
        "select id, made_at, name from things where colour = $1 \
         order by made_at asc, id asc limit $2 offset $3"
    );
}

#[test]
fn a_cursor_goes_on_after_the_last_item_in_the_same_direction() {
    let newest = || PageParams { sort: Some(ThingSort::Name), order: Some(Order::Desc), ..params() };
    let cursor = cursor_of(&page(newest()).unwrap());
    let next = page(PageParams { cursor: Some(cursor), ..newest() }).unwrap();
    assert_eq!(
        page_query::<Thing>(&RED, &next).sql(),
        "select id, made_at, name from things where colour = $1 and (name, id) < ($2, $3) \
         order by name desc, id desc limit $4 offset $5"
    );
}

#[test]
fn limits_and_offsets_out_of_bounds_are_refused_together() {
    for (limit, offset) in [(0, -1), (101, 10_001), (i64::MIN, i64::MAX)] {
        let problem = page(PageParams { limit: Some(limit), offset: Some(offset), ..params() }).unwrap_err();
        assert_eq!(faulty_fields(&problem), ["limit", "offset"]);
    }
    for (limit, offset) in [(1, 0), (100, 10_000)] {
        assert!(page(PageParams { limit: Some(limit), offset: Some(offset), ..params() }).is_ok());
    }
}

#[test]
fn a_cursor_and_an_offset_exclude_each_other() {
    let cursor = cursor_of(&page(params()).unwrap());
    let problem = page(PageParams { cursor: Some(cursor), offset: Some(0), ..params() }).unwrap_err();
    assert_eq!(faulty_fields(&problem), ["cursor"]);
}

#[test]
fn a_cursor_is_bound_to_its_sort_order_and_filters_but_not_to_the_limit() {
    let with_cursor = || PageParams { cursor: Some(cursor_of(&page(params()).unwrap())), ..params() };
    assert!(page(PageParams { limit: Some(50), ..with_cursor() }).is_ok());

    let other_sort = page(PageParams { sort: Some(ThingSort::Name), ..with_cursor() });
    let other_order = page(PageParams { order: Some(Order::Desc), ..with_cursor() });
    let other_filters = with_cursor().page_of::<Thing>(&ByColour("blue"));
    let malformed = page(PageParams { cursor: Some("nonsense".to_owned()), ..params() });
    for refused in [other_sort, other_order, other_filters, malformed] {
        assert_eq!(faulty_fields(&refused.unwrap_err()), ["cursor"]);
    }
}
