//! What snapshots hold is kept beside the tests, with the version of the folding that made it.

use domain::show::{FOLD_VERSION, Part, Show, ShowEvent};
use serde_json::{Value, json};

use crate::{
    booking,
    facts::{
        Balcony, Stalls, block, cancelled, changed, details, hall, held, lapsed, offered, released, sold,
        took_seats,
    },
    minute,
};

/// Every kind of fact.
fn facts() -> Vec<ShowEvent> {
    let types = vec![offered(Stalls, 4), offered(Balcony, 3)];
    let blocks = vec![block("Stalls", "A", Stalls, 1, 4, 0), block("Balcony", "A", Balcony, 1, 3, 4)];
    vec![
        hall(),
        ShowEvent::EventPublished { at: minute(0) },
        ShowEvent::SalesStarted { at: minute(0) },
        held(took_seats(1, &[0, 1])),
        held(took_seats(2, &[2])),
        ShowEvent::HoldExtended { booking_id: booking(1), held_until: minute(25), at: minute(10) },
        lapsed(15, took_seats(2, &[2])),
        sold(took_seats(3, &[4])),
        sold(took_seats(4, &[5])),
        released(took_seats(4, &[5])),
        changed(details(), types, blocks),
        cancelled(),
        ShowEvent::EventDeleted { at: minute(0) },
    ]
}

#[test]
fn what_a_snapshot_holds_changes_with_the_fold_version_alone() {
    let mut show = Show::default();
    let heads: Vec<Value> = facts()
        .into_iter()
        .map(|fact| {
            show.evolve(fact);
            serde_json::to_value(&show).expect("serializes")
        })
        .collect();
    let parts = Part::all().map(|part| show.part(part)).filter(|sold| !sold.is_empty());
    let parts = serde_json::to_value(parts.collect::<Vec<_>>()).expect("serializes");
    let folded = json!({ "foldVersion": FOLD_VERSION, "heads": heads, "parts": parts });
    let kept: Value = serde_json::from_str(include_str!("show-snapshots.json")).expect("JSON");
    assert!(
        folded == kept,
        "folding gives another state than version {FOLD_VERSION} of it did: snapshots that are stored are no longer \
         good. Raise FOLD_VERSION, and let show-snapshots.json be\n{folded:#}"
    );
}
