//! What arrived at a simulated exchange.

use std::collections::BTreeMap;

use serde::Serialize;

/// What arrived since the simulator was built, and how much of it over the limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that arrived.
    pub requests: u64,
    /// Requests that arrived over a limit or during a ban, whatever fault was on.
    pub over_limit: u64,
    /// Requests that were answered 429 by the limits (injected 429s count as faulted).
    pub refused_429: u64,
    /// Requests that were answered 418 by the limits (injected 418s count as faulted).
    pub refused_418: u64,
    /// Requests that arrived before the `Retry-After` of an earlier reply, injected or not, had passed.
    ///
    /// It is counted where they arrive: what was sent before the client could read that reply is among them. A client with n requests
    /// under way may so have n − 1 of them and have done nothing wrong; one that goes on sending has more.
    pub early: u64,
    /// Requests whose answer a fault changed.
    pub faulted: u64,
    /// Requests by endpoint; paths that are not served count under `unknown`.
    pub by_endpoint: BTreeMap<&'static str, u64>,
    /// The most that was ever used of each window, in the window's own unit.
    pub max_used: BTreeMap<&'static str, u64>,
}
