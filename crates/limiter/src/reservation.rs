//! A place in the queue, kept for a call that is yet to come.

use std::fmt;
use std::time::Duration;

use crate::log::Nanos;
use crate::state::Ask;
use crate::{ClassCell, Cost, Limiter, Listener, Rejected};

/// A place in the queue, kept for a call that is yet to come; made by [`Limiter::reserve`].
///
/// For who holds work back until there is budget for it, as a scheduler does, and must not lose it then to whoever waits in the queue
/// already. Whoever stands behind the place, by class and by arrival, is not served in its stead. Nothing is charged, nobody is woken,
/// and no counter of the [`Snapshot`](crate::Snapshot) moves.
///
/// Dropping it gives the place up, unless its call is on its way.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use robust_limiter::{Charge, Class, Cost, Limiter, Window};
///
/// let limiter = Limiter::builder("api").window(Window::sliding("requests", 1, Duration::from_secs(1))).build();
/// let one = Cost::from(Charge::new(0, 1));
/// limiter.try_acquire(&one, Class::Low)?.commit();
/// let idler = limiter.acquire(&one, Class::Low, None);
///
/// let mut place = limiter.reserve(&one, Class::High, Duration::from_millis(100))?;
/// tokio::spawn(idler);
/// tokio::time::sleep(place.wait()).await;
/// // Its turn has come, and the one who waited all the time is still there.
/// assert_eq!(place.renew(&one)?, Duration::ZERO);
/// place.call(Duration::from_millis(20));
/// limiter.try_acquire(&one, Class::High)?.commit();
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it gives the place up"]
pub struct Reservation<L: Listener = ()> {
    limiter: Limiter<L>,
    class: ClassCell,
    seq: u64,
    keep: Nanos,
    wait: Duration,
    /// Whether its call is on its way.
    called: bool,
}

impl<L: Listener> Limiter<L> {
    /// Keeps a place in the queue for a call that is yet to come, as if it had come now.
    ///
    /// It is kept for as long as its call has to wait, and for `keep` longer: [`renew`](Reservation::renew) it by then.
    ///
    /// # Errors
    ///
    /// When the cost can never fit.
    pub fn reserve(
        &self,
        cost: &Cost,
        class: impl Into<ClassCell>,
        keep: Duration,
    ) -> Result<Reservation<L>, Rejected> {
        let class = class.into();
        let keep = nanos(keep);
        let (seq, wait) = self.keep_place(cost, &class, keep)?;
        Ok(Reservation {
            limiter: self.clone(),
            class,
            seq,
            keep,
            wait,
            called: false,
        })
    }

    fn keep_place(
        &self,
        cost: &Cost,
        class: &ClassCell,
        keep: Nanos,
    ) -> Result<(u64, Duration), Rejected> {
        self.shared.change(|state, now| {
            let cost = state.windows.check(cost.clone(), class.get())?;
            state.turn(now);
            let ask = Ask {
                cost,
                class: class.clone(),
                deadline: None,
                slot: self.slot,
            };
            let (seq, placement) = state.keep_place(now, ask, keep);
            Ok((seq, placement.wait(now)))
        })
    }
}

impl<L: Listener> Reservation<L> {
    /// How long until its call can go, as of when it was made or renewed; zero for now. Exact while nobody gives up, is refunded or
    /// comes with a higher class; where only a slot is missing nobody knows, and it is a guess of 100 ms.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        self.wait
    }

    /// Keeps the place on, for a call of this cost, and looks again how long that has to wait. One that was lost, because it was not
    /// renewed in time, is taken anew at the end of its line.
    ///
    /// # Errors
    ///
    /// When the cost can never fit. The place stays as it was.
    pub fn renew(&mut self, cost: &Cost) -> Result<Duration, Rejected> {
        let (seq, class, keep) = (self.seq, self.class.get(), self.keep);
        let renewed = self.limiter.shared.change(|state, now| {
            let cost = state.windows.check(cost.clone(), class)?;
            let placement = state.renew_place(now, seq, cost, keep);
            Ok(placement.map(|placement| placement.wait(now)))
        })?;
        self.wait = match renewed {
            Some(wait) => wait,
            None => {
                let (seq, wait) = self.limiter.keep_place(cost, &self.class, keep)?;
                self.seq = seq;
                wait
            }
        };
        self.called = false;
        Ok(self.wait)
    }

    /// Calls who it is for: the next newcomer of this class takes the place over. If none comes `within` that time, it is gone.
    ///
    /// Who comes in another class stands where it belongs, and a lower one behind the place until that is gone.
    /// [`renew`](Self::renew) takes the call back, if nobody has come yet.
    pub fn call(&mut self, within: Duration) {
        let (seq, within) = (self.seq, nanos(within));
        self.limiter
            .shared
            .change(|state, now| state.call_place(now, seq, now.saturating_add(within)));
        self.called = true;
    }

    /// Gives the place up, called or not.
    pub fn give_up(mut self) {
        self.called = false;
    }
}

impl<L: Listener> Drop for Reservation<L> {
    fn drop(&mut self) {
        if !self.called {
            let seq = self.seq;
            self.limiter
                .shared
                .change(|state, now| state.leave_place(now, seq));
        }
    }
}

fn nanos(time: Duration) -> Nanos {
    Nanos::try_from(time.as_nanos()).unwrap_or(Nanos::MAX)
}

impl<L: Listener> fmt::Debug for Reservation<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("class", &self.class)
            .field("wait", &self.wait)
            .field("called", &self.called)
            .finish_non_exhaustive()
    }
}
