//! Starts box offices and talks to them.

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::EncodingKey;
use platform::tokens::AccessClaims;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{
    free_port,
    kafka::KafkaServer,
    postgres::{self, TestDatabase},
    process::Process,
};
use tokio::sync::OnceCell;
use uuid::Uuid;

pub(crate) use crate::answers::{Answer, send, time};

pub(crate) const PASSWORD: &str = "correct horse battery";
/// Generous: the machine may be busy with other tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// An Ed25519 key for tests only, so that they can sign tokens of their own.
const JWT_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHKMNzFyBPeq8gtqOJ8GdOeEBzhJFOZRTbIkTa9bSVPH
-----END PRIVATE KEY-----";
const MASTER_KEY: &str = "dGVzdCB0ZXN0IHRlc3QgdGVzdCB0ZXN0IHRlc3QgISE=";

/// What the projector follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    EventLog,
    Kafka,
}

/// A running box office.
pub(crate) struct BoxOffice {
    pub(crate) processes: Vec<Process>,
    /// Where each of them serves HTTP.
    pub(crate) addresses: Vec<String>,
    pub(crate) database: TestDatabase,
    pub(crate) brokers: Option<String>,
    /// Where commands go; in turn, if there are several.
    commands: Vec<String>,
    queries: String,
    http: reqwest::Client,
    turn: AtomicU32,
    /// What all its processes are told beside.
    settings: Vec<(&'static str, String)>,
}

/// Somebody with an account.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) email: String,
}

/// The box office that scenarios share which leave others alone; one for each source.
pub(crate) async fn shared(source: Source) -> &'static BoxOffice {
    static EVENT_LOG: OnceCell<BoxOffice> = OnceCell::const_new();
    static KAFKA: OnceCell<BoxOffice> = OnceCell::const_new();
    match source {
        Source::EventLog => EVENT_LOG.get_or_init(|| BoxOffice::up(None)).await,
        Source::Kafka => {
            let start =
                || async { BoxOffice::up(Some(KafkaServer::shared().await.brokers().to_owned())).await };
            KAFKA.get_or_init(start).await
        }
    }
}

/// The binary under test with settings that all its processes share.
pub(crate) fn boxoffice(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boxoffice"));
    command
        .args(arguments)
        .env_remove("DATABASE_URL")
        .env_remove("READ_DATABASE_URL")
        .env_remove("KAFKA_BROKERS")
        .env_remove("BOXOFFICE_STRIPE_KEY")
        .env("BOXOFFICE_JWT_KEY", JWT_KEY)
        .env("BOXOFFICE_MASTER_KEY", MASTER_KEY);
    command
}

impl BoxOffice {
    /// Every role in one process, on a database of its own.
    pub(crate) async fn up(brokers: Option<String>) -> Self {
        Self::up_with(brokers, vec![]).await
    }

    /// The same with settings of its own.
    pub(crate) async fn up_with(brokers: Option<String>, settings: Vec<(&'static str, String)>) -> Self {
        let database = postgres::database("box_office").await;
        let mut office = Self { settings, ..Self::on(database, brokers) };
        let url = office.start("up").await;
        office.commands = vec![url.clone()];
        office.queries = url;
        office
    }

    /// Roles in processes of their own, and two of `command-api`; without `processes`, on which nothing may depend.
    pub(crate) async fn in_roles(brokers: Option<String>) -> Self {
        Self::in_roles_with(brokers, vec![]).await
    }

    /// The same with settings of its own.
    pub(crate) async fn in_roles_with(
        brokers: Option<String>,
        settings: Vec<(&'static str, String)>,
    ) -> Self {
        let database = postgres::database("box_office").await;
        let mut office = Self { settings, ..Self::on(database, brokers) };
        let migrated = office.command("migrate").output().expect("runs");
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        office.commands = vec![office.start("command-api").await, office.start("command-api").await];
        office.queries = office.start("query-api").await;
        office.start("relay").await;
        office.start("projector").await;
        office
    }

    fn on(database: TestDatabase, brokers: Option<String>) -> Self {
        Self {
            processes: vec![],
            addresses: vec![],
            database,
            brokers,
            commands: vec![],
            queries: String::new(),
            http: http(),
            turn: AtomicU32::new(0),
            settings: vec![],
        }
    }

    /// The binary with this box office's databases and brokers.
    pub(crate) fn command(&self, role: &str) -> Command {
        let mut command = boxoffice(&role.split(' ').collect::<Vec<_>>());
        command.env("DATABASE_URL", self.database.url());
        command.envs(self.settings.iter().map(|(name, value)| (*name, value)));
        if let Some(brokers) = &self.brokers {
            command.env("KAFKA_BROKERS", brokers);
        }
        command
    }

    /// One more process.
    pub(crate) async fn start(&mut self, role: &str) -> String {
        let (process, url) = start(self.command(role), &self.http).await;
        self.processes.push(process);
        self.addresses.push(url.clone());
        url
    }

    /// GETs go to the read edge, everything else to the write edge.
    pub(crate) fn url(&self, method: &Method, path: &str) -> String {
        let base = if *method == Method::GET {
            &self.queries
        } else {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) as usize;
            &self.commands[turn % self.commands.len()]
        };
        format!("{base}{path}")
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = self.url(&method, path);
        self.http.request(method, url)
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        send(with_token(self.request(Method::GET, path), token)).await
    }

    /// A GET that includes what a command wrote.
    pub(crate) async fn get_after(&self, path: &str, token: Option<&str>, write: &Answer) -> Answer {
        let request = with_token(self.request(Method::GET, path), token);
        send(request.header("Consistency-Token", write.headers["consistency-token"].clone())).await
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        send(with_token(self.request(Method::POST, path), token).json(body)).await
    }

    pub(crate) async fn post_with_key(
        &self,
        path: &str,
        token: Option<&str>,
        key: &str,
        body: &Value,
    ) -> Answer {
        let request = with_token(self.request(Method::POST, path), token).header("Idempotency-Key", key);
        send(request.json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        send(with_token(self.request(Method::PUT, path), token).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, token: Option<&str>) -> Answer {
        send(with_token(self.request(Method::DELETE, path), token)).await
    }

    /// A new account.
    pub(crate) async fn register(&self, role: &str) -> Person {
        let email = format!("{}@example.org", Uuid::now_v7().simple());
        let body = json!({ "name": format!("A {role}"), "email": email, "password": PASSWORD, "role": role });
        let answer = self.post("/api/v1/auth/register", None, &body).await;
        answer.expect(StatusCode::CREATED);
        Person { id: answer.text("/user/id"), token: answer.text("/accessToken"), email }
    }

    /// Waits until queries know of somebody's account.
    pub(crate) async fn until_known(&self, person: &Person) {
        self.get("/api/v1/auth/me", Some(&person.token)).await.expect(StatusCode::OK);
    }

    /// Many new accounts, a few at a time.
    pub(crate) async fn register_many(&self, role: &str, count: usize) -> Vec<Person> {
        use futures::StreamExt;
        futures::stream::iter(0..count).map(|_| self.register(role)).buffer_unordered(16).collect().await
    }

    /// An event of a new host: the host, and the answer that it was created.
    pub(crate) async fn event(&self, capacity: u32) -> (Person, Answer) {
        let host = self.register("host").await;
        let answer = self.post("/api/v1/events", Some(&host.token), &event_request(capacity)).await;
        answer.expect(StatusCode::CREATED);
        (host, answer)
    }

    /// The same with whatever it sells, and how long holds last.
    pub(crate) async fn event_selling(
        &self,
        field: &str,
        offer: Value,
        hold_seconds: u32,
    ) -> (Person, Answer) {
        let host = self.register("host").await;
        let mut request = event_request(1);
        request.as_object_mut().expect("an object").remove("capacity");
        request[field] = offer;
        request["holdSeconds"] = json!(hold_seconds);
        let answer = self.post("/api/v1/events", Some(&host.token), &request).await;
        answer.expect(StatusCode::CREATED);
        (host, answer)
    }

    pub(crate) async fn book(&self, attendee: &Person, event_id: &str) -> Answer {
        self.post("/api/v1/bookings", Some(&attendee.token), &json!({ "eventId": event_id })).await
    }

    /// An administrator, made on the command line.
    pub(crate) async fn admin(&self) -> Person {
        use std::io::Write;
        let email = format!("{}@example.org", Uuid::now_v7().simple());
        let mut process = self
            .command(&format!("admin create --email {email} --password-stdin"))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("runs");
        process.stdin.take().expect("piped").write_all(PASSWORD.as_bytes()).expect("takes the password");
        assert!(process.wait().expect("ends").success(), "admin create");
        let answer = self.log_in(&email, PASSWORD).await;
        answer.expect(StatusCode::OK);
        Person { id: answer.text("/user/id"), token: answer.text("/accessToken"), email }
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.post("/api/v1/auth/login", None, &json!({ "email": email, "password": password })).await
    }
}

/// Starts a process that serves HTTP and waits until it is ready.
pub(crate) async fn start(mut command: Command, http: &reqwest::Client) -> (Process, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let mut process = Process::spawn(command.env("BOXOFFICE_LISTEN", &address));
    let url = format!("http://{address}");
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = process.exit_status() {
            panic!("the process ended with {status}:\n{}", process.output_end());
        }
        let ready = http.get(format!("{url}/readyz")).send().await;
        if ready.is_ok_and(|answer| answer.status().is_success()) {
            return (process, url);
        }
        assert!(Instant::now() < deadline, "not ready in time:\n{}", process.output_end());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn http() -> reqwest::Client {
    // No connection outlives its request: tests share box offices, but each has a runtime of its own.
    reqwest::Client::builder().timeout(DEADLINE).pool_max_idle_per_host(0).build().expect("a client")
}

pub(crate) fn with_token(request: reqwest::RequestBuilder, token: Option<&str>) -> reqwest::RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// A token of the test's own, signed with the box office's key.
pub(crate) fn token_of(person: &Person, role: &str, issued_at: DateTime<Utc>) -> String {
    let key = EncodingKey::from_ed_pem(JWT_KEY.as_bytes()).expect("a key");
    let user_id = person.id.parse().expect("an id");
    let claims = AccessClaims::new(user_id, role, Uuid::now_v7(), issued_at, TimeDelta::minutes(15));
    claims.encode(&kid_of(&person.token), &key).expect("signs")
}

/// The name of the key that a token is signed with.
pub(crate) fn kid_of(token: &str) -> String {
    jsonwebtoken::decode_header(token).expect("a token").kid.expect("a kid")
}

pub(crate) fn event_request(capacity: u32) -> Value {
    let start = Utc::now() + TimeDelta::days(30);
    json!({
        "title": "An evening of engines",
        "startDateTime": start,
        "endDateTime": start + TimeDelta::hours(3),
        "timeZone": "Europe/London",
        "capacity": capacity,
    })
}

/// Runs a scenario with either source of the projector.
macro_rules! both_sources {
    ($(async fn $name:ident($office:ident: &BoxOffice) $body:block)*) => {
        mod with_the_event_log {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::harness::shared($crate::harness::Source::EventLog).await).await;
            })*
        }
        mod with_kafka {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::harness::shared($crate::harness::Source::Kafka).await).await;
            })*
        }
        $(async fn $name($office: &BoxOffice) $body)*
    };
}
pub(crate) use both_sources;
