//! A lighthouse keeper asks a weather station that is down for a while.
//!
//! `cargo run -p robust-breaker --example lighthouse`
#![allow(clippy::print_stdout, reason = "an example shows what happened")]

use std::time::Duration;

use robust_breaker::{Breaker, ErrorsAreFailures, Open};
use tokio::time::Instant;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let breaker = Breaker::builder("weather station")
        .consecutive_failures(3)
        .open_for(Duration::from_millis(200))
        .half_open_permits(1)
        .half_open_deadline(Duration::from_millis(100))
        .build();

    // Whoever runs the lighthouse sees each change and its cause.
    let mut changes = breaker.watch();
    let log = tokio::spawn(async move {
        while changes.changed().await.is_ok() {
            let change = *changes.borrow_and_update();
            println!("        {} -> {}: {}", change.from, change.to, change.cause);
        }
    });

    // The station is struck by lightning between 100 and 600 ms.
    let begin = Instant::now();
    let station = service_fn(move |(): ()| async move {
        match begin.elapsed().as_millis() {
            100..600 => Err::<&str, BoxError>("no line to the station".into()),
            _ => Ok("wind north-west 7"),
        }
    });
    let mut weather = ServiceBuilder::new()
        .layer(breaker.check_layer())
        // A queue, a rate limit or anything else that waits would stand here.
        .layer(breaker.admit_layer(ErrorsAreFailures))
        .service(station);

    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let time = begin.elapsed().as_millis();
        match weather.ready().await?.call(()).await {
            Ok(report) => println!("{time:>4} ms {report}"),
            Err(error) => match error.downcast_ref::<Open>() {
                Some(open) => println!("{time:>4} ms not asked, again in {:?}", open.retry_in),
                None => println!("{time:>4} ms {error}"),
            },
        }
    }
    println!("{:?}", breaker.snapshot());
    log.abort();
    Ok(())
}
