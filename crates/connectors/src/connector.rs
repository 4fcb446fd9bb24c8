//! The contract that every exchange fulfils.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};
use robust_market::{BarCalendar, Decoded, Exchange, Kind, Payload, Request, Timestamp};
use smallvec::SmallVec;

use crate::history::Paging;
use crate::{Credentials, EncodeError, SymbolTable, Verdict, redact};

/// One exchange, without I/O: what to send for a [`Request`], and what an answer means.
///
/// A connector holds no state and reads no clock. Everything that changes (the table of listed pairs, the time) is an
/// argument, so the same bytes always decode to the same value.
pub trait Connector: Send + Sync + fmt::Debug + 'static {
    /// The exchange's name.
    fn exchange(&self) -> Exchange;

    /// Scheme and authority of the exchange's public REST interface, such as `https://api.kraken.com`.
    fn base_url(&self) -> &'static str;

    /// Every address of the same interface, [`base_url`](Self::base_url) first. They share one limit.
    fn base_urls(&self) -> Vec<&'static str> {
        vec![self.base_url()]
    }

    /// Whether a host is one of the exchange's own test systems, whose prices are not those of the market.
    fn is_test_host(&self, host: &str) -> bool {
        let _ = host;
        false
    }

    /// Whether requests of this kind can be encoded.
    fn supports(&self, kind: Kind) -> bool;

    /// The limits that the exchange states for callers without a key, with the source of each number in the docs.
    fn windows(&self) -> Vec<RateWindow>;

    /// What a request costs in each of [`windows`](Self::windows).
    fn cost(&self, request: &Request) -> Charges;

    /// The pairs that are known without asking the exchange: its best known ones, under their documented names.
    fn symbols(&self) -> SymbolTable;

    /// Writes the HTTP request for a question.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the exchange cannot be asked that: an unlisted pair, an interval it does not have, a limit above its own.
    fn encode(&self, request: &Request, context: &Context<'_>) -> Result<WireRequest, EncodeError>;

    /// Whether the full answer to `request` needs a signature.
    ///
    /// With [`Context::can_sign`], [`encode`](Self::encode) writes the private request, which goes through [`sign`](Self::sign).
    /// Without, it writes the public one that comes nearest, and the answer is smaller and says so
    /// ([`OrderBook::depth_limit`](robust_market::OrderBook::depth_limit)).
    fn needs_signature(&self, request: &Request) -> bool {
        let _ = request;
        false
    }

    /// Signs an HTTP request. The time of [`Context::now`] goes into the signature; a request is signed anew for each attempt.
    ///
    /// # Errors
    ///
    /// [`EncodeError::CannotSign`] where this connector signs nothing, [`EncodeError::Credentials`] where the credentials lack a
    /// part or cannot be used. Neither holds anything of the credentials.
    fn sign(
        &self,
        request: WireRequest,
        credentials: &Credentials,
        context: &Context<'_>,
    ) -> Result<WireRequest, EncodeError> {
        let _ = (request, credentials, context);
        Err(EncodeError::CannotSign {
            exchange: self.exchange(),
        })
    }

    /// How several questions of one kind, each about its own pair, can be asked at once; `None` where they cannot.
    fn many(&self, kind: Kind) -> Option<Many> {
        let _ = kind;
        None
    }

    /// How a long series of this kind is served page by page; `None` for kinds that are no series.
    fn paging(&self, kind: Kind) -> Option<Paging> {
        let _ = kind;
        None
    }

    /// By whose clock bars of a day and longer begin. Default: days of universal time, weeks from Monday.
    fn calendar(&self) -> BarCalendar {
        BarCalendar::UTC
    }

    /// Reads an answer to `request`, whatever its HTTP status is.
    ///
    /// # Errors
    ///
    /// [`Verdict`] when the envelope is no answer: the exchange's own error, a page of HTML, text that is no JSON. A broken
    /// record inside a good envelope is not an error but a [`Defect`](robust_market::Defect).
    fn decode(
        &self,
        request: &Request,
        context: &Context<'_>,
        reply: &Reply<'_>,
    ) -> Result<Decoded<Payload>, Verdict>;

    /// What the answer's headers say about the budget that is used up.
    fn usage(&self, headers: &HeaderMap) -> Usages;

    /// The unified code of one of the exchange's own currency codes (`XXBT` is `BTC` on Kraken); the code itself where
    /// the exchange has no name of its own for it.
    fn asset_code<'a>(&self, id: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(id)
    }
}

/// What a connector needs to know of the moment.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Context<'a> {
    /// The listed pairs.
    pub symbols: &'a SymbolTable,
    /// The time of day: of sending for [`Connector::encode`], of the first byte for [`Connector::decode`].
    pub now: Timestamp,
    /// Whether the caller signs what needs a signature, for [`Connector::encode`], and has signed it, for [`Connector::decode`]; see
    /// [`Connector::needs_signature`].
    pub can_sign: bool,
    /// Where the request goes, for exchanges that sign the host too; `None` is the host of [`Connector::base_url`].
    pub authority: Option<&'a str>,
    /// How [`Connector::decode`] goes about an answer.
    pub way: Way,
}

/// How [`Connector::decode`] goes about an answer. Both ways come to the same; tests compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Way {
    /// The direct way where nothing is broken, the tolerant one everywhere else.
    #[default]
    Either,
    /// The direct way only: strings as they stand, records made while the text is read. What is a surprise to it is
    /// [`Class::Malformed`](crate::Class::Malformed), and so is every answer of a kind that has no direct way.
    Direct,
    /// The tolerant way only: each field on its own, with a note on each that is broken.
    Tolerant,
}

impl<'a> Context<'a> {
    /// A moment, without credentials.
    #[must_use]
    pub const fn new(symbols: &'a SymbolTable, now: Timestamp) -> Self {
        Self {
            symbols,
            now,
            can_sign: false,
            authority: None,
            way: Way::Either,
        }
    }

    /// The same moment, with answers read in one way.
    #[must_use]
    pub const fn reading(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    /// The same moment, for a caller who has credentials.
    #[must_use]
    pub const fn signing(mut self) -> Self {
        self.can_sign = true;
        self
    }

    /// The same moment, for a request to this authority.
    #[must_use]
    pub const fn to(mut self, authority: &'a str) -> Self {
        self.authority = Some(authority);
        self
    }
}

/// How several questions about one pair each become one question about many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Many {
    /// The kind that answers them together.
    pub kind: Kind,
    /// The most pairs that one request names; `None` where it names none: it is about all pairs, and what was not asked for is
    /// left out of the answer.
    pub max_symbols: Option<u32>,
}

impl Many {
    /// Asks for pairs by name, at most `max` in one request.
    #[must_use]
    pub const fn named(kind: Kind, max: u32) -> Self {
        Self {
            kind,
            max_symbols: Some(max),
        }
    }

    /// Asks for all pairs whatever is wanted.
    #[must_use]
    pub const fn all(kind: Kind) -> Self {
        Self {
            kind,
            max_symbols: None,
        }
    }
}

/// An HTTP request without its authority.
///
/// Its `Debug` shows neither keys nor signatures.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WireRequest {
    /// The method.
    pub method: Method,
    /// Path and percent-encoded query.
    pub target: PathAndQuery,
    /// Headers beyond `host`, `user-agent` and `accept-encoding`, which the client adds.
    pub headers: HeaderMap,
    /// The body; empty for GET.
    pub body: Bytes,
}

impl WireRequest {
    /// A GET of `target`.
    #[must_use]
    pub fn get(target: PathAndQuery) -> Self {
        Self {
            method: Method::GET,
            target,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }
}

impl fmt::Debug for WireRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireRequest")
            .field("method", &self.method)
            .field("target", &redact::target(&self.target))
            // Values that a signature put in are marked as sensitive and not shown.
            .field("headers", &self.headers)
            .field("body_len", &self.body.len())
            .finish()
    }
}

/// An HTTP answer with its whole body.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, decompressed.
    pub body: &'a [u8],
}

/// One limit of an exchange: at most `limit` units in any `per`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateWindow {
    /// Its name in reports, such as `weight`.
    pub name: &'static str,
    /// Units.
    pub limit: u32,
    /// Length of the window.
    pub per: Duration,
    /// Whether there is one such window for each key of a [`Charge`] (Kraken's limit per pair) instead of one for all.
    pub keyed: bool,
}

/// What one request costs in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Index into [`Connector::windows`].
    pub window: usize,
    /// Which of a keyed window's counters; 0 for a window without keys.
    pub key: u64,
    /// Units.
    pub units: u32,
}

/// The costs of one request.
pub type Charges = SmallVec<[Charge; 4]>;

/// What the exchange has counted in one window, as an answer's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Index into [`Connector::windows`].
    pub window: usize,
    /// Units used so far.
    pub used: u32,
}

/// The usages that one answer reports.
pub type Usages = SmallVec<[Usage; 2]>;
