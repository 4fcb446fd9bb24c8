//! Putting a limiter together.

use std::sync::Arc;
use std::time::Duration;

use crate::shared::Shared;
use crate::slots::Slots;
use crate::state::State;
use crate::windows::Windows;
use crate::{Limiter, Window};

/// How many may wait, unless told otherwise.
const MAX_QUEUE: usize = 1_024;

/// How many keys a keyed window remembers, unless told otherwise.
const MAX_KEYS: usize = 10_000;

/// Puts a [`Limiter`] together.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    name: Arc<str>,
    windows: Vec<Window>,
    max_queue: usize,
    max_wait: Option<Duration>,
    max_keys: usize,
    doubt: Option<u32>,
    max_in_flight: Option<usize>,
}

impl Builder {
    pub(crate) const fn new(name: Arc<str>) -> Self {
        Self {
            name,
            windows: Vec::new(),
            max_queue: MAX_QUEUE,
            max_wait: None,
            max_keys: MAX_KEYS,
            doubt: None,
            max_in_flight: None,
        }
    }

    /// Adds a window; charges name it by its place in this order, from 0.
    pub fn window(mut self, window: Window) -> Self {
        self.windows.push(window);
        self
    }

    /// How many calls may wait: 1,024 unless told otherwise.
    ///
    /// A call that finds the queue full takes the place of the last of the least important waiters,
    /// if that one is less important than itself; otherwise it is refused.
    pub const fn max_queue(mut self, max: usize) -> Self {
        self.max_queue = max;
        self
    }

    /// The longest that a call may wait: no limit but its deadline, unless told otherwise.
    pub const fn max_wait(mut self, max: Option<Duration>) -> Self {
        self.max_wait = max;
        self
    }

    /// Refuses at once who would have to wait within `1/share` of its patience: not at all unless told otherwise.
    ///
    /// A forecast assumes that each grant is dispatched when it is due. Timers and threads are late by a millisecond or two,
    /// and in a long queue this adds up, so that the last one would wait its whole time only to be refused at its end.
    pub const fn doubt(mut self, share: u32) -> Self {
        self.doubt = Some(share);
        self
    }

    /// How many calls may be under way at once: any number unless told otherwise, at least one.
    ///
    /// A grant then needs a free slot beside the units in all its windows, and both are given in the same order, so that a more
    /// important call takes the next slot that gets free, however many less important ones came before it. A slot is held from the grant
    /// until the [`Permit`](crate::Permit) or its [`Spent`](crate::Spent) is dropped; in the [layer](Limiter::layer), until the
    /// inner service has answered. Who waits for a window holds none.
    ///
    /// When a slot will be free is not known. So who waits for one waits until its deadline and is refused then, as
    /// [`Rejected::Busy`](crate::Rejected::Busy).
    pub const fn max_in_flight(mut self, max: usize) -> Self {
        self.max_in_flight = Some(if max == 0 { 1 } else { max });
        self
    }

    /// How many keys each keyed window remembers: 10,000 unless told otherwise.
    ///
    /// Only keys with nothing in use are forgotten, those idle longest first. A key that finds the
    /// table full of keys in use shares one overflow budget, of the same size as its own would be,
    /// with all others in that position, until that budget is empty again.
    pub const fn max_keys(mut self, max: usize) -> Self {
        self.max_keys = max;
        self
    }

    /// Builds the limiter. It has all its budgets unspent.
    #[must_use]
    pub fn build(self) -> Limiter {
        let windows = Windows::new(self.windows, self.max_keys);
        let mut state = State::new(windows, self.max_queue, self.max_wait);
        state.doubt = self.doubt;
        state.slots = Slots::new(self.max_in_flight);
        Limiter {
            slot: self.max_in_flight.is_some(),
            shared: Arc::new(Shared::new(self.name, state)),
        }
    }
}
