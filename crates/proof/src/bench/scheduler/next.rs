//! How long it takes to find the next moment of a cron expression in a time zone with clock changes.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use robust_scheduler::{Cron, Zone};
use tokio::time::Instant;

use crate::bench::{bound, median};
use crate::report::Row;

/// Nanoseconds, on a machine on which a look at the clock takes [`CLOCK_NS`].
const GOAL_NS: f64 = 1_000.0;
const CLOCK_NS: f64 = 25.0;

/// Twice a minute, each minute, once a day, and before a day that has no such time.
const EXPRESSIONS: [&str; 4] = [
    "*/30 * * * * *",
    "* * * * *",
    "30 2 * * *",
    "0 0 9 * * MON-FRI",
];

/// Turns of each expression, and queries of a turn.
const TURNS: usize = 201;
const QUERIES: u32 = 256;

/// The slowest of the expressions has to reach the goal.
pub(super) fn row() -> Result<Row> {
    let zone = Zone::named("America/New_York")?;
    let mut draw = fastrand::Rng::with_seed(11);
    // Moments of five years, one in two within a day of a clock change or not, as it falls.
    let moments: Vec<SystemTime> = (0..QUERIES)
        .map(|_| {
            SystemTime::UNIX_EPOCH + Duration::from_secs(draw.u64(1_577_836_800..1_735_689_600))
        })
        .collect();
    let crons: Vec<Cron> = EXPRESSIONS
        .iter()
        .map(|text| Ok(Cron::parse(text)?.zone(zone.clone())))
        .collect::<Result<_>>()?;
    let mut times = vec![Vec::new(); crons.len()];
    let mut clock = Vec::new();
    for _ in 0..TURNS {
        for (cron, times) in crons.iter().zip(&mut times) {
            times.push(time(|query| {
                black_box(cron.next_after(black_box(moments[query])));
            }));
        }
        clock.push(time(|_| {
            black_box(Instant::now());
        }));
    }
    let goal = GOAL_NS * median(&mut clock) / CLOCK_NS;
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    let worst = medians.iter().copied().fold(f64::NAN, f64::max);
    let place = medians.iter().position(|ns| *ns >= worst);
    let times = place.and_then(|place| times.get_mut(place));
    let (low, high) = bound(times.context("an expression")?);
    let by_name = EXPRESSIONS.iter().zip(&medians);
    let each: Vec<String> = by_name
        .map(|(text, ns)| format!("{text} {ns:.0}"))
        .collect();
    Ok(Row {
        id: "sched.next_ns".to_owned(),
        value: worst,
        unit: "ns",
        goal,
        holds: high <= goal,
        peers: BTreeMap::new(),
        note: format!(
            "the slowest, 95 % between {low:.0} and {high:.0}; New York: {}; goal {GOAL_NS} at {CLOCK_NS} ns a clock read",
            each.join(", ")
        ),
    })
}

/// Nanoseconds of one query, over a turn.
fn time(mut query: impl FnMut(usize)) -> f64 {
    let begun = Instant::now();
    (0..QUERIES as usize).for_each(&mut query);
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(QUERIES)
}
