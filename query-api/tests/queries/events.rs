//! `GET /events`, `/events/{id}` and `/events/{id}/availability`.

use axum::http::Request;
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::{App, of_items},
    rows::{EventRow, time},
};

#[tokio::test]
async fn an_event_is_shown_to_everybody_with_its_ticket_types_in_their_order() {
    let app = App::new("event").await;
    let event = EventRow { sold: 3, held: 2, venue: Some("Hall"), ..EventRow::new("Engines") };
    let event = event.insert(&app.rows).await;

    let answer = app.get(&format!("/api/v1/events/{}", event.id)).await;
    assert_eq!(answer.header("etag"), "\"7\"");
    let body = answer.ok();
    assert_eq!(body["id"], json!(event.id));
    assert_eq!(body["hostId"], json!(event.host_id));
    assert_eq!((&body["title"], &body["venue"]), (&json!("Engines"), &json!("Hall")));
    assert_eq!(body["status"], "published");
    assert_eq!(body["timeZone"], "Europe/London");
    assert_eq!((&body["maxTicketsPerBooking"], &body["holdSeconds"]), (&json!(8), &json!(600)));
    assert_eq!(body["startDateTime"], "2090-06-01T20:00:00Z");
    assert_eq!((&body["capacity"], &body["numberOfAttendees"]), (&json!(100), &json!(3)));
    let first = &body["ticketTypes"][0];
    assert_eq!((&first["name"], &first["available"]), (&json!("Stalls"), &json!(55)));
    assert_eq!(first["price"], json!({"amount": 5000, "currency": "EUR"}));
    assert_eq!(body["ticketTypes"][1]["name"], "Balcony");
}

#[tokio::test]
async fn availability_adds_up_the_ticket_types_without_lapsed_holds() {
    let app = App::new("availability").await;
    let event = EventRow { sold: 3, held: 2, ..EventRow::new("Engines") }.insert(&app.rows).await;
    let body = app.get(&format!("/api/v1/events/{}/availability", event.id)).await.ok();
    assert_eq!(
        (&body["capacity"], &body["sold"], &body["held"], &body["available"]),
        (&json!(100), &json!(3), &json!(2), &json!(95))
    );
    assert_eq!(body["ticketTypes"].as_array().unwrap().len(), 2);
    assert_eq!((&body["ticketTypes"][0]["held"], &body["ticketTypes"][1]["held"]), (&json!(2), &json!(0)));
    assert!(body["asOf"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn unknown_malformed_and_draft_ids_are_not_found() {
    let app = App::new("no_event").await;
    let draft = EventRow { status: "draft", ..EventRow::new("Secret") }.insert(&app.rows).await;
    for id in [Uuid::now_v7().to_string(), "1".to_owned(), "%00".to_owned(), draft.id.to_string()] {
        app.get(&format!("/api/v1/events/{id}")).await.refused(404, "not-found");
        for of_event in ["availability", "seats", "live"] {
            app.get(&format!("/api/v1/events/{id}/{of_event}")).await.refused(404, "not-found");
        }
    }
    assert_eq!(app.get("/api/v1/events").await.ok()["total"], 0);
}

#[tokio::test]
async fn what_never_was_public_is_its_hosts_alone() {
    let app = App::new("drafts").await;
    let (host, other, admin) = (app.person("host"), app.person("host"), app.person("admin"));
    let mut drafts = Vec::new();
    for title in ["Secret", "Given up"] {
        let row = EventRow { status: "draft", host_id: host.id, ..EventRow::new(title) };
        drafts.push(row.insert(&app.rows).await.id);
    }
    EventRow { host_id: host.id, ..EventRow::new("Known") }.insert(&app.rows).await;
    sqlx::query("update events set status = 'cancelled' where title = 'Given up'")
        .execute(&app.rows)
        .await
        .unwrap();

    for draft in &drafts {
        for of_event in ["", "/availability", "/seats"] {
            let path = format!("/api/v1/events/{draft}{of_event}");
            app.get_as(&host, &path).await.ok();
            app.get(&path).await.refused(404, "not-found");
            for person in [&other, &admin] {
                app.get_as(person, &path).await.refused(404, "not-found");
            }
        }
    }
    let own = format!("host={}", host.id);
    for (query, titles) in [
        (own.clone(), vec!["Secret", "Given up", "Known"]),
        (format!("{own}&status=draft"), vec!["Secret"]),
        (format!("{own}&status=cancelled"), vec!["Given up"]),
        (format!("{own}&q=secret"), vec!["Secret"]),
        (String::new(), vec!["Known"]),
        ("status=draft".to_owned(), vec![]),
    ] {
        let list = app.get_as(&host, &format!("/api/v1/events?sort=createdAt&{query}")).await.ok();
        assert_eq!(of_items(&list, "title"), titles, "{query}");
        assert_eq!(list["total"], titles.len());
        let list = app.get_as(&other, &format!("/api/v1/events?{query}")).await.ok();
        assert!(of_items(&list, "title").iter().all(|title| *title == "Known"), "{query}");
    }
    let first = app.get_as(&host, &format!("/api/v1/events?limit=1&{own}")).await.ok();
    let cursor = first["next"].as_str().unwrap();
    app.get_as(&other, &format!("/api/v1/events?{own}&cursor={cursor}")).await.refused_field("cursor");
}

#[tokio::test]
async fn a_deleted_event_is_in_no_list_and_still_found() {
    let app = App::new("deleted_event").await;
    let host = app.person("host");
    let row = EventRow { status: "cancelled", host_id: host.id, ..EventRow::new("Gone") };
    let event = row.insert(&app.rows).await;
    sqlx::query("update events set deleted = true").execute(&app.rows).await.unwrap();
    let body = app.get(&format!("/api/v1/events/{}", event.id)).await.ok();
    assert_eq!(body["status"], "cancelled");
    for query in
        [String::new(), "status=cancelled".to_owned(), "q=gone".to_owned(), format!("host={}", host.id)]
    {
        assert_eq!(app.get_as(&host, &format!("/api/v1/events?{query}")).await.ok()["total"], 0, "{query}");
    }
}

#[tokio::test]
async fn words_are_searched_in_title_description_and_venue() {
    let app = App::new("search").await;
    let engines =
        EventRow { description: Some("About steam\nand its history"), ..EventRow::new("Café of engines") };
    engines.insert(&app.rows).await;
    EventRow { venue: Some("Steam Hall"), ..EventRow::new("Looms") }.insert(&app.rows).await;
    EventRow::new("Nothing of that").insert(&app.rows).await;
    for (q, titles) in [
        ("steam", vec!["Café of engines", "Looms"]),
        ("STEAM+history", vec!["Café of engines"]),
        ("steam+-hall", vec!["Café of engines"]),
        ("%22its+history%22", vec!["Café of engines"]),
        ("%22history+its%22", vec![]),
        ("caf%C3%A9", vec!["Café of engines"]),
        ("looms+or+engines", vec!["Café of engines", "Looms"]),
        ("stea", vec![]),
        ("%25", vec![]),
        ("", vec!["Café of engines", "Looms", "Nothing of that"]),
    ] {
        let list = app.get(&format!("/api/v1/events?sort=title&q={q}")).await.ok();
        assert_eq!(of_items(&list, "title"), titles, "{q}");
    }
}

#[tokio::test]
async fn a_broken_token_is_refused_even_where_none_is_needed() {
    let app = App::new("broken_token").await;
    let request = Request::get("/api/v1/events").header("Authorization", "Bearer nonsense");
    app.send(request).await.refused(401, "invalid-token");
}

#[tokio::test]
async fn events_are_filtered_and_sorted() {
    let app = App::new("event_filters").await;
    let host_id = Uuid::now_v7();
    let past = EventRow { start: time("2020-01-01T00:00:00Z"), ..EventRow::new("Beta ended") };
    let near = EventRow { start: time("2090-01-01T00:00:00Z"), host_id, ..EventRow::new("Gamma near") };
    let far =
        EventRow { start: time("2091-01-01T00:00:00Z"), venue: Some("Opera"), ..EventRow::new("Alpha far") };
    for event in [far, past, near] {
        event.insert(&app.rows).await;
    }
    let cases = [
        ("", vec!["Beta ended", "Gamma near", "Alpha far"]),
        ("?order=desc", vec!["Alpha far", "Gamma near", "Beta ended"]),
        ("?sort=title", vec!["Alpha far", "Beta ended", "Gamma near"]),
        ("?sort=createdAt", vec!["Alpha far", "Beta ended", "Gamma near"]),
        ("?status=published", vec!["Gamma near", "Alpha far"]),
        ("?status=ended", vec!["Beta ended"]),
        ("?status=cancelled", vec![]),
        ("?from=2090-01-01T01:00:00%2B01:00", vec!["Gamma near", "Alpha far"]),
        ("?to=2090-01-01T00:00:00Z", vec!["Beta ended"]),
        ("?q=OPERA", vec!["Alpha far"]),
        ("?q=near+or+far", vec!["Gamma near", "Alpha far"]),
        ("?q=%27%3B--+%22%26%7C%21%28", vec![]),
        ("?limit=1&offset=1", vec!["Gamma near"]),
    ];
    for (query, titles) in cases {
        let list = app.get(&format!("/api/v1/events{query}")).await.ok();
        assert_eq!(of_items(&list, "title"), titles, "{query}");
    }
    let by_host = app.get(&format!("/api/v1/events?host={host_id}")).await.ok();
    assert_eq!(of_items(&by_host, "title"), ["Gamma near"]);
    assert_eq!(by_host["total"], 1);
}

#[tokio::test]
async fn what_was_published_ends_by_itself() {
    let app = App::new("ended").await;
    let event =
        EventRow { start: time("2020-01-01T00:00:00Z"), ..EventRow::new("Over") }.insert(&app.rows).await;
    assert_eq!(app.get(&format!("/api/v1/events/{}", event.id)).await.ok()["status"], "ended");
}

#[tokio::test]
async fn each_bad_parameter_is_named() {
    let app = App::new("bad_parameters").await;
    let long = format!("q={}", "a".repeat(201));
    let cases = [
        ("colour=red", "colour"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=5&limit=6", "limit"),
        ("offset=-1", "offset"),
        ("offset=10001", "offset"),
        ("sort=price", "sort"),
        ("order=up", "order"),
        ("cursor=nonsense", "cursor"),
        ("host=me", "host"),
        ("from=yesterday", "from"),
        ("to=2090-01-01", "to"),
        ("status=lost", "status"),
        ("q=%00", "q"),
        (long.as_str(), "q"),
    ];
    for (query, field) in cases {
        app.get(&format!("/api/v1/events?{query}")).await.refused_field(field);
    }
}

#[tokio::test]
async fn who_looks_together_with_many_sees_what_was_there_before_they_looked() {
    let app = App::new("together").await;
    let event = EventRow::new("Engines").insert(&app.rows).await;
    let path = format!("/api/v1/events/{}", event.id);
    let (app, path) = (&app, path.as_str());
    for version in 8..40_i64 {
        // Some look all the time, so that a query is under way when the row changes.
        let before = futures::future::join_all((0..20).map(|_| app.get(path)));
        let after = async {
            let sql = "update events set version = $2 where id = $1";
            sqlx::query(sql).bind(event.id).bind(version).execute(&app.rows).await.unwrap();
            futures::future::join_all((0..20).map(|_| app.get(path))).await
        };
        let (_, after) = tokio::join!(before, after);
        for answer in after {
            assert_eq!(answer.ok()["version"], version);
        }
    }
}
