//! Thirty people print on one busy printer: retries with jitter, a hint, a deadline and a budget.
//!
//! `cargo run -p robust-backoff --example printer`
#![allow(clippy::print_stdout, reason = "an example shows what happened")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use robust_backoff::{
    Budget, Disposition, Exponential, Jitter, Policy, Replay, Stats, classify_fn,
};
use tokio::time::Instant;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, retry::RetryLayer, service_fn};

#[derive(Clone)]
struct Document {
    title: String,
    wanted_by: Instant,
}

impl Replay for Document {
    /// Nothing is printed before the printer says so, hence a document can be sent again.
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.wanted_by)
    }
}

enum Answer {
    Printed(String),
    Busy { come_back_in: Duration },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    // The printer takes every third document and sends the others away for 20 ms.
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let printer = service_fn(move |document: Document| {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        async move {
            Ok::<_, BoxError>(if number % 3 == 2 {
                Answer::Printed(document.title)
            } else {
                Answer::Busy {
                    come_back_in: Duration::from_millis(20),
                }
            })
        }
    });

    let judge = classify_fn(|outcome: Result<&Answer, &BoxError>| match outcome {
        Ok(Answer::Busy { come_back_in }) => Disposition::Retry {
            after: Some(*come_back_in),
            sent: true,
        },
        _ => Disposition::Final,
    });
    let delays = Exponential::new(Duration::from_millis(10), Duration::from_millis(100))
        .jitter(Jitter::Full);
    let budget = Budget::new(0.5, 5.0);
    let stats = Arc::new(Stats::default());
    let policy = Policy::builder(delays, judge)
        .max_retries(4)
        .budget(budget.clone())
        .stats(Arc::clone(&stats))
        .build();
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(policy))
        .service(printer);

    let mut jobs = Vec::new();
    for number in 0..30 {
        let document = Document {
            title: format!("page {number}"),
            wanted_by: Instant::now() + Duration::from_millis(500),
        };
        jobs.push(tokio::spawn(service.ready().await?.call(document)));
    }
    let mut printed = 0;
    for job in jobs {
        match job.await?? {
            Answer::Printed(title) => {
                printed += 1;
                println!("{title} is printed");
            }
            Answer::Busy { .. } => println!("the printer stayed busy"),
        }
    }
    println!(
        "{printed} of 30 printed, the printer was asked {} times",
        asked.load(Ordering::Relaxed)
    );
    println!("{:?}", stats.snapshot());
    println!("{:?}", budget.stats());
    Ok(())
}
