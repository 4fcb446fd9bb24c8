//! A trading engine asks for data: ten lines to embed, and what it can do with the answers.
//!
//! Without an argument it asks simulated exchanges that it starts itself; with `live` it asks the real ones.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use std::time::Duration;

use robust_data_manager::market::Exchange;
use robust_data_manager::{DataError, DataManager, Environment, ExchangeSettings, Priority};
use robust_sim::Sim;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Sim::builder(Exchange::KRAKEN)
        .seed(7)
        .build()?
        .listen("127.0.0.1:0".parse()?)
        .await?;
    let builder = match std::env::args().nth(1).as_deref() {
        Some("live") => DataManager::builder().exchange("kraken"),
        _ => {
            let mut settings = ExchangeSettings::default();
            settings.base_url = Some(sim.base_url());
            DataManager::builder()
                .environment(Environment::Simulated)
                .exchange_with("kraken", settings)
        }
    };
    let manager = builder.start()?;

    // A value with its provenance: where it was born, how old it is, how good it is.
    let ticker = manager
        .ticker("kraken", "BTC/USD")
        .max_age(Duration::from_millis(500))
        .await?;
    println!(
        "BTC/USD last {:?}, bid {:?}, ask {:?}",
        ticker.last, ticker.bid, ticker.ask
    );
    println!(
        "{} and {}, received {:?} ago",
        ticker.meta.origin, ticker.meta.freshness, ticker.meta.receive_age
    );
    if let Some(report) = &ticker.quality {
        println!("quality {} of 100: {}", report.overall, report.acceptance);
    }

    let book = manager
        .order_book("kraken", "BTC/USD")
        .depth(10)
        .priority(Priority::Critical)
        .await?;
    println!(
        "book with {} bids and {} asks",
        book.bids.len(),
        book.asks.len()
    );

    // A failure is a type to branch on, and says when to come back.
    match manager.ticker("kraken", "BTC/UDS").await {
        Ok(_) => println!("nobody lists BTC/UDS"),
        Err(error @ DataError::Unanswerable(_)) => println!("refused: {error}"),
        Err(error) if error.is_retryable() => println!("again in {:?}: {error}", error.retry_in()),
        Err(error) => return Err(error.into()),
    }

    manager.shutdown(Duration::from_secs(1)).await;
    sim.shutdown().await;
    Ok(())
}
