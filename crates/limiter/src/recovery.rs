//! How the rate comes back after a server said that it was too much.
//!
//! Pure: no async, no clock, no lock. The rate factor is multiplied down and added up (AIMD), within `[floor, 1]`: never above the
//! configured limits.

use std::time::Duration;

use crate::log::Nanos;

/// The whole rate, in permille.
pub(crate) const WHOLE: u32 = 1_000;

/// How the rate comes back after a server said that it was too much.
///
/// Each such answer (a pause for [`RetryAfter`](crate::Pause::RetryAfter) or [`Ban`](crate::Pause::Ban), or
/// [`slow_down`](crate::Limiter::slow_down)) halves what is used of all limits, once for all requests that were under way together;
/// then it rises step by step to the whole. After a pause one call goes first, alone: the others follow when it is over.
///
/// The default never goes below a tenth, adds a twentieth each second (so a halved rate is whole again after ten, the order of the
/// back-off that exchanges ask for), and takes a probe that hangs for 10 s for over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    floor: u32,
    step: u32,
    every: Duration,
    probe: Option<Duration>,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            floor: 100,
            step: 50,
            every: Duration::from_secs(1),
            probe: Some(Duration::from_secs(10)),
        }
    }
}

impl Recovery {
    /// The least share of the limits that is used, in percent; at least 1.
    #[must_use]
    pub fn floor(mut self, percent: u8) -> Self {
        self.floor = u32::from(percent).clamp(1, 100) * 10;
        self
    }

    /// Adds `percent` of the limits, at least 1, every so often.
    #[must_use]
    pub fn add(mut self, percent: u8, every: Duration) -> Self {
        self.step = u32::from(percent).clamp(1, 100) * 10;
        self.every = every;
        self
    }

    /// For how long the first call after a pause may keep the others waiting; `None` lets all go at once.
    #[must_use]
    pub const fn probe(mut self, longest: Option<Duration>) -> Self {
        self.probe = longest;
        self
    }
}

/// Who may go after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probing {
    /// Everyone.
    Off,
    /// The next.
    Wanted,
    /// Nobody until the probe is over, or until then.
    Out { id: u32, until: Nanos },
}

/// Where the rate is on its way back.
#[derive(Clone, Debug)]
pub(crate) struct Recovering {
    rules: Option<Recovery>,
    factor: u32,
    /// From when on the next step counts.
    since: Nanos,
    /// Answers to what was sent before then say nothing new.
    cut_at: Option<Nanos>,
    probing: Probing,
    probes: u32,
}

impl Recovering {
    pub(crate) const fn new(rules: Option<Recovery>) -> Self {
        Self {
            rules,
            factor: WHOLE,
            since: 0,
            cut_at: None,
            probing: Probing::Off,
            probes: 0,
        }
    }

    /// What is used of the limits, in permille.
    pub(crate) const fn factor(&self) -> u32 {
        self.factor
    }

    /// Whether nothing is on its way back.
    pub(crate) const fn is_over(&self) -> bool {
        self.factor == WHOLE && matches!(self.probing, Probing::Off)
    }

    /// Whether only a probe may go.
    pub(crate) const fn is_probing(&self) -> bool {
        !matches!(self.probing, Probing::Off)
    }

    /// How many may go: one, or none.
    pub(crate) const fn room(&self) -> usize {
        matches!(self.probing, Probing::Wanted) as usize
    }

    /// Halves the rate because of the answer to a request that was sent at `sent`; it comes back from `from` on. Says whether that
    /// changed anything.
    pub(crate) fn cut(&mut self, now: Nanos, sent: Nanos, from: Nanos) -> bool {
        let Some(rules) = &self.rules else {
            return false;
        };
        self.since = self.since.max(from);
        if self.cut_at.is_some_and(|cut| sent <= cut) {
            return false;
        }
        let before = self.factor;
        self.cut_at = Some(now);
        self.factor = (self.factor / 2).max(rules.floor);
        before != self.factor
    }

    /// Takes the steps that are due; says whether there were any.
    pub(crate) fn recover(&mut self, now: Nanos) -> bool {
        let Some(rules) = &self.rules else {
            return false;
        };
        if let Probing::Out { until, .. } = self.probing
            && until <= now
        {
            self.probing = Probing::Wanted;
        }
        if self.factor >= WHOLE {
            return false;
        }
        let every = nanos(rules.every).max(1);
        let steps = now.saturating_sub(self.since) / every;
        if steps == 0 {
            return false;
        }
        self.since = self.since.saturating_add(steps.saturating_mul(every));
        let up = u64::from(rules.step).saturating_mul(steps);
        let factor = u64::from(self.factor).saturating_add(up);
        self.factor = u32::try_from(factor).unwrap_or(WHOLE).min(WHOLE);
        true
    }

    /// When something changes by itself.
    pub(crate) fn next(&self) -> Option<Nanos> {
        let rules = self.rules.as_ref()?;
        let step =
            (self.factor < WHOLE).then(|| self.since.saturating_add(nanos(rules.every).max(1)));
        let probe = match self.probing {
            Probing::Out { until, .. } => Some(until),
            _ => None,
        };
        [step, probe].into_iter().flatten().min()
    }

    /// A pause that a server wanted is over: the next call goes alone.
    pub(crate) fn want_probe(&mut self) {
        if self
            .rules
            .as_ref()
            .is_some_and(|rules| rules.probe.is_some())
        {
            self.probing = Probing::Wanted;
        }
    }

    /// Lets everyone go.
    pub(crate) const fn stop_probing(&mut self) {
        self.probing = Probing::Off;
    }

    /// Sends the probe, if one is wanted; its number, and 0 for what is none.
    pub(crate) fn send_probe(&mut self, now: Nanos) -> u32 {
        if self.probing != Probing::Wanted {
            return 0;
        }
        let longest = self.rules.as_ref().and_then(|rules| rules.probe);
        self.probes = self.probes.checked_add(1).unwrap_or(1);
        self.probing = Probing::Out {
            id: self.probes,
            until: now.saturating_add(nanos(longest.unwrap_or(Duration::MAX))),
        };
        self.probes
    }

    /// A probe is over: it was sent, or it was not and another goes. Says whether it was the one that others wait for.
    pub(crate) fn end_probe(&mut self, number: u32, sent: bool) -> bool {
        match self.probing {
            Probing::Out { id, .. } if number != 0 && id == number => {
                self.probing = if sent { Probing::Off } else { Probing::Wanted };
                true
            }
            _ => false,
        }
    }
}

fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    #[test]
    fn the_rate_halves_once_for_what_was_under_way_and_comes_back_in_steps() {
        let mut rate = Recovering::new(Some(Recovery::default()));
        assert!(rate.cut(5 * SECOND, 4 * SECOND, 7 * SECOND));
        assert!(
            !rate.cut(5 * SECOND + 1, 4 * SECOND, 0),
            "it was sent before the cut"
        );
        assert_eq!(rate.factor(), 500);
        assert!(!rate.recover(7 * SECOND), "not in the pause");
        assert_eq!(rate.next(), Some(8 * SECOND));
        assert!(rate.recover(10 * SECOND + 1));
        assert_eq!((rate.factor(), rate.next()), (650, Some(11 * SECOND)));
        assert!(rate.recover(1_000 * SECOND));
        assert_eq!(
            (rate.factor(), rate.next(), rate.is_over()),
            (1_000, None, true)
        );
    }

    #[test]
    fn it_never_falls_below_the_floor() {
        let mut rate = Recovering::new(Some(Recovery::default().floor(20)));
        for turn in 1..10 {
            rate.cut(turn, turn, turn);
        }
        assert_eq!(rate.factor(), 200);
    }

    #[test]
    fn without_rules_nothing_changes() {
        let mut rate = Recovering::new(None);
        assert!(!rate.cut(1, 1, 1) && !rate.recover(9));
        rate.want_probe();
        assert!(rate.is_over());
    }

    #[test]
    fn one_probe_goes_and_only_its_own_end_counts() {
        let mut rate = Recovering::new(Some(Recovery::default()));
        rate.want_probe();
        assert_eq!(rate.room(), 1);
        let first = rate.send_probe(0);
        assert_eq!((rate.room(), rate.send_probe(0)), (0, 0));
        assert!(!rate.end_probe(0, true) && rate.is_probing());
        assert!(rate.end_probe(first, false));
        let second = rate.send_probe(0);
        assert!(!rate.end_probe(first, true), "the first is history");
        assert!(rate.end_probe(second, true) && rate.is_over());
    }

    #[test]
    fn a_probe_that_hangs_makes_room_for_another() {
        let mut rate = Recovering::new(Some(Recovery::default()));
        rate.want_probe();
        let first = rate.send_probe(0);
        assert_eq!(rate.next(), Some(10 * SECOND));
        rate.recover(10 * SECOND);
        assert_eq!(rate.room(), 1);
        assert!(!rate.end_probe(first, true));
    }
}
