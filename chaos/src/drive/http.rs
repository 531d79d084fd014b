//! One request: sent, its outcome told apart, and both written into the journal.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use chrono::Utc;
use reqwest::{Client, Method, Response};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    dice::Dice,
    journal::{Attempt, Journal, Outcome, StreamKey, Success},
};

/// How long a client waits for an answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(4);

/// The write edge, by all of its processes.
pub(crate) struct Api {
    commands: Vec<String>,
    client: Client,
    pub(super) journal: Arc<Journal>,
}

/// A command as it is sent, and sent again.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Its place in the journal.
    pub(super) command: usize,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) key: Option<String>,
    pub(super) body: Option<Value>,
}

/// What a client goes on with.
#[derive(Debug)]
pub(super) enum Answer {
    Ok(Value),
    Refused { status: u16 },
    Unknown,
}

impl Api {
    pub(super) fn new(commands: Vec<String>, journal: Arc<Journal>) -> Result<Self> {
        let client = Client::builder().timeout(ANSWER_DEADLINE).build()?;
        Ok(Self { commands, client, journal })
    }

    /// Sends it to one of the processes.
    pub(super) async fn send(&self, request: &Request, token: Option<&str>, dice: &mut Dice) -> Answer {
        let base = &self.commands[dice.below(self.commands.len())];
        let correlation = Uuid::now_v7();
        let mut builder = self.client.request(request.method.clone(), format!("{base}{}", request.path));
        builder = builder.header("x-request-id", correlation.to_string());
        if let Some(token) = token {
            builder = builder.bearer_auth(token);
        }
        if let Some(key) = &request.key {
            builder = builder.header("idempotency-key", key);
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let started = Utc::now();
        let (outcome, answer) = match builder.send().await {
            Ok(response) => outcome_of(response).await,
            Err(error) => (Outcome::Unknown { why: error.to_string() }, Answer::Unknown),
        };
        let attempt = Attempt { command: request.command, correlation, started, ended: Utc::now(), outcome };
        self.journal.entries().attempts.push(attempt);
        answer
    }
}

async fn outcome_of(response: Response) -> (Outcome, Answer) {
    let status = response.status();
    let token = response.headers().get("consistency-token").and_then(|token| token.to_str().ok());
    let written = token.map(parse_token).unwrap_or_default();
    let Ok(bytes) = response.bytes().await else {
        let why = format!("{status}, and the answer broke off");
        return (Outcome::Unknown { why }, Answer::Unknown);
    };
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if status.is_success() {
        let id = body["id"].as_str().and_then(|id| id.parse().ok());
        let digest = *blake3::hash(&bytes).as_bytes();
        return (Outcome::Ok(Success { status: status.as_u16(), id, digest, written }), Answer::Ok(body));
    }
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    // Of all answers that something failed, this one alone says that nothing was done.
    let is_definite = status.is_client_error() || code == "busy";
    let status = status.as_u16();
    if is_definite {
        return (Outcome::Refused { status, code }, Answer::Refused { status });
    }
    (Outcome::Unknown { why: format!("{status} {code}") }, Answer::Unknown)
}

/// `type:id:sequence`, separated by commas.
fn parse_token(token: &str) -> Vec<(StreamKey, i64)> {
    let point = |text: &str| {
        let mut parts = text.splitn(3, ':');
        let stream = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some((stream, parts.next()?.parse().ok()?))
    };
    token.split(',').filter_map(point).collect()
}
