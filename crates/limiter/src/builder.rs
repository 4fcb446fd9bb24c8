//! Putting a limiter together.

use std::sync::Arc;
use std::time::Duration;

use crate::listener::Listener;
use crate::recovery::Recovering;
use crate::shared::Shared;
use crate::slots::Slots;
use crate::state::State;
use crate::windows::Windows;
use crate::{Headroom, Limiter, MonotonicClock, Recovery, Window};

/// How many may wait, unless told otherwise.
const MAX_QUEUE: usize = 1_024;

/// How long a call stands in one line before it goes to the next better, where classes have shares.
///
/// A tenth of the deadline that a patient caller has, so that the lowest class is at the head of all after 30 s.
const AGEING: Duration = Duration::from_secs(10);

/// How many keys a keyed window remembers, unless told otherwise.
const MAX_KEYS: usize = 10_000;

/// Puts a [`Limiter`] together.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder<L = ()> {
    name: Arc<str>,
    windows: Vec<Window>,
    max_queue: usize,
    max_wait: Option<Duration>,
    max_keys: usize,
    doubt: Option<u32>,
    max_in_flight: Option<usize>,
    headroom: Option<Headroom>,
    outside: u8,
    ageing: Option<Duration>,
    recovery: Option<Recovery>,
    clock: MonotonicClock,
    listener: L,
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
            headroom: None,
            outside: 0,
            ageing: None,
            recovery: None,
            clock: MonotonicClock::tokio(),
            listener: (),
        }
    }
}

impl<L: Listener> Builder<L> {
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

    /// Gives each class only a share of every window: everyone has all unless told otherwise.
    ///
    /// So that nobody waits for ever below its share, this also turns [`ageing`](Self::ageing) on, with 10 s.
    pub const fn headroom(mut self, headroom: Headroom) -> Self {
        self.headroom = Some(headroom);
        self
    }

    /// Leaves `percent` of every window to callers outside of this process that draw on the same budget: nothing unless told
    /// otherwise.
    ///
    /// What the server's counts show to be used by others is taken from this share first. Windows that drain do not tell, and
    /// leave the whole share to them always.
    pub const fn outside(mut self, percent: u8) -> Self {
        self.outside = if percent > 100 { 100 } else { percent };
        self
    }

    /// Treats a call as one class more important for every `step` that it has waited: never unless told otherwise.
    ///
    /// After three steps even the least important stands before everyone who came later, and may fill the whole window; so it waits
    /// three steps and for those who came before it, at most.
    pub const fn ageing(mut self, step: Duration) -> Self {
        self.ageing = Some(step);
        self
    }

    /// Comes back slowly after a server said that it was too much: at once and with the whole rate unless told otherwise.
    pub const fn recovery(mut self, recovery: Recovery) -> Self {
        self.recovery = Some(recovery);
        self
    }

    /// Has the time from there: from tokio's own clock unless told otherwise.
    pub fn clock(mut self, clock: MonotonicClock) -> Self {
        self.clock = clock;
        self
    }

    /// Tells `listener` what happens.
    pub fn listener<M: Listener>(self, listener: M) -> Builder<M> {
        Builder {
            name: self.name,
            windows: self.windows,
            max_queue: self.max_queue,
            max_wait: self.max_wait,
            max_keys: self.max_keys,
            doubt: self.doubt,
            max_in_flight: self.max_in_flight,
            headroom: self.headroom,
            outside: self.outside,
            ageing: self.ageing,
            recovery: self.recovery,
            clock: self.clock,
            listener,
        }
    }

    /// Builds the limiter. It has all its budgets unspent.
    #[must_use]
    pub fn build(self) -> Limiter<L> {
        let mut windows = Windows::new(self.windows, self.max_keys);
        let mut shares = windows.shares();
        shares.outside = self.outside;
        if let Some(headroom) = self.headroom {
            shares.headroom = headroom.percent;
        }
        windows.share(0, shares);
        let mut state = State::new(windows, self.max_queue, self.max_wait);
        state.doubt = self.doubt;
        state.slots = Slots::new(self.max_in_flight);
        let ageing = self.ageing.or(self.headroom.map(|_| AGEING));
        state.ageing = ageing.map(|step| u64::try_from(step.as_nanos()).unwrap_or(u64::MAX));
        state.recovering = Recovering::new(self.recovery);
        Limiter {
            slot: self.max_in_flight.is_some(),
            shared: Arc::new(Shared::new(self.name, state, self.clock, self.listener)),
        }
    }
}
