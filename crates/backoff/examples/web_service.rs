//! A web service with a good day and a bad one, and a client that stays polite:
//! `cargo run -p robust-backoff --example web_service`
//!
//! An axum server on loopback answers slowly once in a while, turns requests away with `Retry-After`
//! when it is busy, and must not be sent an order twice. The client is hyper with three layers: retries
//! outside, then hedging, then throttling, the first two paid from one budget.
#![allow(clippy::print_stdout, reason = "an example shows what happened")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use http::{Method, Request, Response, header::RETRY_AFTER};
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use robust_backoff::{
    Budget, Disposition, Exponential, Policy, Replay, Stats, classify_fn,
    hedge::Hedge,
    retry_after::{Reader, from_headers},
    throttle::{Taken, Throttle, Throttled},
};
use tokio::{net::TcpListener, time::Instant};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, retry::RetryLayer, service_fn};

/// What the client asks for.
#[derive(Debug, Clone)]
struct Ask {
    method: Method,
    path: &'static str,
    wanted_by: Instant,
}

impl Replay for Ask {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn idempotent(&self) -> bool {
        self.method.is_idempotent()
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.wanted_by)
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("not sent")]
    NotSent(#[from] Throttled),
    #[error("no answer")]
    NoAnswer(#[source] BoxError),
}

type Answer = Response<String>;

/// A menu that takes 300 ms for every fifteenth guest, and a kitchen that takes one order of three.
async fn serve(listener: TcpListener) -> std::io::Result<()> {
    let guests = Arc::new(AtomicU32::new(0));
    let orders = Arc::new(AtomicU32::new(0));
    let menu = |State(guests): State<Arc<AtomicU32>>| async move {
        let slow = guests.fetch_add(1, Ordering::Relaxed) % 15 == 14;
        tokio::time::sleep(Duration::from_millis(if slow { 300 } else { 3 })).await;
        "soup"
    };
    let order = move || async move {
        match orders.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "0.05")]).into_response(),
            1 => StatusCode::BAD_GATEWAY.into_response(),
            _ => "it is being cooked".into_response(),
        }
    };
    let app = Router::new()
        .route("/menu", get(menu))
        .route("/order", axum::routing::post(order))
        .with_state(guests);
    axum::serve(listener, app).await
}

/// What an answer means for trying again: a 429 was not carried out, a 502 may have been.
fn disposition(outcome: Result<&Answer, &Failure>) -> Disposition {
    match outcome {
        Ok(answer) => {
            let after = from_headers(answer.headers(), Reader::new(), None)
                .and_then(Result::ok)
                .map(|hint| hint.wait);
            match answer.status() {
                StatusCode::TOO_MANY_REQUESTS => Disposition::Unprocessed { after },
                status if status.is_server_error() => Disposition::Retry { after, sent: true },
                _ => Disposition::Final,
            }
        }
        Err(Failure::NotSent(_)) => Disposition::Final,
        Err(Failure::NoAnswer(_)) => Disposition::Retry {
            after: None,
            sent: true,
        },
    }
}

fn taken(outcome: Result<&Answer, &Failure>) -> Taken {
    match outcome {
        Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS => Taken::Refused,
        Ok(_) => Taken::Accepted,
        Err(Failure::NoAnswer(_)) => Taken::Refused,
        Err(Failure::NotSent(_)) => Taken::Unknown,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let authority = listener.local_addr()?;
    let server = tokio::spawn(serve(listener));

    let client = Client::builder(TokioExecutor::new()).build_http();
    let http = service_fn(move |ask: Ask| {
        let client = client.clone();
        async move {
            let request = Request::builder()
                .method(ask.method)
                .uri(format!("http://{authority}{}", ask.path))
                .body(Empty::<axum::body::Bytes>::new())
                .map_err(|error| Failure::NoAnswer(error.into()))?;
            let answer = client.request(request).await;
            let (parts, body) = answer
                .map_err(|error| Failure::NoAnswer(error.into()))?
                .into_parts();
            let body = body.collect().await;
            let body = body
                .map_err(|error| Failure::NoAnswer(error.into()))?
                .to_bytes();
            Ok::<_, Failure>(Response::from_parts(
                parts,
                String::from_utf8_lossy(&body).into_owned(),
            ))
        }
    });

    let budget = Budget::new(0.2, 2.0);
    let stats = Arc::new(Stats::default());
    let delays = Exponential::new(Duration::from_millis(20), Duration::from_secs(1));
    let policy = Policy::builder(delays, classify_fn(disposition))
        .budget(budget.clone())
        .stats(Arc::clone(&stats))
        .build();
    let hedge = Hedge::builder(budget.clone()).build();
    let throttle = Throttle::builder().build();
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(policy))
        .layer(hedge.layer())
        .layer(throttle.layer(taken))
        .service(http);

    let mut slowest = Duration::ZERO;
    for _ in 0..90 {
        let begin = Instant::now();
        let ask = Ask {
            method: Method::GET,
            path: "/menu",
            wanted_by: begin + Duration::from_secs(2),
        };
        service.ready().await?.call(ask).await?;
        slowest = slowest.max(begin.elapsed());
    }
    println!("90 menus read, the slowest in {slowest:?}");
    println!("{:?}", hedge.snapshot());

    for number in 1..=3 {
        let ask = Ask {
            method: Method::POST,
            path: "/order",
            wanted_by: Instant::now() + Duration::from_secs(2),
        };
        let answer = service.ready().await?.call(ask).await?;
        println!("order {number}: {} {}", answer.status(), answer.body());
    }
    println!("{:?}", stats.snapshot());
    println!("{:?}", budget.stats());
    println!("{:?}", throttle.snapshot());
    server.abort();
    Ok(())
}
