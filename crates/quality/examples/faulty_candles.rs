//! Judges a short series with one impossible bar and prints the report.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use robust_market::{
    Candle, Candles, Decoded, Exchange, Interval, Kind, Payload, Request, Symbol, Timestamp,
    decimal,
};
use robust_quality::{Context, Profile, SymbolState, judge};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let symbol: Symbol = "BTC/USD".parse()?;
    let start = 1_700_049_600;
    let mut series = Candles::new(symbol.clone(), Interval::M1);
    for minute in 0..60 {
        let time = Timestamp::from_secs(start + minute * 60).ok_or("a time out of range")?;
        // The bar of minute 30 has its high below its low.
        let (high, low) = if minute == 30 {
            ("36490", "36510")
        } else {
            ("36510", "36490")
        };
        series.rows.push(Candle {
            time,
            open: decimal::parse("36500")?,
            high: decimal::parse(high)?,
            low: decimal::parse(low)?,
            close: decimal::parse("36505")?,
            volume: decimal::parse("1.25")?,
            quote_volume: None,
            vwap: None,
            count: None,
            closed: true,
        });
    }
    let request = Request::Candles {
        symbol,
        interval: Interval::M1,
        since: None,
        limit: Some(60),
    };
    let now = Timestamp::from_secs(start + 3_605).ok_or("a time out of range")?;
    let profile = Profile::of(&Exchange::KRAKEN, Kind::Candles);
    let context = Context::new(&request, profile, now, now);
    let decoded = Decoded::clean(Payload::Candles(series));
    if let Some(report) = judge(&decoded, &context, &mut SymbolState::new()) {
        println!("score {}: {}", report.overall, report.acceptance);
        println!("left out: {:?}", report.exclusions);
        for issue in &report.issues {
            println!(
                "{:?} {} at {:?}: {}",
                issue.severity, issue.rule, issue.index, issue.message
            );
        }
    }
    Ok(())
}
