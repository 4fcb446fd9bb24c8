//! A source that is no exchange beside those that are: a JSON API with a breaker, a limiter and a gate of its own, asked by jobs of the
//! same scheduler.
//!
//! The API answers for a second, is down for two, and answers again. While its breaker is open its jobs are parked: they hold no place
//! and nothing fails. The jobs of the exchange beside it notice nothing.
//!
//! Run with `cargo run -p robust-data-manager --example own_source`.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use robust_breaker::{Breaker, Outcome};
use robust_data_manager::market::Exchange;
use robust_data_manager::scheduler::{Event, Job, Run, RunError, Source};
use robust_data_manager::{
    DataJob, DataManager, Environment, ExchangeSettings, Priority, Query, SourceGate,
};
use robust_http::Client;
use robust_limiter::{Charge, Cost, Limiter, Window};
use robust_sim::Sim;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::time::Instant;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The server: an index of sentiment, down from second 1 to second 3.
async fn index(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let since = BEGAN.elapsed().as_millis();
    let mut answer = Response::new(Full::from(format!("{{\"value\": {}}}", 50 + since / 100)));
    if (1_000..3_000).contains(&since) {
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(answer)
}

async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = hyper::service::service_fn(index);
        let connection = hyper::server::conn::http1::Builder::new();
        tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
    }
}

#[derive(Deserialize)]
struct Index {
    value: i64,
}

/// The source: what a run of its jobs does.
struct Sentiment {
    url: String,
    client: Client,
    breaker: Breaker,
    limiter: Limiter,
    latest: AtomicI64,
}

impl Sentiment {
    async fn run(self: Arc<Self>, run: Run) -> Result<(), RunError> {
        let one = Cost::from(Charge::new(0, 1));
        let permit = self
            .limiter
            .acquire(&one, Priority::Medium, run.deadline)
            .await;
        let permit = permit.map_err(|rejected| {
            let wait = rejected.retry_in().unwrap_or_default();
            RunError::throttled(rejected.to_string(), wait)
        })?;
        let ticket = self.breaker.admit();
        let ticket =
            ticket.map_err(|open| RunError::source_down(open.to_string(), open.retry_in))?;
        let request = Request::get(&self.url).body(Bytes::new())?;
        let _spent = permit.commit();
        match self.client.fetch(request, run.deadline).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                ticket.record(Outcome::Success);
                let index: Index = serde_json::from_slice(&answer.body)?;
                self.latest.store(index.value, Ordering::Relaxed);
                Ok(())
            }
            // The source is ill, which is for its breaker to judge: nothing is held against the job.
            Ok(answer) => {
                ticket.record(Outcome::Failure { retry_after: None });
                Err(RunError::new(answer.status.to_string()).excused())
            }
            Err(error) => {
                ticket.record(Outcome::Failure { retry_after: None });
                Err(RunError::from(error).excused())
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/index", listener.local_addr()?);
    tokio::spawn(serve(listener));
    let simulator = Sim::builder(Exchange::BINANCE).seed(7).build()?;
    let server = simulator.listen("127.0.0.1:0".parse()?).await?;

    let mut settings = ExchangeSettings::default();
    settings.base_url = Some(server.base_url());
    let manager = DataManager::builder()
        .environment(Environment::Simulated)
        .exchange_with("binance", settings)
        .start()?;
    let ticker = Query::ticker(Exchange::BINANCE, "BTC/USDT".parse()?);
    manager.schedule(DataJob::new("btc", ticker, Duration::from_millis(200)))?;

    // The own source: two failures open it for half a second; it bears ten requests a second.
    let breaker = Breaker::builder("sentiment")
        .consecutive_failures(2)
        .open_for(Duration::from_millis(500))
        .build();
    let limiter = Limiter::builder("sentiment")
        .window(Window::sliding("requests", 10, Duration::from_secs(1)))
        .build();
    let source = Arc::new(Sentiment {
        url,
        client: Client::builder().build()?,
        breaker: breaker.clone(),
        limiter: limiter.clone(),
        latest: AtomicI64::new(0),
    });
    let scheduler = manager.scheduler();
    scheduler.source(
        Source::new("sentiment")
            .max_in_flight(2)
            .budget(10, Duration::from_secs(1))
            .gate(SourceGate::new(breaker, limiter)),
    );
    let work = Arc::clone(&source);
    scheduler.add(
        Job::every("sentiment", Duration::from_millis(200))
            .source("sentiment")
            .priority(2)
            .timeout(Duration::from_secs(2))
            .handler(move |run| Arc::clone(&work).run(run)),
    )?;

    let mut events = scheduler.events();
    let telling = async {
        while let Ok(event) = events.recv().await {
            match event {
                Event::Parked { source, wait } if wait > Duration::from_millis(300) => {
                    println!(
                        "{:>5.1?}: {source} is parked for {wait:.0?}",
                        BEGAN.elapsed()
                    );
                }
                Event::Ended(run) if &*run.job == "sentiment" => {
                    println!("{:>5.1?}: sentiment {:?}", BEGAN.elapsed(), run.outcome);
                }
                _ => {}
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(4), telling).await;
    manager.shutdown(Duration::from_secs(2)).await;
    for (name, ledger) in manager.scheduler().source_ledgers() {
        assert!(ledger.balances());
        println!(
            "{name}: due {}, ok {}, failed {}, superseded {} while parked",
            ledger.due, ledger.outcomes.ok, ledger.outcomes.failed, ledger.superseded
        );
    }
    println!("the index was {}", source.latest.load(Ordering::Relaxed));
    Ok(())
}
