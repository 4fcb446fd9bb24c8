//! A budget around a client that knows nothing of it: `cargo run -p robust-limiter --example any_client`
//!
//! Two parts of a program share the 3 requests in any second that a service grants to their
//! address: a crawler in the background, and the code that a user waits for.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use robust_limiter::{Charge, Class, Limiter, Pause, Rejected, Window};
use tokio::time::Instant;

/// Any client: it sends, and tells what came back.
async fn send(path: &str) -> Result<u16, std::io::Error> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    match path {
        "/refused" => Err(std::io::ErrorKind::ConnectionRefused.into()),
        "/busy" => Ok(429),
        _ => Ok(200),
    }
}

/// The whole of it: acquire, commit, send, and say what the answer says about the budget.
async fn fetch(limiter: &Limiter, path: &str, class: Class) -> Result<u16, Rejected> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let spent = limiter
        .acquire(&Charge::new(0, 1).into(), class, Some(deadline))
        .await?
        .commit();
    match send(path).await {
        // The server never saw it.
        Err(_) => {
            spent.refund();
            Ok(0)
        }
        Ok(429) => {
            limiter.pause(Instant::now() + Duration::from_secs(1), Pause::RetryAfter);
            Ok(429)
        }
        Ok(status) => Ok(status),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Rejected> {
    let limiter = Limiter::builder("example.org")
        .window(
            Window::sliding("requests", 3, Duration::from_secs(1)).guard(Duration::from_millis(50)),
        )
        .build();
    let start = Instant::now();
    let crawler = {
        let limiter = limiter.clone();
        tokio::spawn(async move {
            for page in 1..=8 {
                let outcome = fetch(&limiter, "/page", Class::Low).await;
                println!(
                    "{:>5.2} s  crawler page {page}: {outcome:?}",
                    start.elapsed().as_secs_f64()
                );
            }
        })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    for path in ["/profile", "/refused", "/busy", "/profile"] {
        let status = fetch(&limiter, path, Class::Critical).await?;
        println!(
            "{:>5.2} s  user {path}: {status}",
            start.elapsed().as_secs_f64()
        );
    }
    let _ = crawler.await;
    Ok(())
}
