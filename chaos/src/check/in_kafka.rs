//! I4: Kafka carries every logged event, by key in order, the same each time, and nothing else.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers},
};

use crate::{
    check::Findings,
    evidence::Evidence,
    journal::{Entries, StreamKey},
    records,
};

/// What was read, until it is held against the evidence.
#[derive(Default)]
struct Carried {
    /// The first occurrence of each event: its hash, whatever came.
    first: HashMap<StreamKey, HashMap<i64, [u8; 32]>>,
    /// The order in which sequences of a stream first occurred.
    order: HashMap<StreamKey, Vec<i64>>,
    /// Event id and payload hash of first occurrences.
    content: HashMap<(StreamKey, i64), (String, [u8; 32])>,
    records: u64,
    wrong: Vec<String>,
}

pub(super) async fn check(
    brokers: &str,
    journal: &Entries,
    evidence: &Evidence,
    findings: &mut Findings,
) -> Result<()> {
    let brokers = brokers.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let partitions = records::partitions(&records::consumer(&brokers, "chaos-reader")?)?;
        let mut carried = Carried::default();
        records::read(&brokers, &partitions, |partition, record| {
            carried.add(partition.stream_type, record);
            Ok(())
        })?;
        anyhow::Ok(carried)
    });
    let carried = read.await??;
    findings.compared("records of Kafka", carried.records);
    let lost: HashSet<&StreamKey> = journal.lost_in_kafka.iter().collect();
    findings.violations("I4", carried.out_of_order(&lost));
    findings.violations("I4", carried.missing(evidence));
    findings.violations("I4", carried.others(evidence));
    findings.violations("I4", carried.wrong);
    Ok(())
}

impl Carried {
    fn add(&mut self, stream_type: &str, record: &BorrowedMessage<'_>) {
        self.records += 1;
        let place = format!("{}-{} at {}", record.topic(), record.partition(), record.offset());
        let key = record.key().map(|key| String::from_utf8_lossy(key).into_owned()).unwrap_or_default();
        let sequence = records::header(record, "ce_sequence").and_then(|text| text.parse().ok());
        let (Some(sequence), Some(event_id)) = (sequence, records::header(record, "ce_id")) else {
            self.wrong.push(format!("the record {place} says no ce_sequence or no ce_id"));
            return;
        };
        if records::header(record, "ce_subject") != Some(key.as_str()) {
            self.wrong.push(format!("the record {place} has another ce_subject than its key {key}"));
        }
        let stream = (stream_type.to_owned(), key);
        let hash = hash(record);
        let of_stream = self.first.entry(stream.clone()).or_default();
        if let Some(first) = of_stream.get(&sequence) {
            if *first != hash {
                self.wrong.push(format!(
                    "the record {place} is not the same as the first of {stream:?} {sequence}"
                ));
            }
            return;
        }
        of_stream.insert(sequence, hash);
        self.order.entry(stream.clone()).or_default().push(sequence);
        let payload = *blake3::hash(record.payload().unwrap_or_default()).as_bytes();
        self.content.insert((stream, sequence), (event_id.to_owned(), payload));
    }

    /// Where Kafka has lost records, later ones may have come before they came back.
    fn out_of_order(&self, lost: &HashSet<&StreamKey>) -> Vec<String> {
        let streams = self.order.iter().filter(|(stream, _)| !lost.contains(stream));
        let wrong = streams.filter_map(|((kind, id), order)| {
            let (place, found) = (1..).zip(order).find(|(place, found)| place != *found)?;
            Some(format!("{kind}:{id}: {found} is the first where {place} was to come"))
        });
        wrong.collect()
    }

    fn missing(&self, evidence: &Evidence) -> Vec<String> {
        let mut missing = vec![];
        for (stream, events) in &evidence.streams {
            let carried = self.first.get(stream);
            for event in events.iter().filter(|event| event.global_position.is_some()) {
                if !carried.is_some_and(|carried| carried.contains_key(&event.sequence)) {
                    missing.push(format!(
                        "Kafka does not have {} {} of {stream:?}",
                        event.event_type, event.sequence
                    ));
                }
            }
        }
        missing
    }

    /// What is in Kafka and not, or not so, in events.
    fn others(&self, evidence: &Evidence) -> Vec<String> {
        let mut others = vec![];
        for ((stream, sequence), (event_id, payload)) in &self.content {
            let stored = evidence.streams.get(stream);
            let stored = stored.and_then(|events| events.iter().find(|event| event.sequence == *sequence));
            match stored {
                None => others.push(format!("{stream:?} {sequence} is in Kafka and not in events")),
                Some(stored)
                    if stored.event_id.to_string() != *event_id || stored.payload_hash != *payload =>
                {
                    others.push(format!("{stream:?} {sequence} is another event in Kafka than in events"));
                }
                Some(_) => {}
            }
        }
        others
    }
}

/// Of the value and all headers.
fn hash(record: &BorrowedMessage<'_>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    add(record.payload().unwrap_or_default());
    for header in record.headers().iter().flat_map(|headers| headers.iter()) {
        add(header.key.as_bytes());
        add(header.value.unwrap_or_default());
    }
    *hasher.finalize().as_bytes()
}
