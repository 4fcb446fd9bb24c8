//! Pauses, the way back from them, and limits that change: whatever makes grants rarer for everyone.

use std::time::Duration;

use super::{Answer, State};
use crate::listener::Event;
use crate::log::Nanos;
use crate::recovery::WHOLE;
use crate::{Pause, Rate, Rejected, WindowError};

impl State {
    /// Ends the pause that is over and takes the steps of the rate that are due.
    pub(crate) fn tick(&mut self, now: Nanos) {
        if let Some((until, reason)) = self.pause
            && until <= now
        {
            self.pause = None;
            if reason.is_servers() {
                self.recovering.want_probe();
            }
            self.tell(|| Event::Resumed);
        }
        if !self.recovering.is_over() && self.recovering.recover(now) {
            self.share(now);
        }
    }

    /// Grants nothing before `until`. Grants that were not fetched yet go back to their places;
    /// whoever cannot wait so long is refused. `sent` is when the request went out whose answer wants this.
    pub(crate) fn pause(&mut self, now: Nanos, until: Nanos, reason: Pause, sent: Nanos) {
        let cut = reason.is_servers() && self.cut(now, sent, until);
        if until <= now || self.paused(now).is_some_and(|(end, _)| end >= until) {
            if cut {
                self.turn(now);
            }
            return;
        }
        self.pause = Some((until, reason));
        self.recovering.stop_probing();
        self.tell(|| Event::Paused {
            length: Duration::from_nanos(until - now),
            reason,
        });
        self.recall(now);
        for seq in self.queue.due_before(until) {
            if let Some(waiter) = self.queue.remove(seq) {
                let retry_in = Duration::from_nanos(until - now);
                self.answer_no(seq, waiter, Rejected::Paused { retry_in });
            }
        }
        self.turn(now);
    }

    /// Ends the pause, and lets everyone go who waits for a probe.
    pub(crate) fn resume(&mut self, now: Nanos) {
        if self.pause.take().is_some() {
            self.tell(|| Event::Resumed);
        }
        self.recovering.stop_probing();
        self.turn(now);
    }

    /// The answer to a request that was sent at `sent` says that it was too much; from `from` on more is tried.
    pub(crate) fn slow_down(&mut self, now: Nanos, sent: Nanos, from: Nanos) {
        if self.cut(now, sent, from) {
            self.turn(now);
        }
    }

    fn cut(&mut self, now: Nanos, sent: Nanos, from: Nanos) -> bool {
        let cut = self.recovering.cut(now, sent, from);
        if cut {
            self.share(now);
            self.recall(now);
        }
        cut
    }

    /// A call that may have been the probe is over.
    pub(crate) fn end_probe(&mut self, now: Nanos, number: u32, sent: bool) {
        if self.recovering.end_probe(number, sent) {
            self.turn(now);
        }
    }

    /// Changes a limit: nothing more is granted than fits into it from now on, and who fits into it now is served now.
    ///
    /// # Errors
    ///
    /// When there is no such window, or its rate is too high for that.
    pub(crate) fn set_limit(
        &mut self,
        now: Nanos,
        window: usize,
        limit: u32,
    ) -> Result<(), WindowError> {
        self.windows.set_limit(now, window, limit)?;
        self.limit_changed(now, window, limit);
        Ok(())
    }

    /// The same of a smooth window, with its rate and its burst.
    ///
    /// # Errors
    ///
    /// When there is no such window, it is not smooth, or would exceed its limit.
    pub(crate) fn set_rate(
        &mut self,
        now: Nanos,
        window: usize,
        limit: u32,
        smooth: (Rate, u32),
    ) -> Result<(), WindowError> {
        self.windows.set_rate(now, window, limit, smooth)?;
        self.limit_changed(now, window, limit);
        Ok(())
    }

    fn limit_changed(&mut self, now: Nanos, window: usize, limit: u32) {
        let name = self
            .windows
            .window(window)
            .map(|window| window.name.clone());
        self.tell(|| Event::LimitChanged {
            window: name.unwrap_or_default(),
            limit,
        });
        self.recall(now);
        // Who can never fit any more is told so.
        let hopeless: Vec<(u64, Rejected)> = self
            .queue
            .in_order()
            .filter_map(|(seq, waiter)| {
                let never = self.windows.fits_ever(&waiter.cost, waiter.filed).err()?;
                Some((seq, never))
            })
            .collect();
        for (seq, rejected) in hopeless {
            if let Some(waiter) = self.queue.remove(seq) {
                self.answer_no(seq, waiter, rejected);
            }
        }
        self.turn(now);
    }

    /// Takes the rate factor over into the windows.
    fn share(&mut self, now: Nanos) {
        let mut shares = self.windows.shares();
        shares.factor = self.recovering.factor();
        self.windows.share(now, shares);
        let factor = f64::from(shares.factor) / f64::from(WHOLE);
        self.tell(|| Event::RateFactor { factor });
    }

    /// Takes back the grants that were not fetched yet; their waiters stand in their old places again.
    fn recall(&mut self, now: Nanos) {
        let granted: Vec<u64> = self
            .answers
            .iter()
            .filter(|(_, answer)| matches!(answer, Answer::Granted { .. }))
            .map(|(seq, _)| *seq)
            .collect();
        for seq in granted {
            if let Some(Answer::Granted { waiter, grant, .. }) = self.answers.remove(&seq) {
                self.release(now, &waiter.cost, grant);
                self.counts.granted -= 1;
                self.class(grant.class).granted -= 1;
                self.queue.insert(seq, waiter);
            }
        }
    }
}
