//! The arrows between crates, from cargo's metadata. A new arrow is a decision: it is made here, in review.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// What each crate of the workspace may use of the workspace.
const ARROWS: [(&str, &[&str]); 13] = [
    ("bench", &["command-api", "domain", "event-store", "platform", "testkit"]),
    (
        "boxoffice",
        &[
            "command-api",
            "event-store",
            "feed",
            "payments",
            "platform",
            "processes",
            "projector",
            "query-api",
        ],
    ),
    ("command-api", &["contract", "domain", "event-store", "payments", "platform"]),
    ("contract", &[]),
    ("domain", &[]),
    ("event-store", &[]),
    ("feed", &["event-store"]),
    ("payments", &[]),
    ("platform", &[]),
    ("processes", &["command-api", "domain", "event-store", "feed", "payments"]),
    ("projector", &["domain", "event-store", "feed"]),
    ("query-api", &["contract", "event-store", "platform"]),
    ("testkit", &[]),
];

/// What some crates must not use from outside.
const NEVER: [(&str, &[&str]); 9] = [
    ("command-api", &["rdkafka", "feed", "projector"]),
    ("contract", &["axum", "sqlx", "rdkafka"]),
    ("domain", &["axum", "rdkafka", "sqlx", "tokio", "rand", "getrandom", "figment"]),
    ("event-store", &["axum", "rdkafka"]),
    ("feed", &["axum"]),
    ("payments", &["axum", "rdkafka", "sqlx"]),
    ("platform", &["rdkafka"]),
    ("projector", &["axum", "rdkafka", "reqwest"]),
    ("query-api", &["rdkafka", "domain"]),
];

/// Direct dependencies of each crate of the workspace; those for tests are left out.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let array = |value: &Value| value.as_array().expect("an array").clone();
    array(&metadata["packages"])
        .iter()
        .map(|package| {
            let used = array(&package["dependencies"]);
            let used = used.iter().filter(|used| used["kind"].is_null()).map(|used| text(&used["name"]));
            (text(&package["name"]), used.collect())
        })
        .collect()
}

#[test]
fn crates_use_each_other_only_along_the_arrows() {
    let dependencies = dependencies();
    let of_workspace = |name: &&String| dependencies.contains_key(*name);
    assert_eq!(
        dependencies.keys().collect::<Vec<_>>(),
        ARROWS.map(|(name, _)| name).iter().collect::<Vec<_>>()
    );
    for (name, allowed) in ARROWS {
        let mut used: Vec<&String> = dependencies[name].iter().filter(of_workspace).collect();
        used.sort();
        assert_eq!(used, allowed.iter().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn crates_keep_away_from_what_is_not_theirs() {
    let dependencies = dependencies();
    for (name, never) in NEVER {
        for used in &dependencies[name] {
            assert!(!never.contains(&used.as_str()), "{name} must not use {used}");
        }
    }
}
