//! `docs/contract.md` is about the box office that runs: it has every operation, no other, and what it calls not there
//! yet is not there. Whether the tests that it names ran is checked by `./dev test`, with testkit's `check-claims`.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use testkit::claims::{self, Claim, Operation};
use uuid::Uuid;

use crate::harness::{Source, send, shared};

/// Answered, but no part of the API that the document describes.
const BESIDE_THE_API: [&str; 5] = ["/api/v1/openapi.json", "/docs", "/livez", "/readyz", "/metrics"];

fn table() -> Vec<Claim> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/contract.md");
    claims::read(&std::fs::read_to_string(path).expect("docs/contract.md"))
}

fn described(document: &Value) -> BTreeSet<Operation> {
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            operations.insert((method.to_uppercase(), path.clone()));
        }
    }
    operations
}

#[tokio::test]
async fn every_operation_has_a_row_and_no_row_is_about_another() {
    let document = shared(Source::EventLog).await.get("/api/v1/openapi.json", None).await.body;
    let described = described(&document);
    // A row without tests is a fault of its own, which check-claims tells.
    let is_shown = |claim: &&Claim| !claim.is_of_later() && !claim.tests().is_empty();
    let told: BTreeSet<Operation> = table().iter().filter(is_shown).flat_map(Claim::operations).collect();
    let missing: Vec<&Operation> = described.difference(&told).collect();
    assert!(missing.is_empty(), "docs/contract.md says nothing about {missing:?}");
    let beyond = told.difference(&described).filter(|(_, path)| !BESIDE_THE_API.contains(&path.as_str()));
    let beyond: Vec<&Operation> = beyond.collect();
    assert!(beyond.is_empty(), "docs/contract.md has what the API has not: {beyond:?}");
}

#[tokio::test]
async fn what_is_not_there_yet_is_not_found_and_not_described() {
    let office = shared(Source::EventLog).await;
    let described = described(&office.get("/api/v1/openapi.json", None).await.body);
    let admin = office.admin().await;
    let later: Vec<Operation> =
        table().iter().filter(|claim| claim.is_of_later()).flat_map(Claim::operations).collect();
    assert!(!later.is_empty());
    for (method, route) in later {
        assert!(!described.contains(&(method.clone(), route.clone())), "{method} {route} is described");
        let path = route.replace("{id}", &Uuid::now_v7().to_string()).replace("{type}", "event");
        let method: Method = method.parse().expect("a method");
        let answer = send(office.request(method, &path).bearer_auth(&admin.token)).await;
        answer.expect_problem(404, "not-found");
    }
}
