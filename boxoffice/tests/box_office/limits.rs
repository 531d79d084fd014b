//! What a request may hold: the limits that the OpenAPI document states are all there, and are those that are enforced.
//!
//! The document is walked, so a new field is tried without anybody thinking of it; a new command needs an entry in
//! `examples.rs`.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    examples::{Example, examples},
    harness::{Answer, BoxOffice, Source, send, shared, with_token},
};

/// Fields and parameters without a length of their own, and why.
const UNBOUNDED: [(&str, &str); 2] = [
    ("timeZone", "only the names of the time zone database are taken"),
    ("stream", "it is compared with ids and never stored; an address has at most a few kilobytes"),
];

/// Values of the right length are refused here for what they are, not for how long.
const OF_ONE_FORM: [&str; 4] = ["currency", "paymentMethod", "refreshToken", "timeZone"];

/// Credentials: one that is too long is as wrong as any other, and looks the same.
const CREDENTIALS: [(&str, &str); 4] = [
    ("/api/v1/auth/login", "email"),
    ("/api/v1/auth/login", "password"),
    ("/api/v1/auth/password", "currentPassword"),
    ("/api/v1/auth/refresh", "refreshToken"),
];

/// What Stripe sends is Stripe's, and only what it has signed is read.
const OF_STRIPE: &str = "/api/v1/webhooks/stripe";

/// A value at or beyond a limit.
struct Probe {
    /// Where it is in the body, and how an error names it.
    pointer: String,
    field: String,
    value: Value,
    allowed: bool,
}

async fn document(office: &BoxOffice) -> Value {
    office.get("/api/v1/openapi.json", None).await.expect(StatusCode::OK).body.clone()
}

/// A schema without its reference, and without the alternative `null`.
fn resolved<'a>(document: &'a Value, mut schema: &'a Value) -> &'a Value {
    loop {
        if let Some(reference) = schema["$ref"].as_str() {
            schema = document.pointer(reference.trim_start_matches('#')).expect(reference);
        } else if let Some(of) = schema["oneOf"].as_array().filter(|_| schema["properties"].is_null()) {
            let Some(other) = of.iter().find(|one| one["type"] != "null") else { return schema };
            schema = other;
        } else {
            return schema;
        }
    }
}

fn is_of(schema: &Value, kind: &str) -> bool {
    schema["type"] == kind || schema["type"].as_array().is_some_and(|types| types.contains(&json!(kind)))
}

/// What is not said about a text, a number or a list that must be said.
fn missing_limits(schema: &Value) -> Vec<&'static str> {
    let needed: &[&str] = if schema["enum"].is_array() || schema["const"].is_string() {
        &[]
    } else if is_of(schema, "string") {
        let is_one_form = ["uuid", "date-time"].iter().any(|format| schema["format"] == *format);
        if is_one_form { &[] } else { &["maxLength"] }
    } else if is_of(schema, "integer") || is_of(schema, "number") {
        &["minimum", "maximum"]
    } else if is_of(schema, "array") {
        &["maxItems"]
    } else {
        &[]
    };
    needed.iter().copied().filter(|limit| !schema[*limit].is_number()).collect()
}

/// Calls `see` with the path of every value of a body, `tickets[0].quantity` say, and its schema.
fn walk(document: &Value, schema: &Value, at: &str, see: &mut impl FnMut(&str, &Value)) {
    let schema = resolved(document, schema);
    see(at, schema);
    for (name, property) in schema["properties"].as_object().unwrap_or(&Map::new()) {
        let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        walk(document, property, &at, see);
    }
    if !schema["items"].is_null() {
        walk(document, &schema["items"], &format!("{at}[0]"), see);
    }
}

/// Method, path and description of every operation.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &'_ Value)| -> Vec<(String, String)> {
        let methods = item.as_object().expect("operations").keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect()
    };
    let all: Vec<_> = paths.iter().flat_map(of_path).collect();
    all.into_iter()
        .map(|(method, path)| {
            let operation = &document["paths"][&path][method.to_lowercase()];
            (method, path, operation)
        })
        .collect()
}

fn body_schema(operation: &Value) -> Option<&Value> {
    operation.pointer("/requestBody/content/application~1json/schema")
}

#[tokio::test]
async fn every_text_number_and_list_of_a_request_has_limits_in_the_document() {
    let document = document(shared(Source::EventLog).await).await;
    let (mut missing, mut seen) = (Vec::new(), 0);
    let mut see = |operation: &str, at: &str, schema: &Value| {
        seen += 1;
        let name = at.rsplit('.').next().unwrap_or(at);
        if UNBOUNDED.iter().all(|(unbounded, _)| *unbounded != name) {
            missing.extend(
                missing_limits(schema).iter().map(|limit| format!("{operation}: {at} has no {limit}")),
            );
        }
    };
    for (method, path, operation) in operations(&document) {
        let name = format!("{method} {path}");
        if let Some(schema) = body_schema(operation) {
            walk(&document, schema, "", &mut |at, schema| see(&name, at, schema));
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "query" {
                let schema = resolved(&document, &parameter["schema"]);
                see(&name, parameter["name"].as_str().expect("a name"), schema);
            }
        }
    }
    assert_eq!(missing, [] as [&str; 0]);
    assert!(seen > 100, "only {seen} values were looked at");
}

/// Texts at least, at most and beyond; the same for numbers and lists.
fn values(schema: &Value, example: &Value) -> Vec<(Value, bool)> {
    let limit = |name: &str| schema[name].as_i64();
    let text = |chars: i64| -> Value {
        let (chars, domain) = (usize::try_from(chars).unwrap_or(0), "@example.org");
        if schema["format"] == "email" && chars > domain.len() {
            json!(format!("{}{domain}", "x".repeat(chars - domain.len())))
        } else {
            json!("x".repeat(chars))
        }
    };
    let list = |items: i64| json!(vec![example[0].clone(); usize::try_from(items).unwrap_or(0)]);
    let mut values = Vec::new();
    if let Some(max) = limit("maxLength") {
        values.extend([(text(max), true), (text(max + 1), false)]);
    }
    if let Some(min) = limit("minLength").filter(|min| *min > 0) {
        values.extend([(text(min), true), (text(min - 1), false)]);
    }
    if let (Some(min), Some(max)) = (limit("minimum"), limit("maximum")) {
        values.extend([(json!(min), true), (json!(min - 1), false), (json!(max), true)]);
        values.extend(max.checked_add(1).map(|beyond| (json!(beyond), false)));
    }
    if let Some(max) = limit("maxItems") {
        values.push((list(max + 1), false));
    }
    if let Some(min) = limit("minItems").filter(|min| *min > 0) {
        values.push((list(min - 1), false));
    }
    values
}

/// `/tickets/0/quantity` of `tickets[0].quantity`.
fn pointer_of(at: &str) -> String {
    format!("/{}", at.replace("[0]", "/0").replace('.', "/"))
}

fn probes(document: &Value, schema: &Value, body: &Value) -> Vec<Probe> {
    let mut probes = Vec::new();
    walk(document, schema, "", &mut |at, schema| {
        let pointer = pointer_of(at);
        let Some(example) = body.pointer(&pointer).filter(|_| !at.is_empty()) else { return };
        let of_one_form = OF_ONE_FORM.iter().any(|name| at.ends_with(name));
        for (value, allowed) in values(schema, example) {
            if !(allowed && of_one_form) {
                // An amount and a currency are one value to who refuses them.
                let field = at.trim_end_matches(".amount").trim_end_matches(".currency").to_owned();
                probes.push(Probe { pointer: pointer.clone(), field, value, allowed });
            }
        }
    });
    probes
}

/// Whether an answer finds fault with a field, or with something inside it.
fn blames(answer: &Answer, field: &str) -> bool {
    let named = |error: &Value| error["field"].as_str().is_some_and(|named| named.starts_with(field));
    answer.status == 422 && answer.body["errors"].as_array().is_some_and(|errors| errors.iter().any(named))
}

async fn send_example(office: &BoxOffice, example: &Example, body: &Value) -> Answer {
    let request = office.request(example.method.clone(), &example.path);
    send(with_token(request, example.token.as_deref()).json(body)).await
}

#[tokio::test]
async fn the_limits_of_bodies_in_the_document_are_those_that_are_enforced() {
    // Of its own: so many failures to sign in would shut others out.
    let office = BoxOffice::up(None).await;
    let document = document(&office).await;
    let examples = examples(&office).await;
    let (mut tried, mut to_try) = (BTreeSet::new(), BTreeSet::new());
    for example in &examples {
        let operation = &document["paths"][example.route][example.method.as_str().to_lowercase()];
        let schema = body_schema(operation).expect(example.route);
        walk(&document, schema, "", &mut |at, schema| {
            if !values(schema, &Value::Null).is_empty() {
                to_try.insert((example.route, pointer_of(at)));
            }
        });
        for probe in probes(&document, schema, &example.body) {
            let mut body = example.body.clone();
            *body.pointer_mut(&probe.pointer).expect("an example") = probe.value.clone();
            let answer = send_example(&office, example, &body).await;
            let what = format!("{} {} {}", example.method, example.route, probe.field);
            let size = probe.value.to_string().len();
            let said = format!("{what} ({size} characters of JSON): {} {}", answer.status, answer.body);
            let is_credential = CREDENTIALS.contains(&(example.route, probe.field.as_str()));
            if is_credential && !probe.allowed {
                assert!(answer.status == 401 || blames(&answer, &probe.field), "{said}");
            } else {
                assert_eq!(blames(&answer, &probe.field), !probe.allowed, "{said}");
            }
            tried.insert((example.route, probe.pointer));
        }
    }
    let untried: Vec<_> = to_try.difference(&tried).collect();
    assert!(untried.is_empty(), "no example has {untried:?}");
    assert!(tried.len() > 30, "only {} fields were tried", tried.len());
    for (method, path, operation) in operations(&document) {
        let is_tried =
            examples.iter().any(|example| example.method.as_str() == method && example.route == path);
        let is_stripes = path == OF_STRIPE;
        let has_none = body_schema(operation).is_none();
        assert!(is_tried || is_stripes || has_none, "there is no example of {method} {path}");
    }
}

#[tokio::test]
async fn the_limits_of_parameters_in_the_document_are_those_that_are_enforced() {
    let office = shared(Source::EventLog).await;
    let document = document(office).await;
    let (host, event) = office.event(1).await;
    let admin = office.admin().await;
    // The event's token tells nothing of these two.
    office.until_known(&host).await;
    office.until_known(&admin).await;
    let mut tried = 0;
    for (method, route, operation) in operations(&document) {
        let is_admins = route.contains("/audit/") || route.contains("/refunds");
        let token = if is_admins { &admin.token } else { &host.token };
        let id = if route.contains("/users/") { host.id.clone() } else { event.text("/id") };
        let path = route.replace("{type}", "event").replace("{id}", &id);
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] != "query" {
                continue;
            }
            let name = parameter["name"].as_str().expect("a name");
            for (value, allowed) in values(resolved(&document, &parameter["schema"]), &Value::Null) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let answer = office.get_after(&format!("{path}?{name}={value}"), Some(token), &event).await;
                let said = format!("{method} {route}?{name}={value}: {} {}", answer.status, answer.body);
                // No text of the longest length is a cursor.
                if !(allowed && name == "cursor") {
                    assert_eq!(blames(&answer, name), !allowed, "{said}");
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 50, "only {tried} values were tried");
}

#[tokio::test]
async fn an_unknown_field_is_refused_by_every_command() {
    let office = shared(Source::EventLog).await;
    for example in examples(office).await {
        let mut body = example.body.clone();
        body["surprise"] = json!(true);
        send_example(office, &example, &body).await.expect_invalid("surprise");
    }
}
