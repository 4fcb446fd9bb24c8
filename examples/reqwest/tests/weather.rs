//! Against a real server on loopback, which axum makes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reqwest::Url;
use robust_breaker::Open;
use tokio::time::Instant;
use tower::ServiceExt;
use weather_client::{Get, client};

/// A station that has too much to do for the first `busy` questions.
async fn station(busy: u32) -> (Url, Arc<AtomicU32>) {
    async fn weather(State((asked, busy)): State<(Arc<AtomicU32>, u32)>) -> Response {
        if asked.fetch_add(1, Ordering::SeqCst) < busy {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                [(header::RETRY_AFTER, "1")],
            )
                .into_response()
        } else {
            "fog".into_response()
        }
    }
    let asked = Arc::new(AtomicU32::new(0));
    let app = Router::new()
        .route("/ulm", get(weather))
        .with_state((Arc::clone(&asked), busy));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ulm", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url.parse().unwrap(), asked)
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_wants_to_be() {
    let (url, asked) = station(1).await;
    let begun = Instant::now();
    let answer = client().oneshot(Get::new(url)).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "fog");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(begun.elapsed() >= Duration::from_secs(1), "Retry-After: 1");
}

#[tokio::test]
async fn a_server_that_is_gone_is_left_alone() {
    // A port where nobody listens.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    let weather = client();
    let mut refused = 0;
    for _ in 0..6 {
        let error = weather
            .clone()
            .oneshot(Get::new(url.clone()))
            .await
            .unwrap_err();
        refused += u32::from(error.is::<Open>());
    }
    assert!(refused > 0, "five failures in a row open the breaker");
}
