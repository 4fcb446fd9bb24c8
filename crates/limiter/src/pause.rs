//! Why nothing is granted for a while.

use std::fmt;

/// Why nothing is granted for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pause {
    /// The server said when to come back (429 with `Retry-After`).
    RetryAfter,
    /// The server has shut us out (418, a ban with an end).
    Ban,
    /// Somebody here wants it.
    Manual,
}

impl Pause {
    /// Whether a server wanted it.
    pub(crate) const fn is_servers(self) -> bool {
        matches!(self, Self::RetryAfter | Self::Ban)
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RetryAfter => "retry-after",
            Self::Ban => "ban",
            Self::Manual => "manual",
        })
    }
}
