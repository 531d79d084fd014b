//! Kafka: old records once more, and its newest records lost.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rdkafka::{
    ClientConfig, Message,
    message::{Headers, OwnedHeaders, OwnedMessage},
    producer::{BaseProducer, BaseRecord, Producer},
};

use super::{Done, Nemesis};
use crate::{dice::Dice, journal::StreamKey, records};

/// Most old records that are sent again at once.
const OLD_RECORDS: i64 = 2_000;
const SEND_DEADLINE: Duration = Duration::from_secs(20);
/// Batches that a partition loses, at the most.
const LOST_BATCHES: u64 = 20;
/// How often the mending is tried: other faults may be in its way.
const RECONCILE_TRIES: u32 = 20;
/// How long what was sent may take to the broker's log.
const ON_THE_WAY: Duration = Duration::from_millis(500);
const RECONCILE_PAUSE: Duration = Duration::from_secs(2);

impl Nemesis {
    pub(super) async fn old_records_again(&self, dice: &mut Dice) -> Result<Done> {
        let (brokers, mut dice) = (self.cluster.brokers.clone(), dice.clone());
        // Nobody breaks the broker meanwhile.
        let _kafka = self.cluster.kafka.lock().await;
        let sent = tokio::task::spawn_blocking(move || send_again(&brokers, &mut dice)).await?;
        if sent? == 0 {
            bail!("there are no records yet");
        }
        Ok(Done::Yes)
    }

    pub(super) async fn kafka_loses_records(&self, dice: &mut Dice) -> Result<Done> {
        let mut kafka = self.cluster.kafka.lock().await;
        // Nobody sends anything from here until it is lost, so that it is known what was.
        let mut relays = vec![];
        for relay in self.cluster.roles_of("relay") {
            relays.push(relay.running.lock().await);
        }
        relays.iter_mut().for_each(|relay| relay.process.pause());
        tokio::time::sleep(ON_THE_WAY).await;
        let before = self.offsets_of_streams().await;
        let mut cut = Ok(HashMap::new());
        if before.is_ok() {
            kafka.kill_hard();
            cut = lose_newest(&kafka.data_dir(), dice);
            kafka.restart().await;
        }
        relays.iter_mut().for_each(|relay| relay.process.resume());
        drop((relays, kafka));
        let (before, cut) = (before?, cut?);
        if cut.is_empty() {
            bail!("there were no records to lose");
        }
        let is_lost = |(partition, offset, _): &(String, i64, StreamKey)| {
            cut.get(partition).is_some_and(|cut| offset >= cut)
        };
        let lost = before.into_iter().filter(is_lost).map(|(_, _, stream)| stream);
        self.journal.entries().lost_in_kafka.extend(lost);
        self.reconcile().await
    }

    async fn reconcile(&self) -> Result<Done> {
        let mut last = String::new();
        for _ in 0..RECONCILE_TRIES {
            last = match self.cluster.output("relay reconcile").await {
                Ok(done) if done.status.success() => return Ok(Done::Yes),
                Ok(Output { stdout, stderr, .. }) => {
                    format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
                }
                Err(error) => format!("{error:#}"),
            };
            tokio::time::sleep(RECONCILE_PAUSE).await;
        }
        let finding =
            format!("`boxoffice relay reconcile` failed {RECONCILE_TRIES} times; at last it said:\n{last}");
        self.journal.entries().findings.push(("I4", finding));
        Ok(Done::Yes)
    }

    /// Partition, offset and stream of every record.
    async fn offsets_of_streams(&self) -> Result<Vec<(String, i64, StreamKey)>> {
        let brokers = self.cluster.brokers.clone();
        let read = tokio::task::spawn_blocking(move || {
            let partitions = records::partitions(&records::consumer(&brokers, "chaos-reader")?)?;
            let mut offsets = vec![];
            records::read(&brokers, &partitions, |partition, record| {
                let key = String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned();
                let folder = format!("{}-{}", partition.topic, partition.number);
                offsets.push((folder, record.offset(), (partition.stream_type.to_owned(), key)));
                Ok(())
            })?;
            anyhow::Ok(offsets)
        });
        read.await?
    }
}

/// Records of somewhere in each partition, byte for byte, to the same partition.
fn send_again(brokers: &str, dice: &mut Dice) -> Result<usize> {
    let mut partitions = records::partitions(&records::consumer(brokers, "chaos-reader")?)?;
    let share = OLD_RECORDS / i64::try_from(partitions.len().max(1)).unwrap_or(1);
    for partition in &mut partitions {
        let length = (partition.high - partition.low).max(0);
        let start = if length > share { dice.between(0..=(length - share) as u64) as i64 } else { 0 };
        partition.low += start;
        partition.high = partition.high.min(partition.low + share);
    }
    let mut old: Vec<OwnedMessage> = vec![];
    records::read(brokers, &partitions, |_, record| {
        old.push(record.detach());
        Ok(())
    })?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", SEND_DEADLINE.as_millis().to_string())
        .create()?;
    for record in &old {
        let headers = record
            .headers()
            .map(|headers| headers.iter().fold(OwnedHeaders::new(), |copied, header| copied.insert(header)));
        let mut again: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(record.topic()).partition(record.partition()).headers(headers.unwrap_or_default());
        again.key = record.key();
        again.payload = record.payload();
        again.timestamp = record.timestamp().to_millis();
        producer.send(again).map_err(|(error, _)| error)?;
    }
    producer.flush(SEND_DEADLINE)?;
    Ok(old.len())
}

/// Cuts the last batches off the newest segment of each partition, as a disk does that had not written them; the first
/// offset that each has lost.
fn lose_newest(data: &Path, dice: &mut Dice) -> Result<HashMap<String, i64>> {
    let mut lost = HashMap::new();
    let mut folders = fs::read_dir(data)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !records::TOPICS.iter().any(|(topic, _)| name.starts_with(topic)) {
            continue;
        }
        let Some(segment) = newest_segment(&folder)? else { continue };
        let batches = batches(&segment)?;
        let cut = dice.between(0..=LOST_BATCHES).min(batches.len() as u64) as usize;
        if cut > 0 {
            let (at, offset) = batches[batches.len() - cut];
            OpenOptions::new().write(true).open(&segment)?.set_len(at)?;
            lost.insert(name, offset);
        }
    }
    // Otherwise the broker believes that everything up to its checkpoint is there.
    for checkpoint in
        ["recovery-point-offset-checkpoint", "replication-offset-checkpoint", ".kafka_cleanshutdown"]
    {
        let file = data.join(checkpoint);
        if file.exists() {
            fs::remove_file(file)?;
        }
    }
    Ok(lost)
}

fn newest_segment(folder: &Path) -> Result<Option<PathBuf>> {
    let mut segments = vec![];
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "log") {
            segments.push(file);
        }
    }
    Ok(segments.into_iter().max())
}

/// Where each batch begins, and its first offset: 8 bytes base offset, 4 bytes length of what follows, and so on
/// (<https://kafka.apache.org/documentation/#recordbatch>).
fn batches(segment: &Path) -> Result<Vec<(u64, i64)>> {
    const HEAD: u64 = 12;
    let mut file = File::open(segment)?;
    let length = file.metadata()?.len();
    let (mut at, mut batches) = (0, vec![]);
    while at + HEAD <= length {
        let mut head = [0; HEAD as usize];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut head)?;
        let offset = i64::from_be_bytes(head[..8].try_into().context("eight bytes")?);
        let follows = u32::from_be_bytes(head[8..].try_into().context("four bytes")?);
        // A segment may be longer than what is in it.
        if follows == 0 || at + HEAD + u64::from(follows) > length {
            break;
        }
        batches.push((at, offset));
        at += HEAD + u64::from(follows);
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_found_up_to_where_a_segment_is_only_reserved() {
        let batch = |offset: i64, bytes: usize| {
            let length = u32::try_from(bytes).expect("small").to_be_bytes();
            [&offset.to_be_bytes()[..], &length, &vec![1; bytes]].concat()
        };
        let segment = std::env::temp_dir().join(format!("chaos-segment-{}", std::process::id()));
        fs::write(&segment, [batch(5, 20), batch(9, 3), vec![0; 40]].concat()).expect("a file");
        let found = batches(&segment);
        fs::remove_file(&segment).expect("it is there");
        assert_eq!(found.expect("it can be read"), [(0, 5), (32, 9)]);
    }
}
