//! Who wants to hear of what happens in a limiter.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::{Class, Pause};

/// Hears of what happens in a limiter. The default, `()`, hears nothing and costs nothing: no event is made.
///
/// Called after the limiter's lock is free, in the thread whose doing the event was; so events of different threads may come in
/// another order than they happened. What it does holds that thread up.
pub trait Listener: Send + Sync + 'static {
    /// Whether there is anybody; where not, everything here is compiled out.
    const ENABLED: bool = true;

    /// Something happened in the limiter called `limiter`.
    fn on(&self, limiter: &str, event: &Event);
}

impl Listener for () {
    const ENABLED: bool = false;

    fn on(&self, _: &str, _: &Event) {}
}

impl<L: Listener> Listener for Arc<L> {
    const ENABLED: bool = L::ENABLED;

    fn on(&self, limiter: &str, event: &Event) {
        (**self).on(limiter, event);
    }
}

/// What can happen in a limiter. Grants that need no wait are no news.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A call that had to wait was granted.
    Waited {
        /// How important it was when it came.
        class: Class,
        /// How long it waited.
        wait: Duration,
        /// The window that it waited for longest; `None` for a slot or a pause.
        window: Option<Cow<'static, str>>,
    },
    /// A call was refused.
    Refused {
        /// How important it was.
        class: Class,
        /// When it might come back; `None` when that is pointless.
        retry_in: Option<Duration>,
    },
    /// Nothing is granted for so long.
    Paused {
        /// How long.
        length: Duration,
        /// Why.
        reason: Pause,
    },
    /// A pause is over.
    Resumed,
    /// The limits are used to this share from now on.
    RateFactor {
        /// Between 0 and 1.
        factor: f64,
    },
    /// A limit was changed at run time.
    LimitChanged {
        /// The window.
        window: Cow<'static, str>,
        /// Its limit from now on.
        limit: u32,
    },
    /// An answer showed windows above their limits: more was used than was known.
    Violated {
        /// How many windows.
        windows: u64,
    },
}
