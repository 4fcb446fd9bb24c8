//! Reads OKX through the manager of a workspace that has never heard of OKX.
//!
//! Without an argument a server on this machine answers, with answers after OKX's documentation; with `live` OKX itself is asked.

use std::sync::Arc;
use std::time::Duration;

use okx_venue::Okx;
use okx_venue::loopback::{ThatDay, serve};
use robust_data_manager::{DataManager, Environment, ExchangeSettings};
use robust_market::Interval;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // This line is all that it takes: the manager serves any connector.
    let builder = DataManager::builder().connector(Arc::new(Okx));
    let builder = if std::env::args().nth(1).as_deref() == Some("live") {
        builder.exchange("okx")
    } else {
        let mut settings = ExchangeSettings::default();
        settings.base_url = Some(format!("http://{}", serve().await?));
        builder
            .environment(Environment::Simulated)
            .clock(Arc::new(ThatDay))
            .exchange_with("okx", settings)
    };
    let manager = builder.start()?;

    let ticker = manager.ticker("okx", "BTC/USDT").await?;
    println!("last {:?}, {}", ticker.last, ticker.meta.origin);
    let book = manager.order_book("okx", "BTC/USDT").depth(2).await?;
    println!("{} bids, {} asks", book.bids.len(), book.asks.len());
    let candles = manager.candles("okx", "BTC/USDT", Interval::M1).await?;
    let closed = candles.rows.iter().filter(|row| row.closed).count();
    println!("{} bars, {closed} of them closed", candles.rows.len());
    let trades = manager.trades("okx", "BTC/USDT").limit(2).await?;
    println!("{} trades", trades.rows.len());
    match manager.ticker("okx", "BTC/UDST").await {
        Ok(_) => println!("nobody lists BTC/UDST"),
        Err(error) => println!("refused: {error}"),
    }
    manager.shutdown(Duration::from_secs(1)).await;
    Ok(())
}
