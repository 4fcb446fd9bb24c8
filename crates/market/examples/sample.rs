//! Prints one sample in the exchange format, version 1.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use robust_market::{
    Exchange, Kind, Meta, Origin, RequestId, Sample, Symbol, Ticker, Timestamp, decimal,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let symbol: Symbol = "BTC/USD".parse()?;
    let mut ticker = Ticker::new(symbol.clone());
    ticker.bid = Some(decimal::parse("106038.10")?);
    ticker.ask = Some(decimal::parse("106038.20")?);
    ticker.time = Some(Timestamp::from_ns(1_762_776_942_123_456_789));
    let received = Timestamp::from_ns(1_762_776_942_200_000_000);
    let mut meta = Meta::fetched(
        Exchange::KRAKEN,
        Kind::Ticker,
        Origin::Rest,
        received,
        RequestId(1),
    );
    meta.symbol = Some(symbol);
    let sample = Sample {
        data: ticker,
        meta,
        quality: None,
    };
    println!("{}", serde_json::to_string_pretty(&sample)?);
    Ok(())
}
