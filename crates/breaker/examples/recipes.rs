//! A web service in front of a slow kitchen: a breaker for each cook, and 503 with `Retry-After` while a
//! cook is down, instead of a queue of hungry guests.
//!
//! `cargo run -p robust-breaker --example recipes`
#![allow(clippy::print_stdout, reason = "an example shows what happened")]

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{Request, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::get,
};
use robust_breaker::{Breaker, ErrorsAreFailures, Event, EventKind, Open, Registry, Window};
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};

/// The kitchen that we depend on: one cook is ill.
async fn cook(name: String) -> Result<String, BoxError> {
    match name.as_str() {
        "ann" => Err("the cook is ill".into()),
        _ => Ok(format!("{name} serves soup\n")),
    }
}

/// What the guest is told.
fn answer(result: Result<String, BoxError>) -> Response {
    match result {
        Ok(dish) => dish.into_response(),
        Err(error) => match error.downcast_ref::<Open>() {
            Some(open) => {
                // Rounded up: never too early.
                let seconds = open.retry_in.as_millis().div_ceil(1_000).to_string();
                (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, seconds)]).into_response()
            }
            None => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        },
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let template = Breaker::builder("cook")
        .consecutive_failures(3)
        .failure_rate(0.5, 10, Window::Count(20))
        .open_for(Duration::from_secs(30))
        .open_backoff(2.0, Duration::from_secs(600))
        .ramp_after_close(8)
        .listener(|event: &Event<'_>| {
            if let EventKind::Changed(change) = event.kind {
                println!(
                    "    {}: {} -> {}, {}",
                    event.name, change.from, change.to, change.cause
                );
            }
        });
    let cooks = Registry::builder(template).capacity(100).build();
    let kitchen = ServiceBuilder::new()
        .layer(cooks.admit_layer(|name: &String| name.clone(), ErrorsAreFailures))
        .service(service_fn(cook));

    let web: Router = Router::new().route(
        "/soup/{cook}",
        get(move |Path(name): Path<String>| async move { answer(kitchen.oneshot(name).await) }),
    );

    for path in ["/soup/ann"; 4].into_iter().chain(["/soup/bob"]) {
        let request = Request::get(path).body(Body::empty())?;
        let response = web.clone().oneshot(request).await?;
        println!(
            "{path}: {} {:?}",
            response.status(),
            response.headers().get(RETRY_AFTER)
        );
    }
    Ok(())
}
