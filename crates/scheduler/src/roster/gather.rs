//! Under load, the runs of some milliseconds are started together.
//!
//! Where ten thousand runs a second come due and more, a wake of the driver for the few of each
//! millisecond costs more than they do, and threads that end runs one after the other wait for each
//! other more than they run. There
//!
//! - the driver's timer is put off by 0.1 ms for each run that was started since it last looked, by
//!   4 ms at most;
//! - one task alone makes all runs that are ready, one after the other, as long as nothing is found
//!   undone when the driver looks again. If something is, as where handlers wait for somebody, as many
//!   tasks as may are used for a second;
//! - a task that had to wait for its turn to end a run leaves the next one to whoever had the turn.
//!
//! What each of them leaves undone, the driver starts after 4 ms at the latest. Below ten thousand
//! runs a second the times are less than the timer's grain of 1 ms.

use super::Roster;
use crate::moment::Nanos;

/// How much later the timer may ring for each run.
const EACH: Nanos = 100_000;

/// The most that the timer is put off by.
const MOST: Nanos = 4_000_000;

/// For how many looks one task alone is not trusted with all runs: a second of them.
const DOUBT: u16 = 250;

/// What is known of the load.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// Runs that had been started when the driver last looked.
    started: u64,
    /// Until when starts are gathered.
    until: Nanos,
    /// Whether so many were started between the last two looks that the timer is put off the most.
    loaded: bool,
    /// Whether one task makes all runs that are ready.
    alone: bool,
    /// For how many looks it must not.
    doubt: u16,
}

impl Gathering {
    /// The driver looks; `left` says that something could have been started before and was not.
    fn begin(&mut self, left: bool) {
        self.doubt = if self.alone && left {
            DOUBT
        } else {
            self.doubt.saturating_sub(1)
        };
        self.alone = self.loaded && !left && self.doubt == 0;
    }

    /// The driver has looked, and `started` runs were started in all.
    fn end(&mut self, now: Nanos, started: u64) {
        let runs = started.saturating_sub(std::mem::replace(&mut self.started, started));
        let runs = Nanos::try_from(runs).unwrap_or(Nanos::MAX);
        let put_off = runs.saturating_mul(EACH).min(MOST);
        self.loaded = put_off == MOST;
        self.until = self.until.max(now.saturating_add(put_off));
    }
}

impl<H: super::Handle> Roster<H> {
    /// The driver looks for what has come due since it last did. Gives how many runs it may start
    /// of `most`.
    pub(crate) fn look(&mut self, now: Nanos, most: usize) -> usize {
        let left = self.could_start();
        self.gathering.begin(left);
        self.advance(now);
        if self.gathering.alone { 1 } else { most }
    }

    /// When the driver is to look again that has nothing to do before `due`.
    pub(crate) fn gather(&mut self, due: Option<Nanos>, now: Nanos) -> Option<Nanos> {
        let started = self.total.ran + self.total.retries;
        self.gathering.end(now, started);
        if self.is_gathering(now) {
            // Not later either: somebody may have left a run to it.
            return Some(self.gathering.until);
        }
        due
    }

    /// Whether the driver looks again before long, so that what may start can be left to it.
    pub(crate) fn is_gathering(&self, now: Nanos) -> bool {
        now < self.gathering.until
    }

    /// A run has ended: counts what came due since, unless the driver does so before long. Many are
    /// looked at for less than as many alone.
    pub(crate) fn advance_between_runs(&mut self, now: Nanos) {
        if !self.is_alone(now) {
            self.advance(now);
        }
    }

    /// Whether one task alone makes all runs now.
    fn is_alone(&self, now: Nanos) -> bool {
        self.gathering.alone && self.is_gathering(now)
    }

    /// Whether somebody else is needed to start what is ready, now that one task goes on with a run.
    pub(crate) fn needs_more_tasks(&self, now: Nanos) -> bool {
        !self.is_alone(now) && self.could_start()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_hardly_puts_the_timer_off_and_many_do_by_four_milliseconds() {
        let mut gathering = Gathering::default();
        gathering.end(0, 1);
        assert_eq!(gathering.until, 100_000);
        gathering.end(1_000_000, 26);
        assert_eq!(gathering.until, 3_500_000);
        gathering.end(3_500_000, 10_026);
        assert_eq!(gathering.until, 7_500_000);
    }

    #[test]
    fn a_look_between_takes_nothing_back() {
        let mut gathering = Gathering::default();
        gathering.end(0, 40);
        gathering.end(1_000_000, 41);
        assert_eq!(gathering.until, 4_000_000);
    }

    #[test]
    fn one_task_alone_is_trusted_under_load_until_it_leaves_something_undone() {
        let mut gathering = Gathering::default();
        let mut look = |left, runs: u64| {
            gathering.begin(left);
            let started = gathering.started + runs;
            gathering.end(0, started);
            gathering.alone
        };
        assert!(!look(false, 39), "nothing is known yet");
        assert!(!look(false, 40), "39 are no load");
        assert!(look(false, 40));
        assert!(!look(true, 40), "something was left");
        for _ in 1..DOUBT {
            assert!(!look(false, 40));
        }
        assert!(look(false, 40));
    }
}
