//! Which address of this machine requests leave from: exchanges count by it.

use std::net::IpAddr;

use robust_data_manager::{Config, DataManager};
use tokio::net::TcpListener;

/// Linux takes every address of 127.0.0.0/8 for its own.
#[tokio::test]
async fn each_exchange_leaves_by_the_address_that_its_settings_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config = Config::from_toml(&format!(
        r#"
        environment = "simulated"
        [exchanges.kraken]
        base_url = "{url}"
        retries = 0
        local_address = "127.0.0.2"
        [exchanges.binance]
        base_url = "{url}"
        retries = 0
        local_address = "127.0.0.3"
        [exchanges.htx]
        base_url = "{url}"
        retries = 0
        "#
    ))
    .unwrap();
    let manager = DataManager::builder().config(config).start().unwrap();
    for (exchange, symbol, from) in [
        ("kraken", "BTC/USD", "127.0.0.2"),
        ("binance", "BTC/USDT", "127.0.0.3"),
        ("htx", "BTC/USDT", "127.0.0.1"),
    ] {
        let read = async { manager.ticker(exchange, symbol).await };
        // Whoever comes is seen and sent away.
        let accept = async { listener.accept().await.unwrap().1.ip() };
        let (answer, came_from) = tokio::join!(read, accept);
        assert!(answer.is_err(), "{exchange}");
        assert_eq!(came_from, from.parse::<IpAddr>().unwrap(), "{exchange}");
    }
}
