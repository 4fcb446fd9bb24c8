//! How breaker, limiter and retry read the one verdict.

use std::time::Duration;

use robust_backoff::Disposition;
use robust_breaker::Outcome;

use crate::judgement::{BAN_FLOOR, LATE, UNTRUSTED_STAY};
use crate::{Answer, Cause, Health, Judgement, Retry, SourceError};

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
    /// The transport's timeout has already judged the time.
    const MEASURES: bool = false;

    fn outcome(&self, result: Result<&Answer, &SourceError>, _elapsed: Duration) -> Outcome {
        match judgement(result).map(|judgement| (judgement.health, judgement.stay_away)) {
            Some((Health::Well, _)) => Outcome::Success,
            Some((Health::Ill, stay_away)) => Outcome::Failure {
                retry_after: stay_away,
            },
            Some((Health::Banned, stay_away)) => Outcome::Trip {
                open_for: stay_away.unwrap_or(BAN_FLOOR),
            },
            Some((Health::Untrusted, stay_away)) => Outcome::Trip {
                open_for: stay_away.unwrap_or(UNTRUSTED_STAY),
            },
            _ => Outcome::Ignore,
        }
    }
}

impl robust_limiter::Feedback<Answer, SourceError> for Read {
    fn is_plain(&self, result: Result<&Answer, &SourceError>) -> bool {
        result.is_ok_and(|answer| answer.judgement.usage.is_empty())
    }

    /// As [`Attempts`](crate::Attempts) asks of every venue.
    fn is_lazy(&self) -> bool {
        true
    }

    fn feedback(&self, result: Result<&Answer, &SourceError>) -> robust_limiter::Verdict {
        let Some(judgement) = judgement(result) else {
            // Refused between admission and dispatch: the exchange has counted nothing.
            return robust_limiter::Verdict {
                sent: false,
                ..Default::default()
            };
        };
        // The server's own word holds for all calls, whatever its status: 429, 418, 403, 503.
        let says = matches!(
            result,
            Err(SourceError {
                cause: Cause::Refused(_),
                ..
            })
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
            pause: judgement.stay_away.filter(|_| says),
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
                Some(judgement) if again(judgement.retry, error.attempts) => Disposition::Retry {
                    after: least(judgement),
                    sent: judgement.sent,
                },
                _ => Disposition::Final,
            },
        }
    }
}

/// Whether another attempt is made after so many.
const fn again(retry: Retry, attempts: u32) -> bool {
    match retry {
        Retry::Never => false,
        Retry::Usual | Retry::Late => true,
        Retry::Once => attempts <= 1,
    }
}

/// The least pause before another attempt.
pub(crate) fn least(judgement: &Judgement) -> Option<Duration> {
    let late = (judgement.retry == Retry::Late).then_some(LATE);
    judgement.stay_away.max(late)
}
