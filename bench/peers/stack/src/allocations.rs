//! `peers-allocations`: prints how many allocations one call of each case makes, `name<TAB>count`, one a line.
//!
//! A program of its own, because counting costs time and the peers that allocate would pay it in `peers-stack`.

use std::alloc::System;
use std::process::ExitCode;

use peers_stack::resilience::{cases, runtime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Calls of a counted run; a second one makes twice as many.
const CALLS: u32 = 4_096;

fn main() -> ExitCode {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::from(2);
        }
    };
    for mut case in cases(&runtime) {
        // Queues and logs reach their size, blocks of channels are recycled.
        (case.run)(4 * CALLS);
        let mut count = |calls| {
            let region = Region::new(COUNTED);
            (case.run)(calls);
            let stats = region.change();
            (stats.allocations + stats.reallocations) as f64
        };
        // What a run costs besides its calls drops out. Now and then a log grows: the least of some is the call's own.
        let least = (0..5)
            .map(|_| (count(2 * CALLS) - count(CALLS)) / f64::from(CALLS))
            .fold(f64::INFINITY, f64::min);
        println!("{}\t{}", case.name, least.max(0.0));
    }
    ExitCode::SUCCESS
}
