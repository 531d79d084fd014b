//! Personal data inside payloads: sealed with the person's data key before anything is written.
//!
//! The JSON object `{"subject": id, "clear": text}` becomes `{"subject": id, "sealed": base64}` and back, wherever it
//! stands in a payload. The ciphertext is bound to the stream and to the event's id. Deleting the person's row in
//! `subject_keys` makes all of it unreadable.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    MasterKey, StoredEvent, StreamId,
    master_key::{SealingKey, Unopenable},
};

type SubjectKeys = HashMap<Uuid, SealingKey>;

/// A quick look before a payload is parsed. Inside a JSON string the quotes would be escaped.
pub(crate) fn has_clear(payload: &str) -> bool {
    payload.contains("\"clear\":")
}

pub(crate) fn has_sealed(payload: &str) -> bool {
    payload.contains("\"sealed\":") || payload.contains("\"sealed\" :")
}

fn context(stream: &StreamId, event_id: Uuid) -> String {
    format!("{stream}/{event_id}")
}

/// Calls `visit` with the subject of each object that has exactly the keys `subject` and `form`.
fn visit(value: &mut Value, form: &str, apply: &mut impl FnMut(Uuid, &mut Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            let subject = (map.len() == 2 && map.get(form).is_some_and(Value::is_string))
                .then(|| map.get("subject").and_then(Value::as_str).and_then(|s| s.parse().ok()))
                .flatten();
            match subject {
                Some(subject) => apply(subject, map),
                None => map.values_mut().for_each(|v| visit(v, form, apply)),
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|v| visit(v, form, apply)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn subjects(value: &mut Value, form: &str) -> Vec<Uuid> {
    let mut subjects = Vec::new();
    visit(value, form, &mut |subject, _| subjects.push(subject));
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}

/// Seals a payload; makes the data keys of persons who have none.
pub(crate) async fn seal_in_tx(
    tx: &mut PgConnection,
    master_key: &MasterKey,
    stream: &StreamId,
    event_id: Uuid,
    payload: &str,
) -> Result<String, sqlx::Error> {
    let mut value: Value = serde_json::from_str(payload).map_err(|e| sqlx::Error::Encode(e.into()))?;
    let subjects = subjects(&mut value, "clear");
    for subject in &subjects {
        let wrapped = master_key.wrap(SealingKey::random().bytes(), &key_context(*subject));
        sqlx::query(
            "insert into subject_keys (subject_id, wrapped_key) values ($1, $2) on conflict do nothing",
        )
        .bind(subject)
        .bind(wrapped)
        .execute(&mut *tx)
        .await?;
    }
    let keys = subject_keys(tx, master_key, &subjects).await?;
    if let Some(subject) = subjects.iter().find(|subject| !keys.contains_key(subject)) {
        return Err(sqlx::Error::Decode(format!("the data key of {subject} cannot be opened").into()));
    }
    let context = context(stream, event_id);
    visit(&mut value, "clear", &mut |subject, map| {
        let clear = map.remove("clear");
        let clear = clear.as_ref().and_then(Value::as_str).unwrap_or_default();
        let key = keys.get(&subject).expect("looked at above");
        let sealed = BASE64.encode(key.seal(clear.as_bytes(), context.as_bytes()));
        map.insert("sealed".to_owned(), Value::String(sealed));
    });
    Ok(value.to_string())
}

/// Opens what can be opened in these events. What was erased stays sealed.
pub(crate) async fn open(
    connection: &mut PgConnection,
    master_key: &MasterKey,
    events: &mut [StoredEvent],
) -> Result<(), sqlx::Error> {
    let mut parsed = Vec::new();
    let mut wanted = Vec::new();
    for (index, event) in events.iter().enumerate().filter(|(_, e)| has_sealed(&e.payload)) {
        if let Ok(mut value) = serde_json::from_str::<Value>(&event.payload) {
            wanted.extend(subjects(&mut value, "sealed"));
            parsed.push((index, value));
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    wanted.sort_unstable();
    wanted.dedup();
    let keys = subject_keys(connection, master_key, &wanted).await?;
    for (index, mut value) in parsed {
        let event = &mut events[index];
        let context = context(&event.stream, event.event_id);
        visit(&mut value, "sealed", &mut |subject, map| {
            let sealed = map.get("sealed").and_then(Value::as_str).unwrap_or_default();
            if let Some(clear) = keys.get(&subject).and_then(|key| open_text(key, sealed, &context).ok()) {
                map.remove("sealed");
                map.insert("clear".to_owned(), Value::String(clear));
            }
        });
        event.payload = value.to_string();
    }
    Ok(())
}

fn open_text(key: &SealingKey, sealed: &str, context: &str) -> Result<String, Unopenable> {
    let sealed = BASE64.decode(sealed).map_err(|_| Unopenable)?;
    String::from_utf8(key.open(&sealed, context.as_bytes())?).map_err(|_| Unopenable)
}

fn key_context(subject: Uuid) -> String {
    format!("data key of {subject}")
}

async fn subject_keys(
    connection: &mut PgConnection,
    master_key: &MasterKey,
    subjects: &[Uuid],
) -> Result<SubjectKeys, sqlx::Error> {
    let rows: Vec<(Uuid, Vec<u8>)> =
        sqlx::query_as("select subject_id, wrapped_key from subject_keys where subject_id = any($1)")
            .bind(subjects)
            .fetch_all(connection)
            .await?;
    let keys = rows.into_iter().filter_map(|(subject, wrapped)| {
        let key = master_key.unwrap(&wrapped, &key_context(subject))?;
        Some((subject, SealingKey::from_slice(&key).ok()?))
    });
    Ok(keys.collect())
}
