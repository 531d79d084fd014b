//! A read edge over two empty databases, and what it answers.

use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
    response::Response,
};
use chrono::{Duration, Utc};
use event_store::{EventStore, MasterKey};
use jsonwebtoken::EncodingKey;
use platform::{
    Shutdown,
    tokens::{AccessClaims, TokenChecker},
};
use query_api::{QueryApi, docs, document_base, router};
use serde_json::Value;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

const READ_MODELS: [&str; 3] = [
    include_str!("../../../migrations/read/0001_read_models.sql"),
    include_str!("../../../migrations/read/0002_users.sql"),
    include_str!("../../../migrations/read/0003_notifications.sql"),
];
const SEARCH_PATH: (&str, &str) = ("search_path", "read_model");
const READ_ONLY: (&str, &str) = ("default_transaction_read_only", "on");
const MAX_ANSWER_BYTES: usize = 32 << 20;

pub(crate) struct App {
    router: Router,
    key: EncodingKey,
    /// Ends live streams.
    pub(crate) shutdown: Shutdown,
    /// Writes the read models.
    pub(crate) rows: PgPool,
    /// Writes the event store.
    pub(crate) store: EventStore,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// Somebody with an access token.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: Uuid,
    token: String,
}

impl App {
    /// The edge gets read-only connections, so every test shows that it changes nothing.
    pub(crate) async fn new(name: &str) -> Self {
        Self::with(name, |api| api).await
    }

    pub(crate) async fn with(name: &str, setting: impl FnOnce(QueryApi) -> QueryApi) -> Self {
        let database = testkit::postgres::database(name).await;
        let rows = pool(database.url(), &[SEARCH_PATH]).await;
        sqlx::raw_sql("create schema read_model").execute(&rows).await.unwrap();
        for tables in READ_MODELS {
            sqlx::raw_sql(tables).execute(&rows).await.unwrap();
        }
        let write = pool(database.url(), &[]).await;
        EventStore::migrate(&write).await.unwrap();

        let master_key = Arc::new(MasterKey::parse(&MasterKey::generate()).unwrap());
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let public = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap().public_key().as_ref().to_vec();
        let tokens = TokenChecker::for_keys([("key".to_owned(), public.try_into().unwrap())]);
        let read = pool(database.url(), &[SEARCH_PATH, READ_ONLY]).await;
        let accounts = pool(database.url(), &[READ_ONLY]).await;
        let audits = EventStore::new(accounts.clone(), master_key.clone());
        let edge = OpenApiRouter::with_openapi(document_base());
        let shutdown = Shutdown::new();
        let api = QueryApi::new(read, accounts, audits, tokens, shutdown.clone());
        let edge = edge.merge(router(setting(api)));
        let (routes, description) = edge.split_for_parts();
        Self {
            router: platform::http::edge(routes.merge(docs(description))),
            key: EncodingKey::from_ed_der(document.as_ref()),
            shutdown,
            rows,
            store: EventStore::new(write, master_key),
        }
    }

    pub(crate) fn person(&self, role: &str) -> Person {
        self.person_for(role, Duration::minutes(15))
    }

    /// Somebody whose token is good for so long.
    pub(crate) fn person_for(&self, role: &str, lifetime: Duration) -> Person {
        let id = Uuid::now_v7();
        let claims = AccessClaims::new(id, role, Uuid::now_v7(), Utc::now(), lifetime);
        Person { id, token: claims.encode("key", &self.key).unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path)).await
    }

    pub(crate) async fn get_as(&self, person: &Person, path: &str) -> Answer {
        self.send(Request::get(path).header(header::AUTHORIZATION, format!("Bearer {}", person.token))).await
    }

    /// A live stream, with its body still to be read.
    pub(crate) async fn open(&self, person: Option<&Person>, path: &str, last_id: Option<&str>) -> Response {
        let mut request = Request::get(path);
        if let Some(person) = person {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", person.token));
        }
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// Sends a `Consistency-Token` along.
    pub(crate) async fn get_after(&self, person: &Person, path: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {}", person.token);
        let request = Request::get(path).header(header::AUTHORIZATION, bearer);
        self.send(request.header("Consistency-Token", token)).await
    }

    pub(crate) async fn send(&self, request: axum::http::request::Builder) -> Answer {
        let request = request.body(Body::empty()).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, MAX_ANSWER_BYTES).await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

async fn pool(url: &str, settings: &[(&str, &str)]) -> PgPool {
    let options = PgConnectOptions::from_str(url).unwrap().options(settings.iter().copied());
    PgPoolOptions::new().max_connections(5).connect_with(options).await.unwrap()
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{:?}", self.body);
        self.body
    }

    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.body["code"].as_str()),
            (status, Some(code)),
            "{:?}",
            self.body
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
    }

    /// 422 about this field alone.
    #[track_caller]
    pub(crate) fn refused_field(&self, field: &str) {
        self.refused(422, "invalid-fields");
        let errors = self.body["errors"].as_array().unwrap();
        assert_eq!(errors.iter().map(|error| &error["field"]).collect::<Vec<_>>(), [field]);
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One member of every item of a list.
pub(crate) fn of_items<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    list["items"].as_array().unwrap().iter().map(|item| item[member].as_str().unwrap()).collect()
}
