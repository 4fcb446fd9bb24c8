//! The one verdict on one attempt.
//!
//! [`network`] and [`refused`] are the table: what each fault means for health, retries and the time to stay away.

use std::time::Duration;

use robust_connectors::{Class, Usages, Verdict};
use robust_http::{Kind, Phase};
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
    pub retry: Retry,
    /// Whether the exchange may have seen (and counted) the request.
    pub sent: bool,
    /// How long to stay away: the exchange's own word where it gave one. In a refusal of the exchange it holds for all calls.
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
    /// It is not who it should be, which only people can mend: its certificate does not hold.
    Untrusted,
    /// Nothing was learned.
    Unknown,
}

/// Whether another attempt may help.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// It would end in the same way.
    #[default]
    Never,
    /// After a pause.
    Usual,
    /// After a long pause: a captcha or a maintenance does not end within seconds, and who asks on is shut out.
    Late,
    /// One of a call that has made none, over a new connection: the same question gets the same answer, unless the way has spoiled it.
    Once,
}

/// How long to stay away after a ban without an end; Binance's shortest ban.
pub(crate) const BAN_FLOOR: Duration = Duration::from_secs(120);

/// The longest ban that is believed; Binance's longest.
pub(crate) const BAN_MAX: Duration = Duration::from_secs(3 * 24 * 3_600);

/// The longest other stay that a server's word is believed.
const STAY_MAX: Duration = Duration::from_secs(24 * 3_600);

/// How long an exchange is left alone whose certificate does not hold: ten times as long as one that fails.
pub(crate) const UNTRUSTED_STAY: Duration = Duration::from_secs(600);

/// The pause before another attempt after a page for people: half of the 30 s of a call, so that one more is made.
pub(crate) const LATE: Duration = Duration::from_secs(15);

impl Judgement {
    /// Makes it the verdict on an answer, which is all but what the exchange says it has counted.
    pub(crate) fn answered(&mut self) {
        self.health = Health::Well;
        self.retry = Retry::Never;
        self.sent = true;
        self.stay_away = None;
    }

    /// The verdict on a failed attempt. `cooldown` says how long to stay away after "too many requests" without a time.
    pub(crate) fn failed(
        cause: &Cause,
        usage: Usages,
        clock: &dyn Clock,
        cooldown: impl FnOnce() -> Duration,
    ) -> Self {
        let (health, retry, sent, stay_away) = match cause {
            Cause::Encode(_) => (Health::Unknown, Retry::Never, false, None),
            Cause::Network(error) => {
                let (health, retry) = network(error.kind());
                let stay = (health == Health::Untrusted).then_some(UNTRUSTED_STAY);
                (health, retry, error.sent(), stay)
            }
            Cause::Timeout { .. } => (Health::Ill, Retry::Usual, true, None),
            Cause::Refused(verdict) => {
                let (health, retry) = refused(verdict.class);
                (health, retry, true, stay(verdict, clock, cooldown))
            }
            // Refused by a layer of this process: the exchange was not asked.
            Cause::Open(_) | Cause::Limited(_) => (Health::Unknown, Retry::Never, false, None),
        };
        Self {
            health,
            retry,
            sent,
            stay_away,
            usage,
        }
    }
}

/// What a failure on the way to the exchange means.
fn network(kind: Kind) -> (Health, Retry) {
    match kind {
        // Refused in this process: it says nothing about the exchange, and would be refused again.
        Kind::Forbidden
        | Kind::InvalidRequest
        | Kind::PoolFull
        | Kind::Timeout {
            phase: Phase::Queue,
        } => (Health::Unknown, Retry::Never),
        Kind::Tls => (Health::Untrusted, Retry::Never),
        // The next answer would be as large, and costs as much again.
        Kind::BodyTooLarge { .. } | Kind::HeadersTooLarge | Kind::Expansion { .. } => {
            (Health::Ill, Retry::Never)
        }
        // Unreadable as bytes what the others are as JSON.
        Kind::Decompression | Kind::NoLength => (Health::Ill, Retry::Once),
        // No connection, none that lasted, or none that was quick enough; and what is not known yet.
        _ => (Health::Ill, Retry::Usual),
    }
}

/// What an answer without data means.
fn refused(class: Class) -> (Health, Retry) {
    match class {
        // A state of its own: not a sign that the exchange is ill.
        Class::RateLimited => (Health::Unknown, Retry::Usual),
        Class::Banned => (Health::Banned, Retry::Usual),
        Class::Permanent | Class::Auth => (Health::Well, Retry::Never),
        Class::Malformed => (Health::Ill, Retry::Once),
        Class::UnexpectedContent => (Health::Ill, Retry::Late),
        Class::Redirect => (Health::Ill, Retry::Never),
        _ => (Health::Ill, Retry::Usual),
    }
}

/// How long the exchange wants to be left alone.
fn stay(
    verdict: &Verdict,
    clock: &dyn Clock,
    cooldown: impl FnOnce() -> Duration,
) -> Option<Duration> {
    let word = named(verdict.retry_after);
    match verdict.class {
        // What concerns one question says nothing about the others.
        Class::Permanent | Class::Auth => None,
        Class::Banned => {
            let until = verdict.until.map(|until| until.since(clock.now()));
            let stay = named(verdict.retry_after.max(until)).unwrap_or(BAN_FLOOR);
            Some(stay.min(BAN_MAX))
        }
        Class::RateLimited => Some(word.unwrap_or_else(cooldown).min(STAY_MAX)),
        _ => word.map(|word| word.min(STAY_MAX)),
    }
}

/// A time that is over already is none: `Retry-After: 0`, or a ban that has ended by our clock, which may be ahead of theirs.
fn named(stay: Option<Duration>) -> Option<Duration> {
    stay.filter(|stay| !stay.is_zero())
}
