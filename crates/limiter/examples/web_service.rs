//! A web service that protects a printer: `cargo run -p robust-limiter --example web_service`
//!
//! The printer prints 20 pages in any 2 s. Requests wait for their turn as long as their deadline allows, and are told when to come
//! back (503 with `Retry-After`) where it does not. The state of the budget is at `/budget`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, Response, StatusCode, header};
use axum::routing::get;
use robust_limiter::{Charge, Class, Limiter, Rejected, Window};
use tokio::time::Instant;
use tower::ServiceExt;

async fn print(State(printer): State<Limiter>, Path(pages): Path<u32>) -> Response<Body> {
    let deadline = Some(Instant::now() + Duration::from_secs(1));
    match printer
        .acquire(&Charge::new(0, pages).into(), Class::High, deadline)
        .await
    {
        Ok(permit) => {
            let _spent = permit.commit();
            answer(StatusCode::OK, None, format!("{pages} pages are printed"))
        }
        Err(rejected) => refuse(&rejected),
    }
}

fn refuse(rejected: &Rejected) -> Response<Body> {
    let status = match rejected {
        Rejected::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer(status, rejected.retry_in(), rejected.to_string())
}

fn answer(status: StatusCode, retry_in: Option<Duration>, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    if let Some(retry_in) = retry_in {
        // Whole seconds, rounded up: never too early.
        let seconds = retry_in.as_secs() + u64::from(retry_in.subsec_nanos() > 0);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

async fn budget(State(printer): State<Limiter>) -> String {
    let seen = printer.snapshot();
    let waits = seen.classes[Class::High.index()].waits;
    format!(
        "{} granted, {} refused, {} waited, the longest {:?}",
        seen.granted, seen.rejected, waits.count, waits.max
    )
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let window = Window::sliding("pages", 20, Duration::from_secs(2)).guard(Duration::ZERO);
    let printer = Limiter::builder("printer").window(window).build();
    let app = Router::new()
        .route("/print/{pages}", get(print))
        .route("/budget", get(budget))
        .with_state(printer);
    for path in ["/print/15", "/print/5", "/print/1", "/print/99", "/budget"] {
        show(&app, path).await;
    }
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    for path in ["/print/1", "/budget"] {
        show(&app, path).await;
    }
}

/// Asks the service as a client would, without a socket in between.
async fn show(app: &Router, path: &str) {
    let Ok(request) = Request::get(path).body(Body::empty()) else {
        return;
    };
    let Ok(response) = app.clone().oneshot(request).await;
    let retry = response.headers().get(header::RETRY_AFTER).cloned();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1_024).await;
    let text = body.unwrap_or_default();
    println!(
        "{path}: {status} {} {retry:?}",
        String::from_utf8_lossy(&text)
    );
}
