//! R8's denominator: axum as it comes, answering a small JSON object that is serialised for every request.

use std::net::SocketAddr;

use anyhow::Result;
use axum::{Json, Router, routing::get};
use serde::Serialize;
use tokio::net::TcpListener;

#[derive(Serialize)]
struct Bare {
    id: &'static str,
    title: &'static str,
    capacity: u32,
    available: u32,
}

/// Serves it on all cores, until it is killed.
pub(crate) fn serve(listen: SocketAddr) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let answer = || async {
            Json(Bare {
                id: "0193a5c2-7e44-7c1b-9d0e-1f2a3b4c5d6e",
                title: "An evening of engines",
                capacity: 500,
                available: 499,
            })
        };
        let router = Router::new().route("/readyz", get(|| async { "" })).route("/", get(answer));
        axum::serve(TcpListener::bind(listen).await?, router).await?;
        Ok(())
    })
}
