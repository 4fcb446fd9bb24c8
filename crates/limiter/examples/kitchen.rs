//! A kitchen with one cook too few: `cargo run -p robust-limiter --example kitchen`
//!
//! The pass holds three plates (a bulkhead with a short queue); how many dishes the cooks can work on at
//! the same time nobody has told the waiters, so they learn it from the time that a dish takes.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use robust_limiter::Rejected;
use robust_limiter::concurrency::{Adaptive, Bulkhead};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::{ServiceBuilder, ServiceExt};

#[derive(Debug, thiserror::Error)]
enum KitchenError {
    #[error("not now: {0}")]
    NotNow(#[from] Rejected),
    #[error("the kitchen is closed")]
    Closed(#[from] tokio::sync::AcquireError),
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let pass = Bulkhead::builder(3)
        .max_queue(2)
        .max_wait(Duration::from_millis(50))
        .build();
    let plates = ServiceBuilder::new()
        .layer(pass.layer())
        .service_fn(|table: u32| async move {
            sleep(Duration::from_millis(30)).await;
            Ok::<_, KitchenError>(table)
        });
    let mut waiters = JoinSet::new();
    for table in 1..=8 {
        waiters.spawn(plates.clone().oneshot(table));
    }
    while let Some(Ok(served)) = waiters.join_next().await {
        match served {
            Ok(table) => println!("table {table} is served"),
            Err(refused) => println!("sent back, {refused}"),
        }
    }
    println!("{:?}", pass.snapshot());

    // Six cooks, and dishes of 10 ms; forty guests who order again as soon as they have eaten.
    let cooks = Arc::new(Semaphore::new(6));
    let learned = Adaptive::builder()
        .initial(2)
        .remeasure(Duration::from_secs(1))
        .build();
    let kitchen = ServiceBuilder::new()
        .layer(learned.layer())
        .service_fn(move |(): ()| {
            let cooks = Arc::clone(&cooks);
            async move {
                let _cook = cooks.acquire().await?;
                sleep(Duration::from_millis(10)).await;
                Ok::<_, KitchenError>(())
            }
        });
    let mut guests = JoinSet::new();
    for _ in 0..40 {
        let kitchen = kitchen.clone();
        guests.spawn(async move { while kitchen.clone().oneshot(()).await.is_ok() {} });
    }
    let begin = Instant::now();
    for _ in 0..5 {
        let _ = timeout(Duration::from_millis(400), guests.join_next()).await;
        let seen = learned.snapshot();
        println!(
            "{:>4} ms: {} dishes at once, {} orders wait, a dish takes {:?} when nobody waits",
            begin.elapsed().as_millis(),
            seen.limit,
            seen.queued,
            seen.floor.unwrap_or_default()
        );
    }
}
