//! `proof-allocations`: prints how many allocations the judging of one answer makes, `exchange kind<TAB>count`, one a line.
//!
//! A program of its own, because counting costs time that the benchmarks would pay.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program shows its result"
)]

use std::alloc::System;
use std::process::ExitCode;

use robust_proof::bench::{QualityVenue, QualityWork};
use robust_proof::quality::Data;
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
    ExitCode::SUCCESS
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
