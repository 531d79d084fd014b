//! The OpenAPI document against the running box office: no answer is a 500, none is of a kind that the document does not
//! describe. schemathesis makes the requests, from a fixed seed.

use std::{path::Path, process::Command};

use crate::harness::BoxOffice;

const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// A live stream has no end; the other would end the session that all others are tried with. (Of several options
/// schemathesis heeds the last.)
const LEFT_OUT: &str = "(/live|/auth/logout)$";

#[tokio::test]
async fn no_request_gets_an_answer_that_the_document_does_not_describe() {
    // Of its own: so many failures to sign in would shut others out.
    let office = &BoxOffice::up(None).await;
    let (_, event) = office.event(50).await;
    let attendee = office.register("attendee").await;
    office.book(&attendee, &event.text("/id")).await;
    let (host, admin) = (office.register("host").await, office.admin().await);
    for (role, token) in [("host", &host.token), ("attendee", &attendee.token), ("admin", &admin.token)] {
        try_all(office, role, token);
    }
}

fn try_all(office: &BoxOffice, role: &str, token: &str) {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.dev/venv/bin/schemathesis");
    assert!(tool.exists(), "schemathesis is missing: run ./dev test, which installs it");
    let document = office.url(&reqwest::Method::GET, "/api/v1/openapi.json");
    let output = Command::new(tool)
        .args(["run", &document, "--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", CHECKS, "--seed", "7", "--max-examples", "12", "--generation-database", "none"])
        .args(["--phases", "examples,coverage,fuzzing", "--request-timeout", "30", "--no-color"])
        .args(["--exclude-path-regex", LEFT_OUT])
        .current_dir(std::env::temp_dir())
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "as {role}:\n{said}");
    assert!(said.contains("generated"), "as {role}, it tried something:\n{said}");
}
