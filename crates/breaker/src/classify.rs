//! What an outcome says about the health of the service.

use std::time::Duration;

/// What a finished call says about the health of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The service works. An answer such as "no such user" is a success too.
    Success,
    /// The service failed.
    Failure {
        /// The server's word on when to come back (`Retry-After`, the end of a ban): when the
        /// circuit opens, it stays open at least until then.
        retry_after: Option<Duration>,
    },
    /// Opens the circuit at once for exactly this long, whatever was counted: a ban, a maintenance
    /// with a known end. An earlier failure that named a later moment still holds.
    Trip {
        /// From now on.
        open_for: Duration,
    },
    /// Says nothing about the service: a local refusal, a mistake of the caller.
    Ignore,
}

/// Judges calls. Implement it once for your response and error.
pub trait Classify<Res, E> {
    /// What the result of a call says. `elapsed` counts from the moment when the inner service was
    /// called; time in queues before it is not the service's fault.
    fn outcome(&self, result: Result<&Res, &E>, elapsed: Duration) -> Outcome;

    /// What it says that the caller dropped the call after `elapsed` without waiting for the end.
    ///
    /// By default nothing. If a timeout sits outside of the breaker, answer a failure when
    /// `elapsed` is long: such a timeout looks like a drop from here.
    fn on_drop(&self, elapsed: Duration) -> Outcome {
        let _ = elapsed;
        Outcome::Ignore
    }
}

impl<F, Res, E> Classify<Res, E> for F
where
    F: Fn(Result<&Res, &E>, Duration) -> Outcome,
{
    fn outcome(&self, result: Result<&Res, &E>, elapsed: Duration) -> Outcome {
        self(result, elapsed)
    }
}

/// Makes a [`Classify`] of a closure.
///
/// Returns the closure itself; the detour tells the compiler that it accepts any lifetime.
pub fn classify_fn<Res, E, F>(judge: F) -> F
where
    F: Fn(Result<&Res, &E>, Duration) -> Outcome,
{
    judge
}

/// The simplest [`Classify`]: every `Err` is a failure, every `Ok` a success.
#[derive(Debug, Clone, Copy, Default)]
pub struct ErrorsAreFailures;

impl<Res, E> Classify<Res, E> for ErrorsAreFailures {
    fn outcome(&self, result: Result<&Res, &E>, _elapsed: Duration) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure { retry_after: None },
        }
    }
}
