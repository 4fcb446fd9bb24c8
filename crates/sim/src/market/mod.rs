//! The generated market: a function of seed, pair and time, and of nothing else.
//!
//! Trades are the base. Candles and day statistics add up exactly those trades; the book stands around the last one.

pub(crate) mod asset;
mod bar;
mod book;
mod feed;
pub(crate) mod fixed;
pub(crate) mod hash;
mod path;
mod span;

use std::sync::{Mutex, MutexGuard, PoisonError};

use robust_market::{Symbol, Timestamp};

pub(crate) use bar::Bar;
pub(crate) use book::{Depth, Level};
pub(crate) use feed::{Feed, Terms, Trade};
pub(crate) use span::Span;

/// Nanoseconds of a second, an hour and a day.
pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;
/// How far back an exchange remembers: two years and ten days of whole days.
const MEMORY_DAYS: i64 = 740;

/// Keeps a time inside the years that the generator's arithmetic covers, 1973 to 2261.
pub(crate) fn clamp(time: Timestamp) -> Timestamp {
    const FIRST: i64 = 100_000_000 * SECOND;
    const LAST: i64 = 9_200_000_000 * SECOND;
    Timestamp::from_ns(time.as_ns().clamp(FIRST, LAST))
}

/// The oldest time that is served at `at`: a start of a day, UTC.
pub(crate) fn horizon(at: i64) -> i64 {
    (at.div_euclid(DAY) - MEMORY_DAYS) * DAY
}

/// One pair of an exchange.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    /// The unified name.
    pub(crate) symbol: Symbol,
    /// The name by which the exchange answers.
    pub(crate) id: String,
    /// Other names that it accepts.
    pub(crate) aliases: Vec<String>,
    /// The exchange's own codes of base and quote.
    pub(crate) base: String,
    pub(crate) quote: String,
    /// Decimal places of the price tick.
    pub(crate) price_places: u32,
    /// Decimal places of the lot step.
    pub(crate) lot_places: u32,
}

/// All pairs of one exchange with their generators.
#[derive(Debug)]
pub(crate) struct Market {
    listings: Vec<Listing>,
    feeds: Vec<Mutex<Feed>>,
}

impl Market {
    pub(crate) fn new(listed: Vec<(Listing, Terms)>) -> Self {
        let (listings, feeds) = listed
            .into_iter()
            .map(|(listing, terms)| (listing, Mutex::new(Feed::new(terms))))
            .unzip();
        Self { listings, feeds }
    }

    /// Lists a pair at that time and no earlier; `false` when it is none of the exchange's.
    pub(crate) fn list(&mut self, symbol: &Symbol, at: Timestamp) -> bool {
        let found = self.listings.iter().position(|l| l.symbol == *symbol);
        let Some(feed) = found.and_then(|index| self.feeds.get_mut(index)) else {
            return false;
        };
        let feed = feed.get_mut().unwrap_or_else(PoisonError::into_inner);
        feed.list(at.as_ns());
        true
    }

    pub(crate) fn symbols(&self) -> Vec<Symbol> {
        self.listings.iter().map(|l| l.symbol.clone()).collect()
    }

    pub(crate) fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// The pair of that name, by id or alias.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.listings
            .iter()
            .position(|l| l.id == name || l.aliases.iter().any(|alias| alias == name))
    }

    /// A pair and its generator, locked.
    pub(crate) fn pair(&self, index: usize) -> Option<(&Listing, MutexGuard<'_, Feed>)> {
        let listing = self.listings.get(index)?;
        let feed = self.feeds.get(index)?;
        Some((listing, feed.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
