//! A day of the default plan in simulated time: how much real time it takes, and that nothing of it is lost.
//!
//! Twice: the plan in the scheduler with sources that answer at once, which is what a simulated day is made of, and through the whole
//! stack, where most of the time is that of the simulated exchanges, of decoding their answers and of judging them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use robust_data_manager::Plan;
use robust_data_manager::market::{Clock, Exchange, Timestamp};
use robust_data_manager::scheduler::{Job, Ledger, Scheduler, SimClock};
use robust_sim::VirtualClock;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::Measured;
use super::orchestrator::{START_NS, with_sims};
use crate::bench::pairs::on_core;
use crate::report::Row;

/// Seconds that a simulated day may take.
const GOAL_S: f64 = 5.0;

const DAY_S: u64 = 86_400;

/// Real time, which goes on while tokio's stands, and the time of this thread on a core. All runs are made on it.
struct Watch {
    begun: std::time::Instant,
    core: f64,
}

#[allow(
    clippy::disallowed_methods,
    reason = "the real time that simulated time takes is what is measured"
)]
impl Watch {
    fn start() -> Self {
        Self {
            begun: std::time::Instant::now(),
            core: on_core(),
        }
    }

    /// Seconds by the clock, and on a core.
    fn took(&self) -> (f64, f64) {
        let core = (on_core() - self.core) / 1e9;
        (self.begun.elapsed().as_secs_f64(), core)
    }
}

/// The day with sources that answer at once, and so many seconds of it through the whole stack.
pub(super) fn measure(seconds: u64) -> Result<Measured> {
    let (wall, core, ledger) = paused()?.block_on(instant())?;
    let mut measured = told("", wall, core, &ledger);
    let (wall, core, ledger, requests, over) = paused()?.block_on(stack(seconds))?;
    measured.0.extend(told("stack_", wall, core, &ledger).0);
    let more = [
        ("stack_span_s", seconds as f64),
        ("requests", requests as f64),
        ("over_limit", over as f64),
    ];
    measured.0.extend(Measured::of(more).0);
    Ok(measured)
}

fn paused() -> Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    Ok(builder.enable_time().start_paused(true).build()?)
}

fn told(which: &str, wall: f64, core: f64, ledger: &Ledger) -> Measured {
    let skipped = ledger.skipped_total();
    let open = ledger.pending + ledger.running + ledger.retrying;
    let numbers = [
        ("s", wall),
        ("core_s", core),
        ("due", ledger.due as f64),
        ("ok", ledger.outcomes.ok as f64),
        (
            "failed",
            (ledger.outcomes.total() - ledger.outcomes.ok) as f64,
        ),
        ("superseded", ledger.superseded as f64),
        ("skipped", skipped as f64),
        ("open", open as f64),
        ("balances", f64::from(u8::from(ledger.balances()))),
    ];
    let numbers = numbers.map(|(name, number)| (format!("{which}{name}"), number));
    Measured(BTreeMap::from(numbers))
}

/// Every job of the plan in the scheduler, by its trigger and under its exchange.
async fn instant() -> Result<(f64, f64, Ledger)> {
    let watch = Watch::start();
    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(START_NS.unsigned_abs());
    let scheduler = Scheduler::builder().clock(SimClock::at(start)).start();
    let jobs = Plan::default_plan().jobs()?;
    let jobs = jobs.into_iter().map(|job| {
        let source = job.exchanges().first().map_or("", Exchange::as_str);
        let spec = Job::on(job.name().to_owned(), job.trigger_of().clone());
        let spec = spec.source(source.to_owned());
        spec.handler(|_| async { Ok(()) })
    });
    scheduler.add_all(jobs).map_err(|(_, error)| error)?;
    sleep(Duration::from_secs(DAY_S)).await;
    scheduler.shutdown(Duration::from_secs(30)).await;
    let (wall, core) = watch.took();
    Ok((wall, core, scheduler.ledger()))
}

/// The same with limiters, breakers, decoders and quality rules, against simulated exchanges: their requests, and those over a limit.
async fn stack(seconds: u64) -> Result<(f64, f64, Ledger, u64, u64)> {
    let watch = Watch::start();
    let start = Timestamp::from_ns(START_NS);
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(start));
    let (manager, sims) = with_sims(&clock)?;
    manager.schedule_plan(&Plan::default_plan())?;
    sleep(Duration::from_secs(seconds)).await;
    manager.shutdown(Duration::from_secs(30)).await;
    let (wall, core) = watch.took();
    let stats: Vec<_> = sims.iter().map(robust_sim::Sim::stats).collect();
    let requests = stats.iter().map(|stats| stats.requests).sum();
    let over = stats.iter().map(|stats| stats.over_limit).sum();
    Ok((wall, core, manager.scheduler().ledger(), requests, over))
}

/// `orchestrator.simulated_day_s`: the day with sources that answer at once; the whole stack stands beside it.
pub(super) fn row(measured: &Measured) -> Result<Row> {
    let number = |name: &str| measured.get(name);
    let (value, span) = (number("core_s")?, number("stack_span_s")?);
    ensure!(number("due")? > 0.0, "nothing was due");
    let closes = number("balances")? == 1.0 && number("stack_balances")? == 1.0;
    // Nothing but what came due in the moment of the end was left out, nothing is open, all ran well.
    let whole = |which: &str| -> Result<bool> {
        let number = |name: &str| number(&format!("{which}{name}"));
        let ended = number("ok")? + number("skipped")? == number("due")?;
        Ok(ended && number("open")? == 0.0 && number("skipped")? <= 4.0)
    };
    let whole = whole("")? && whole("stack_")? && number("over_limit")? == 0.0;
    let words = |which: &str| -> Result<String> {
        let number = |name: &str| number(&format!("{which}{name}"));
        Ok(format!(
            "due {} = ok {} + failed {} + superseded {} + skipped at the end {} + open {}",
            number("due")?,
            number("ok")?,
            number("failed")?,
            number("superseded")?,
            number("skipped")?,
            number("open")?
        ))
    };
    let share = span / DAY_S as f64;
    Ok(Row {
        id: "orchestrator.simulated_day_s".to_owned(),
        value,
        unit: "s",
        goal: GOAL_S,
        holds: value < GOAL_S && closes && whole,
        peers: BTreeMap::from([
            ("by the clock".to_owned(), number("s")?),
            (
                "through the whole stack, a day of it".to_owned(),
                number("stack_core_s")? / share,
            ),
        ]),
        note: format!(
            "of a core, 24 h of the default plan in the scheduler with sources that answer at once: {}; not the whole stack: {span} s of \
             it with simulated exchanges, decoding and judging took {:.2} s, {:.0} µs for each of {} requests, {} over a limit: {}",
            words("")?,
            number("stack_core_s")?,
            number("stack_core_s")? * 1e6 / number("requests")?.max(1.0),
            number("requests")?,
            number("over_limit")?,
            words("stack_")?
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_open_or_goes_over_a_limit_does_not_hold() {
        let names = ["s", "core_s", "due", "ok", "balances"];
        let zeros = ["failed", "superseded", "skipped", "open"];
        let mut day = Measured::of([
            ("stack_span_s", 60.0),
            ("requests", 1.0),
            ("over_limit", 0.0),
        ]);
        for which in ["", "stack_"] {
            let of = |name: &&str| format!("{which}{name}");
            day.0.extend(names.iter().map(|name| (of(name), 1.0)));
            day.0.extend(zeros.iter().map(|name| (of(name), 0.0)));
        }
        assert!(row(&day).unwrap().holds);
        for (name, number) in [
            ("core_s", 5.0),
            ("ok", 0.0),
            ("stack_open", 1.0),
            ("stack_balances", 0.0),
            ("over_limit", 1.0),
        ] {
            let mut other = day.clone();
            other.0.insert(name.to_owned(), number);
            assert!(!row(&other).unwrap().holds, "{name}");
        }
    }

    #[test]
    fn a_minute_of_the_whole_stack_closes_its_ledger() {
        let (_, _, ledger, requests, over) = paused().unwrap().block_on(stack(60)).unwrap();
        assert!(ledger.balances() && ledger.outcomes.ok > 100, "{ledger:?}");
        assert!(requests >= ledger.ran && over == 0, "{requests}");
    }
}
