//! Counters of one client.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a client has done so far and what it holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Connections opened.
    pub opened: u64,
    /// Requests that were sent on a connection that had served before.
    pub reused: u64,
    /// Requests that came back unwritten from a pooled connection which had died, and were sent on another one. The
    /// server saw each of them once.
    pub resent: u64,
    /// Requests that were written twice: a pooled connection closed without a byte of an answer, and the same request
    /// went out on a fresh one. The server may have seen each of them twice.
    pub sent_twice: u64,
    /// Requests refused because too many were waiting, or too many hosts were in use.
    pub refused: u64,
    /// Connections that were closed because they were old enough.
    pub retired: u64,
    /// Questions to the resolver. Names that are fresh in the cache cost none.
    pub lookups: u64,
    /// Questions to the resolver without a usable answer.
    pub lookups_failed: u64,
    /// Of these, the ones for which the last good answer stood in.
    pub lookups_stale: u64,
    /// Requests that hold a place under the caps now, until the end of their body.
    pub in_flight: usize,
    /// Requests that wait for a place now.
    pub waiting: usize,
    /// Connections that wait for their next request now.
    pub idle: usize,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) opened: Count,
    pub(crate) reused: Count,
    pub(crate) resent: Count,
    pub(crate) sent_twice: Count,
    pub(crate) refused: Count,
    pub(crate) retired: Count,
    pub(crate) lookups: Count,
    pub(crate) lookups_failed: Count,
    pub(crate) lookups_stale: Count,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            opened: self.opened.read(),
            reused: self.reused.read(),
            resent: self.resent.read(),
            sent_twice: self.sent_twice.read(),
            refused: self.refused.read(),
            retired: self.retired.read(),
            lookups: self.lookups.read(),
            lookups_failed: self.lookups_failed.read(),
            lookups_stale: self.lookups_stale.read(),
            ..Stats::default()
        }
    }
}
