//! The one verdict on one attempt, and how each layer reads it.

use std::time::Duration;

use robust_backoff::Disposition;
use robust_breaker::Outcome;
use robust_connectors::{Class, Usages};
use robust_market::{Clock, Timestamp};

use crate::{Answer, Cause, SourceError};

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
const BAN_FLOOR: Duration = Duration::from_secs(120);

/// The longest stay that a server's word is believed; Binance's longest ban.
const STAY_MAX: Duration = Duration::from_secs(3 * 24 * 3_600);

impl Judgement {
    /// The verdict on an answer.
    pub(crate) fn answered(usage: Usages) -> Self {
        Self {
            health: Health::Well,
            retry: false,
            sent: true,
            stay_away: None,
            usage,
        }
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
                    Some(verdict.retry_after.unwrap_or(LIMITED_FLOOR)),
                ),
                Class::Banned => {
                    let stay = verdict
                        .retry_after
                        .max(verdict.until.map(|until| until.since(now(clock))))
                        .unwrap_or(BAN_FLOOR);
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

fn now(clock: &dyn Clock) -> Timestamp {
    clock.now()
}

/// Reads the judgement where each primitive asks its own question.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Read;

fn judgement<'a>(outcome: Result<&'a Answer, &'a SourceError>) -> Option<&'a Judgement> {
    match outcome {
        Ok(answer) => Some(&answer.judgement),
        Err(error) => error.judgement.as_ref(),
    }
}

impl robust_breaker::Classify<Answer, SourceError> for Read {
    fn outcome(&self, result: Result<&Answer, &SourceError>, _elapsed: Duration) -> Outcome {
        match judgement(result).map(|judgement| (judgement.health, judgement.stay_away)) {
            Some((Health::Well, _)) => Outcome::Success,
            Some((Health::Ill, stay_away)) => Outcome::Failure {
                retry_after: stay_away,
            },
            Some((Health::Banned, stay_away)) => Outcome::Trip {
                open_for: stay_away.unwrap_or(BAN_FLOOR),
            },
            _ => Outcome::Ignore,
        }
    }
}

impl robust_limiter::Feedback<Answer, SourceError> for Read {
    fn feedback(&self, result: Result<&Answer, &SourceError>) -> robust_limiter::Verdict {
        let Some(judgement) = judgement(result) else {
            // Refused between admission and dispatch: the exchange has counted nothing.
            return robust_limiter::Verdict {
                sent: false,
                ..Default::default()
            };
        };
        let limited = matches!(
            result,
            Err(SourceError { cause: Cause::Refused(verdict), .. })
                if matches!(verdict.class, Class::RateLimited | Class::Banned)
        );
        robust_limiter::Verdict {
            sent: judgement.sent,
            usage: judgement
                .usage
                .iter()
                .map(|usage| robust_limiter::Usage {
                    window: usage.window,
                    used: usage.used,
                })
                .collect(),
            pause: judgement.stay_away.filter(|_| limited),
            ..Default::default()
        }
    }
}

impl robust_backoff::Classify<Answer, SourceError> for Read {
    fn disposition(&self, outcome: Result<&Answer, &SourceError>) -> Disposition {
        match outcome {
            Ok(_) => Disposition::Final,
            // What a layer of this process refuses is final: the queue has already looked as far as the deadline, and an open
            // breaker is there to fail fast. The error says when to come back.
            Err(error) => match &error.judgement {
                Some(judgement) if judgement.retry => Disposition::Retry {
                    after: judgement.stay_away,
                    sent: judgement.sent,
                },
                _ => Disposition::Final,
            },
        }
    }
}
