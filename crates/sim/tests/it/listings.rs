//! What is listed, and by which names.

use robust_market::Exchange;
use robust_sim::Sim;

use crate::ask::{Asker, decimal};

#[test]
fn each_exchange_lists_110_pairs_or_more_and_bitcoin_and_ether_first() {
    for (exchange, quote) in [
        (Exchange::KRAKEN, "USD"),
        (Exchange::BINANCE, "USDT"),
        (Exchange::KUCOIN, "USDT"),
        (Exchange::HTX, "USDT"),
    ] {
        let symbols = Sim::builder(exchange).build().unwrap().symbols();
        assert!(symbols.len() >= 110, "{}", symbols.len());
        assert_eq!(symbols[0].as_str(), format!("BTC/{quote}"));
        assert_eq!(symbols[1].as_str(), format!("ETH/{quote}"));
        let mut unique = symbols.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), symbols.len());
    }
}

#[test]
fn an_exchange_that_nobody_taught_is_refused_with_the_ones_that_are_known() {
    let error = Sim::builder(Exchange::from_static("okx"))
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "exchange \"okx\" cannot be simulated: use kraken, binance, kucoin or htx"
    );
}

#[test]
fn kraken_answers_to_every_name_of_a_pair_with_its_own_id() {
    let mut asker = Asker::new(Exchange::KRAKEN, 7);
    for (id, names) in [
        ("XXBTZUSD", ["XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD"]),
        ("XETHZUSD", ["XETHZUSD", "ETHUSD", "ETH/USD", "ETHUSD"]),
        ("XDGUSD", ["XDGUSD", "XDGUSD", "XDG/USD", "DOGE/USD"]),
        ("XETHXXBT", ["XETHXXBT", "ETHXBT", "ETH/XBT", "ETH/BTC"]),
        ("XBTUSDT", ["XBTUSDT", "XBTUSDT", "XBT/USDT", "BTC/USDT"]),
        ("USDTZUSD", ["USDTZUSD", "USDTUSD", "USDT/USD", "USDT/USD"]),
    ] {
        for name in names {
            let result = asker.result(&format!("/0/public/Ticker?pair={name}"));
            let keys: Vec<&String> = result.as_object().unwrap().keys().collect();
            assert_eq!(keys, [id], "{name}");
        }
    }
    assert_eq!(
        asker.error("/0/public/Ticker?pair=XETHXBTC"),
        (200, "EQuery:Unknown asset pair".to_owned())
    );
}

#[test]
fn kraken_pairs_name_assets_that_exist_and_prices_keep_to_their_ticks() {
    let mut asker = Asker::new(Exchange::KRAKEN, 7);
    let pairs = asker.result("/0/public/AssetPairs");
    let assets = asker.result("/0/public/Assets");
    let tickers = asker.result("/0/public/Ticker");
    assert_eq!(assets["XXBT"]["altname"], "XBT");
    assert_eq!(assets["ZUSD"]["altname"], "USD");
    let pairs = pairs.as_object().unwrap();
    assert_eq!(pairs.len(), tickers.as_object().unwrap().len());
    for (id, pair) in pairs {
        for side in ["base", "quote"] {
            let asset = pair[side].as_str().unwrap();
            assert!(assets.get(asset).is_some(), "{id}: {asset}");
        }
        let tick = decimal(&pair["tick_size"]);
        for field in ["a", "b", "c"] {
            let price = decimal(&tickers[id][field][0]);
            assert!((price % tick).is_zero() && !price.is_zero(), "{id} {price}");
        }
        assert!(!decimal(&pair["ordermin"]).is_zero());
    }
}

#[test]
fn binance_prices_and_amounts_keep_to_their_filters() {
    let mut asker = Asker::new(Exchange::BINANCE, 7);
    let info = asker.json("/api/v3/exchangeInfo");
    let limits = info["rateLimits"].as_array().unwrap();
    for (kind, limit) in [("REQUEST_WEIGHT", 6_000), ("RAW_REQUESTS", 300_000)] {
        let found = limits.iter().find(|l| l["rateLimitType"] == kind).unwrap();
        assert_eq!(found["limit"], limit);
    }
    let days = asker.json("/api/v3/ticker/24hr");
    let symbols = info["symbols"].as_array().unwrap();
    assert_eq!(symbols.len(), days.as_array().unwrap().len());
    for (symbol, day) in symbols.iter().zip(days.as_array().unwrap()) {
        assert_eq!(symbol["symbol"], day["symbol"]);
        let filter = |kind: &str, field: &str| {
            let filters = symbol["filters"].as_array().unwrap();
            let filter = filters.iter().find(|f| f["filterType"] == kind).unwrap();
            decimal(&filter[field])
        };
        let (tick, step) = (
            filter("PRICE_FILTER", "tickSize"),
            filter("LOT_SIZE", "stepSize"),
        );
        for field in ["bidPrice", "askPrice", "lastPrice", "highPrice"] {
            let price = decimal(&day[field]);
            assert!((price % tick).is_zero() && !price.is_zero(), "{day}");
        }
        for field in ["bidQty", "askQty", "lastQty", "volume"] {
            let amount = decimal(&day[field]);
            assert!((amount % step).is_zero() && !amount.is_zero(), "{day}");
        }
    }
}

#[test]
fn kucoin_prices_and_amounts_keep_to_their_increments() {
    let mut asker = Asker::new(Exchange::KUCOIN, 7);
    let symbols = asker.data("/api/v2/symbols");
    let tickers = asker.data("/api/v1/market/allTickers");
    let symbols = symbols.as_array().unwrap();
    let tickers = tickers["ticker"].as_array().unwrap();
    assert_eq!(symbols.len(), tickers.len());
    for (symbol, ticker) in symbols.iter().zip(tickers) {
        assert_eq!(symbol["symbol"], ticker["symbol"]);
        assert_eq!(symbol["name"], ticker["symbolName"]);
        let tick = decimal(&symbol["priceIncrement"]);
        for field in ["buy", "sell", "last", "high", "low"] {
            let price = decimal(&ticker[field]);
            assert!((price % tick).is_zero() && !price.is_zero(), "{ticker}");
        }
        let step = decimal(&symbol["baseIncrement"]);
        for field in ["bestBidSize", "bestAskSize", "vol"] {
            let amount = decimal(&ticker[field]);
            assert!((amount % step).is_zero() && !amount.is_zero(), "{ticker}");
        }
        let least = decimal(&symbol["baseMinSize"]);
        assert!((least % step).is_zero() && !least.is_zero());
    }
    // Renamed: the id keeps the old code, the name shows the new one.
    let renamed = asker.data("/api/v2/symbols/BCHSV-USDT");
    assert_eq!(renamed["name"], "BSV-USDT");
    assert_eq!(renamed["baseCurrency"], "BCHSV");
    assert_eq!(asker.data("/api/v3/currencies/BCHSV")["name"], "BSV");
    let bitcoin = asker.data("/api/v2/symbols?market=BTC");
    let bitcoin = bitcoin.as_array().unwrap();
    assert!(!bitcoin.is_empty() && bitcoin.iter().all(|row| row["quoteCurrency"] == "BTC"));
}

#[test]
fn htx_lists_the_same_pairs_in_all_three_forms() {
    let mut asker = Asker::new(Exchange::HTX, 7);
    let old = asker.json("/v1/common/symbols")["data"].take();
    let settings = asker.json("/v2/settings/common/symbols");
    let rules = asker.json("/v1/settings/common/market-symbols");
    assert_eq!((&settings["full"], &rules["full"]), (&1.into(), &1.into()));
    let tickers = asker.json("/market/tickers")["data"].take();
    let count = old.as_array().unwrap().len();
    assert_eq!(count, asker.sim.symbols().len());
    for list in [&settings["data"], &rules["data"], &tickers] {
        assert_eq!(list.as_array().unwrap().len(), count);
    }
    for at in 0..count {
        let (one, two, three) = (&old[at], &settings["data"][at], &rules["data"][at]);
        assert_eq!(one["symbol"], two["sc"]);
        assert_eq!(one["symbol"], three["symbol"]);
        assert_eq!(one["symbol"], tickers[at]["symbol"]);
        assert_eq!(one["price-precision"], two["tpp"]);
        assert_eq!(one["price-precision"], three["pp"]);
        assert_eq!(one["amount-precision"], two["tap"]);
        assert_eq!(one["base-currency"], three["bc"]);
        assert_eq!(one["quote-currency"], two["qc"]);
        let symbol = format!(
            "{}/{}",
            two["bcdn"].as_str().unwrap(),
            two["qcdn"].as_str().unwrap()
        );
        assert_eq!(two["dn"], symbol.as_str());
    }
    let one = asker.json("/v1/settings/common/market-symbols?symbols=ethusdt,btcusdt");
    let names: Vec<&str> = one["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["symbol"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ethusdt", "btcusdt"]);
    let currencies = asker.json("/v2/reference/currencies")["data"].take();
    let known = |code: &serde_json::Value| {
        let rows = currencies.as_array().unwrap();
        rows.iter().filter(|row| row["currency"] == *code).count() == 1
    };
    let rows = old.as_array().unwrap();
    assert!(
        rows.iter()
            .all(|row| known(&row["base-currency"]) && known(&row["quote-currency"]))
    );
    // Nothing changed since then.
    let news = asker.json("/v2/settings/common/symbols?ts=1762820224000");
    assert_eq!(news["data"], serde_json::json!([]));
}
