//! The one verdict on one attempt.

use std::time::Duration;

use robust_connectors::{Class, Usages};
use robust_market::Clock;

use crate::Cause;

/// What an attempt says about the exchange, the budget and another try.
///
/// Made once per attempt, timeouts included, by the classify layer; the breaker, the limiter and the retry read
/// it and never judge for themselves, so they cannot disagree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// What it says about the exchange's health.
    pub health: Health,
    /// Whether another attempt may help.
    pub retry: bool,
    /// Whether the exchange may have seen (and counted) the request.
    pub sent: bool,
    /// The exchange's word on how long to stay away.
    pub stay_away: Option<Duration>,
    /// What the exchange says it has counted.
    pub usage: Usages,
}

/// What an attempt says about the exchange's health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It answered, if only to say no.
    #[default]
    Well,
    /// It failed.
    Ill,
    /// It has shut us out.
    Banned,
    /// Nothing was learned.
    Unknown,
}

/// How long to stay away after "too many requests" without a time; Kraken's penalty is "a few seconds".
const LIMITED_FLOOR: Duration = Duration::from_secs(5);

/// How long to stay away after a ban without an end; Binance's shortest ban.
pub(crate) const BAN_FLOOR: Duration = Duration::from_secs(120);

/// The longest stay that a server's word is believed; Binance's longest ban.
const STAY_MAX: Duration = Duration::from_secs(3 * 24 * 3_600);

impl Judgement {
    /// Makes it the verdict on an answer, which is all but what the exchange says it has counted.
    pub(crate) fn answered(&mut self) {
        self.health = Health::Well;
        self.retry = false;
        self.sent = true;
        self.stay_away = None;
    }

    /// The verdict on a failed attempt.
    pub(crate) fn failed(cause: &Cause, usage: Usages, clock: &dyn Clock) -> Self {
        let (health, retry, sent, stay_away) = match cause {
            Cause::Encode(_) => (Health::Unknown, false, false, None),
            Cause::Network(error) => (Health::Ill, true, error.sent(), None),
            Cause::Timeout { .. } => (Health::Ill, true, true, None),
            Cause::Refused(verdict) => match verdict.class {
                Class::RateLimited => (
                    Health::Unknown,
                    true,
                    true,
                    Some(named(verdict.retry_after).unwrap_or(LIMITED_FLOOR)),
                ),
                Class::Banned => {
                    let until = verdict.until.map(|until| until.since(clock.now()));
                    let stay = named(verdict.retry_after.max(until)).unwrap_or(BAN_FLOOR);
                    (Health::Banned, true, true, Some(stay))
                }
                Class::Permanent | Class::Auth => (Health::Well, false, true, None),
                _ => (Health::Ill, true, true, verdict.retry_after),
            },
            // Refused by a layer of this process: the exchange was not asked.
            Cause::Open(_) | Cause::Limited(_) => (Health::Unknown, false, false, None),
        };
        Self {
            health,
            retry,
            sent,
            stay_away: stay_away.map(|stay| stay.min(STAY_MAX)),
            usage,
        }
    }
}

/// A time that is over already is none: `Retry-After: 0`, or a ban that has ended by our clock, which may be ahead of theirs.
fn named(stay: Option<Duration>) -> Option<Duration> {
    stay.filter(|stay| !stay.is_zero())
}
