//! Bans that outlive a process.

use robust_limiter::Pause;
use robust_market::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Source;
use crate::judgement::BAN_MAX;

impl<V> Source<V> {
    /// When the ban ends that the exchange has put on us, by the wall clock; `None` when there is none.
    #[must_use]
    pub fn banned_until(&self) -> Option<Timestamp> {
        self.shared.stats.banned().map(|(until, _)| until)
    }

    /// Follows the end of the last ban, whether it is over or not: what a process has to remember for the next.
    #[must_use]
    pub fn bans(&self) -> watch::Receiver<Option<Timestamp>> {
        self.shared.stats.ban().subscribe()
    }

    /// Takes up a ban that an earlier process was given: asks nothing before it ends. One that is over changes nothing, and none is
    /// longer than three days from now.
    pub fn resume_ban(&self, until: Timestamp) {
        let shared = &*self.shared;
        let rest = until.since(shared.stats.wall()).min(BAN_MAX);
        if rest.is_zero() {
            return;
        }
        shared.stats.banned_for(rest);
        let end = Instant::now() + rest;
        shared.limiter.pause(end, Pause::Ban);
        shared.breaker.force_open("banned before the start", end);
    }
}
