//! `GET /events/{id}/live`.

use std::time::Duration;

use axum::{body::BodyDataStream, http::StatusCode, response::Response};
use chrono::{TimeDelta, Utc};
use domain::show::ShowCommand;
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    app::{App, Person},
    shows::{HOLD, Staged, hall},
};

const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// A client that reads a stream.
pub(crate) struct Client {
    body: BodyDataStream,
    text: String,
}

impl Client {
    async fn watch(app: &App, show: &Staged<'_>, last_id: Option<&str>) -> Self {
        Self::of(app.open(None, &show.path("live"), last_id).await)
    }

    #[track_caller]
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next message; nothing at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let message = parse(block);
                self.text = rest.to_owned();
                if message.is_some() {
                    return message;
                }
                continue;
            }
            let piece = timeout(DEADLINE, self.body.next()).await.expect("something comes in time")?;
            self.text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
    }

    pub(crate) async fn expect(&mut self, kind: &str) -> Message {
        let message = self.next().await.expect("the stream goes on");
        assert_eq!(message.kind, kind, "{message:?}");
        message
    }

    /// All messages up to the availability that shows so many tickets held.
    async fn until_held(&mut self, held: i64) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            let message = self.next().await.expect("the stream goes on");
            let is_it = message.kind == "availability" && message.data["held"] == held;
            messages.push(message);
            if is_it {
                return messages;
            }
        }
    }
}

/// Comments and `retry` are no messages.
fn parse(block: &str) -> Option<Message> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let (id, kind, data) = (field("id: ")?, field("event: ")?, field("data: ")?);
    Some(Message { id, kind, data: serde_json::from_str(&data).unwrap() })
}

/// Numbers and statuses.
fn seats(message: &Message) -> Vec<(i64, &str)> {
    let seats = message.data.as_array().unwrap().iter();
    seats.map(|seat| (seat["number"].as_i64().unwrap(), seat["status"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn availability_comes_first_and_then_what_changes_in_the_shapes_of_the_lookups() {
    let app = App::new("live").await;
    let mut show = Staged::hall(&app, 1, 5).await;
    let mut client = Client::watch(&app, &show, None).await;
    let first = client.expect("availability").await;
    assert_eq!((&first.data["capacity"], &first.data["available"]), (&json!(5), &json!(5)));

    let booking = show.hold_seats(&[1, 2], Utc::now()).await;
    let availability = client.expect("availability").await;
    assert_eq!((&availability.data["held"], &availability.data["available"]), (&json!(2), &json!(3)));
    let lookup = app.get(&show.path("availability")).await.ok();
    assert_eq!(availability.data["ticketTypes"], lookup["ticketTypes"]);
    let changed = client.expect("seats").await;
    let lookup = app.get(&format!("{}?status=held", show.path("seats"))).await.ok();
    assert_eq!(changed.data, lookup);
    assert_ne!(changed.id, first.id);

    show.release(booking).await;
    assert_eq!(client.expect("availability").await.data["held"], 0);
    assert_eq!(seats(&client.expect("seats").await), [(2, "free"), (3, "free")]);
}

#[tokio::test]
async fn who_comes_back_with_the_last_id_gets_what_was_missed_and_with_an_unknown_one_everything() {
    let app = App::new("live_resume").await;
    let mut show = Staged::hall(&app, 1, 5).await;
    show.hold_seats(&[0], Utc::now()).await;
    let mut client = Client::watch(&app, &show, None).await;
    let last_id = client.expect("availability").await.id;
    drop(client);

    let mut client = Client::watch(&app, &show, Some(&last_id)).await;
    assert_eq!(client.expect("availability").await.data["held"], 1, "only that: nothing was missed");
    show.hold_seats(&[3], Utc::now()).await;
    client.until_held(2).await;
    drop(client);

    // Seats 1 and 4 were taken while nobody was there; 3 was not seen either, its message had not come.
    show.hold_seats(&[4], Utc::now()).await;
    show.change("Other engines", None).await;
    let mut client = Client::watch(&app, &show, Some(&last_id)).await;
    assert_eq!(client.expect("availability").await.data["held"], 3);
    let missed = client.expect("seats").await;
    assert_eq!(seats(&missed), [(4, "held"), (5, "held")]);
    let updated = client.expect("event-updated").await;
    assert_eq!(updated.data["title"], "Other engines");
    assert_eq!(missed.id, last_id, "whoever loses the rest must get all of it again");
    assert_ne!(updated.id, last_id);

    let beyond = "999-1893456000000000";
    for unknown in ["nonsense", "0-0", beyond] {
        let mut client = Client::watch(&app, &show, Some(unknown)).await;
        client.expect("availability").await;
        let all = client.expect("seats").await;
        assert_eq!(seats(&all).len(), 5, "{unknown}");
    }
    // The rows were made anew and are not as far as the client was.
    show.forget_sequence().await;
    let mut client = Client::watch(&app, &show, Some(&updated.id)).await;
    client.expect("availability").await;
    assert_eq!(seats(&client.expect("seats").await).len(), 5);
}

#[tokio::test]
async fn all_seats_of_a_large_hall_come_in_pieces() {
    let app = App::new("live_large_hall").await;
    let show = Staged::hall(&app, 400, 250).await;
    let mut client = Client::watch(&app, &show, Some("not known")).await;
    let mut largest = 0;
    // About 20 MB, and what comes after them.
    while client.text.len() < 1_000_000 || !client.text.ends_with("}\n\n") {
        let piece = timeout(DEADLINE, client.body.next()).await.unwrap().expect("more").unwrap();
        largest = largest.max(piece.len());
        client.text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    client.expect("availability").await;
    assert_eq!(seats(&client.expect("seats").await).len(), 100_000);
    assert!(largest < 100_000, "a piece of {largest} bytes");
}

#[tokio::test]
async fn a_hold_lapses_without_any_event() {
    let app = App::new("live_lapse").await;
    let mut show = Staged::hall(&app, 1, 5).await;
    show.hold_seats(&[2], Utc::now() - HOLD + TimeDelta::seconds(5)).await;
    let mut client = Client::watch(&app, &show, None).await;
    let first = client.expect("availability").await;
    assert_eq!(first.data["held"], 1);
    let lapsed = client.expect("availability").await;
    assert_eq!((&lapsed.data["held"], &lapsed.data["available"]), (&json!(0), &json!(5)));
    assert_eq!(seats(&client.expect("seats").await), [(3, "free")]);

    // The same for who was away at that time.
    let mut client = Client::watch(&app, &show, Some(&first.id)).await;
    assert_eq!(client.expect("availability").await.data["held"], 0);
    assert_eq!(seats(&client.expect("seats").await), [(3, "free")]);
}

#[tokio::test]
async fn a_slow_reader_holds_nobody_up_and_skips_to_the_newest() {
    let app = App::new("live_slow").await;
    let mut show = Staged::hall(&app, 1, 40).await;
    let mut slow = Client::watch(&app, &show, None).await;
    let mut fast = Client::watch(&app, &show, None).await;
    fast.expect("availability").await;
    for index in 0..25 {
        show.hold_seats(&[index], Utc::now()).await;
        let messages = fast.until_held(i64::from(index) + 1).await;
        assert!(messages.len() <= 2, "one at a time: {messages:?}");
    }
    assert_eq!(slow.expect("availability").await.data["held"], 0, "what it was sent before");
    let messages = slow.until_held(25).await;
    assert!(messages.len() < 5, "it does not get each of them: {}", messages.len());
    let all = slow.expect("seats").await;
    assert_eq!(seats(&all).len(), 25, "but all that has changed");
    show.hold_seats(&[30], Utc::now()).await;
    slow.until_held(26).await;
    assert_eq!(seats(&slow.expect("seats").await), [(31, "held")]);
}

#[tokio::test]
async fn what_the_host_does_is_told() {
    let app = App::new("live_host").await;
    let mut show = Staged::hall(&app, 1, 2).await;
    let mut client = Client::watch(&app, &show, None).await;
    client.expect("availability").await;
    show.change("Other engines", None).await;
    assert_eq!(client.expect("event-updated").await.data["title"], "Other engines");
    show.change("Larger engines", Some(hall(1, 3))).await;
    assert_eq!(client.expect("availability").await.data["capacity"], 3);
    assert_eq!(seats(&client.expect("seats").await), [(1, "free"), (2, "free"), (3, "free")]);
    assert_eq!(client.expect("event-updated").await.data["capacity"], 3);

    show.sell_from(Utc::now() + TimeDelta::seconds(4)).await;
    client.expect("event-updated").await;
    assert_eq!(client.expect("sales-started").await.data["id"], json!(show.id), "by the time alone");

    show.run(ShowCommand::Delete { at: Utc::now() }).await;
    let cancelled = client.expect("event-cancelled").await;
    let lookup = app.get(&format!("/api/v1/events/{}", show.id)).await.ok();
    assert_eq!((&cancelled.data, &cancelled.data["status"]), (&lookup, &json!("cancelled")));
}

#[tokio::test]
async fn several_events_are_watched_at_once_and_each_readers_own_is_told() {
    let app = App::new("live_several").await;
    let (mut one, mut other) = (Staged::hall(&app, 1, 5).await, Staged::general_admission(&app).await);
    let mut of_one = Client::watch(&app, &one, None).await;
    let mut of_other = Client::watch(&app, &other, None).await;
    of_one.expect("availability").await;
    of_other.expect("availability").await;
    other.hold_one(Utc::now()).await;
    one.hold_seats(&[0, 1], Utc::now()).await;
    assert_eq!(of_other.expect("availability").await.data["held"], 1);
    assert_eq!(of_one.expect("availability").await.data["held"], 2);
    of_one.expect("seats").await;
    drop((of_one, of_other));
    let mut again = Client::watch(&app, &other, None).await;
    assert_eq!(again.expect("availability").await.data["held"], 1);
    other.hold_one(Utc::now()).await;
    assert_eq!(again.expect("availability").await.data["held"], 2);
}

#[tokio::test]
async fn a_draft_is_streamed_to_its_host_alone() {
    let app = App::new("live_draft").await;
    let (host, other) = (app.person("host"), app.person("host"));
    let mut show = Staged::draft(&app, &host).await;
    let path = show.path("live");
    app.get(&path).await.refused(404, "not-found");
    app.get_as(&other, &path).await.refused(404, "not-found");
    let open = async |person: &Person| Client::of(app.open(Some(person), &path, None).await);
    let mut client = open(&host).await;
    client.expect("availability").await;
    show.run(ShowCommand::Publish { at: Utc::now() }).await;
    assert_eq!(client.expect("event-updated").await.data["status"], "published");
    open(&other).await.expect("availability").await;
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_opened_it_and_without_one_it_goes_on() {
    let app = App::new("live_token").await;
    let host = app.person_for("host", TimeDelta::seconds(8));
    let draft = Staged::draft(&app, &host).await;
    let mut show = Staged::general_admission(&app).await;
    let mut of_draft = Client::of(app.open(Some(&host), &draft.path("live"), None).await);
    let mut with_token = Client::of(app.open(Some(&host), &show.path("live"), None).await);
    let mut without = Client::watch(&app, &show, None).await;
    for client in [&mut of_draft, &mut with_token, &mut without] {
        client.expect("availability").await;
    }
    assert!(of_draft.next().await.is_none());
    assert!(with_token.next().await.is_none());
    show.hold_one(Utc::now()).await;
    without.expect("availability").await;
}

#[tokio::test]
async fn there_is_room_for_so_many_readers_and_a_place_becomes_free_again() {
    let app = App::with("live_room", |api| api.max_live_readers(2)).await;
    let show = Staged::hall(&app, 1, 5).await;
    let first = Client::watch(&app, &show, None).await;
    let _second = Client::watch(&app, &show, None).await;
    let refused = app.get(&show.path("live")).await;
    refused.refused(503, "too-many-streams");
    assert_eq!(refused.header("retry-after"), "5");
    drop(first);
    Client::watch(&app, &show, None).await.expect("availability").await;
}

#[tokio::test]
async fn streams_end_when_the_process_stops() {
    let app = App::new("live_stop").await;
    let show = Staged::hall(&app, 1, 5).await;
    let mut client = Client::watch(&app, &show, None).await;
    client.expect("availability").await;
    app.shutdown.request();
    assert!(client.next().await.is_none());
}
