//! How breaker, limiter and retry read the one verdict.

use std::time::Duration;

use robust_backoff::Disposition;
use robust_breaker::Outcome;
use robust_connectors::Class;

use crate::judgement::BAN_FLOOR;
use crate::{Answer, Cause, Health, Judgement, SourceError};

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
