//! A value with everything that is needed to trust it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{Coverage, Exchange, Kind, Report, Symbol, Timestamp};

/// Where a value was born. Never changes afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// A REST answer of the exchange.
    Rest,
    /// A push message of the exchange.
    Stream,
    /// A recording, played again.
    Replay,
    /// A simulator. Decided by evidence (a loopback address, the simulator's `Server` header), never by configuration.
    Simulated,
    /// Computed from other values.
    Derived,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rest => "rest",
            Self::Stream => "stream",
            Self::Replay => "replay",
            Self::Simulated => "simulated",
            Self::Derived => "derived",
        })
    }
}

/// Which cache tier a value was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Memory of this process.
    L1,
    /// A store shared between processes.
    L2,
}

/// How a value came to this reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Freshness {
    /// Fetched for this read.
    Live,
    /// Read from a cache, within the age that the reader allows.
    Cached,
    /// Older than the reader asked for; delivered because nothing newer was to be had, and the reader allows it.
    Stale,
}

impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Live => "live",
            Self::Cached => "cached",
            Self::Stale => "stale",
        })
    }
}

/// Joins a value to the events, records and requests that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// Where a value comes from, how old it is and what it took to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meta {
    /// The venue that made the value.
    pub exchange: Exchange,
    /// What was asked for.
    pub kind: Kind,
    /// The pair, where it is one.
    pub symbol: Option<Symbol>,
    /// Where the value was born.
    pub origin: Origin,
    /// The cache tier it was read from; `None` when fetched for this read.
    pub tier: Option<Tier>,
    /// How it came to this reader.
    pub freshness: Freshness,
    /// When the exchange says that it was born.
    pub exchange_time: Option<Timestamp>,
    /// When the first byte of the answer arrived here, by this machine's clock.
    pub received: Timestamp,
    /// Time from `exchange_time` to this read; `None` where the exchange does not say. Two clocks: not exact.
    pub data_age: Option<Duration>,
    /// Time from the first byte to this read, by one monotonic clock: exact.
    pub receive_age: Duration,
    /// Requests that were sent to get it.
    pub attempts: u32,
    /// Whether other readers shared the same request.
    pub coalesced: bool,
    /// The venue that was asked for when this value stands in for another's.
    pub substituted_for: Option<Exchange>,
    /// The name of the request that fetched it.
    pub request_id: RequestId,
    /// What of a series that took several requests came, and why the rest did not.
    pub coverage: Option<Arc<Coverage>>,
    /// Positions on the wire of the records that could not be read and so are not in the value, ascending; `None` where every one
    /// could, and for a series that took several requests. Not part of the exchange format, whose `quality.exclusions` hold them
    /// among others.
    pub unreadable: Option<Arc<[usize]>>,
}

impl Meta {
    /// The meta of a value just fetched.
    #[must_use]
    pub fn fetched(
        exchange: Exchange,
        kind: Kind,
        origin: Origin,
        received: Timestamp,
        request_id: RequestId,
    ) -> Self {
        Self {
            exchange,
            kind,
            symbol: None,
            origin,
            tier: None,
            freshness: Freshness::Live,
            exchange_time: None,
            received,
            data_age: None,
            receive_age: Duration::ZERO,
            attempts: 1,
            coalesced: false,
            substituted_for: None,
            request_id,
            coverage: None,
            unreadable: None,
        }
    }
}

impl Serialize for Meta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ms = |age: Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("origin", &self.origin)?;
        map.serialize_entry("tier", &self.tier)?;
        map.serialize_entry("freshness", &self.freshness)?;
        map.serialize_entry(
            "exchange_time_ms",
            &self.exchange_time.map(Timestamp::as_ms),
        )?;
        map.serialize_entry("received_ms", &self.received.as_ms())?;
        map.serialize_entry("data_age_ms", &self.data_age.map(ms))?;
        map.serialize_entry("receive_age_ms", &ms(self.receive_age))?;
        map.serialize_entry("attempts", &self.attempts)?;
        map.serialize_entry("coalesced", &self.coalesced)?;
        map.serialize_entry("substituted_for", &self.substituted_for)?;
        map.serialize_entry("request_id", &self.request_id)?;
        if let Some(coverage) = &self.coverage {
            map.serialize_entry("coverage", &**coverage)?;
        }
        map.end()
    }
}

/// A value with its provenance and its quality. Derefs to the value.
#[derive(Debug, Clone)]
pub struct Sample<T> {
    /// The value.
    pub data: T,
    /// Where it comes from and how old it is.
    pub meta: Meta,
    /// How good it is; `None` for kinds that no rule judges (server time, status, lists of instruments and assets).
    pub quality: Option<Arc<Report>>,
}

impl<T> Sample<T> {
    /// Turns the value into another, keeping provenance and quality.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Sample<U> {
        Sample {
            data: f(self.data),
            meta: self.meta,
            quality: self.quality,
        }
    }

    /// Whether the value's first byte arrived at most `age` before this read.
    #[must_use]
    pub fn fresh_within(&self, age: Duration) -> bool {
        self.meta.receive_age <= age
    }
}

impl<T> Deref for Sample<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

/// The exchange format, version 1: `docs/formats.md`.
impl<T: Serialize> Serialize for Sample<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("v", &1)?;
        map.serialize_entry("kind", &self.meta.kind)?;
        map.serialize_entry("exchange", &self.meta.exchange)?;
        map.serialize_entry("symbol", &self.meta.symbol)?;
        map.serialize_entry("data", &self.data)?;
        map.serialize_entry("meta", &self.meta)?;
        map.serialize_entry("quality", &self.quality.as_deref())?;
        map.end()
    }
}
