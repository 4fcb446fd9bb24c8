//! What an answer says about the budget.

use std::time::Duration;

use smallvec::SmallVec;

use crate::Cost;

/// Reads from an outcome what it says about the budget.
///
/// Implemented by functions from `Result<&Res, &E>` to [`Verdict`].
pub trait Feedback<Res, E> {
    /// What `result` says.
    fn feedback(&self, result: Result<&Res, &E>) -> Verdict;

    /// Whether `result` says nothing but [`Verdict::sent`], as by far the most do: then no verdict is made of it.
    fn is_plain(&self, _result: Result<&Res, &E>) -> bool {
        false
    }

    /// Whether the inner service sends nothing before the future of its call is polled: then a call that is dropped before that gets
    /// its charge back. By default it keeps it, for tower lets a service send in `call`.
    fn is_lazy(&self) -> bool {
        false
    }

    /// Whether it says [`Verdict::sent`] of everything: then nothing has to be remembered about a call under way.
    fn keeps(&self) -> bool {
        false
    }
}

impl<Res, E, F: Fn(Result<&Res, &E>) -> Verdict> Feedback<Res, E> for F {
    fn feedback(&self, result: Result<&Res, &E>) -> Verdict {
        self(result)
    }
}

/// What an answer says about the budget. The default says: sent, and cost what was reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the server can have seen the request; `false` refunds the charge.
    pub sent: bool,
    /// What it really cost, where the server says so.
    pub actual: Option<Cost>,
    /// The server's own counts.
    pub usage: SmallVec<[Usage; 2]>,
    /// For how long the server wants to hear nothing. With a [`Recovery`](crate::Recovery) this also halves the rate, which is
    /// all that a pause of zero does.
    pub pause: Option<Duration>,
}

/// A server's own count of one unkeyed window, with everything from this address or account in it.
///
/// For one key of a keyed window there is [`Limiter::observe_key`](crate::Limiter::observe_key).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The window, by its place in the builder's order.
    pub window: usize,
    /// How many units the server has counted.
    pub used: u32,
}

impl Verdict {
    /// Sent, and cost what was reserved.
    #[must_use]
    pub fn sent() -> Self {
        Self {
            sent: true,
            actual: None,
            usage: SmallVec::new(),
            pause: None,
        }
    }

    /// Nothing left this process: the charge is given back.
    #[must_use]
    pub fn not_sent() -> Self {
        Self {
            sent: false,
            ..Self::sent()
        }
    }

    /// Whether it says nothing new.
    pub(crate) fn is_plain(&self) -> bool {
        self.sent && self.actual.is_none() && self.usage.is_empty() && self.pause.is_none()
    }

    /// Sets what the request really cost.
    #[must_use]
    pub fn actual(mut self, cost: Cost) -> Self {
        self.actual = Some(cost);
        self
    }

    /// Adds the server's count of a window.
    #[must_use]
    pub fn usage(mut self, window: usize, used: u32) -> Self {
        self.usage.push(Usage { window, used });
        self
    }

    /// Sets for how long the server wants to hear nothing.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = Some(pause);
        self
    }
}

impl Default for Verdict {
    fn default() -> Self {
        Self::sent()
    }
}

/// Keeps every charge as reserved. The layer's default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep;

impl<Res, E> Feedback<Res, E> for Keep {
    fn feedback(&self, _: Result<&Res, &E>) -> Verdict {
        Verdict::sent()
    }

    fn keeps(&self) -> bool {
        true
    }
}
