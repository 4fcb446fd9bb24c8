//! An error type for services that have no room for a rejection of their own.

use crate::Rejected;

/// The error of a service whose own error cannot hold a [`Rejected`].
///
/// [`LiftLayer`](crate::LiftLayer) at the bottom of the stack turns a service's error into this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error<E> {
    /// Not admitted; the service was not called.
    #[error("not admitted")]
    Rejected(#[source] Rejected),
    /// The service's own error.
    #[error(transparent)]
    Inner(E),
}

impl<E> From<Rejected> for Error<E> {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}
