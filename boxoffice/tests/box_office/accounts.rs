//! Users: lists, lookups, changes, and whom they follow.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, BoxOffice, PASSWORD, Person, both_sources, send};

/// A word that no other test uses.
fn word() -> String {
    format!("w{}", Uuid::now_v7().simple())
}

async fn register_as(office: &BoxOffice, name: &str, role: &str) -> (Person, Answer) {
    let email = format!("{}@example.org", Uuid::now_v7().simple());
    let body = json!({ "name": name, "email": email, "password": PASSWORD, "role": role });
    let answer = office.post("/api/v1/auth/register", None, &body).await;
    answer.expect(StatusCode::CREATED);
    (Person { id: answer.text("/user/id"), token: answer.text("/accessToken"), email }, answer)
}

/// A GET that includes several writes.
async fn get_after_all(office: &BoxOffice, path: &str, token: &str, writes: &[&Answer]) -> Answer {
    let mut request = office.request(Method::GET, path).bearer_auth(token);
    for write in writes {
        request = request.header("Consistency-Token", write.headers["consistency-token"].clone());
    }
    send(request).await
}

/// A PUT that is based on a version.
async fn put_if(office: &BoxOffice, path: &str, token: &str, etag: &str, body: &Value) -> Answer {
    send(office.request(Method::PUT, path).bearer_auth(token).header("If-Match", etag).json(body)).await
}

#[track_caller]
fn of_items(list: &Answer, member: &str) -> Vec<Value> {
    let items = list.expect(StatusCode::OK).body["items"].as_array().expect("items");
    items.iter().map(|item| item[member].clone()).collect()
}

fn follow_path(host: &Person) -> String {
    format!("/api/v1/users/{}/follow", host.id)
}

both_sources! {
    async fn users_are_listed_by_name_and_page_by_page(office: &BoxOffice) {
        let word = word();
        let (ada, first) = register_as(office, &format!("Ada {word}"), "host").await;
        let (_, second) = register_as(office, &format!("Cy {word}"), "attendee").await;
        let (_, third) = register_as(office, &format!("Bob 100%_{word}"), "host").await;
        let all = get_after_all(
            office, &format!("/api/v1/users?q={}", word.to_uppercase()), &ada.token, &[&first, &second, &third],
        ).await;
        let names = [format!("Ada {word}"), format!("Bob 100%_{word}"), format!("Cy {word}")];
        assert_eq!(of_items(&all, "name"), names);
        assert_eq!(all.body["total"], 3);

        let token = Some(ada.token.as_str());
        let get = |query: String| async move { office.get(&format!("/api/v1/users?{query}"), token).await };
        let mut walked = Vec::new();
        let mut page = get(format!("q={word}&limit=1")).await;
        loop {
            walked.extend(of_items(&page, "name"));
            let Some(next) = page.body["next"].as_str() else { break };
            page = get(format!("q={word}&limit=1&cursor={next}")).await;
        }
        assert_eq!(walked, names);
        assert_eq!(of_items(&get(format!("q={word}&role=host")).await, "name"), names[..2]);
        let newest = get(format!("q={word}&sort=createdAt&order=desc")).await;
        assert_eq!(of_items(&newest, "name"), [names[1].clone(), names[2].clone(), names[0].clone()]);
        // Wildcards are letters like others.
        assert_eq!(of_items(&get(format!("q=100%25_{word}")).await, "name"), names[1..2]);
        assert_eq!(get(format!("q=1%25%25{word}")).await.body["total"], 0);
        for (query, parameter) in [("role=boss", "role"), ("sort=email", "sort"), ("mail=a", "mail")] {
            get(query.to_owned()).await.expect_invalid(parameter);
        }
        get(format!("q={}", "x".repeat(201))).await.expect_invalid("q");
        office.get("/api/v1/users", None).await.expect(StatusCode::UNAUTHORIZED);
    }

    async fn addresses_are_shown_to_oneself_and_admins_only(office: &BoxOffice) {
        let word = word();
        let (ada, first) = register_as(office, &format!("Ada {word}"), "attendee").await;
        let (bob, second) = register_as(office, &format!("Bob {word}"), "host").await;
        let admin = office.admin().await;
        let path = format!("/api/v1/users?q={word}");
        let seen = get_after_all(office, &path, &ada.token, &[&first, &second]).await;
        assert_eq!(of_items(&seen, "email"), [json!(ada.email), Value::Null]);
        let seen = office.get(&path, Some(&admin.token)).await;
        assert_eq!(of_items(&seen, "email"), [json!(ada.email), json!(bob.email)]);

        // Only admins find people by their address.
        let by_address = format!("/api/v1/users?q={}", bob.email);
        assert_eq!(of_items(&office.get(&by_address, Some(&admin.token)).await, "id"), [json!(bob.id)]);
        for person in [&ada, &bob] {
            assert_eq!(office.get(&by_address, Some(&person.token)).await.body["total"], 0);
        }
    }

    async fn a_user_changes_name_and_address(office: &BoxOffice) {
        let (ada, _) = register_as(office, "Ada", "attendee").await;
        let path = format!("/api/v1/users/{}", ada.id);
        let new = format!("{}@example.org", word());
        let both = json!({ "name": "Ada King", "email": new.to_uppercase() });
        let changed = put_if(office, &path, &ada.token, "\"1\"", &both).await;
        assert_eq!(changed.expect(StatusCode::OK).headers["etag"], "\"2\"");
        assert_eq!((&changed.body["name"], &changed.body["email"]), (&json!("Ada King"), &json!(new)));
        let seen = office.get_after(&path, Some(&ada.token), &changed).await;
        assert_eq!((&seen.body, &seen.headers["etag"]), (&changed.body, &changed.headers["etag"]));
        office.log_in(&ada.email, PASSWORD).await.expect_problem(401, "invalid-credentials");
        office.log_in(&new, PASSWORD).await.expect(StatusCode::OK);
        // The old address is free again.
        let again = json!({ "name": "A", "email": ada.email, "password": PASSWORD, "role": "host" });
        office.post("/api/v1/auth/register", None, &again).await.expect(StatusCode::CREATED);
    }

    async fn a_change_that_is_repeated_changes_nothing(office: &BoxOffice) {
        let (ada, _) = register_as(office, "Ada", "attendee").await;
        let path = format!("/api/v1/users/{}", ada.id);
        let body = json!({ "name": "Ada King" });
        let first = office.put(&path, Some(&ada.token), &body).await;
        let again = office.put(&path, Some(&ada.token), &body).await;
        assert_eq!(again.expect(StatusCode::OK).body, first.expect(StatusCode::OK).body);
        assert_eq!(again.headers["consistency-token"], first.headers["consistency-token"]);
        assert_eq!(again.body["email"], json!(ada.email), "what is left out stays");
        for stale in ["\"1\"", "\"7\""] {
            put_if(office, &path, &ada.token, stale, &body).await.expect_problem(412, "version-conflict");
        }
        put_if(office, &path, &ada.token, "*", &body).await.expect(StatusCode::OK);
        put_if(office, &path, &ada.token, "seven", &body).await.expect_problem(400, "not-understood");
    }

    async fn only_the_user_and_admins_change_a_user(office: &BoxOffice) {
        let (ada, bob) = (office.register("attendee").await, office.register("host").await);
        let admin = office.admin().await;
        let path = format!("/api/v1/users/{}", ada.id);
        office.put(&path, Some(&bob.token), &json!({ "nonsense": 1 })).await.expect_problem(403, "forbidden");
        office.put(&path, None, &json!({ "name": "B" })).await.expect(StatusCode::UNAUTHORIZED);
        let changed = office.put(&path, Some(&admin.token), &json!({ "name": "Ada King" })).await;
        assert_eq!(changed.expect(StatusCode::OK).body["email"], json!(ada.email));
        let taken = json!({ "name": "Bob", "email": bob.email });
        office.put(&path, Some(&ada.token), &taken).await.expect_problem(409, "email-taken");
        let seen = office.get_after(&path, Some(&ada.token), &changed).await;
        assert_eq!(seen.body["name"], "Ada King", "all or nothing");
        let own = office.put(&path, Some(&ada.token), &json!({ "email": ada.email })).await;
        assert_eq!(own.expect(StatusCode::OK).body["version"], 2);

        for (body, field) in [
            (json!({}), "body"),
            (json!({ "name": " " }), "name"),
            (json!({ "name": "x".repeat(201) }), "name"),
            (json!({ "email": "nobody" }), "email"),
            (json!({ "name": "A", "role": "admin" }), "role"),
        ] {
            office.put(&path, Some(&ada.token), &body).await.expect_invalid(field);
        }
        for nobody in [Uuid::now_v7().to_string(), "nobody".to_owned()] {
            let path = format!("/api/v1/users/{nobody}");
            let answer = office.put(&path, Some(&admin.token), &json!({ "name": "B" })).await;
            answer.expect_problem(404, "not-found");
        }
    }

    async fn hosts_are_followed_and_unfollowed(office: &BoxOffice) {
        let (ada, _) = register_as(office, "Ada", "attendee").await;
        let (cy, first) = register_as(office, "Cy", "host").await;
        let (bob, second) = register_as(office, "Bob", "host").await;
        let following = format!("/api/v1/users/{}/following", ada.id);
        let mut followed = None;
        // Twice each: repeating it changes nothing.
        for host in [&cy, &cy, &bob, &bob] {
            let answer = office.put(&follow_path(host), Some(&ada.token), &Value::Null).await;
            answer.expect(StatusCode::NO_CONTENT);
            followed = Some(answer);
        }
        let followed = followed.expect("an answer");
        let list = get_after_all(office, &following, &ada.token, &[&followed, &first, &second]).await;
        assert_eq!(of_items(&list, "id"), [json!(bob.id), json!(cy.id)], "by name");
        assert_eq!(of_items(&list, "email"), [Value::Null, Value::Null]);
        let me = office.get("/api/v1/auth/me", Some(&ada.token)).await;
        assert_eq!(me.body["version"], 1, "whom one follows is no change of oneself");

        let mut unfollowed = None;
        for _ in 0..2 {
            let answer = office.delete(&follow_path(&cy), Some(&ada.token)).await;
            answer.expect(StatusCode::NO_CONTENT);
            unfollowed = Some(answer);
        }
        let list = office.get_after(&following, Some(&ada.token), &unfollowed.expect("an answer")).await;
        assert_eq!(of_items(&list, "id"), [json!(bob.id)]);
        let admin = office.admin().await;
        assert_eq!(office.get(&following, Some(&admin.token)).await.body["total"], 1);
        office.get(&following, Some(&bob.token)).await.expect_problem(403, "forbidden");
        office.get(&following, None).await.expect(StatusCode::UNAUTHORIZED);
        let nobody = format!("/api/v1/users/{}/following", Uuid::now_v7());
        office.get(&nobody, Some(&admin.token)).await.expect_problem(404, "not-found");
    }

    async fn only_other_hosts_can_be_followed(office: &BoxOffice) {
        let (ada, bob) = (office.register("attendee").await, office.register("host").await);
        let follow = |who: &Person, whom: &str| {
            let (path, token) = (format!("/api/v1/users/{whom}/follow"), who.token.clone());
            async move { office.put(&path, Some(&token), &Value::Null).await }
        };
        follow(&bob, &ada.id).await.expect_problem(409, "not-a-host");
        follow(&bob, &bob.id).await.expect_problem(409, "cannot-follow-oneself");
        for nobody in [Uuid::now_v7().to_string(), "nobody".to_owned()] {
            follow(&ada, &nobody).await.expect_problem(404, "not-found");
            let path = format!("/api/v1/users/{nobody}/follow");
            office.delete(&path, Some(&ada.token)).await.expect_problem(404, "not-found");
        }
        office.put(&follow_path(&bob), None, &Value::Null).await.expect(StatusCode::UNAUTHORIZED);
        office.delete(&follow_path(&bob), None).await.expect(StatusCode::UNAUTHORIZED);
    }
}
