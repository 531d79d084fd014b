use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use tower::ServiceExt;

use super::*;
use crate::problem::Problem;

/// A signing key, its name, and a checker that knows it.
struct Issuer {
    key: EncodingKey,
    public: [u8; 32],
    checker: TokenChecker,
}

fn issuer() -> Issuer {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let public: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
    let checker = TokenChecker::for_keys([("key-1".to_owned(), public)]);
    Issuer { key: EncodingKey::from_ed_der(document.as_ref()), public, checker }
}

fn claims() -> AccessClaims {
    AccessClaims::new(Uuid::now_v7(), "attendee", Uuid::now_v7(), Utc::now(), Duration::minutes(15))
}

fn encoded(part: &serde_json::Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part.to_string())
}

#[tokio::test]
async fn a_good_token_says_what_was_put_in_every_time() {
    let Issuer { key, checker, .. } = issuer();
    let claims = claims();
    let token = claims.encode("key-1", &key).unwrap();
    for _ in 0..3 {
        assert_eq!(checker.check(&token).await.unwrap(), claims);
    }
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused() {
    let Issuer { key, checker, .. } = issuer();
    let payload = serde_json::to_value(claims()).unwrap();
    let signature = claims().encode("key-1", &key).unwrap().rsplit_once('.').unwrap().1.to_owned();
    for alg in ["none", "None", "NONE", "nOnE"] {
        let unsigned = format!("{}.{}", encoded(&json!({"alg": alg, "kid": "key-1"})), encoded(&payload));
        for token in [format!("{unsigned}."), unsigned.clone(), format!("{unsigned}.{signature}")] {
            assert_eq!(checker.check(&token).await, Err(TokenError::Invalid), "{alg}");
        }
    }
}

#[tokio::test]
async fn a_token_of_another_algorithm_is_refused_even_with_the_public_key_as_its_secret() {
    let Issuer { public, checker, .. } = issuer();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("key-1".to_owned());
    let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&public)).unwrap();
    assert_eq!(checker.check(&token).await, Err(TokenError::Invalid));
}

#[tokio::test]
async fn a_token_signed_with_another_key_is_refused() {
    let Issuer { checker, .. } = issuer();
    let other = issuer();
    for kid in ["key-1", "key-2"] {
        let token = claims().encode(kid, &other.key).unwrap();
        assert_eq!(checker.check(&token).await, Err(TokenError::Invalid), "{kid}");
    }
}

#[tokio::test]
async fn a_token_without_a_key_name_is_refused() {
    let Issuer { key, checker, .. } = issuer();
    let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims(), &key).unwrap();
    assert_eq!(checker.check(&token).await, Err(TokenError::Invalid));
}

#[tokio::test]
async fn a_token_that_was_changed_is_refused() {
    let Issuer { key, checker, .. } = issuer();
    let token = claims().encode("key-1", &key).unwrap();
    checker.check(&token).await.unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let admin = AccessClaims { role: "admin".to_owned(), ..claims() };
    let forged = format!("{}.{}.{}", parts[0], encoded(&serde_json::to_value(admin).unwrap()), parts[2]);
    assert_eq!(checker.check(&forged).await, Err(TokenError::Invalid));
    for broken in ["", ".", "..", "a.b.c", &token[..token.len() - 2], &"x".repeat(100_000)] {
        assert_eq!(checker.check(broken).await, Err(TokenError::Invalid));
    }
}

#[tokio::test]
async fn an_expired_token_says_so() {
    let Issuer { key, checker, .. } = issuer();
    let long_ago = Utc::now() - Duration::hours(1);
    let claims = AccessClaims::new(Uuid::now_v7(), "host", Uuid::now_v7(), long_ago, Duration::minutes(15));
    let token = claims.encode("key-1", &key).unwrap();
    assert_eq!(checker.check(&token).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn a_clock_may_be_a_few_seconds_off_and_no_more() {
    let Issuer { key, checker, .. } = issuer();
    let leeway = i64::from(TOKEN_LEEWAY_SECONDS);
    for (seconds_ago, expected) in [(leeway - 3, Ok(())), (leeway + 3, Err(TokenError::Expired))] {
        let claims = AccessClaims { exp: Utc::now().timestamp() - seconds_ago, ..claims() };
        let token = claims.encode("key-1", &key).unwrap();
        assert_eq!(checker.check(&token).await.map(|_| ()), expected);
    }
}

#[tokio::test]
async fn a_token_that_was_verified_still_expires() {
    let Issuer { key, checker, .. } = issuer();
    let last_second = Utc::now().timestamp() - i64::from(TOKEN_LEEWAY_SECONDS) + 1;
    let token = AccessClaims { exp: last_second, ..claims() }.encode("key-1", &key).unwrap();
    checker.check(&token).await.unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while checker.check(&token).await != Err(TokenError::Expired) {
        assert!(tokio::time::Instant::now() < deadline, "it was remembered for too long");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() {
    let Issuer { key, checker, .. } = issuer();
    for claims in [
        AccessClaims { iss: "another".to_owned(), ..claims() },
        AccessClaims { aud: "another".to_owned(), ..claims() },
    ] {
        let token = claims.encode("key-1", &key).unwrap();
        assert_eq!(checker.check(&token).await, Err(TokenError::Invalid));
    }
}

#[tokio::test]
async fn a_token_must_say_everything() {
    let Issuer { key, checker, .. } = issuer();
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("key-1".to_owned());
    for missing in ["sub", "role", "sid", "iat", "exp", "iss", "aud"] {
        let mut payload = serde_json::to_value(claims()).unwrap();
        payload.as_object_mut().unwrap().remove(missing);
        let token = jsonwebtoken::encode(&header, &payload, &key).unwrap();
        assert_eq!(checker.check(&token).await, Err(TokenError::Invalid), "{missing}");
    }
}

/// Any state that has a checker.
#[derive(Clone)]
struct State(TokenChecker);

impl FromRef<State> for TokenChecker {
    fn from_ref(state: &State) -> Self {
        state.0.clone()
    }
}

fn app(checker: TokenChecker) -> Router {
    Router::new()
        .route("/me", get(|caller: Caller| async move { caller.role }))
        .route(
            "/maybe",
            get(|caller: MaybeCaller| async move { caller.map_or("nobody".to_owned(), |c| c.role) }),
        )
        .with_state(State(checker))
}

async fn ask(app: &Router, path: &str, authorization: Option<&str>) -> (StatusCode, Option<String>, String) {
    let mut request = Request::get(path);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let challenge = response.headers().get("www-authenticate").map(|v| v.to_str().unwrap().to_owned());
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, challenge, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_caller_comes_from_the_bearer_token() {
    let Issuer { key, checker, .. } = issuer();
    let token = claims().encode("key-1", &key).unwrap();
    let app = app(checker);
    for path in ["/me", "/maybe"] {
        for scheme in ["Bearer", "bearer"] {
            let (status, _, body) = ask(&app, path, Some(&format!("{scheme} {token}"))).await;
            assert_eq!((status, body.as_str()), (StatusCode::OK, "attendee"));
        }
    }
}

#[tokio::test]
async fn without_a_token_there_is_no_caller() {
    let app = app(issuer().checker);
    let (status, challenge, body) = ask(&app, "/me", None).await;
    assert_eq!((status, challenge.as_deref()), (StatusCode::UNAUTHORIZED, Some("Bearer")));
    assert!(body.contains("\"unauthorized\""));
    assert_eq!(ask(&app, "/maybe", None).await.2, "nobody");
}

#[tokio::test]
async fn a_bad_token_is_refused_even_where_none_is_needed() {
    let app = app(issuer().checker);
    for path in ["/me", "/maybe"] {
        let (status, challenge, body) = ask(&app, path, Some("Bearer nonsense")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(challenge.as_deref(), Some("Bearer error=\"invalid_token\""));
        assert!(body.contains("\"invalid-token\""));
        for other in ["Basic dTpw", "Bearer", ""] {
            assert_eq!(ask(&app, path, Some(other)).await.0, StatusCode::UNAUTHORIZED, "{other}");
        }
    }
}

#[test]
fn expiry_and_unreadable_keys_have_answers_of_their_own() {
    assert_eq!(Problem::from(TokenError::Expired).code(), "token-expired");
    for nobody_knows in [TokenError::KeysUnavailable, TokenError::PersonUnknown] {
        assert_eq!(Problem::from(nobody_knows).status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}

/// Why verified tokens are remembered: run with `--release -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn what_a_check_costs() {
    const ROUNDS: u32 = 5_000;
    let Issuer { key, public, checker } = issuer();
    let token = claims().encode("key-1", &key).unwrap();
    let started = std::time::Instant::now();
    for _ in 0..ROUNDS {
        let fresh = TokenChecker::for_keys([("key-1".to_owned(), public)]);
        fresh.check(&token).await.unwrap();
    }
    let first = started.elapsed() / ROUNDS;
    let started = std::time::Instant::now();
    for _ in 0..ROUNDS {
        checker.check(&token).await.unwrap();
    }
    println!("first check {first:?}, again {:?}", started.elapsed() / ROUNDS);
}
