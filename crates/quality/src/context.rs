//! What the rules need to know besides the answer.

use std::time::Duration;

use robust_market::{Request, Timestamp};
use rust_decimal::Decimal;

use crate::config::{Config, SEED};
use crate::{Beside, Outages, Peers, Profile, Provenance};

/// The question that was asked and the moment it is judged at.
///
/// The clock is an argument: the same answer in the same context with the same state always gets the same report. What is not
/// known stays as [`new`](Self::new) leaves it, and the rules that need it do not apply.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Context<'a> {
    /// What was asked: pair, depth, interval, since, limit.
    pub request: &'a Request,
    /// What this source is able to send.
    pub profile: Profile,
    /// When the first byte of the answer came.
    pub received: Timestamp,
    /// The time that ages are measured at.
    pub now: Timestamp,
    /// Whether the market is known to be halted; an empty side of its book is then a fact, not a fault.
    pub halted: bool,
    /// Weights, thresholds and limits of prices; the seed's unless set.
    pub config: &'a Config,
    /// How the answer came; `None` where nobody knows, as for a file, and then no rule asks.
    pub provenance: Option<Provenance<'a>>,
    /// What other exchanges say of the pair, from [`Consensus::peers`](crate::Consensus::peers).
    pub peers: Option<Peers>,
    /// The best quote of the same market at about the same time, to hold books and trades against.
    pub quote: Option<Quote>,
    /// When the same market traded last, by the exchange's clock: a book that stands still meanwhile is frozen.
    pub traded: Option<Timestamp>,
    /// Trades and bars of the same market, to hold bars against.
    pub beside: Option<&'a Beside>,
    /// Holes in the bars of other markets of this source.
    pub outages: Option<&'a Outages>,
    /// How far the source's clock is ahead of ours, from [`ClockOffset::ahead`](crate::ClockOffset::ahead); `None` leaves it to what
    /// this one symbol has shown.
    pub clock_ahead: Option<Duration>,
    /// Whether other symbols of this source stand still as well while another source moves.
    pub source_frozen: bool,
}

/// The best bid and ask of a market, and when they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Best bid.
    pub bid: Decimal,
    /// Best ask.
    pub ask: Decimal,
    /// When it came.
    pub at: Timestamp,
}

impl<'a> Context<'a> {
    /// A question, judged at `now`; nothing else is known.
    #[must_use]
    pub fn new(
        request: &'a Request,
        profile: Profile,
        received: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            request,
            profile,
            received,
            now,
            halted: false,
            config: &SEED,
            provenance: None,
            peers: None,
            quote: None,
            traded: None,
            beside: None,
            outages: None,
            clock_ahead: None,
            source_frozen: false,
        }
    }
}
