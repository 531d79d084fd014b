//! The OpenAPI document of both edges, and a page to browse it.
//!
//! Must not fetch anything from elsewhere: the page's scripts are part of the binary.

use axum::{
    Router,
    body::Bytes,
    http::{HeaderName, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use platform::Problem;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    tag::{Tag, TagBuilder},
};
use utoipa_swagger_ui::{Config, SwaggerUi};

const DOCUMENT_PATH: &str = "/api/v1/openapi.json";
const PAGE_PATH: &str = "/docs";
/// The document changes with a release only.
const CACHE_CONTROL: &str = "public, max-age=60";

/// The document without routes: what it is about, how callers authenticate, the chapters. Routers of the edges are
/// merged into it: `OpenApiRouter::with_openapi(document_base()).merge(…)`.
#[must_use]
pub fn document_base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Boxoffice")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Sells tickets to events without ever overselling. Errors are `application/problem+json` with a stable \
             `code`. A command answers with a `Consistency-Token`; a query that sends it back includes that write.",
        ))
        .license(Some(LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build()))
        .build();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The `accessToken` that registering or logging in answered with."))
        .build();
    let components = ComponentsBuilder::new().security_scheme("bearer", SecurityScheme::Http(bearer)).build();
    OpenApiBuilder::new()
        .info(info)
        .paths(PathsBuilder::new().build())
        .components(Some(components))
        .tags(Some([
            tag("Accounts", "Registering, logging in, users"),
            tag("Events", "What tickets are sold to"),
            tag("Bookings", "Attendees' tickets"),
            tag("Notifications", "What users are told"),
            tag("Audit", "What happened, for administrators"),
        ]))
        .build()
}

fn tag(name: &str, description: &str) -> Tag {
    TagBuilder::new().name(name).description(Some(description)).build()
}

/// Serves the finished document at `/api/v1/openapi.json` and a page to browse it at `/docs`.
///
/// # Panics
/// If the document does not serialize; it is plain data, so that is a defect of the program.
pub fn docs(document: OpenApi) -> Router {
    let json = Bytes::from(document.to_json().expect("the document is plain data"));
    let headers: [(HeaderName, &str); 2] =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, CACHE_CONTROL)];
    // Without a validator's address the page would send ours to a public one.
    let config = Config::from(DOCUMENT_PATH).validator_url("none").try_it_out_enabled(true);
    let page = Router::from(SwaggerUi::new(PAGE_PATH).config(config));
    Router::new()
        .route(DOCUMENT_PATH, get(move || std::future::ready((headers, json))))
        .merge(page.layer(map_response(missing_as_problem)))
}

/// The page's own answer to a file that is not there is no problem of ours.
async fn missing_as_problem(response: Response) -> Response {
    if response.status() == StatusCode::NOT_FOUND { Problem::not_found().into_response() } else { response }
}
