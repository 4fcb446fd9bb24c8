//! The engine's own order client draws on the same budget as the manager's reads, before all of them.
//!
//! An exchange counts requests by address, so orders and reads share one limit. Here reads flood the budget of Kraken (one request
//! a second) and an order still goes out at the next grant. The order client is hyper itself; any other works the same.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use std::time::Duration;

use bytes::Bytes;
use robust_data_manager::market::Exchange;
use robust_data_manager::{DataManager, Environment, ExchangeSettings, Priority, Query};
use robust_sim::Sim;
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Sim::builder(Exchange::KRAKEN).seed(7).build()?;
    let server = simulator.listen("127.0.0.1:0".parse()?).await?;
    let mut settings = ExchangeSettings::default();
    settings.base_url = Some(server.base_url());
    let manager = DataManager::builder()
        .environment(Environment::Simulated)
        .exchange_with("kraken", settings)
        .start()?;

    // Reads of low priority fill the queue for the next seconds.
    let reads: Vec<_> = simulator
        .symbols()
        .into_iter()
        .take(4)
        .map(|symbol| {
            let manager = manager.clone();
            let query = Query::ticker(Exchange::KRAKEN, symbol).priority(Priority::Low);
            tokio::spawn(async move { manager.get(query).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(20)).await;

    // The order takes its permit at Critical priority …
    let budget = manager.budget("kraken")?;
    let began = Instant::now();
    let permit = budget
        .acquire(&[("public", 1)], Some(began + Duration::from_secs(3)))
        .await?;
    println!(
        "the order waited {:?}; {:?} reads still wait",
        began.elapsed(),
        budget.limiter().snapshot().queued
    );
    // … stamps it at the moment of sending …
    permit.commit();
    // … and goes out with the engine's own client. (The public simulator takes no orders; a status request stands in.)
    let client = robust_http::Client::builder().build()?;
    let request = http::Request::get(format!("{}/0/public/SystemStatus", server.base_url()))
        .body(Bytes::new())?;
    let answer = client
        .fetch(request, Some(began + Duration::from_secs(3)))
        .await?;
    println!(
        "the exchange answered {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );

    for read in reads {
        read.await??;
    }
    println!(
        "requests over the limit, counted by the exchange: {}",
        simulator.stats().over_limit
    );
    manager.shutdown(Duration::from_secs(1)).await;
    server.shutdown().await;
    Ok(())
}
