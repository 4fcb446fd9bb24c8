//! All exchanges of one seed tell the same story.

use robust_market::Exchange;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::ask::{Asker, START, decimal};

/// Dollars for a coin on each exchange; a tether is priced on Kraken.
fn prices(askers: &mut [Asker; 4], coins: &[&str]) -> Vec<[Decimal; 4]> {
    let [kraken, binance, kucoin, htx] = askers;
    let dollars = kraken.result("/0/public/Ticker");
    let tether = decimal(&dollars["USDTZUSD"]["c"][0]);
    let binance = binance.json("/api/v3/ticker/price");
    let kucoin = kucoin.data("/api/v1/market/allTickers");
    let htx = htx.json("/market/tickers");
    let row = |rows: &Value, name: String| -> Value {
        let rows = rows.as_array().unwrap();
        let found = rows.iter().find(|row| row["symbol"] == name.as_str());
        found.unwrap().clone()
    };
    coins
        .iter()
        .map(|coin| {
            let id = match *coin {
                "BTC" => "XXBTZUSD".to_owned(),
                "ETH" => "XETHZUSD".to_owned(),
                "DOGE" => "XDGUSD".to_owned(),
                coin => format!("{coin}USD"),
            };
            let low = coin.to_ascii_lowercase();
            let binance = row(&binance, format!("{coin}USDT"));
            let kucoin = row(&kucoin["ticker"], format!("{coin}-USDT"));
            let htx = row(&htx["data"], format!("{low}usdt"));
            [
                decimal(&dollars[&id]["c"][0]),
                decimal(&binance["price"]) * tether,
                decimal(&kucoin["last"]) * tether,
                // Exact enough here: prices have fewer digits than a double.
                Decimal::try_from(htx["close"].as_f64().unwrap()).unwrap() * tether,
            ]
        })
        .collect()
}

#[test]
fn all_exchanges_agree_on_prices_within_basis_points() {
    let exchanges = [
        Exchange::KRAKEN,
        Exchange::BINANCE,
        Exchange::KUCOIN,
        Exchange::HTX,
    ];
    let mut askers = exchanges.map(|exchange| Asker::new(exchange, 7));
    let coins = ["BTC", "ETH", "SOL", "DOGE", "PEPE"];
    for step in 0..10 {
        for asker in &mut askers {
            asker.wall = START + step * 7_777_000_000_000;
        }
        for (coin, prices) in coins.iter().zip(prices(&mut askers, &coins)) {
            let low = prices.iter().min().unwrap();
            let high = prices.iter().max().unwrap();
            // The last trades may lie minutes apart on a quiet pair.
            let most = Decimal::new(if *coin == "BTC" { 30 } else { 90 }, 4);
            assert!(high / low - Decimal::ONE < most, "{coin}: {prices:?}");
        }
    }
}
