//! Is it recent?

use std::time::Duration;

use robust_market::{Aging, Dimension, Interval, Severity, Timestamp};

use crate::clock::CORRECTED_MAX;
use crate::rules::{Rule, T_CLOCK_SKEW, T_FUTURE, T_NO_EVENT_TIME, T_STALE, V_TIME, V_TS_UNIT};
use crate::tally::{Place, Tally};
use crate::{ClockOffset, Context};

/// 2009-01-03T00:00:00Z, the day of Bitcoin's first block: no crypto market is older.
const FIRST_NS: i64 = 1_230_940_800_000_000_000;
/// A clock this far from ours is nothing unusual: 1.27 s were recorded.
const USUAL_SKEW: Duration = Duration::from_millis(1_500);
/// A time further ahead than this is no time of an event.
const AHEAD: Duration = Duration::from_secs(86_400);

/// Ages at which the share starts to fall, reaches 0.95, and reaches 0.5.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    good: Duration,
    warning: Duration,
    error: Duration,
}

impl Bounds {
    /// For values that are polled every `cadence`.
    pub(crate) fn polled(cadence: Option<Duration>) -> Self {
        let cadence = cadence.unwrap_or_default();
        Self {
            good: cadence.saturating_mul(2).max(Duration::from_secs(1)),
            warning: cadence.saturating_mul(10).max(Duration::from_secs(10)),
            error: cadence.saturating_mul(60).max(Duration::from_secs(60)),
        }
    }

    /// For the age of the newest closed bar, counted from its close.
    pub(crate) fn bars(interval: Interval) -> Self {
        let bar = interval.duration();
        let good = bar.saturating_add((bar / 20).max(Duration::from_secs(5)));
        // Bars of a few seconds would be late before they are due.
        let warning = bar.saturating_mul(2).max(good);
        let error = bar.saturating_mul(5).max(warning.saturating_mul(5) / 2);
        Self {
            good,
            warning,
            error,
        }
    }

    /// The same that a report was judged by.
    pub(crate) const fn of(aging: &Aging) -> Self {
        Self {
            good: aging.good,
            warning: aging.warning,
            error: aging.error,
        }
    }

    /// How heavy an age is; `None` where it is usual.
    pub(crate) fn severity(self, age: Duration) -> Option<Severity> {
        if age > self.error {
            Some(Severity::Error)
        } else if age > self.warning {
            Some(Severity::Warning)
        } else {
            None
        }
    }

    /// An age in words.
    pub(crate) fn words(self, age: Duration) -> String {
        format!(
            "{:.1} s old; {:.1} s is usual, {:.1} s at most",
            age.as_secs_f64(),
            self.good.as_secs_f64(),
            self.error.as_secs_f64()
        )
    }

    /// The share of 1 for an age: 1, then linear to 0.95, to 0.5, and to 0 at five times the error age.
    pub(crate) fn share(self, age: Duration) -> f64 {
        if age <= self.good {
            return 1.0;
        }
        let points = [
            (self.good, 1.0),
            (self.warning, 0.95),
            (self.error, 0.5),
            (self.error.saturating_mul(5), 0.0),
        ];
        let mut from = (Duration::ZERO, 1.0);
        for to in points {
            if age <= to.0 {
                let span = to.0.saturating_sub(from.0).as_secs_f64();
                let part = if span > 0.0 {
                    age.saturating_sub(from.0).as_secs_f64() / span
                } else {
                    1.0
                };
                return from.1 + (to.1 - from.1) * part;
            }
            from = to;
        }
        0.0
    }
}

/// The time by the source's clock, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceTime {
    /// Now, by our clock.
    now: Timestamp,
    /// Now, by the source's clock; at most 5 s later.
    pub(crate) there: Timestamp,
    /// How far a clock is ahead that is too far ahead to be corrected.
    skewed: Option<Duration>,
    /// Whether the source has shown how its clock goes.
    known: bool,
}

impl SourceTime {
    /// From what the context says, or what this symbol has shown.
    pub(crate) fn of(context: &Context<'_>, shown: &ClockOffset) -> Self {
        let known = context.clock_ahead.or_else(|| shown.known(context.now));
        let ahead = known.unwrap_or_default();
        Self {
            now: context.now,
            there: context.now.saturating_add(ahead.min(CORRECTED_MAX)),
            skewed: (ahead > CORRECTED_MAX).then_some(ahead),
            known: known.is_some(),
        }
    }

    /// How heavy it is that an event lies ahead of the source's clock; `None` when it does not, by more than a second.
    ///
    /// The first answers of a source say as much of its clock as of themselves: what clocks differ by in practice is only stated there.
    fn ahead(&self, event: Timestamp) -> Option<Severity> {
        let ahead = event.since(self.there);
        match ahead {
            _ if ahead > Duration::from_secs(60) => Some(Severity::Critical),
            _ if ahead > Duration::from_secs(5) => Some(Severity::Error),
            _ if ahead > Duration::from_secs(1) && (self.known || ahead > USUAL_SKEW) => {
                Some(Severity::Warning)
            }
            _ if ahead > Duration::from_secs(1) => Some(Severity::Info),
            _ => None,
        }
    }

    /// Whether an event is ahead as everything of this source is.
    fn explains(&self, event: Timestamp) -> Option<Duration> {
        let skewed = self.skewed?;
        let ahead = event.since(self.now);
        let same = ahead > CORRECTED_MAX && ahead <= skewed.saturating_add(CORRECTED_MAX);
        same.then_some(skewed)
    }

    /// Objects to the source's clock where it explains the time of the newest event.
    pub(crate) fn skew(&self, tally: &mut Tally, newest: Timestamp) {
        if let Some(skewed) = self.explains(newest) {
            tally.whole(&T_CLOCK_SKEW, Severity::Error, Some("time"), || {
                format!(
                    "the source's clock is {:.1} s ahead of ours",
                    skewed.as_secs_f64()
                )
            });
        } else if self.ahead(newest) == Some(Severity::Info) {
            tally.whole(&T_FUTURE, Severity::Info, Some("time"), || {
                future(newest, self.there)
            });
        }
    }
}

/// Judges the age of the answer. The loss is in the curve, so a stale value is not charged a second time.
pub(crate) fn age(
    tally: &mut Tally,
    born: Timestamp,
    now: Timestamp,
    bounds: Bounds,
    clock: &SourceTime,
) {
    let age = now.since(born);
    tally.own(Dimension::Timeliness, bounds.share(age));
    // By our clock, for whoever looks at ours later.
    let difference = now.since(clock.now);
    tally.ages(Aging {
        born: born.saturating_sub(difference),
        good: bounds.good,
        warning: bounds.warning,
        error: bounds.error,
        charged: 0.0,
    });
    if let Some(severity) = bounds.severity(age) {
        tally.measured(&T_STALE, severity, Some("time"), || bounds.words(age));
    }
}

/// Judges the one time of a ticker or a book.
pub(crate) fn event(
    tally: &mut Tally,
    event: Option<Timestamp>,
    clock: &SourceTime,
    context: &Context<'_>,
) {
    let Some(event) = event else {
        return;
    };
    age(
        tally,
        event,
        clock.there,
        Bounds::polled(context.profile.cadence),
        clock,
    );
    whole_ahead(tally, event, clock);
}

/// Objects to an answer whose newest event lies ahead: to the source's clock where that explains it.
pub(crate) fn whole_ahead(tally: &mut Tally, event: Timestamp, clock: &SourceTime) {
    if clock.explains(event).is_some() {
        clock.skew(tally, event);
    } else if let Some(severity) = clock.ahead(event) {
        tally.whole(&T_FUTURE, severity, Some("time"), || {
            future(event, clock.there)
        });
    }
}

/// Notes that the exchange gives no time.
pub(crate) fn no_event_time(tally: &mut Tally) {
    tally.measured(&T_NO_EVENT_TIME, Severity::Info, Some("time"), || {
        "the exchange gives no time; the receive time stands in".to_owned()
    });
}

/// Objects to one record of a list that lies ahead of our clock.
pub(crate) fn record_ahead(
    tally: &mut Tally,
    event: Timestamp,
    clock: &SourceTime,
    place: Place<'_>,
) {
    if clock.explains(event).is_some() {
        return;
    }
    // Of a whole list it is said once that its clock may differ.
    if let Some(severity) = clock.ahead(event)
        && severity > Severity::Info
    {
        tally.object(&T_FUTURE, severity.min(Severity::Error), place, || {
            future(event, clock.there)
        });
    }
}

pub(crate) fn future(event: Timestamp, now: Timestamp) -> String {
    format!("{:.3} s ahead of our clock", event.since(now).as_secs_f64())
}

/// The times of events that are possible, in nanoseconds: [`impossible`] says nothing of them.
pub(crate) fn possible(now: Timestamp) -> std::ops::RangeInclusive<i64> {
    FIRST_NS..=now.saturating_add(AHEAD).as_ns()
}

/// Which rule a time breaks, if it is no possible time of an event.
pub(crate) fn impossible(time: Timestamp, now: Timestamp) -> Option<&'static Rule> {
    let range = possible(now);
    let possible = |ns: i64| range.contains(&ns);
    let ns = time.as_ns();
    if possible(ns) {
        return None;
    }
    let other_unit = [1_000, 1_000_000, 1_000_000_000]
        .into_iter()
        .any(|factor: i64| ns.checked_mul(factor).is_some_and(possible) || possible(ns / factor));
    Some(if other_unit { &V_TS_UNIT } else { &V_TIME })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_passes_through_its_points_and_never_rises() {
        let bounds = Bounds::polled(None);
        for (seconds, share) in [
            (0, 1.0),
            (1, 1.0),
            (10, 0.95),
            (35, 0.725),
            (60, 0.5),
            (180, 0.25),
            (300, 0.0),
            (100_000, 0.0),
        ] {
            let found = bounds.share(Duration::from_secs(seconds));
            assert!((found - share).abs() < 1e-9, "{seconds} s: {found}");
        }
        for bounds in [
            Bounds::bars("1s".parse().unwrap()),
            Bounds::bars(Interval::M1),
            Bounds::polled(Some(Duration::from_secs(30))),
        ] {
            let shares: Vec<f64> = (0..40_000)
                .step_by(7)
                .map(|s| bounds.share(Duration::from_secs(s)))
                .collect();
            assert!(shares.windows(2).all(|pair| pair[1] <= pair[0]));
        }
    }

    #[test]
    fn a_minute_bar_warns_after_two_minutes_and_errs_after_five() {
        let bounds = Bounds::bars(Interval::M1);
        assert_eq!(bounds.good.as_secs(), 65);
        assert_eq!(bounds.warning.as_secs(), 120);
        assert_eq!(bounds.error.as_secs(), 300);
    }

    #[test]
    fn a_time_in_another_unit_is_told_from_nonsense() {
        let now = Timestamp::from_secs(1_700_000_000).unwrap();
        let rule = |ns: i64| impossible(Timestamp::from_ns(ns), now).map(|rule| rule.id);
        assert_eq!(rule(now.as_ns()), None);
        assert_eq!(rule(1_700_000_000_000_000), Some("V.ts_unit")); // seconds read as microseconds
        assert_eq!(rule(1_700_000_000), Some("V.ts_unit"));
        assert_eq!(rule(5), Some("V.time"));
        assert_eq!(rule(i64::MIN), Some("V.time"));
        assert_eq!(rule(i64::MAX), Some("V.time"));
    }
}
