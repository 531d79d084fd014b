//! `GET /events/{id}/seats`.

use chrono::{TimeDelta, Utc};
use domain::{SeatId, ShowId};
use serde_json::{Value, json};

use crate::{
    app::App,
    shows::{HOLD, Staged, hall},
};

fn statuses(seats: &Value) -> Vec<&str> {
    seats.as_array().unwrap().iter().map(|seat| seat["status"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn seats_are_free_held_or_sold_and_a_lapsed_hold_blocks_nobody() {
    let app = App::new("seats").await;
    let mut show = Staged::hall(&app, 2, 3).await;
    let now = Utc::now();
    show.hold_seats(&[0], now - HOLD).await;
    show.hold_seats(&[1, 5], now).await;
    let released = show.hold_seats(&[2], now).await;
    show.release(released).await;
    // No payment yet, so nobody sells what costs something: as it will be.
    sqlx::query("update event_seats set held_until = null where seat_index = 5")
        .execute(&app.rows)
        .await
        .unwrap();

    let all = app.get(&show.path("seats")).await.ok();
    assert_eq!(statuses(&all), ["free", "held", "free", "free", "free", "sold"]);
    let seat = &all[5];
    assert_eq!(seat["id"], json!(SeatId::of(ShowId::new(show.id), 5).uuid()));
    assert_eq!(
        (&seat["section"], &seat["row"], &seat["number"]),
        (&json!("Stalls"), &json!("R1"), &json!(3))
    );
    let event = app.get(&format!("/api/v1/events/{}", show.id)).await.ok();
    assert_eq!(seat["ticketTypeId"], event["ticketTypes"][0]["id"]);
    for (status, numbers) in [("free", vec![1, 3, 1, 2]), ("held", vec![2]), ("sold", vec![3])] {
        let some = app.get(&format!("{}?status={status}", show.path("seats"))).await.ok();
        let found: Vec<i64> =
            some.as_array().unwrap().iter().map(|seat| seat["number"].as_i64().unwrap()).collect();
        assert_eq!(found, numbers, "{status}");
    }
    app.get(&format!("{}?status=lost", show.path("seats"))).await.refused_field("status");
    app.get(&format!("{}?limit=1", show.path("seats"))).await.refused_field("limit");
}

#[tokio::test]
async fn general_admission_has_no_seats() {
    let app = App::new("no_seats").await;
    let show = Staged::general_admission(&app).await;
    assert_eq!(app.get(&show.path("seats")).await.ok(), json!([]));
}

#[tokio::test]
async fn seats_keep_their_ids_when_the_hall_is_changed() {
    let app = App::new("changed_hall").await;
    let mut show = Staged::hall(&app, 2, 3).await;
    let ids =
        |seats: &Value| seats.as_array().unwrap().iter().map(|seat| seat["id"].clone()).collect::<Vec<_>>();
    let before = ids(&app.get(&show.path("seats")).await.ok());
    show.hold_seats(&[4], Utc::now() - TimeDelta::seconds(1)).await;
    show.change("Smaller", Some(hall(2, 2))).await;
    let after = app.get(&show.path("seats")).await.ok();
    assert_eq!(ids(&after), [&before[0], &before[1], &before[3], &before[4]].map(Clone::clone));
    assert_eq!(statuses(&after), ["free", "free", "free", "held"]);
}

#[tokio::test]
async fn a_hall_of_100_000_seats_is_shown_whole() {
    let app = App::new("large_hall").await;
    let mut show = Staged::hall(&app, 500, 200).await;
    show.hold_seats(&(0..100).collect::<Vec<_>>(), Utc::now()).await;
    let all = app.get(&show.path("seats")).await.ok();
    assert_eq!(all.as_array().unwrap().len(), 100_000);
    assert_eq!(statuses(&all).iter().filter(|status| **status == "held").count(), 100);
}
