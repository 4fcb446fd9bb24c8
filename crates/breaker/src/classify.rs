//! What an outcome says about the health of the service.

use std::time::Duration;

use crate::Weight;

/// What a finished call says about the health of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The service works. An answer such as "no such user" is a success too.
    Success,
    /// It works, but too slowly: a success for the rules about failures, a slow call for
    /// [`Rule::SlowCallRate`](crate::Rule::SlowCallRate). As a probe it has failed where there is such
    /// a rule, and succeeded where there is none. Calls beyond the duration of that rule are slow by
    /// themselves; this is for what the clock does not show.
    Slow,
    /// The service failed.
    Failure {
        /// The server's word on when to come back (`Retry-After`, the end of a ban): when the
        /// circuit opens, it stays open at least until then. When it has just opened, while this
        /// call was under way, that makes its open time longer.
        retry_after: Option<Duration>,
    },
    /// A part of the answer failed. A weight of 0 is a success, of 1 a failure.
    PartialFailure {
        /// How much of it.
        weight: Weight,
        /// As in [`Failure`](Self::Failure).
        retry_after: Option<Duration>,
    },
    /// Opens the circuit at once for exactly this long, whatever was counted: a ban, a maintenance
    /// with a known end. An earlier failure that named a later moment still holds, and so does a
    /// later one of a call that was under way.
    Trip {
        /// From now on.
        open_for: Duration,
    },
    /// Says nothing about the service: a local refusal, a mistake of the caller.
    Ignore,
}

impl Outcome {
    /// The server's word on how long to stay away.
    pub(crate) const fn word(self) -> Option<Duration> {
        match self {
            Self::Failure { retry_after } | Self::PartialFailure { retry_after, .. } => retry_after,
            Self::Trip { open_for } => Some(open_for),
            Self::Success | Self::Slow | Self::Ignore => None,
        }
    }

    /// A failure without a word from the server.
    pub const FAILURE: Self = Self::Failure { retry_after: None };

    /// A failure of this weight, without a word from the server.
    #[must_use]
    pub const fn partial(weight: Weight) -> Self {
        Self::PartialFailure {
            weight,
            retry_after: None,
        }
    }
}

/// Judges calls. Implement it once for your response and error.
pub trait Classify<Res, E> {
    /// Whether `elapsed` is asked for. With `false` the layer saves two clock readings a call, and
    /// `elapsed` is zero.
    const MEASURES: bool = true;

    /// What the result of a call says. `elapsed` counts from the moment when the inner service was
    /// called; time in queues before it is not the service's fault.
    fn outcome(&self, result: Result<&Res, &E>, elapsed: Duration) -> Outcome;

    /// What it says that the caller dropped the call after `elapsed` without waiting for the end.
    ///
    /// By default nothing, and then a [`Rule::SlowCallRate`](crate::Rule::SlowCallRate) takes it for
    /// slow if it was. If a timeout sits outside of the breaker, you may answer a failure when
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

/// Makes a [`Classify`] of a closure that looks at the result alone; no clock is read for it.
///
/// # Examples
///
/// ```
/// use robust_breaker::{Breaker, Outcome, classify_result};
/// use tower::{BoxError, ServiceBuilder, service_fn};
///
/// let breaker = Breaker::builder("pages").build();
/// let pages = ServiceBuilder::new()
///     .layer(breaker.admit_layer(classify_result(|status: Result<&u16, &BoxError>| match status {
///         Ok(..500) => Outcome::Success,
///         _ => Outcome::FAILURE,
///     })))
///     .service(service_fn(|_: &str| async { Ok::<u16, BoxError>(200) }));
/// # drop(pages);
/// ```
pub fn classify_result<Res, E, F>(judge: F) -> ByResult<F>
where
    F: Fn(Result<&Res, &E>) -> Outcome,
{
    ByResult(judge)
}

/// A closure as a [`Classify`]; from [`classify_result`].
#[derive(Clone, Copy)]
pub struct ByResult<F>(F);

impl<F, Res, E> Classify<Res, E> for ByResult<F>
where
    F: Fn(Result<&Res, &E>) -> Outcome,
{
    const MEASURES: bool = false;

    fn outcome(&self, result: Result<&Res, &E>, _elapsed: Duration) -> Outcome {
        (self.0)(result)
    }
}

impl<F> std::fmt::Debug for ByResult<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ByResult").finish_non_exhaustive()
    }
}

/// The simplest [`Classify`]: every `Err` is a failure, every `Ok` a success.
#[derive(Debug, Clone, Copy, Default)]
pub struct ErrorsAreFailures;

impl<Res, E> Classify<Res, E> for ErrorsAreFailures {
    const MEASURES: bool = false;

    fn outcome(&self, result: Result<&Res, &E>, _elapsed: Duration) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::FAILURE,
        }
    }
}
