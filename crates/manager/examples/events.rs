//! Jobs collect, callbacks hear: data, quality, errors and breaker changes of an exchange that fails and recovers.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use std::time::Duration;

use robust_data_manager::market::Exchange;
use robust_data_manager::{Config, DataJob, DataManager, Event, Query};
use robust_sim::{Fault, Sim};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Sim::builder(Exchange::BINANCE).seed(7).build()?;
    let server = simulator.listen("127.0.0.1:0".parse()?).await?;
    let config = Config::from_toml(&format!(
        r#"
        environment = "simulated"
        [exchanges.binance]
        base_url = "{}"
        timeout = "200ms"
        retries = 0
        breaker_failures = 3
        breaker_open = "500ms"
        "#,
        server.base_url()
    ))?;
    let manager = DataManager::builder().config(config).start()?;

    // Callbacks run in a task of their own: a slow one never slows a read, it is told how many events it missed.
    manager.on_event(|event| match event {
        Event::Data(sample) => println!("data    {} {}", sample.meta.kind, sample.meta.origin),
        Event::Quality(word) => {
            let report = &word.report;
            println!("quality {}: {} issues", report.overall, report.issues.len())
        }
        Event::Error { error, .. } => println!("error   {error}"),
        Event::State { exchange, from, to } => println!("state   {exchange}: {from} → {to}"),
        Event::Dropped(missed) => println!("missed  {missed} events"),
        _ => {}
    })?;

    let query = Query::ticker(Exchange::BINANCE, "BTC/USDT".parse()?);
    manager.schedule(DataJob::new("btc", query, Duration::from_millis(250)).at_start())?;
    for fault in [None, Some(Fault::Html), None] {
        println!(
            "-- fault: {}",
            fault.map_or_else(|| "none".to_owned(), |fault| fault.to_string())
        );
        simulator.set_fault(fault);
        tokio::time::sleep(Duration::from_millis(1_200)).await;
    }
    let jobs = manager.shutdown(Duration::from_secs(1)).await;
    println!(
        "-- ended: {} runs were under way and completed",
        jobs.completed
    );
    server.shutdown().await;
    Ok(())
}
