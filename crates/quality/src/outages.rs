//! Holes that all markets of a source have at the same time.

use std::collections::BTreeMap;

use robust_market::{Candles, Symbol, Timestamp};

/// Markets whose holes are remembered, per source.
const MARKETS_MAX: usize = 4_096;
/// Holes of one market that are remembered, the newest ones.
const HOLES_MAX: usize = 16;
/// Other markets that must have been seen at the time of a hole.
const OTHERS_MIN: usize = 3;
/// Of ten markets so many must share a hole.
const SHARE_OF_TEN: usize = 8;

/// Where the bars of each market of one source have holes: one that most of them share is an outage of the source, which fills none
/// of them later.
///
/// ```
/// use robust_quality::Outages;
///
/// assert!(Outages::default().is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Outages {
    markets: BTreeMap<Symbol, Holes>,
}

#[derive(Debug, Clone)]
struct Holes {
    from: Timestamp,
    to: Timestamp,
    holes: Vec<(Timestamp, Timestamp)>,
}

impl Outages {
    /// Takes in the newest page of bars of a market of a source that has a bar for every interval.
    pub fn note(&mut self, candles: &Candles) {
        let length = candles.interval.duration();
        let mut times: Vec<Timestamp> = candles.rows.iter().map(|row| row.time).collect();
        times.sort_unstable();
        let (Some(from), Some(last)) = (times.first(), times.last()) else {
            return;
        };
        let hole = |pair: &[Timestamp]| match pair {
            [a, b] => {
                let end = a.saturating_add(length);
                // Months have no fixed length, and no outage is as long.
                (end < *b && !candles.interval.is_calendar_month()).then_some((end, *b))
            }
            _ => None,
        };
        let mut holes: Vec<_> = times
            .windows(2)
            .rev()
            .filter_map(hole)
            .take(HOLES_MAX)
            .collect();
        holes.shrink_to_fit();
        let known = Holes {
            from: *from,
            to: last.saturating_add(length),
            holes,
        };
        if self.markets.len() >= MARKETS_MAX && !self.markets.contains_key(&candles.symbol) {
            self.markets.pop_first();
        }
        self.markets.insert(candles.symbol.clone(), known);
    }

    /// Markets that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.markets.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.markets.is_empty()
    }

    /// Whether at least four of five other markets that were seen over that time have a hole there as well.
    pub(crate) fn is_shared(&self, symbol: &Symbol, from: Timestamp, to: Timestamp) -> bool {
        let seen = self
            .markets
            .iter()
            .filter(|(other, known)| *other != symbol && known.from < from && to < known.to);
        let (mut others, mut share) = (0, 0);
        for (_, known) in seen {
            others += 1;
            // Longer bars show a shorter hole; what overlaps is the same outage.
            let overlaps = |hole: &(Timestamp, Timestamp)| hole.0 < to && from < hole.1;
            share += usize::from(known.holes.iter().any(overlaps));
        }
        others >= OTHERS_MIN && share * 10 >= others * SHARE_OF_TEN
    }
}
