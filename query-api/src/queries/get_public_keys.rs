//! `GET /.well-known/jwks.json`: the public keys that access tokens are checked with (RFC 7517, RFC 8037).

use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use platform::{Problem, tokens::RETIRED_KEY_SECONDS};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{QueryApi, failures};

/// New keys must be found soon; whoever meets an unknown `kid` should ask again.
const CACHE_CONTROL: &str = "public, max-age=60";

/// A set of keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Jwks {
    /// The keys, newest first.
    keys: Vec<Jwk>,
}

/// A public Ed25519 key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Jwk {
    /// The family of keys.
    #[schema(example = "OKP")]
    kty: &'static str,
    /// The curve.
    #[schema(example = "Ed25519")]
    crv: &'static str,
    /// The key, base64url.
    x: String,
    /// Its name in the header of tokens.
    kid: String,
    /// It verifies signatures.
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    usage: &'static str,
    /// The algorithm.
    #[schema(example = "EdDSA")]
    alg: &'static str,
}

impl Jwk {
    fn new(kid: String, public_key: &[u8]) -> Self {
        Self { kty: "OKP", crv: "Ed25519", x: BASE64.encode(public_key), kid, usage: "sig", alg: "EdDSA" }
    }
}

/// The public keys that access tokens are checked with
///
/// A key that was rotated out stays until the last token that it signed has expired.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "Accounts", security(()),
    responses(
        (status = 200, description = "The keys", body = Jwks),
        (status = "5XX", description = "`unavailable`: try again", body = contract::Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_public_keys(
    State(api): State<QueryApi>,
) -> Result<([(HeaderName, &'static str); 1], Json<Jwks>), Problem> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "select kid, public_key from signing_keys
         where retired_at is null or retired_at > clock_timestamp() - make_interval(secs => $1)
         order by created_at desc, kid",
    )
    .bind(f64::from(RETIRED_KEY_SECONDS))
    .fetch_all(&api.accounts)
    .await
    .map_err(|error| failures::database(&error))?;
    let keys = rows.into_iter().map(|(kid, public_key)| Jwk::new(kid, &public_key)).collect();
    Ok(([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(Jwks { keys })))
}
