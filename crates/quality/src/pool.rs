//! The memory of all symbols, bounded.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;

use robust_market::{Decoded, Exchange, Kind, Payload, Report, Symbol};

use crate::{Context, SymbolState, judge};

/// Symbols that are remembered unless another bound is given.
const DEFAULT_CAPACITY: usize = 4_096;

type Key = (Exchange, Option<Symbol>, Kind);

/// One [`SymbolState`] for each exchange, symbol and kind, the least recently used forgotten first.
///
/// ```
/// use std::num::NonZeroUsize;
/// use robust_market::{Exchange, Kind};
/// use robust_quality::StatePool;
///
/// let mut pool = StatePool::with_capacity(NonZeroUsize::MIN);
/// pool.state(&Exchange::KRAKEN, None, Kind::Tickers);
/// pool.state(&Exchange::BINANCE, None, Kind::Tickers);
/// assert_eq!((pool.len(), pool.evictions()), (1, 1));
/// ```
#[derive(Debug)]
pub struct StatePool {
    capacity: NonZeroUsize,
    states: HashMap<Key, (u64, SymbolState)>,
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    evictions: u64,
}

impl Default for StatePool {
    fn default() -> Self {
        Self::with_capacity(NonZeroUsize::new(DEFAULT_CAPACITY).unwrap_or(NonZeroUsize::MIN))
    }
}

impl StatePool {
    /// A pool of at most `capacity` states.
    #[must_use]
    pub fn with_capacity(capacity: NonZeroUsize) -> Self {
        Self {
            capacity,
            states: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            evictions: 0,
        }
    }

    /// Judges an answer of `exchange` with the memory of its symbol; `None` for kinds that no rule judges.
    pub fn judge(
        &mut self,
        exchange: &Exchange,
        decoded: &Decoded<Payload>,
        context: &Context<'_>,
    ) -> Option<Report> {
        let symbol = context.request.symbol();
        judge(
            decoded,
            context,
            self.state(exchange, symbol, context.request.kind()),
        )
    }

    /// The memory of one symbol, new if it was not known or forgotten.
    pub fn state(
        &mut self,
        exchange: &Exchange,
        symbol: Option<&Symbol>,
        kind: Kind,
    ) -> &mut SymbolState {
        let key = (exchange.clone(), symbol.cloned(), kind);
        self.uses += 1;
        if let Some((used, _)) = self.states.get(&key) {
            self.by_use.remove(used);
        } else if self.states.len() >= self.capacity.get()
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.states.remove(&oldest);
            self.evictions += 1;
        }
        self.by_use.insert(self.uses, key.clone());
        let entry = self.states.entry(key).or_default();
        entry.0 = self.uses;
        &mut entry.1
    }

    /// States that are remembered now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// States that were forgotten because the pool was full.
    #[must_use]
    pub const fn evictions(&self) -> u64 {
        self.evictions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_symbol_is_forgotten_first() {
        let mut pool = StatePool::with_capacity(NonZeroUsize::new(2).unwrap());
        let symbol = |text: &str| text.parse::<Symbol>().unwrap();
        let (a, b, c) = (symbol("A/USD"), symbol("B/USD"), symbol("C/USD"));
        for asked in [&a, &b] {
            pool.state(&Exchange::KRAKEN, Some(asked), Kind::Ticker)
                .accept(None, Some(7));
        }
        let remembered = |pool: &mut StatePool, asked: &Symbol| {
            pool.state(&Exchange::KRAKEN, Some(asked), Kind::Ticker)
                .last_sequence()
        };
        assert_eq!(remembered(&mut pool, &a), Some(7));
        assert_eq!(remembered(&mut pool, &c), None); // pushes out b
        assert_eq!(remembered(&mut pool, &a), Some(7));
        assert_eq!(remembered(&mut pool, &b), None);
        assert_eq!((pool.len(), pool.by_use.len(), pool.evictions()), (2, 2, 2));
    }
}
