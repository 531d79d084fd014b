//! The arrows between crates, from cargo's metadata. A new arrow is a decision: it is made here, in review.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What each crate of the workspace may use of the workspace.
const ARROWS: [(&str, &[&str]); 14] = [
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
    // The checker must not be wrong where the product is.
    ("chaos", &["testkit"]),
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

/// All that the projector may use from outside, so that a rebuild has no way to do anything but write rows: tokio is there
/// for tasks, time and channels.
const OF_PROJECTOR: [&str; 11] = [
    "async-trait",
    "chrono",
    "metrics",
    "serde",
    "serde_json",
    "sqlx",
    "thiserror",
    "tokio",
    "tokio-util",
    "tracing",
    "uuid",
];

/// What leads out of a process; the projector's sources say none of it. (`feed` knows Kafka, and the projector may only
/// read there.)
const WAYS_OUT: [&str; 9] = [
    "std::net",
    "std::process",
    "std::fs",
    "tokio::net",
    "tokio::process",
    "tokio::fs",
    "feed::Relay",
    "feed::topics",
    "PublishError",
];

/// What would append to a stream; only the write edge and process managers do.
const GIVES_COMMANDS: [&str; 4] = [".append(", ".append_at_once(", ".execute(&self.store", "CommandContext"];

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

#[test]
fn the_projector_has_no_way_out() {
    let dependencies = dependencies();
    let inside = ["domain", "event-store", "feed"];
    for used in &dependencies["projector"] {
        let is_allowed = inside.contains(&used.as_str()) || OF_PROJECTOR.contains(&used.as_str());
        assert!(is_allowed, "projector uses {used}: can a rebuild send something by it?");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../projector/src");
    let sources = sources(&root);
    assert!(sources.iter().any(|(path, _)| path.ends_with("rebuild.rs")), "the sources are there");
    for (path, source) in &sources {
        for way in WAYS_OUT.iter().chain(&GIVES_COMMANDS) {
            assert!(!source.contains(way), "{} says {way}", path.display());
        }
    }
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![(path.clone(), fs::read_to_string(&path).expect("a text"))],
        })
        .collect()
}

/// What cargo would build of a package, with the features that it would switch on.
fn features_of(package: &str, edges: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", package, "--edges", edges])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn only_test_builds_have_planted_bugs() {
    assert!(features_of("chaos", "all,features").contains("planted-bugs"), "the tests of chaos need them");
    for product in ["boxoffice", "bench", "chaos"] {
        let features = features_of(product, "normal,build,features");
        assert!(!features.contains("planted-bugs"), "{product} is built with them:\n{features}");
    }
}
