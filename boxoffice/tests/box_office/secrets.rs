//! Looking for keys and cards in all that is kept: logs, events, errors, read models.

use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use crate::{
    harness::{BoxOffice, Person},
    stripe::{KEY, WEBHOOK_SECRET, payment_path},
};

/// A card's number, where nobody should send one.
const CARD_NUMBER: &str = "4242424242424242";
/// As a gateway's form gives it; nobody has heard of it.
const PAYMENT_METHOD: &str = "pm_1Nx5ecretMethodOfABuyer";

/// Tries to pay with what must be kept nowhere; what was answered.
pub(crate) async fn sends_secrets(office: &BoxOffice, attendee: &Person, booking_id: &str) -> String {
    let mut answers = String::new();
    for body in [
        json!({ "paymentMethod": CARD_NUMBER }),
        json!({ "paymentMethod": format!("pm_{CARD_NUMBER}") }),
        json!({ "paymentMethod": format!("pm_card_{CARD_NUMBER}") }),
        json!({ "paymentMethod": "pm_card_visa", "number": CARD_NUMBER }),
        json!({ "paymentMethod": { "card": { "number": CARD_NUMBER } } }),
        json!({ "paymentMethod": "pm_card_visa", CARD_NUMBER: "12/30" }),
        json!({ "paymentMethod": { CARD_NUMBER: "12/30" } }),
    ] {
        let refused = office.post(&payment_path(booking_id), Some(&attendee.token), &body).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        // The example is ours.
        answers += &refused.body.to_string().replace("such as pm_card_visa", "");
    }
    let body = json!({ "paymentMethod": PAYMENT_METHOD });
    let refused = office.post(&payment_path(booking_id), Some(&attendee.token), &body).await;
    assert!(refused.status.is_client_error() || refused.status.is_server_error(), "{}", refused.body);
    answers + &refused.body.to_string()
}

/// What the processes have printed, and every row of both sides: each place with its text.
pub(crate) async fn everything_kept(office: &BoxOffice) -> Vec<(String, String)> {
    let logs = office.processes.iter().map(|process| ("log".to_owned(), process.output()));
    logs.chain(every_row(office).await).collect()
}

/// What is not there shows that a search for something else would find nothing either.
pub(crate) fn expect_in(everything: &[(String, String)], place: &str, text: &str) {
    let is_there = everything.iter().any(|(at, all)| at == place && all.contains(text));
    assert!(is_there, "{text} is not in {place}");
}

pub(crate) fn expect_no_secrets(everything: &[(String, String)]) {
    let secrets = [
        KEY,
        WEBHOOK_SECRET,
        CARD_NUMBER,
        PAYMENT_METHOD,
        "_secret_fake",
        "pm_card",
        "last4",
        "buyer@example.org",
    ];
    for (place, text) in everything {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}

/// All tables of both sides, each as text.
async fn every_row(office: &BoxOffice) -> Vec<(String, String)> {
    let mut database = PgConnection::connect(office.database.url()).await.expect("connects");
    // Bytes as what they spell, such as those of a snapshot.
    sqlx::query("set bytea_output = 'escape'").execute(&mut database).await.expect("set");
    let tables: Vec<(String, String)> = sqlx::query_as(
        "select table_schema::text, table_name::text from information_schema.tables
         where table_schema in ('public', 'read_model') and table_type = 'BASE TABLE'",
    )
    .fetch_all(&mut database)
    .await
    .expect("reads");
    let mut rows = Vec::new();
    for (schema, table) in tables {
        let query = format!("select coalesce(string_agg(t::text, ' '), '') from {schema}.{table} t");
        let text: String = sqlx::query_scalar(&query).fetch_one(&mut database).await.expect("reads");
        rows.push((format!("{schema}.{table}"), text));
    }
    rows
}
