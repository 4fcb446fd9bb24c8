//! Permission for one call.

use std::{fmt, sync::Arc};

use tokio::time::Instant;

use crate::{
    Listener, Outcome,
    circuit::Pass,
    shared::{Hot, Shared},
};

/// Permission for one call; from [`Breaker::admit`](crate::Breaker::admit). Dropped without [`record`](Self::record) it gives
/// a permit back and says nothing about the service, unless a
/// [`Rule::SlowCallRate`](crate::Rule::SlowCallRate) finds that it was held for long.
///
/// It keeps no breaker alive: when handles, layers and services are gone there is nobody left to tell.
/// (Where a listener, a clock or a [`Registry`](crate::Registry) is involved, it counts as a handle.)
#[must_use = "a ticket that is dropped counts as a call without outcome"]
pub struct Ticket<L: Listener = ()> {
    hold: Hold<L>,
    pass: Pass,
}

/// What keeps the way back open.
enum Hold<L: Listener> {
    /// The cell alone, at no cost; it leads to the breaker as long as anyone has a handle.
    Light(&'static Hot),
    Breaker(Arc<Shared<L>>),
    /// The end of the call has been reported, to whoever has this cell.
    Over(&'static Hot),
}

impl<L: Listener> Ticket<L> {
    #[inline]
    pub(crate) fn light(cell: &'static Hot, pass: Pass) -> Self {
        Self {
            hold: Hold::Light(cell),
            pass,
        }
    }

    #[inline]
    pub(crate) fn holding(breaker: Arc<Shared<L>>, pass: Pass) -> Self {
        Self {
            hold: Hold::Breaker(breaker),
            pass,
        }
    }

    fn cell(&self) -> &'static Hot {
        match &self.hold {
            Hold::Light(cell) | Hold::Over(cell) => cell,
            Hold::Breaker(breaker) => breaker.cell,
        }
    }

    /// Whether it holds one of a few permits: the call is a probe of a half-open circuit, or one of
    /// the ramp after closing.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.pass.permit.is_some()
    }

    /// Whether the state is still the one in which it was given; its outcome counts only then.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.cell().is_current(&self.pass)
    }

    /// Notes when the call begins, unless that is known.
    #[inline]
    pub(crate) fn measure(&mut self) {
        self.pass.started.get_or_insert_with(Instant::now);
    }

    /// When the call began, if that had to be measured.
    #[inline]
    pub(crate) fn started(&self) -> Option<Instant> {
        self.pass.started
    }

    /// Reports how the call ended. Without effect if the state has changed since the admission.
    #[inline]
    pub fn record(mut self, outcome: Outcome) {
        self.record_at(outcome, None);
    }

    /// The same without moving the ticket, with the time if it has been read already.
    #[inline]
    pub(crate) fn record_at(&mut self, outcome: Outcome, now: Option<Instant>) {
        if !self.record_at_once(outcome) {
            self.record_slowly(outcome, now);
        }
    }

    /// Reports it, if that takes no more than a look at the word of the breaker.
    #[inline]
    pub(crate) fn record_at_once(&mut self, outcome: Outcome) -> bool {
        let Hold::Light(cell) = self.hold else {
            return false;
        };
        let said = cell.record_at_once(&self.pass, outcome);
        if said {
            self.hold = Hold::Over(cell);
        }
        said
    }

    // Out of line, so that what is inlined into a call is the plain case alone.
    #[inline(never)]
    fn record_slowly(&mut self, outcome: Outcome, now: Option<Instant>) {
        let over = Hold::Over(self.cell());
        match std::mem::replace(&mut self.hold, over) {
            Hold::Light(cell) => cell.record(&self.pass, outcome),
            Hold::Breaker(breaker) => breaker.record(&self.pass, outcome, now),
            Hold::Over(_) => {}
        }
    }

    /// Whether the call has not been reported yet.
    #[inline]
    pub(crate) fn is_out(&self) -> bool {
        !matches!(self.hold, Hold::Over(_))
    }
}

impl<L: Listener> Drop for Ticket<L> {
    #[inline]
    fn drop(&mut self) {
        match &self.hold {
            Hold::Light(cell) => cell.cancel(&self.pass),
            Hold::Breaker(breaker) => breaker.cancel(&self.pass),
            Hold::Over(_) => {}
        }
    }
}

impl<L: Listener> fmt::Debug for Ticket<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Ticket");
        // Nobody's once the last handle is gone.
        let owner = self.cell().owner();
        if let Some(name) = owner.and_then(|owner| owner.name(&self.pass)) {
            shown.field("name", &name);
        }
        shown
            .field("probe", &self.is_probe())
            .finish_non_exhaustive()
    }
}
