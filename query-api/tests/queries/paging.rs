//! Pages by cursor.

use std::collections::BTreeSet;

use crate::{
    app::{App, of_items},
    rows::{EventRow, insert_booking, time},
};

/// Many share a start, so that ids must decide.
async fn insert_events(app: &App, count: usize) {
    for number in 0..count {
        let start = time(["2090-01-01T00:00:00Z", "2090-01-01T00:00:00.000001Z"][number % 2]);
        EventRow { start, ..EventRow::new(&format!("Event {:02}", number % 5)) }.insert(&app.rows).await;
    }
}

/// The ids of all pages, and how many pages there were; `between` runs after each page.
async fn follow(app: &App, query: &str, between: impl AsyncFn()) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let list = app.get(&format!("/api/v1/events?{query}{cursor}")).await.ok();
        ids.extend(of_items(&list, "id").into_iter().map(str::to_owned));
        pages += 1;
        between().await;
        match list["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (ids, pages),
        }
    }
}

#[tokio::test]
async fn pages_by_cursor_are_the_whole_list_in_every_order() {
    let app = App::new("pages").await;
    insert_events(&app, 12).await;
    for sort in ["date", "title", "createdAt"] {
        for order in ["asc", "desc"] {
            let query = format!("sort={sort}&order={order}");
            let (whole, _) = follow(&app, &format!("{query}&limit=100"), async || {}).await;
            let (paged, pages) = follow(&app, &format!("{query}&limit=5"), async || {}).await;
            assert_eq!((whole.len(), pages), (12, 3), "{query}");
            assert_eq!(paged, whole, "{query}");
        }
    }
}

#[tokio::test]
async fn equals_are_in_the_order_of_their_ids() {
    let app = App::new("equals").await;
    for _ in 0..6 {
        EventRow::new("Same").insert(&app.rows).await;
    }
    for sort in ["date", "title"] {
        for (order, is_sorted) in [("asc", true), ("desc", false)] {
            let list = app.get(&format!("/api/v1/events?sort={sort}&order={order}")).await.ok();
            let ids = of_items(&list, "id");
            assert_eq!((ids.len(), ids.is_sorted()), (6, is_sorted), "{sort} {order}");
            assert!(ids.is_sorted() || ids.iter().rev().is_sorted(), "{sort} {order}");
        }
    }
}

#[tokio::test]
async fn the_last_page_is_known_even_when_it_is_full() {
    let app = App::new("full_page").await;
    insert_events(&app, 10).await;
    let (ids, pages) = follow(&app, "limit=5", async || {}).await;
    assert_eq!((ids.len(), pages), (10, 2));
}

#[tokio::test]
async fn concurrent_inserts_neither_repeat_nor_hide_what_was_there() {
    let app = App::new("concurrent_inserts").await;
    insert_events(&app, 9).await;
    for query in ["limit=2", "limit=2&order=desc", "limit=2&sort=title", "limit=2&sort=createdAt&order=desc"]
    {
        let (before, _) = follow(&app, "limit=100", async || {}).await;
        let insert_around = async || {
            let early = EventRow { start: time("2089-01-01T00:00:00Z"), ..EventRow::new("A first") };
            let late = EventRow { start: time("2092-01-01T00:00:00Z"), ..EventRow::new("Z last") };
            // Pages never end while each of them grows the list ahead.
            if app.get("/api/v1/events").await.ok()["total"].as_i64().unwrap() < before.len() as i64 + 8 {
                early.insert(&app.rows).await;
                late.insert(&app.rows).await;
            }
        };
        let (seen, _) = follow(&app, query, insert_around).await;
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "{query} repeats");
        assert!(before.iter().all(|id| distinct.contains(id)), "{query} loses");
    }
}

#[tokio::test]
async fn totals_count_with_the_filters_and_offsets_skip() {
    let app = App::new("totals").await;
    insert_events(&app, 7).await;
    EventRow { start: time("2020-01-01T00:00:00Z"), ..EventRow::new("Over") }.insert(&app.rows).await;
    let list = app.get("/api/v1/events?status=published&limit=3&offset=6").await.ok();
    assert_eq!((&list["total"], &list["limit"], &list["offset"]), (&7.into(), &3.into(), &6.into()));
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert!(list["next"].is_null());
    let beyond = app.get("/api/v1/events?offset=100").await.ok();
    assert_eq!((&beyond["total"], beyond["items"].as_array().unwrap().len()), (&8.into(), 0));
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_only() {
    let app = App::new("foreign_cursors").await;
    insert_events(&app, 2).await;
    let (one, other) = (app.person("attendee"), app.person("attendee"));
    for _ in 0..2 {
        insert_booking(&app.rows, one.id, one.id, "2026-01-01T00:00:00Z").await;
    }
    let of_events = app.get("/api/v1/events?limit=1").await.ok()["next"].as_str().unwrap().to_owned();
    let of_bookings =
        app.get_as(&one, "/api/v1/bookings?limit=1").await.ok()["next"].as_str().unwrap().to_owned();

    for query in ["sort=title&", "order=desc&", "status=published&", "offset=1&"] {
        app.get(&format!("/api/v1/events?{query}cursor={of_events}")).await.refused_field("cursor");
    }
    app.get(&format!("/api/v1/events?cursor={of_bookings}")).await.refused_field("cursor");
    let bookings = format!("/api/v1/bookings?cursor={of_bookings}");
    app.get_as(&other, &bookings).await.refused_field("cursor");
    assert_eq!(app.get_as(&one, &bookings).await.ok()["items"].as_array().unwrap().len(), 1);
}
