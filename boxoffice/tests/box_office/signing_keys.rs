//! A new signing key, while tokens of the old one are in use.

use std::process::Command;

use reqwest::StatusCode;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testkit::eventually;

use crate::harness::{BoxOffice, DEADLINE, PASSWORD, http, kid_of, send};

fn run(mut command: Command) -> String {
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

async fn published_kids(office: &BoxOffice) -> Vec<String> {
    let keys = office.get("/.well-known/jwks.json", None).await;
    let keys = keys.expect(StatusCode::OK).body["keys"].as_array().expect("keys").clone();
    keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

#[tokio::test]
async fn a_rotated_key_signs_nothing_and_is_believed_until_its_tokens_have_expired() {
    let mut office = BoxOffice::in_roles(None).await;
    let person = office.register("host").await;
    let old = kid_of(&person.token);
    assert_eq!(published_kids(&office).await, std::slice::from_ref(&old));

    run(office.command("keys rotate"));
    // Both processes, which take turns, hear of it; whoever checks their tokens knows the key by then.
    let log_in = || async {
        let answer = office.log_in(&person.email, PASSWORD).await;
        let token = answer.expect(StatusCode::OK).text("/accessToken");
        office.get("/api/v1/auth/me", Some(&token)).await.expect(StatusCode::OK);
        kid_of(&token)
    };
    let new = eventually("both processes sign with the new key", DEADLINE, || async {
        let (one, other) = (log_in().await, log_in().await);
        (one != old && one == other).then_some(one)
    })
    .await;
    office.get("/api/v1/auth/me", Some(&person.token)).await.expect(StatusCode::OK);
    assert_eq!(published_kids(&office).await, [new.clone(), old.clone()]);
    let listed = run(office.command("keys list"));
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with(&new) && lines[0].ends_with("signs new tokens"), "{listed}");
    assert!(lines[1].starts_with(&old) && lines[1].contains("its tokens are good until"), "{listed}");

    // The old key is the configured one; a process that starts now must not bring it back.
    let url = office.start("command-api").await;
    let body = json!({ "email": person.email, "password": PASSWORD });
    let answer = send(http().post(format!("{url}/api/v1/auth/login")).json(&body)).await;
    assert_eq!(kid_of(&answer.expect(StatusCode::OK).text("/accessToken")), new);

    let mut database = PgConnection::connect(office.database.url()).await.expect("connects");
    sqlx::query("update signing_keys set retired_at = retired_at - interval '17 minutes' where kid = $1")
        .bind(&old)
        .execute(&mut database)
        .await
        .expect("updates");
    assert_eq!(published_kids(&office).await, [new]);
}
