//! Bad input gets a clear error of the contract and changes nothing.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL};
use chrono::{TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{BoxOffice, PASSWORD, both_sources, event_request, kid_of, send, token_of};

fn changed(field: &str, value: Value) -> Value {
    let mut request = event_request(10);
    request[field] = value;
    request
}

both_sources! {
    async fn an_event_with_bad_fields_names_them(office: &BoxOffice) {
        let host = office.register("host").await;
        let (start, past) = (Utc::now() + TimeDelta::days(1), Utc::now() - TimeDelta::days(1));
        let cases = [
            ("title", json!("")),
            ("title", json!("x".repeat(201))),
            ("title", json!(7)),
            ("title", json!("nul \u{0}")),
            ("capacity", json!(0)),
            ("capacity", json!(1_000_001)),
            ("capacity", json!("many")),
            ("capacity", json!(1.5)),
            ("timeZone", json!("Berlin")),
            ("startDateTime", json!("tomorrow")),
            ("startDateTime", json!(past)),
            ("endDateTime", json!(start - TimeDelta::days(2))),
            ("surprise", json!(true)),
        ];
        for (field, value) in cases {
            let mut request = changed(field, value.clone());
            if field == "endDateTime" {
                request["startDateTime"] = json!(start);
            }
            if value == json!(past) {
                request["endDateTime"] = json!(past + TimeDelta::hours(1));
            }
            let answer = office.post("/api/v1/events", Some(&host.token), &request).await;
            assert_eq!(answer.status, 422, "{field} = {value}: {}", answer.body);
            answer.expect_invalid(field);
        }
        let mut missing = event_request(10);
        missing.as_object_mut().expect("an object").remove("capacity");
        office.post("/api/v1/events", Some(&host.token), &missing).await.expect_invalid("capacity");
        let listed = office.get(&format!("/api/v1/events?host={}", host.id), None).await;
        assert_eq!(listed.body["total"], 0, "nothing was changed");
    }

    async fn a_registration_with_bad_fields_names_all_of_them(office: &BoxOffice) {
        let bad = json!({ "name": " ", "email": "nobody", "password": "short", "role": "attendee" });
        let answer = office.post("/api/v1/auth/register", None, &bad).await;
        answer.expect_invalid("name").expect_invalid("email").expect_invalid("password");
        let admin = json!({ "name": "A", "email": "a@example.org", "password": PASSWORD, "role": "admin" });
        office.post("/api/v1/auth/register", None, &admin).await.expect_invalid("role");
    }

    async fn what_is_not_json_is_not_understood(office: &BoxOffice) {
        let post = || office.request(Method::POST, "/api/v1/auth/login");
        let json = |body: &'static str| post().header("content-type", "application/json").body(body);
        send(json("{")).await.expect_problem(400, "not-understood");
        send(json("")).await.expect_problem(400, "not-understood");
        send(post().body("email=a")).await.expect_problem(415, "unsupported-media-type");
        let twice = r#"{"email":"a@b","email":"c@d","password":"x"}"#;
        assert_eq!(send(json(twice)).await.status, 422);
    }

    async fn a_body_over_the_limit_is_refused(office: &BoxOffice) {
        let body = json!({ "email": "x".repeat(100_000), "password": "y" });
        office.post("/api/v1/auth/login", None, &body).await.expect_problem(413, "body-too-large");
        // Halls are large.
        let host = office.register("host").await;
        let body = changed("title", json!("x".repeat(1_000_000)));
        office.post("/api/v1/events", Some(&host.token), &body).await.expect_invalid("title");
        let body = changed("title", json!("x".repeat(1_100_000)));
        office.post("/api/v1/events", Some(&host.token), &body).await.expect_problem(413, "body-too-large");
        office.post("/api/v1/events", None, &body).await.expect(StatusCode::UNAUTHORIZED);
    }

    async fn unknown_addresses_and_wrong_passwords_look_the_same(office: &BoxOffice) {
        let person = office.register("attendee").await;
        let wrong = office.log_in(&person.email, "not the password").await;
        let unknown = office.log_in("nobody@example.org", "not the password").await;
        wrong.expect_problem(401, "invalid-credentials");
        assert_eq!(wrong.body, unknown.body);
        office.log_in(&person.email, &"x".repeat(1_000)).await.expect_problem(401, "invalid-credentials");
    }

    async fn an_address_has_one_account(office: &BoxOffice) {
        let person = office.register("attendee").await;
        let email = person.email.to_uppercase();
        let again = json!({ "name": "B", "email": email, "password": PASSWORD, "role": "host" });
        office.post("/api/v1/auth/register", None, &again).await.expect_problem(409, "email-taken");
    }

    async fn tokens_that_are_not_good_are_refused(office: &BoxOffice) {
        let person = office.register("attendee").await;
        let parts: Vec<&str> = person.token.split('.').collect();
        let none =
            BASE64_URL.encode(json!({ "alg": "none", "typ": "JWT", "kid": kid_of(&person.token) }).to_string());
        let as_admin = BASE64_URL.encode(
            json!({ "sub": person.id, "role": "admin", "sid": Uuid::now_v7(), "iat": 0, "exp": 9_999_999_999_u64,
                    "iss": "boxoffice", "aud": "boxoffice" })
            .to_string(),
        );
        let symmetric = jsonwebtoken::encode(
            &jsonwebtoken::Header {
                kid: Some(kid_of(&person.token)),
                ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256)
            },
            &json!({ "sub": person.id, "role": "admin", "exp": 9_999_999_999_u64, "iss": "boxoffice", "aud": "boxoffice" }),
            &jsonwebtoken::EncodingKey::from_secret(b"guess"),
        );
        let bad = [
            "rubbish".to_owned(),
            String::new(),
            format!("{}.{}.", none, parts[1]),
            format!("{}.{}.{}", none, as_admin, parts[2]),
            format!("{}.{}.{}", parts[0], as_admin, parts[2]),
            format!("{}.{}.{}", parts[0], parts[1], BASE64_URL.encode([0; 64])),
            other_keys_token(&person.id, &kid_of(&person.token)),
            other_keys_token(&person.id, "no such key"),
            symmetric.expect("signs"),
        ];
        for token in &bad {
            for answer in [
                office.get("/api/v1/auth/me", Some(token)).await,
                office.post("/api/v1/bookings", Some(token), &json!({ "eventId": Uuid::now_v7() })).await,
            ] {
                assert_eq!(answer.status, 401, "{token}: {}", answer.body);
                assert!(answer.headers.contains_key("www-authenticate"));
            }
        }
        office.get("/api/v1/auth/me", None).await.expect(StatusCode::UNAUTHORIZED);
    }

    async fn an_expired_token_is_refused_and_says_so(office: &BoxOffice) {
        let person = office.register("attendee").await;
        let fresh = token_of(&person, "attendee", Utc::now());
        let (_, event) = office.event(1).await;
        let body = json!({ "eventId": event.body["id"] });
        let stale = token_of(&person, "attendee", Utc::now() - TimeDelta::minutes(16));
        office.post("/api/v1/bookings", Some(&stale), &body).await.expect_problem(401, "token-expired");
        office.post("/api/v1/bookings", Some(&fresh), &body).await.expect(StatusCode::CREATED);
    }

    async fn who_may_is_checked_before_what(office: &BoxOffice) {
        let (host, attendee) = (office.register("host").await, office.register("attendee").await);
        let nonsense = json!({ "nonsense": true });
        for (path, person) in [("/api/v1/events", &attendee), ("/api/v1/bookings", &host)] {
            office.post(path, None, &nonsense).await.expect(StatusCode::UNAUTHORIZED);
            office.post(path, Some(&person.token), &nonsense).await.expect_problem(403, "forbidden");
        }
        office.post("/api/v1/events", Some(&host.token), &nonsense).await.expect_invalid("nonsense");
        let other = office.register("host").await;
        for (is_draft, status, code) in [(false, 403, "forbidden"), (true, 404, "not-found")] {
            let mut request = event_request(5);
            request["draft"] = json!(is_draft);
            let event = office.post("/api/v1/events", Some(&host.token), &request).await;
            let path = format!("/api/v1/events/{}", event.text("/id"));
            office.put(&path, Some(&other.token), &nonsense).await.expect_problem(status, code);
            office.put(&path, Some(&host.token), &nonsense).await.expect_invalid("nonsense");
        }
        for path in ["/api/v1/audit/events", "/api/v1/audit/head"] {
            office.get(path, None).await.expect(StatusCode::UNAUTHORIZED);
            office.get(path, Some(&host.token)).await.expect_problem(403, "forbidden");
        }
    }

    async fn what_is_not_there_is_not_found(office: &BoxOffice) {
        let attendee = office.register("attendee").await;
        let token = Some(attendee.token.as_str());
        let nobody = Uuid::now_v7();
        for path in [
            format!("/api/v1/events/{nobody}"),
            format!("/api/v1/bookings/{nobody}"),
            "/api/v1/events/1".to_owned(),
            "/api/v1/bookings/not-an-id".to_owned(),
            "/api/v1/nothing/here".to_owned(),
        ] {
            office.get(&path, token).await.expect_problem(404, "not-found");
        }
        for path in [format!("/api/v1/bookings/{nobody}"), "/api/v1/bookings/not-an-id".to_owned()] {
            office.delete(&path, token).await.expect_problem(404, "not-found");
        }
        let unknown = json!({ "eventId": nobody });
        office.post("/api/v1/bookings", token, &unknown).await.expect_problem(404, "not-found");
        let malformed = json!({ "eventId": "not-an-id" });
        office.post("/api/v1/bookings", token, &malformed).await.expect_invalid("eventId");
    }

    async fn a_malformed_id_is_not_found_on_any_route(office: &BoxOffice) {
        let people = [office.register("attendee").await, office.register("host").await, office.admin().await];
        let document = office.get("/api/v1/openapi.json", None).await.body;
        for (path, item) in document["paths"].as_object().expect("paths") {
            let with_bad_id = path.replace("{id}", "not-an-id").replace("{type}", "event");
            for method in item.as_object().filter(|_| *path != with_bad_id).into_iter().flat_map(|i| i.keys()) {
                let method: Method = method.to_uppercase().parse().expect("a method");
                let mut statuses = Vec::new();
                for person in &people {
                    let request = office.request(method.clone(), &with_bad_id).bearer_auth(&person.token);
                    statuses.push(send(request.json(&json!({ "name": "Ada" }))).await.status.as_u16());
                }
                // Who may is checked first.
                assert!(statuses.contains(&404), "{method} {path}: {statuses:?}");
                assert!(statuses.iter().all(|s| [403, 404].contains(s)), "{method} {path}: {statuses:?}");
            }
        }
    }

    async fn an_address_that_nothing_answers_to_is_a_problem(office: &BoxOffice) {
        for path in ["/nothing", "/api/v1/nothing", "/docs/nothing", "/docs/nothing/at.all"] {
            office.get(path, None).await.expect_problem(404, "not-found");
        }
    }

    async fn somebody_elses_booking_is_none_of_ones_business(office: &BoxOffice) {
        let (host, event) = office.event(3).await;
        let (owner, other) = (office.register("attendee").await, office.register("attendee").await);
        let booking = office.book(&owner, &event.text("/id")).await;
        let path = format!("/api/v1/bookings/{}", booking.text("/id"));
        office.get_after(&path, Some(&other.token), &booking).await.expect_problem(403, "forbidden");
        office.get_after(&path, None, &booking).await.expect(StatusCode::UNAUTHORIZED);
        office.delete(&path, Some(&other.token)).await.expect_problem(403, "forbidden");
        office.get_after(&path, Some(&host.token), &booking).await.expect(StatusCode::OK);
        let still = office.get_after(&path, Some(&owner.token), &booking).await;
        assert_eq!(still.body["status"], "confirmed");
    }

    async fn lists_refuse_what_they_do_not_know(office: &BoxOffice) {
        for (query, parameter) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("offset=-1", "offset"),
            ("sort=password", "sort"),
            ("order=sideways", "order"),
            ("cursor=rubbish", "cursor"),
            ("colour=red", "colour"),
            ("from=yesterday", "from"),
        ] {
            office.get(&format!("/api/v1/events?{query}"), None).await.expect_invalid(parameter);
        }
    }

    async fn another_method_is_not_allowed(office: &BoxOffice) {
        let answer = office.delete("/api/v1/events", None).await;
        answer.expect_problem(405, "method-not-allowed");
    }
}

/// A token signed with a key that is not the box office's.
fn other_keys_token(user_id: &str, kid: &str) -> String {
    let other = aws_lc_rs::signature::Ed25519KeyPair::generate().expect("a key");
    let der = other.to_pkcs8v1().expect("a document");
    let key = jsonwebtoken::EncodingKey::from_ed_der(der.as_ref());
    let claims = platform::tokens::AccessClaims::new(
        user_id.parse().expect("an id"),
        "attendee",
        Uuid::now_v7(),
        Utc::now(),
        TimeDelta::minutes(15),
    );
    claims.encode(kid, &key).expect("signs")
}
