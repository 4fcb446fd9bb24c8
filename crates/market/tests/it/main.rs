//! The exchange format, version 1, as `docs/formats.md` states it.
#![allow(clippy::unwrap_used, reason = "a test may stop where it cannot go on")]

use robust_market::{
    Candle, Candles, Decoded, Defect, DefectKind, Exchange, Interval, Kind, Level, Meta, OrderBook,
    Origin, Payload, RequestId, Sample, Side, Symbol, Ticker, Timestamp, Trade, Trades, decimal,
};
use serde_json::json;

fn symbol() -> Symbol {
    "BTC/USD".parse().unwrap()
}

#[test]
fn a_ticker_is_written_with_the_digits_of_the_wire_and_null_for_absent() {
    let mut ticker = Ticker::new(symbol());
    ticker.last = Some(decimal::parse("0.10000000").unwrap());
    ticker.time = Timestamp::from_ms(1_700_000_000_123);
    ticker.sequence = Some(7);
    assert_eq!(
        serde_json::to_value(Payload::Ticker(ticker)).unwrap(),
        json!({"symbol": "BTC/USD", "last": "0.10000000", "bid": null, "ask": null, "bid_size": null, "ask_size": null,
            "high": null, "low": null, "open": null, "base_volume": null, "quote_volume": null, "vwap": null,
            "change": null, "time_ms": 1_700_000_000_123_i64, "sequence": 7})
    );
}

#[test]
fn a_book_is_pairs_of_text() {
    let mut book = OrderBook::new(symbol());
    book.bids.push(Level {
        price: decimal::parse("9.68E-7").unwrap(),
        size: decimal::parse("1.50").unwrap(),
    });
    assert_eq!(
        serde_json::to_value(Payload::OrderBook(book)).unwrap(),
        json!({"symbol": "BTC/USD", "bids": [["0.000000968", "1.50"]], "asks": [], "time_ms": null, "sequence": null})
    );
}

#[test]
fn a_candle_is_a_row_of_ten() {
    let one = decimal::parse("1.0").unwrap();
    let mut candles = Candles::new(symbol(), Interval::M5);
    candles.rows.push(Candle {
        time: Timestamp::from_secs(60).unwrap(),
        open: one,
        high: one,
        low: one,
        close: one,
        volume: one,
        quote_volume: None,
        vwap: Some(one),
        count: Some(3),
        closed: false,
    });
    assert_eq!(
        serde_json::to_value(Payload::Candles(candles)).unwrap(),
        json!({"symbol": "BTC/USD", "interval_s": 300,
            "rows": [[60_000, "1.0", "1.0", "1.0", "1.0", "1.0", null, "1.0", 3, false]]})
    );
}

#[test]
fn a_trade_keeps_its_nanoseconds_and_its_long_id() {
    let mut trades = Trades::new(symbol());
    trades.rows.push(Trade {
        id: Some("1000000000000000000000000001".into()),
        price: decimal::parse("1").unwrap(),
        amount: decimal::parse("2").unwrap(),
        side: Some(Side::Sell),
        time: Timestamp::from_ns(1_566_789_720_123_456_789),
    });
    assert_eq!(
        serde_json::to_value(Payload::Trades(trades)).unwrap(),
        json!({"symbol": "BTC/USD", "rows": [{"id": "1000000000000000000000000001", "price": "1", "amount": "2",
            "side": "sell", "time_ms": 1_566_789_720_123_i64, "time_ns": "1566789720123456789"}]})
    );
}

#[test]
fn a_sample_names_version_kind_exchange_symbol_data_meta_and_quality() {
    let meta = Meta::fetched(
        Exchange::KRAKEN,
        Kind::Time,
        Origin::Simulated,
        Timestamp::EPOCH,
        RequestId(3),
    );
    let value = serde_json::to_value(Sample {
        data: Payload::ServerTime(Timestamp::EPOCH),
        meta,
        quality: None,
    })
    .unwrap();
    let keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        ["data", "exchange", "kind", "meta", "quality", "symbol", "v"]
    );
    assert_eq!((&value["v"], &value["quality"]), (&json!(1), &json!(null)));
    assert_eq!(value["meta"]["origin"], "simulated");
}

#[test]
fn defects_are_bounded_and_what_is_beyond_is_counted() {
    let mut decoded = Decoded::clean(());
    for index in 0..Decoded::<()>::DEFECTS_MAX + 5 {
        decoded.note(Defect::new(
            Some(index),
            "price",
            DefectKind::Null,
            Some(&"x".repeat(1_000)),
        ));
    }
    assert_eq!(
        (decoded.defects.len(), decoded.defects_dropped),
        (Decoded::<()>::DEFECTS_MAX, 5)
    );
    assert_eq!(
        decoded.defects[0].text.as_deref().map(str::len),
        Some(Defect::TEXT_MAX)
    );
    assert!(!decoded.is_clean());
}
