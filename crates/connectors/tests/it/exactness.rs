//! Digits and nanoseconds survive; what cannot be kept exactly is a defect, never rounded.

use robust_connectors::{Binance, Kraken};
use robust_market::{DefectKind, Payload};

use crate::support::{book, decode, ticker, trades};

#[test]
fn exponents_and_trailing_zeros_survive_as_numbers_and_as_strings() {
    for (wire, shown) in [
        ("9.68E-7", "0.000000968"),
        ("\"9.68E-7\"", "0.000000968"),
        ("0.10000000", "0.10000000"),
        ("\"0.10000000\"", "0.10000000"),
        ("\"123456789.123456789123\"", "123456789.123456789123"),
        ("123456789.123456789123", "123456789.123456789123"),
    ] {
        let body = format!(r#"{{"lastUpdateId":1,"bids":[[{wire},"1"]],"asks":[]}}"#);
        let decoded = decode(&Binance, &book("BTC/USDT"), &body).unwrap();
        assert!(decoded.is_clean());
        let Payload::OrderBook(book) = decoded.value else {
            panic!("no book");
        };
        assert_eq!(book.bids[0].price.to_string(), shown, "{wire}");
    }
}

#[test]
fn identifiers_of_28_digits_and_nanosecond_times_survive() {
    let body = r#"{"error":[],"result":{"XXBTZUSD":[
        ["105433.6","0.00027625",1762795433.9717445,"b","l","",1234567890123456789012345678],
        ["105433.6","0.00027625",1762795433.123456789,"b","l","","9999999999999999999999999999"]],
        "last":"1762820035982277754"}}"#;
    let decoded = decode(&Kraken, &trades("BTC/USD"), body).unwrap();
    assert!(decoded.is_clean(), "{:?}", decoded.defects);
    let Payload::Trades(trades) = decoded.value else {
        panic!("no trades");
    };
    assert_eq!(
        trades.rows[0].id.as_deref(),
        Some("1234567890123456789012345678")
    );
    assert_eq!(trades.rows[0].time.as_ns(), 1_762_795_433_971_744_500);
    assert_eq!(
        trades.rows[1].id.as_deref(),
        Some("9999999999999999999999999999")
    );
    assert_eq!(trades.rows[1].time.as_ns(), 1_762_795_433_123_456_789);
    assert_eq!(trades.cursor.as_deref(), Some("1762820035982277754"));
}

#[test]
fn a_price_of_29_digits_is_a_defect_and_the_other_levels_stay() {
    let body = r#"{"lastUpdateId":1,"bids":[["1.5","1"],["12345678901234567890123456789","1"],["1.3","0.12345678901234567890123456789"]],
        "asks":[["2.5","1"],[2.6,null]]}"#;
    let decoded = decode(&Binance, &book("BTC/USDT"), body).unwrap();
    assert_eq!(
        decoded.excluded,
        [1, 2, 4],
        "asks are counted after the three bids"
    );
    let noted: Vec<_> = decoded
        .defects
        .iter()
        .map(|defect| (defect.index, &*defect.field, defect.kind))
        .collect();
    assert_eq!(
        noted,
        [
            (Some(1), "bids.price", DefectKind::OutOfRange),
            (Some(2), "bids.size", DefectKind::OutOfRange),
            (Some(4), "asks.size", DefectKind::Null),
        ]
    );
    let Payload::OrderBook(book) = decoded.value else {
        panic!("no book");
    };
    assert_eq!((book.bids.len(), book.asks.len()), (1, 1));
}

#[test]
fn a_broken_field_leaves_the_rest_of_its_ticker() {
    let body = r#"{"symbol":"BTCUSDT","lastPrice":"NaN","bidPrice":true,"bidQty":"x","askPrice":"10.50","askQty":null,
        "highPrice":"11","lowPrice":"9","openPrice":"10","volume":"1","quoteVolume":"10","weightedAvgPrice":"10",
        "priceChange":"-0.5","closeTime":1499869899040}"#;
    let decoded = decode(&Binance, &ticker("BTC/USDT"), body).unwrap();
    let noted: Vec<_> = decoded
        .defects
        .iter()
        .map(|defect| (&*defect.field, defect.kind, defect.text.as_deref()))
        .collect();
    assert_eq!(
        noted,
        [
            ("bid", DefectKind::WrongType, Some("true")),
            ("bid_size", DefectKind::Unparsable, Some("x")),
            ("ask_size", DefectKind::Null, Some("null")),
            ("last", DefectKind::NotFinite, Some("NaN")),
        ]
    );
    let Payload::Ticker(ticker) = decoded.value else {
        panic!("no ticker");
    };
    assert_eq!(ticker.ask.unwrap().to_string(), "10.50");
    assert_eq!((ticker.last, ticker.bid), (None, None));
}
