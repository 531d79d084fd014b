//! What describes the edge: the OpenAPI document, its page, the public keys.

use serde_json::json;

use crate::app::App;

#[tokio::test]
async fn the_document_describes_every_route_and_how_to_authenticate() {
    let app = App::new("openapi").await;
    let answer = app.get("/api/v1/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
    let document = answer.ok();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(
        (&document["info"]["title"], &document["info"]["version"]),
        (&json!("Boxoffice"), &json!("0.1.0"))
    );
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/.well-known/jwks.json",
            "/api/v1/audit/events",
            "/api/v1/audit/head",
            "/api/v1/audit/streams/{type}/{id}",
            "/api/v1/auth/me",
            "/api/v1/auth/sessions",
            "/api/v1/bookings",
            "/api/v1/bookings/{id}",
            "/api/v1/bookings/{id}/payment",
            "/api/v1/events",
            "/api/v1/events/{id}",
            "/api/v1/events/{id}/availability",
            "/api/v1/events/{id}/bookings",
            "/api/v1/events/{id}/live",
            "/api/v1/events/{id}/sales",
            "/api/v1/events/{id}/sales.csv",
            "/api/v1/events/{id}/seats",
            "/api/v1/notifications",
            "/api/v1/notifications/live",
            "/api/v1/refunds",
            "/api/v1/users",
            "/api/v1/users/{id}",
            "/api/v1/users/{id}/following",
            "/api/v1/users/{id}/preferences",
        ]
    );
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let app = App::new("openapi_references").await;
    let document = app.get("/api/v1/openapi.json").await.ok();
    let text = document.to_string();
    let mut references =
        text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).peekable();
    assert!(references.peek().is_some());
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_page_comes_from_the_binary_and_shows_our_document() {
    let app = App::new("docs").await;
    assert_eq!(app.get("/docs").await.header("location"), "/docs/");
    assert!(app.get("/docs/").await.ok().as_str().unwrap().contains("swagger-ui"));
    let script = app.get("/docs/swagger-initializer.js").await.ok();
    assert!(script.as_str().unwrap().contains("/api/v1/openapi.json"), "{script}");
}

#[tokio::test]
async fn a_file_that_the_page_does_not_have_is_a_problem() {
    let app = App::new("docs_nothing").await;
    for path in ["/docs/nothing", "/docs/nothing.js", "/docs/a/b"] {
        app.get(path).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn the_public_keys_are_there_for_everybody_and_the_private_ones_for_nobody() {
    let app = App::new("jwks").await;
    sqlx::query("insert into signing_keys (kid, public_key, sealed_private) values ('one', $1, 'secret')")
        .bind([0_u8; 32].as_slice())
        .execute(app.store.pool())
        .await
        .unwrap();
    let jwks = app.get("/.well-known/jwks.json").await.ok();
    let x = "A".repeat(43);
    assert_eq!(
        jwks,
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one", "use": "sig", "alg": "EdDSA"}]})
    );
}

#[tokio::test]
async fn a_query_that_fails_says_nothing_of_its_sql() {
    let app = App::new("failing_query").await;
    sqlx::query("drop table event_ticket_types, events cascade").execute(&app.rows).await.unwrap();
    let answer = app.get("/api/v1/events").await;
    answer.refused(500, "internal-error");
    assert!(!answer.body.to_string().contains("relation"));
}
