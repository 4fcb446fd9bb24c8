//! When a job comes due, as its user says it.

mod blackout;
mod phase;
mod timetable;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use blackout::{Blackout, Weekday};
pub(crate) use phase::golden;
pub(crate) use timetable::{Due, Lost, Rule, Timetable};

use crate::cron::Cron;
use crate::moment::{Nanos, is_counted, length, nanos};

/// What makes a job come due.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// Once a period, for ever.
    Every {
        /// The time between two occurrences.
        period: Duration,
        /// Where in the period the occurrences lie.
        phase: Phase,
        /// From which end of a run the period counts.
        from: Measured,
    },
    /// At the moments of a cron expression.
    Cron(Cron),
    /// At the end of each interval of a grid that everybody shares, as candles do: whole intervals
    /// since 1970 in universal time, whole weeks since a Monday. The run is released when the data
    /// has settled.
    Aligned {
        /// The length of an interval.
        interval: Duration,
        /// How long after the end of an interval its data is final.
        settle: Settle,
    },
    /// Once, at this moment.
    At(SystemTime),
    /// Whenever all of these jobs have succeeded for a newer moment than last time: the nominal is
    /// that of the slowest. It has no clock of its own.
    OnSuccess(Arc<[Arc<str>]>),
    /// Whenever one of these comes; two at the same moment are one. [`OnSuccess`](Self::OnSuccess) and a
    /// period [from completion](Measured::Completion) are refused beside others: make them jobs of their
    /// own. Every run is released after the longest settle time among them. All follow the wall clock,
    /// and those without an origin of their own count from one: the adding, or a spread phase after it.
    AnyOf(Arc<[Trigger]>),
}

/// Where in its period a job comes due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Phase {
    /// Whole periods after the job was added: jobs added together come due together.
    #[default]
    Added,
    /// Evenly spread over the period among the jobs of the same source and period, in the order of
    /// adding. The same seed and order give the same phases. A job that also runs at its start
    /// comes due again at least half a period later.
    Spread,
    /// Whole periods since 1970-01-01 00:00 UTC, by the wall clock.
    Epoch,
    /// Whole periods before and after this moment, by the wall clock.
    At(SystemTime),
}

/// From which end of a run its period counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Measured {
    /// On a grid, however long a run takes.
    #[default]
    Start,
    /// From the end of the last run: there is always a whole period of rest.
    Completion,
}

/// How long after the end of an interval its data is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Settle {
    /// Always this long.
    Fixed(Duration),
    /// As long as the source has needed in 19 of 20 intervals, learned from handlers that answer
    /// [`RunError::not_ready`](crate::RunError::not_ready). Shared by the jobs of a source.
    Adaptive {
        /// The first guess.
        first: Duration,
        /// Never longer than this.
        most: Duration,
    },
}

impl Default for Settle {
    /// 1.5 s: exchanges publish a candle up to about a second after its end.
    fn default() -> Self {
        Self::Fixed(Duration::from_millis(1_500))
    }
}

impl Trigger {
    /// The time between two occurrences, if it is always the same.
    pub fn period(&self) -> Option<Duration> {
        match self {
            Self::Every { period, .. } => Some(*period),
            Self::Aligned { interval, .. } => Some(*interval),
            Self::Cron(_) | Self::At(_) | Self::OnSuccess(_) | Self::AnyOf(_) => None,
        }
    }

    /// The same without any-of in any-of, and without one of a single part.
    pub(crate) fn flat(self) -> Self {
        fn gather(from: &[Trigger], flat: &mut Vec<Trigger>) {
            for part in from {
                match part {
                    Trigger::AnyOf(parts) => gather(parts, flat),
                    part => flat.push(part.clone()),
                }
            }
        }
        let Self::AnyOf(parts) = &self else {
            return self;
        };
        let mut flat = Vec::with_capacity(parts.len());
        gather(parts, &mut flat);
        match <[Self; 1]>::try_from(flat) {
            Ok([one]) => one,
            Err(flat) => Self::AnyOf(flat.into()),
        }
    }

    /// Those of which any may come; itself, if it is one alone.
    pub(crate) fn parts(&self) -> &[Self] {
        match self {
            Self::AnyOf(parts) => parts,
            one => std::slice::from_ref(one),
        }
    }

    /// Whether it follows the monotonic clock, which no step of the wall clock moves.
    pub(crate) fn is_monotonic(&self) -> bool {
        match self {
            Self::Every { phase, .. } => matches!(phase, Phase::Added | Phase::Spread),
            _ => false,
        }
    }

    /// How long after its nominal moment the data of each part has settled.
    pub(crate) fn settles(&self) -> impl Iterator<Item = Settle> {
        self.parts().iter().filter_map(|part| match part {
            Self::Aligned { settle, .. } => Some(*settle),
            _ => None,
        })
    }

    /// Whether the release of the next interval's end can be counted, its settle time as first guessed
    /// included.
    pub(crate) fn settles_after(&self, own: Nanos) -> bool {
        self.parts().iter().all(|part| match part {
            Self::Aligned { interval, settle } => {
                let settle = match settle {
                    Settle::Fixed(settle) => *settle,
                    Settle::Adaptive { first, most } => *first.min(most),
                };
                let end = own.checked_add(length(*interval));
                end.and_then(|end| end.checked_add(length(settle)))
                    .is_some()
            }
            _ => true,
        })
    }

    /// How the data of the interval that ends with this moment settles, if it is one's end.
    pub(crate) fn settle_at(&self, nominal: Nanos) -> Option<Settle> {
        if let Self::Aligned { settle, .. } = self {
            return Some(*settle);
        }
        self.parts().iter().find_map(|part| match part {
            Self::Aligned { settle, .. } => {
                let ends = part.rule(None).is_moment(nominal);
                ends.then_some(*settle)
            }
            _ => None,
        })
    }

    /// Whether its period counts from the end of a run.
    pub(crate) fn rests(&self) -> bool {
        matches!(
            self,
            Self::Every {
                from: Measured::Completion,
                ..
            }
        )
    }

    /// The jobs that it waits for.
    pub(crate) fn upstreams(&self) -> &[Arc<str>] {
        match self {
            Self::OnSuccess(names) => names,
            _ => &[],
        }
    }

    /// Whether all moments that it names can be counted.
    pub(crate) fn is_counted(&self) -> bool {
        match self {
            Self::At(moment) => is_counted(*moment),
            Self::Every {
                phase: Phase::At(origin),
                ..
            } => is_counted(*origin),
            Self::AnyOf(all) => all.iter().all(Self::is_counted),
            _ => true,
        }
    }

    /// The shortest period of all triggers in it.
    pub(crate) fn shortest_period(&self) -> Option<Duration> {
        match self {
            Self::AnyOf(all) => all.iter().filter_map(Self::shortest_period).min(),
            other => other.period(),
        }
    }

    /// Its rule for a job that is added at `added`. `first` is where a grid without an origin of its
    /// own begins.
    pub(crate) fn rule(&self, first: Option<Nanos>) -> Rule {
        const DAY: Nanos = 86_400 * crate::moment::SECOND;
        match self {
            Self::Every { period, phase, .. } => {
                let period = length(*period).max(1);
                match (phase, first) {
                    (Phase::Epoch, _) => Rule::grid(0, period),
                    (Phase::At(origin), _) => Rule::grid(nanos(*origin), period),
                    (Phase::Added | Phase::Spread, Some(first)) => Rule::grid_from(first, period),
                    (Phase::Added | Phase::Spread, None) => Rule::Never,
                }
            }
            Self::Aligned { interval, .. } => {
                let interval = length(*interval).max(1);
                // 1970 began on a Thursday; weeks begin on a Monday.
                let origin = if interval % (7 * DAY) == 0 {
                    4 * DAY
                } else {
                    0
                };
                Rule::grid(origin, interval)
            }
            Self::Cron(cron) => Rule::Cron(cron.clone()),
            Self::At(moment) => Rule::Once(nanos(*moment)),
            Self::OnSuccess(_) => Rule::Never,
            Self::AnyOf(all) => Rule::Any(all.iter().map(|one| one.rule(first)).collect()),
        }
    }
}
