//! All four exchanges are built in.

use robust_data_manager::market::{Exchange, Origin};

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn all_four_exchanges_are_known_by_name_alone() {
    let exchanges = [
        Exchange::KRAKEN,
        Exchange::BINANCE,
        Exchange::KUCOIN,
        Exchange::HTX,
    ];
    let world = World::of(exchanges.clone(), |builder| builder);
    for exchange in exchanges {
        let symbol = match exchange.as_str() {
            "kraken" => "BTC/USD",
            _ => "BTC/USDT",
        };
        let ticker = world.manager.ticker(exchange.as_str(), symbol).await;
        let ticker = ticker.unwrap_or_else(|error| panic!("{exchange}: {error}"));
        assert!(ticker.last.is_some(), "{exchange}");
        assert_eq!(ticker.meta.origin, Origin::Simulated);
        let book = world.manager.order_book(exchange.as_str(), symbol).await;
        assert!(!book.unwrap().bids.is_empty(), "{exchange}");
    }
    world.check();
}
