use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    limit: Option<u8>,
    event_id: Option<String>,
    order: Option<Order>,
    unread: Option<bool>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Order {
    Asc,
    Desc,
}

fn fault(query: &str) -> (String, String) {
    let errors = parse::<Page>(query).expect_err(query);
    assert_eq!(errors.len(), 1, "{errors:?}");
    (errors[0].field.clone(), errors[0].message.clone())
}

fn expect_fault(query: &str, field: &str, message: &str) {
    assert_eq!(fault(query), (field.to_owned(), message.to_owned()), "{query}");
}

#[test]
fn a_good_query_is_parsed() {
    let page: Page = parse("limit=10&eventId=a%20b+c&order=desc&unread=true").unwrap();
    let expected = Page {
        limit: Some(10),
        event_id: Some("a b c".to_owned()),
        order: Some(Order::Desc),
        unread: Some(true),
    };
    assert_eq!(page, expected);
    assert_eq!(parse::<Page>("").unwrap().limit, None);
}

#[test]
fn every_fault_names_its_parameter() {
    expect_fault("limit=ten", "limit", "must be a whole number");
    expect_fault("limit=", "limit", "must be a whole number");
    expect_fault("limit=256", "limit", "is too large");
    expect_fault("order=up", "order", "must be asc or desc");
    expect_fault("unread=maybe", "unread", "must be true or false");
    expect_fault("limit=1&lmit=2", "lmit", "is not a known field");
    expect_fault("limit=1&limit=1", "limit", "is given more than once");
    expect_fault("eventId=a%00b", "eventId", "must not contain the character NUL");
}
