//! Times how long barter-data decodes its messages: `peers-decode kraken_trade|binance_trade|binance_book < messages`, one a line.
//!
//! Prints the nanoseconds of one trade, or of one whole book: the median of 301 timings, in time that this thread has had a core.

use std::hint::black_box;
use std::io::Read;
use std::process::ExitCode;

use rustix::time::{ClockId, clock_gettime};

use barter_data::exchange::binance::book::l2::BinanceOrderBookL2Snapshot;
use barter_data::exchange::binance::trade::BinanceTrade;
use barter_data::exchange::kraken::message::KrakenMessage;
use barter_data::exchange::kraken::trade::{KrakenTrades, KrakenTradesInner};

/// Decodes all messages and says how many records there were.
type Decode = fn(&[&str]) -> Result<usize, serde_json::Error>;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let decode: Decode = match name.as_str() {
        "kraken_trade" => kraken_trade,
        "binance_trade" => binance_trade,
        "binance_book" => binance_book,
        _ => {
            eprintln!("usage: peers-decode kraken_trade|binance_trade|binance_book < messages");
            return ExitCode::from(2);
        }
    };
    let mut text = String::new();
    if let Err(error) = std::io::stdin().read_to_string(&mut text) {
        eprintln!("the messages cannot be read: {error}");
        return ExitCode::from(2);
    }
    let messages: Vec<&str> = text.lines().collect();
    let records = match decode(&messages) {
        Ok(records) if records > 0 => records,
        other => {
            eprintln!("the messages are not decoded: {other:?}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", median(&messages, decode) / records as f64);
    ExitCode::SUCCESS
}

/// Nanoseconds that this thread has had a core, as `cargo xtask bench decode` counts them for the others.
fn on_core() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn median(messages: &[&str], decode: Decode) -> f64 {
    const SLICE_NS: f64 = 1e6;
    let timing = |runs: u32| {
        let begun = on_core();
        (0..runs).for_each(|_| {
            let _ = black_box(decode(black_box(messages)));
        });
        on_core() - begun
    };
    let mut runs = 1;
    while timing(runs) < SLICE_NS {
        runs *= 2;
    }
    let mut timings: Vec<f64> = (0..301).map(|_| timing(runs) / f64::from(runs)).collect();
    timings.sort_by(f64::total_cmp);
    timings[timings.len() / 2]
}

fn kraken_trade(messages: &[&str]) -> Result<usize, serde_json::Error> {
    let mut records = 0;
    for message in messages {
        let message: KrakenTrades = serde_json::from_str(message)?;
        if let KrakenMessage::Data(KrakenTradesInner { trades, .. }) = black_box(&message) {
            records += trades.len();
        }
    }
    Ok(records)
}

fn binance_trade(messages: &[&str]) -> Result<usize, serde_json::Error> {
    for message in messages {
        black_box(serde_json::from_str::<BinanceTrade>(message)?);
    }
    Ok(messages.len())
}

fn binance_book(messages: &[&str]) -> Result<usize, serde_json::Error> {
    for message in messages {
        black_box(serde_json::from_str::<BinanceOrderBookL2Snapshot>(message)?);
    }
    Ok(messages.len())
}
