//! localstripe, which others wrote to play Stripe: <https://pypi.org/project/localstripe>. It remembers what it was told,
//! and says by itself what happens. `./dev test` brings it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{eventually, free_port, process::Process};

const DEADLINE: Duration = Duration::from_secs(60);

/// A running localstripe that nobody has told anything yet.
pub struct Localstripe {
    _process: Process,
    url: String,
    http: reqwest::Client,
    key: String,
}

impl Localstripe {
    /// Starts one; whoever tells it something has this key.
    ///
    /// # Panics
    /// It is not installed, or does not answer.
    pub async fn start(key: &str) -> Self {
        let python = workspace(".dev/venv/bin/python");
        let advice = "run ./dev test once, it brings localstripe";
        assert!(python.exists(), "there is no {}: {advice}", python.display());
        let port = free_port();
        let mut command = Command::new(python);
        let program = workspace("testkit/run_localstripe.py");
        command.arg(program).args(["--from-scratch", "--port", &port.to_string()]);
        let process = Process::spawn(&mut command);
        let (url, http) = (format!("http://127.0.0.1:{port}"), reqwest::Client::new());
        eventually("localstripe answers", DEADLINE, || async {
            http.get(format!("{url}/v1/refunds")).send().await.ok().map(drop)
        })
        .await;
        Self { _process: process, url, http, key: key.to_owned() }
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it says there what happens, signed with this secret.
    ///
    /// # Panics
    /// It refuses.
    pub async fn tell(&self, url: &str, secret: &str) {
        let config = json!({ "url": url, "secret": secret }).to_string();
        let request = self.http.post(format!("{}/_config/webhooks/boxoffice", self.url));
        let told = request.header("Content-Type", "application/json").body(config).send().await;
        told.and_then(reqwest::Response::error_for_status).expect("it will say what happens");
    }

    /// A payment method of which the bank always wants to know more.
    ///
    /// # Panics
    /// It refuses.
    pub async fn card_that_wants_more(&self) -> String {
        let card = [
            ("type", "card"),
            ("card[number]", "4000002760003184"),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2030"),
            ("card[cvc]", "123"),
        ];
        let made = self.http.post(format!("{}/v1/payment_methods", self.url));
        let made = made.basic_auth(&self.key, Some("")).form(&card).send().await.expect("an answer");
        let made: Value = serde_json::from_slice(&made.bytes().await.expect("a body")).expect("JSON");
        made["id"].as_str().expect("a payment method").to_owned()
    }

    /// The buyer satisfies the bank, or does not.
    ///
    /// # Panics
    /// It refuses.
    pub async fn authenticate(&self, client_secret: &str, satisfies: bool) {
        let (reference, _) = client_secret.split_once("_secret_").expect("a client secret");
        let form = [("client_secret", client_secret), ("success", if satisfies { "true" } else { "false" })];
        let request = self.http.post(format!("{}/v1/payment_intents/{reference}/_authenticate", self.url));
        let done = request.basic_auth(&self.key, Some("")).form(&form).send().await;
        done.and_then(reqwest::Response::error_for_status).expect("a bank that waits");
    }
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
