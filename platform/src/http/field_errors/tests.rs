use super::*;

fn worded(message: &str) -> String {
    translate(FieldPath::default(), message, "body").message
}

#[test]
fn messages_are_for_people() {
    for (serde, words) in [
        (
            "invalid type: string \"a\", expected u32 at line 1 column 9",
            "must be a whole number from 0 to 4294967295",
        ),
        ("invalid value: integer `-5`, expected u8", "must be a whole number from 0 to 255"),
        ("invalid type: integer `1`, expected a string at line 1 column 2", "must be text"),
        ("invalid type: map, expected a boolean", "must be true or false"),
        ("invalid type: null, expected struct CreateThing at line 1 column 4", "must be an object"),
        ("invalid type: string \"x\", expected a sequence", "must be a list"),
        ("invalid type: string \", expected u8\", expected a boolean", "must be true or false"),
        ("unknown variant `king`, expected `host` or `attendee`", "must be `host` or `attendee`"),
        ("unknown variant `d`, expected one of `a`, `b`, `c` at line 2 column 3", "must be one of a, b, c"),
        ("data did not match any variant of untagged enum Choice", "has none of the allowed shapes"),
        ("invalid digit found in string", "must be a whole number"),
        ("invalid length 1, expected a tuple of size 2", "has the wrong type"),
        ("must have at least 8 characters at line 1 column 30", "must have at least 8 characters"),
    ] {
        assert_eq!(worded(serde).replace('`', ""), words.replace('`', ""), "{serde}");
    }
}

#[test]
fn the_field_of_a_missing_or_unknown_one_is_its_own_name() {
    let mut parent = FieldPath::default();
    parent.push_key("types");
    parent.push_index(2);
    let error = translate(parent.clone(), "missing field `name` at line 1 column 2", "body");
    assert_eq!(error, FieldError::new("types[2].name", "is required"));
    let error = translate(parent, "unknown field `nmae`, expected `name`", "body");
    assert_eq!(error, FieldError::new("types[2].nmae", "is not a known field"));
}

#[test]
fn what_no_field_can_be_called_is_not_sent_back() {
    for key in [
        "4242424242424242",
        "_4242_4242_4242_4242",
        "number-4242424242424242",
        "a b",
        "",
        "a\0",
        &"a".repeat(65),
    ] {
        let error =
            translate(FieldPath::default(), &format!("unknown field `{key}`, expected `name`"), "body");
        assert_eq!(error, FieldError::new("…", "is not a known field"), "{key}");
    }
    for key in ["new-event", "_links", "line2", &"a".repeat(64)] {
        let error =
            translate(FieldPath::default(), &format!("unknown field `{key}`, expected `name`"), "body");
        assert_eq!(error, FieldError::new(key, "is not a known field"));
    }
}
