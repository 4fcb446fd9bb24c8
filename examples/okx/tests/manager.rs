//! The manager of a workspace that has never heard of OKX serves it.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::sync::Arc;
use std::time::Duration;

use okx_venue::Okx;
use okx_venue::loopback::{ThatDay, serve};
use robust_data_manager::{DataManager, Environment, ExchangeSettings};
use robust_market::{Interval, Origin};

#[tokio::test]
async fn values_go_from_the_wire_through_the_manager_without_losing_a_digit() {
    let mut settings = ExchangeSettings::default();
    settings.base_url = Some(format!("http://{}", serve().await.unwrap()));
    let manager = DataManager::builder()
        .connector(Arc::new(Okx))
        .environment(Environment::Simulated)
        .clock(Arc::new(ThatDay))
        .exchange_with("okx", settings)
        .start()
        .unwrap();

    let ticker = manager.ticker("okx", "BTC/USDT").await.unwrap();
    assert_eq!(
        ticker.last.map(|last| last.to_string()).as_deref(),
        Some("67412.10")
    );
    assert_eq!(
        ticker.meta.origin,
        Origin::Simulated,
        "an address on this machine is no exchange"
    );

    let candles = manager
        .candles("okx", "BTC/USDT", Interval::M1)
        .await
        .unwrap();
    let closed: Vec<_> = candles.rows.iter().map(|row| row.closed).collect();
    assert_eq!(closed, [true, true, false]);

    let book = manager
        .order_book("okx", "BTC/USDT")
        .depth(2)
        .await
        .unwrap();
    assert_eq!((book.bids.len(), book.asks.len()), (2, 2));
    assert_eq!(manager.instruments("okx").await.unwrap().len(), 2);

    let error = manager.ticker("okx", "BTC/UDST").await.unwrap_err();
    assert!(
        error.to_string().contains("did you mean BTC/USDT?"),
        "{error}"
    );
    manager.shutdown(Duration::from_secs(1)).await;
}
