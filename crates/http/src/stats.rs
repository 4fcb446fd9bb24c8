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
    /// Requests refused because too many were waiting, or too many hosts were in use.
    pub refused: u64,
    /// Requests that hold a place under the caps now, until the end of their body.
    pub in_flight: usize,
    /// Requests that wait for a place now.
    pub waiting: usize,
    /// Connections that wait for their next request now.
    pub idle: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    opened: AtomicU64,
    reused: AtomicU64,
    resent: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    pub(crate) fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reused(&self) {
        self.reused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn resent(&self) {
        self.resent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Stats {
        Stats {
            opened: self.opened.load(Ordering::Relaxed),
            reused: self.reused.load(Ordering::Relaxed),
            resent: self.resent.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            ..Stats::default()
        }
    }
}
