//! Read your own writes: a query that carries a `Consistency-Token` waits until its read model includes that write.
//!
//! A projection notes in `<projection>_applied` how far it has applied each stream it follows, in the transaction of its
//! rows. So a place of the token that has been applied is visible in the rows.

use std::time::Duration;

use axum::{extract::FromRequestParts, http::request::Parts};
use contract::{CONSISTENCY_TOKEN_HEADER, ConsistencyToken, StreamPoint};
use platform::Problem;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::failures;

/// How long a query waits for its read model.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// The first pause between two looks; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
/// The longest pause between two looks.
const MAX_PAUSE: Duration = Duration::from_millis(128);
/// What a client whose write is not included yet should wait.
const RETRY_AFTER_SECONDS: u32 = 1;

const USER: &str = "user";
const EVENT: &str = "event";
const BOOKING: &str = "booking";

/// Which read model a query reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Projection {
    Users,
    Events,
    Bookings,
    Payments,
    Notifications,
}

/// The places that the answer must include: those of the request's `Consistency-Token`, none without one. A malformed
/// token is 400.
#[derive(Debug, Clone)]
pub(crate) struct ReadAfter(Vec<StreamPoint>);

impl<S: Send + Sync> FromRequestParts<S> for ReadAfter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut points = Vec::new();
        for value in parts.headers.get_all(CONSISTENCY_TOKEN_HEADER) {
            let token = value.to_str().ok().and_then(|text| text.trim().parse::<ConsistencyToken>().ok());
            points.extend(token.ok_or_else(malformed)?.0);
        }
        if points.len() > ConsistencyToken::MAX_POINTS { Err(malformed()) } else { Ok(Self(points)) }
    }
}

impl ReadAfter {
    /// Also waits for the registration of a user who is known to have registered.
    pub(crate) fn and_registration_of(mut self, user: Uuid) -> Self {
        self.0.push(StreamPoint { stream_type: USER.into(), stream_id: user.to_string(), sequence: 1 });
        self
    }

    /// Waits until the read model includes every place that it follows.
    ///
    /// # Errors
    /// 503 `read-model-lagging` when it does not within [`MAX_WAIT`].
    pub(crate) async fn included_in(&self, projection: Projection, read: &PgPool) -> Result<(), Problem> {
        let wanted = projection.followed(&self.0);
        if wanted.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + MAX_WAIT;
        let mut pause = FIRST_PAUSE;
        while !projection.includes(&wanted, read).await.map_err(|error| failures::database(&error))? {
            if Instant::now() + pause > deadline {
                return Err(lagging());
            }
            sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        Ok(())
    }
}

/// Whether the applied sequences of a projection have reached all wanted places.
macro_rules! includes_all {
    ($applied:literal) => {
        concat!(
            "select not exists (
                 select from unnest($1::text[], $2::text[], $3::bigint[]) as wanted (type, id, sequence)
                 where not exists (
                     select from ",
            $applied,
            "
                     where stream_type = wanted.type and stream_id = wanted.id and sequence >= wanted.sequence
                 )
             )"
        )
    };
}

impl Projection {
    /// Those of the places that this projection will ever apply.
    fn followed(self, points: &[StreamPoint]) -> Vec<&StreamPoint> {
        let types: &[&str] = match self {
            Self::Users => &[USER],
            Self::Events => &[EVENT],
            Self::Bookings | Self::Payments => &[BOOKING],
            Self::Notifications => &[USER, EVENT, BOOKING],
        };
        points.iter().filter(|point| types.contains(&point.stream_type.as_str())).collect()
    }

    async fn includes(self, wanted: &[&StreamPoint], read: &PgPool) -> Result<bool, sqlx::Error> {
        let sql = match self {
            Self::Users => includes_all!("users_applied"),
            Self::Events => includes_all!("events_applied"),
            Self::Bookings => includes_all!("bookings_applied"),
            Self::Payments => includes_all!("payments_applied"),
            Self::Notifications => includes_all!("notifications_applied"),
        };
        let types: Vec<&str> = wanted.iter().map(|point| point.stream_type.as_str()).collect();
        let ids: Vec<&str> = wanted.iter().map(|point| point.stream_id.as_str()).collect();
        let sequences: Vec<i64> = wanted.iter().map(|point| point.sequence).collect();
        sqlx::query_scalar(sql).bind(types).bind(ids).bind(sequences).fetch_one(read).await
    }
}

fn malformed() -> Problem {
    Problem::not_understood("The header Consistency-Token must be what a command answered with.")
}

fn lagging() -> Problem {
    Problem::unavailable(
        "read-model-lagging",
        "What you wrote is stored, but cannot be seen here yet. Please try again.",
        RETRY_AFTER_SECONDS,
    )
}

#[cfg(test)]
mod tests {
    use axum::http::{Request, StatusCode};

    use super::*;

    async fn extract(tokens: &[&str]) -> Result<Vec<String>, Problem> {
        let mut request = Request::builder();
        for token in tokens {
            request = request.header(CONSISTENCY_TOKEN_HEADER, *token);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let after = ReadAfter::from_request_parts(&mut parts, &()).await?;
        Ok(after.0.into_iter().map(|point| point.stream_id).collect())
    }

    #[tokio::test]
    async fn places_of_all_headers_count_and_no_header_is_no_place() {
        assert_eq!(extract(&[]).await.unwrap(), Vec::<String>::new());
        assert_eq!(extract(&["event:a:1,booking:b:2", "user:c:3"]).await.unwrap(), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn a_malformed_token_is_not_understood() {
        let long = vec!["a:b:1"; ConsistencyToken::MAX_POINTS].join(",");
        for tokens in [&["nonsense"][..], &[""], &["event:a:0"], &["event:a:1", "x"], &[&long, "a:b:1"]] {
            let problem = extract(tokens).await.unwrap_err();
            assert_eq!((problem.status(), problem.code()), (StatusCode::BAD_REQUEST, "not-understood"));
        }
    }

    #[test]
    fn a_projection_waits_only_for_streams_that_it_follows() {
        let points: ConsistencyToken = "user:u:1,event:e:1,booking:b:1,other:o:1".parse().unwrap();
        let followed = |projection: Projection| {
            projection.followed(&points.0).iter().map(|point| point.stream_id.clone()).collect::<String>()
        };
        assert_eq!(followed(Projection::Users), "u");
        assert_eq!(followed(Projection::Events), "e");
        assert_eq!(followed(Projection::Bookings), "b");
        assert_eq!(followed(Projection::Notifications), "ueb");
    }
}
