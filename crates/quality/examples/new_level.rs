//! A price falls by half: the first two tickers wait in quarantine, the third confirms the level and releases them.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use robust_market::{Decoded, Payload, Request, Symbol, Ticker, Timestamp, decimal};
use robust_quality::{Context, Profile, SymbolState, judge};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let symbol: Symbol = "BTC/USDT".parse()?;
    let request = Request::Ticker {
        symbol: symbol.clone(),
    };
    let profile = Profile::default();
    let mut state = SymbolState::new();
    let mut second = 1_700_000_000;
    let mut ask = |price: &str| -> Result<(), Box<dyn std::error::Error>> {
        second += 1;
        let now = Timestamp::from_secs(second).ok_or("a time out of range")?;
        let mut ticker = Ticker::new(symbol.clone());
        (ticker.last, ticker.time) = (Some(decimal::parse(price)?), Some(now));
        let context = Context::new(&request, profile, now, now);
        let decoded = Decoded::clean(Payload::Ticker(ticker));
        let report = judge(&decoded, &context, &mut state).ok_or("not judged")?;
        let accuracy = report
            .issues
            .iter()
            .find(|issue| issue.rule.starts_with("A."));
        if let Some(issue) = accuracy {
            println!(
                "{price}: {}, {}: {}",
                report.acceptance, issue.rule, issue.message
            );
            println!(
                "  {} wait, {} are released",
                state.pending(),
                state.released()
            );
        }
        Ok(())
    };
    // A minute of history first.
    for n in 0..60 {
        ask(&format!("3650{}.5", n % 7))?;
    }
    for price in ["18250", "18260", "18255", "18251"] {
        ask(price)?;
    }
    Ok(())
}
