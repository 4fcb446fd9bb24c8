//! What an outcome says about the server's load.

/// What an outcome says about the load of the server, for [`Adaptive`](super::Adaptive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Load {
    /// It did the work: the time that it took counts.
    Answered,
    /// It could not: a timeout, a 503, a connection reset under load. The limit shrinks at once, but
    /// not more than once in a round trip.
    Overloaded,
    /// Says nothing: refused here, refused for its content, or **too many requests in a time** (429).
    /// A rate limit is no sign of load: answering it with less concurrency would slow down calls that
    /// the server is glad to serve. Feed those to a [`Limiter`](crate::Limiter).
    Unknown,
}

/// Reads from an outcome what it says about the server's load. Implemented for functions.
pub trait Measure<Res, E> {
    /// What `outcome` says.
    fn load(&self, outcome: Result<&Res, &E>) -> Load;
}

impl<F, Res, E> Measure<Res, E> for F
where
    F: Fn(Result<&Res, &E>) -> Load,
{
    fn load(&self, outcome: Result<&Res, &E>) -> Load {
        self(outcome)
    }
}

/// An `Ok` has done the work, an `Err` says nothing, unless it took longer than is normal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Plain;

impl<Res, E> Measure<Res, E> for Plain {
    fn load(&self, outcome: Result<&Res, &E>) -> Load {
        match outcome {
            Ok(_) => Load::Answered,
            Err(_) => Load::Unknown,
        }
    }
}
