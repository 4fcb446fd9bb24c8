//! Why a load gave no value.

/// Why a load gave no value. Every reader of the flight gets a clone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The load ended with its own error.
    #[error(transparent)]
    Failed(E),
    /// The load panicked. The panic was contained in its task and the flight has ended.
    #[error("the load panicked")]
    Panicked,
    /// The cache is closed, or the load was aborted by its closing, or no runtime is there to run it.
    #[error("the cache is closed")]
    Closed,
}

impl<E> LoadError<E> {
    /// The load's own error, if that is what happened.
    pub fn failed(self) -> Option<E> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Panicked | Self::Closed => None,
        }
    }
}
