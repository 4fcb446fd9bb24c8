//! Two ways of doing the same, timed in turns so that what slows the machine down slows both.
//!
//! The time is that of the thread on a core, where the system tells it: what else wants the core is not counted.

use std::time::Duration;

use tokio::time::Instant;

/// The fewest pairs that a bound is worth anything with.
pub const PAIRS_MIN: usize = 31;

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// Nanoseconds of one run of the first way, the median.
    pub first_ns: f64,
    /// Nanoseconds of one run of the second way, the median.
    pub second_ns: f64,
    /// First to second, the median over the pairs.
    pub ratio: f64,
    /// Between which two the median lies with a probability of 95 %.
    pub bound: (f64, f64),
    /// How many pairs were timed.
    pub pairs: usize,
}

/// Times `first` and `second` in turns, at least [`PAIRS_MIN`] times each, for about `budget` in all. Both stay in this thread.
///
/// One timing is of as many runs as fit into `slice`; pairs change who begins.
pub fn compare(
    budget: Duration,
    slice: Duration,
    mut first: impl FnMut(),
    mut second: impl FnMut(),
) -> Compared {
    let first_runs = runs_in(slice, &mut first);
    let second_runs = runs_in(slice, &mut second);
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    while firsts.len() < PAIRS_MIN || begun.elapsed() < budget {
        if firsts.len().is_multiple_of(2) {
            firsts.push(time(first_runs, &mut first));
            seconds.push(time(second_runs, &mut second));
        } else {
            seconds.push(time(second_runs, &mut second));
            firsts.push(time(first_runs, &mut first));
        }
    }
    let mut ratios: Vec<f64> = firsts.iter().zip(&seconds).map(|(a, b)| a / b).collect();
    Compared {
        pairs: ratios.len(),
        bound: bound(&mut ratios),
        ratio: median(&mut ratios),
        first_ns: median(&mut firsts),
        second_ns: median(&mut seconds),
    }
}

/// How many runs fill `slice`, found by doubling.
fn runs_in(slice: Duration, run: &mut impl FnMut()) -> u32 {
    let slice = slice.as_secs_f64() * 1e9;
    let mut runs = 1;
    while runs < 1 << 24 && time(runs, run) * f64::from(runs) < slice {
        runs *= 2;
    }
    runs
}

/// Nanoseconds of one run, over `runs` of them.
fn time(runs: u32, run: &mut impl FnMut()) -> f64 {
    let begun = on_core();
    (0..runs).for_each(|_| run());
    (on_core() - begun) / f64::from(runs)
}

/// Nanoseconds that this thread has had a core.
#[cfg(unix)]
pub(super) fn on_core() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    #[allow(
        clippy::cast_precision_loss,
        reason = "the thread of a measurement has not run for 100 days"
    )]
    let (seconds, nanos) = (time.tv_sec as f64, time.tv_nsec as f64);
    seconds * 1e9 + nanos
}

/// Nanoseconds of the wall, where the system has no such clock for us.
#[cfg(not(unix))]
pub(super) fn on_core() -> f64 {
    static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGUN.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e9
}

/// The middle value, the mean of the two middle ones of an even number, NaN of none. Sorts `values`.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        Some(upper) if values.len().is_multiple_of(2) => (upper + values[middle - 1]) / 2.0,
        Some(middle) => *middle,
        None => f64::NAN,
    }
}

/// The order statistics that hold the median between them with 95 %, whatever the distribution: ranks n/2 ± 0.98·√n.
/// Sorts `values`.
pub fn bound(values: &mut [f64]) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among some hundred values"
    )]
    let reach = (0.98 * (values.len() as f64).sqrt()).ceil() as usize;
    let low = (values.len() / 2).saturating_sub(reach);
    let high = values.len().saturating_sub(low + 1);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => (*low, *high),
        _ => (f64::NAN, f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_holds_the_median_and_narrows_with_more_pairs() {
        let mut few: Vec<f64> = (0..31).map(f64::from).collect();
        assert_eq!(median(&mut few), 15.0);
        assert_eq!(bound(&mut few), (9.0, 21.0));
        let mut many: Vec<f64> = (0..401).map(f64::from).collect();
        assert_eq!(median(&mut many), 200.0);
        assert_eq!(bound(&mut many), (180.0, 220.0));
        assert_eq!(median(&mut [1.0, 3.0]), 2.0);
    }

    #[test]
    fn both_ways_run_in_turns() {
        let (first, second) = (std::cell::Cell::new(0_u64), std::cell::Cell::new(0_u64));
        let run = |count: &std::cell::Cell<u64>| count.set(count.get() + 1);
        let compared = compare(
            Duration::ZERO,
            Duration::from_micros(1),
            || run(&first),
            || run(&second),
        );
        assert_eq!(compared.pairs, PAIRS_MIN);
        assert!(first.get() >= 31 && second.get() >= 31);
        assert!(compared.bound.0 <= compared.ratio && compared.ratio <= compared.bound.1);
    }
}
