//! What a failure of a database is in HTTP; the one place where it is logged.

use std::error::Error;

use platform::Problem;

/// How long a client should wait when a database cannot answer.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Codes of PostgreSQL that say "not now": connection failures, too many connections, out of resources, operator
/// intervention (a shutdown, a statement that took too long).
const PASSING: [&str; 3] = ["08", "53", "57"];

/// 503 where the database was out of reach or out of room, 500 where the query was at fault.
pub(crate) fn database(error: &sqlx::Error) -> Problem {
    tracing::error!(error = error as &dyn Error, "a query failed");
    if will_pass(error) {
        Problem::unavailable(
            "unavailable",
            "The box office cannot answer at this moment.",
            RETRY_AFTER_SECONDS,
        )
    } else {
        Problem::internal()
    }
}

fn will_pass(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| PASSING.iter().any(|class| code.starts_with(class)))
        || matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        )
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn a_database_out_of_reach_is_not_our_fault_but_a_wrong_query_is() {
        assert_eq!(database(&sqlx::Error::PoolTimedOut).status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(database(&sqlx::Error::RowNotFound).status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
