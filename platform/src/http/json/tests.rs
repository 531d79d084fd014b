use serde::Deserialize;
use serde_json::Value;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Thing {
    name: String,
    count: Option<u32>,
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Part {
    part_name: String,
    kind: Option<Kind>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Small,
    Large,
}

fn faults<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> Vec<(String, String)> {
    let problem = parse::<T>(text.as_bytes()).expect_err(text);
    assert_eq!(problem.code(), "invalid-fields", "{text}");
    problem.errors().iter().map(|e| (e.field.clone(), e.message.clone())).collect()
}

fn fault(text: &str) -> (String, String) {
    let mut faults = faults::<Thing>(text);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

fn expect_fault(text: &str, field: &str, message: &str) {
    assert_eq!(fault(text), (field.to_owned(), message.to_owned()), "{text}");
}

#[test]
fn a_good_body_is_parsed() {
    let thing: Thing =
        parse(br#" {"name": "a", "count": 3, "parts": [{"partName": "b", "kind": "small"}]} "#).unwrap();
    assert_eq!(thing.parts, [Part { part_name: "b".to_owned(), kind: Some(Kind::Small) }]);
    assert_eq!((thing.name.as_str(), thing.count), ("a", Some(3)));
}

#[test]
fn every_fault_names_its_field() {
    let whole = "must be a whole number from 0 to 4294967295";
    expect_fault("{}", "name", "is required");
    expect_fault(r#"{"name": 1}"#, "name", "must be text");
    expect_fault(r#"{"name": null}"#, "name", "must be text");
    expect_fault(r#"{"name": "a", "count": "3"}"#, "count", whole);
    expect_fault(r#"{"name": "a", "count": -3}"#, "count", whole);
    expect_fault(r#"{"name": "a", "count": 1.5}"#, "count", whole);
    expect_fault(r#"{"name": "a", "count": 4294967296}"#, "count", whole);
    expect_fault(r#"{"name": "a", "parts": {}}"#, "parts", "must be a list");
    expect_fault(r#"{"name": "a", "parts": [{"partName": "b"}, 7]}"#, "parts[1]", "must be an object");
    expect_fault(r#"{"name": "a", "parts": [{}]}"#, "parts[0].partName", "is required");
    expect_fault(r#"{"name": "a", "parts": [{"partName": false}]}"#, "parts[0].partName", "must be text");
    expect_fault(
        r#"{"name": "a", "parts": [{"partName": "b", "kind": "huge"}]}"#,
        "parts[0].kind",
        "must be small or large",
    );
}

#[test]
fn an_unknown_field_is_refused_whether_or_not_the_type_says_so() {
    expect_fault(r#"{"name": "a", "nmae": 1}"#, "nmae", "is not a known field");
    expect_fault(
        r#"{"name": "a", "parts": [{"partName": "b", "x": 1}]}"#,
        "parts[0].x",
        "is not a known field",
    );
    let both = faults::<Thing>(r#"{"name": "a", "x": {"deep": 1}, "y": 2}"#);
    assert_eq!(both.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["x", "y"]);
}

#[test]
fn a_key_given_twice_is_refused_wherever_it_is() {
    expect_fault(r#"{"name": "a", "name": "b"}"#, "name", "is given more than once");
    let anywhere = faults::<Anything>(r#"{"any": [{"a": 1, "a": 2}]}"#);
    assert_eq!(anywhere, [("any[0].a".to_owned(), "is given more than once".to_owned())]);
}

#[test]
fn the_character_nul_is_refused_wherever_it_is() {
    let message = "must not contain the character NUL";
    expect_fault(r#"{"name": "a\u0000b"}"#, "name", message);
    let anywhere = faults::<Anything>(r#"{"any": [1, {"a\u0000": 2}]}"#);
    assert_eq!(anywhere, [("any[1].…".to_owned(), message.to_owned())]);
}

#[derive(Debug, Deserialize)]
struct Anything {
    #[expect(dead_code, reason = "only whether it can be parsed matters")]
    any: Vec<Value>,
}

#[test]
fn only_an_object_is_a_body() {
    for text in ["[]", "[\"a\", 1, []]", "\"name\"", "null", "7", "true"] {
        expect_fault(text, "body", "must be a JSON object");
    }
}

#[test]
fn what_is_not_json_is_not_understood() {
    let deep = "[".repeat(100_000);
    for text in [
        "",
        " ",
        "{",
        "{\"name\": \"a\"",
        "{name: 1}",
        "{\"name\": \"a\"} x",
        "{\"name\": 'a'}",
        "{\"name\": \"a\",}",
        "{\"name\": \"\\ud800\"}",
        "{\"count\": 1e999}",
        "nul",
        &deep,
    ] {
        let problem = parse::<Thing>(text.as_bytes()).expect_err(text);
        assert_eq!((problem.status().as_u16(), problem.code()), (400, "not-understood"), "{text}");
    }
    assert_eq!(parse::<Thing>(b"{\"name\": \"\xff\"}").expect_err("not UTF-8").code(), "not-understood");
}

#[test]
fn an_answer_lists_a_bounded_number_of_faults() {
    let many: Vec<String> = (0..1000).map(|n| format!("\"f{n}\": \"\\u0000\"")).collect();
    assert_eq!(faults::<Thing>(&format!("{{{}}}", many.join(","))).len(), MAX_FIELD_ERRORS);
    let many: Vec<String> = (0..1000).map(|n| format!("\"f{n}\": 1")).collect();
    assert_eq!(faults::<Thing>(&format!("{{\"name\": \"a\", {}}}", many.join(","))).len(), MAX_FIELD_ERRORS);
}
