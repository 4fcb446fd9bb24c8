//! `proof-allocations`: prints how many allocations the judging of one answer makes, `exchange kind<TAB>count`, one a line; `tickers` are
//! those of every exchange, that nothing is decoded of.
//!
//! A program of its own, because counting costs time that the benchmarks would pay.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program shows its result"
)]

use std::alloc::System;
use std::process::ExitCode;

use robust_proof::bench::{QualityTickers, QualityVenue, QualityWork};
use robust_proof::quality::{Data, Style};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    for venue in QualityVenue::ALL {
        for data in Data::ALL {
            match count(venue, data) {
                Ok(count) => println!("{} {}\t{count}", venue.as_str(), data.as_str()),
                Err(error) => {
                    eprintln!("{} {}: {error:#}", venue.as_str(), data.as_str());
                    return ExitCode::from(2);
                }
            }
        }
    }
    for style in QualityTickers::STYLES {
        match count_tickers(style) {
            Ok((exchange, count)) => println!("{exchange} tickers\t{count}"),
            Err(error) => {
                eprintln!("{style:?} tickers: {error:#}");
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}

/// Allocations of one ticker.
fn count_tickers(style: Style) -> anyhow::Result<(String, f64)> {
    let mut tickers = QualityTickers::new(style)?;
    let region = Region::new(COUNTED);
    let judged = tickers.judge()?;
    let stats = region.change();
    let count = (stats.allocations + stats.reallocations) as f64 / judged as f64;
    Ok((tickers.exchange().to_owned(), count))
}

/// Allocations of one answer, over a round of them.
fn count(venue: QualityVenue, data: Data) -> anyhow::Result<f64> {
    let mut work = QualityWork::new(venue, data)?;
    // One page again and again needs some rounds until every memory has its size.
    if work.round() == 1 {
        (0..8).for_each(|_| work.judge_next());
    }
    let answers = if work.round() == 1 { 8 } else { work.round() };
    let region = Region::new(COUNTED);
    (0..answers).for_each(|_| work.judge_next());
    let stats = region.change();
    Ok((stats.allocations + stats.reallocations) as f64 / answers as f64)
}
