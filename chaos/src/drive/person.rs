//! Somebody with an account.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{dice::Dice, journal::Order};

use super::http::{Answer, Api, Request};

const PASSWORD: &str = "correct horse battery";
/// How often an account that cannot be opened is tried for.
const TRIES: u32 = 5;
/// Nobody signs in more often than that: passwords are expensive.
const BETWEEN_LOGINS: Duration = Duration::from_secs(3);
/// Earlier commands that a person may repeat.
const REMEMBERED: usize = 40;

#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: Uuid,
    email: String,
    token: String,
    signed_in: Instant,
    /// Commands with a key, to be sent again.
    earlier: Vec<Request>,
}

impl Person {
    pub(super) async fn register(api: &Api, role: &str, number: usize, dice: &mut Dice) -> Result<Self> {
        let email = format!("{role}-{number}@example.org");
        let body =
            json!({ "name": format!("{role} {number}"), "email": email, "password": PASSWORD, "role": role });
        for _ in 0..TRIES {
            let command = api.journal.command(Order::Register, true);
            let request = Request {
                command,
                method: Method::POST,
                path: "/api/v1/auth/register".to_owned(),
                key: Some(Uuid::now_v7().to_string()),
                body: Some(body.clone()),
            };
            if let Answer::Ok(session) = api.send(&request, None, dice).await {
                let (id, token) = identity(&session).context("a session has a user and a token")?;
                return Ok(Self { id, email, token, signed_in: Instant::now(), earlier: vec![] });
            }
        }
        bail!("no account after {TRIES} tries, though nothing is broken yet")
    }

    /// Sends a command of theirs.
    pub(super) async fn send(&mut self, api: &Api, order: Order, call: Call, dice: &mut Dice) -> Answer {
        let command = api.journal.command(order, call.has_key);
        let request = Request {
            command,
            method: call.method,
            path: call.path,
            key: call.has_key.then(|| Uuid::now_v7().to_string()),
            body: call.body,
        };
        if call.has_key {
            if self.earlier.len() >= REMEMBERED {
                self.earlier.remove(0);
            }
            self.earlier.push(request.clone());
        }
        self.try_to(api, &request, dice).await
    }

    /// Sends an earlier command again, with its key; nothing if there is none.
    pub(super) async fn repeat(&mut self, api: &Api, dice: &mut Dice) -> Option<Answer> {
        let request = dice.pick(&self.earlier)?.clone();
        Some(self.try_to(api, &request, dice).await)
    }

    /// The last command again, at once, as clients do that got no answer.
    pub(super) async fn repeat_last(&mut self, api: &Api, dice: &mut Dice) -> Option<Answer> {
        let request = self.earlier.last()?.clone();
        Some(self.try_to(api, &request, dice).await)
    }

    async fn try_to(&mut self, api: &Api, request: &Request, dice: &mut Dice) -> Answer {
        let answer = api.send(request, Some(&self.token), dice).await;
        if let Answer::Refused { status: 401 } = answer
            && self.signed_in.elapsed() > BETWEEN_LOGINS
        {
            self.log_in(api, dice).await;
        }
        answer
    }

    async fn log_in(&mut self, api: &Api, dice: &mut Dice) {
        self.signed_in = Instant::now();
        let request = Request {
            command: api.journal.command(Order::LogIn, false),
            method: Method::POST,
            path: "/api/v1/auth/login".to_owned(),
            key: None,
            body: Some(json!({ "email": self.email, "password": PASSWORD })),
        };
        if let Answer::Ok(session) = api.send(&request, None, dice).await
            && let Some((_, token)) = identity(&session)
        {
            self.token = token;
        }
    }
}

/// What is sent.
pub(super) struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    has_key: bool,
}

impl Call {
    /// A POST, which takes an Idempotency-Key.
    pub(super) fn post(path: String, body: Option<Value>) -> Self {
        Self { method: Method::POST, path, body, has_key: true }
    }

    pub(super) fn put(path: String, body: Option<Value>) -> Self {
        Self { method: Method::PUT, path, body, has_key: false }
    }

    pub(super) fn delete(path: String) -> Self {
        Self { method: Method::DELETE, path, body: None, has_key: false }
    }
}

fn identity(session: &Value) -> Option<(Uuid, String)> {
    let id = session["user"]["id"].as_str()?.parse().ok()?;
    Some((id, session["accessToken"].as_str()?.to_owned()))
}
