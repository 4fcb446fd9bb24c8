//! The memory of all symbols, bounded.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::time::Duration;

use robust_market::{
    Acceptance, Candles, Decoded, Exchange, Interval, Kind, Payload, Report, Request, Symbol,
    Timestamp,
};

use crate::ticker::accuracy::Prices;
use crate::{
    Beside, ClockOffset, Consensus, Context, Outages, Quote, SymbolState, judge, seen, timeliness,
};

/// Symbols that are remembered unless another bound is given.
const DEFAULT_CAPACITY: usize = 4_096;

/// Sources whose clock and pace are remembered.
const SOURCES_MAX: usize = 64;
/// Quotes that books and trades are held against, per source.
const QUOTES_MAX: usize = 4_096;
/// Markets whose trades and bars are kept to hold bars against, per source: the newest ones, at most 48 KB each.
const BESIDE_MAX: usize = 256;
/// A source in which nothing changes for this long may stand still.
const STILL: Duration = Duration::from_secs(30);
/// Symbols that must be watched to say so.
const SYMBOLS_MIN: usize = 3;

type Key = (Exchange, Option<Symbol>, Kind, Option<Interval>);

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
    sources: BTreeMap<Exchange, Source>,
    consensus: Consensus,
}

/// What a state of a pool is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StateKey {
    /// The exchange.
    pub exchange: Exchange,
    /// The pair; `None` for answers about many pairs.
    pub symbol: Option<Symbol>,
    /// The kind of data.
    pub kind: Kind,
    /// Length of a bar, for candles.
    pub interval: Option<Interval>,
}

/// What is known of one source over all its symbols.
#[derive(Debug, Default)]
struct Source {
    clock: ClockOffset,
    quotes: BTreeMap<Symbol, Quote>,
    /// The newest content of each symbol, at most [`QUOTES_MAX`].
    contents: BTreeMap<Symbol, u64>,
    /// When each market traded last, as far as its trades were read; at most [`QUOTES_MAX`].
    traded: BTreeMap<Symbol, Timestamp>,
    symbols: usize,
    /// Trades and bars of each market, with when they were used last.
    beside: BTreeMap<Symbol, (u64, Beside)>,
    outages: Outages,
    /// When watching began, when the last answer came, and when one of them was different last.
    began: Option<Timestamp>,
    heard: Option<Timestamp>,
    moved: Option<Timestamp>,
}

impl Source {
    fn note(&mut self, symbol: &Symbol, content: u64, at: Timestamp) {
        self.began = self.began.or(Some(at));
        self.heard = self.heard.max(Some(at));
        if self.contents.get(symbol) == Some(&content) {
            return;
        }
        self.moved = self.moved.max(Some(at));
        match self.contents.get_mut(symbol) {
            Some(known) => *known = content,
            None => {
                if self.contents.len() >= QUOTES_MAX {
                    self.contents.pop_first();
                }
                self.contents.insert(symbol.clone(), content);
                self.symbols = self.contents.len();
            }
        }
    }
}

impl Source {
    /// What was kept of a market; the least recently used one makes room.
    fn beside(&mut self, symbol: &Symbol, used: u64) -> &mut Beside {
        if self.beside.len() >= BESIDE_MAX && !self.beside.contains_key(symbol) {
            let oldest = self.beside.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(symbol, _)| symbol.clone()) {
                self.beside.remove(&oldest);
            }
        }
        let entry = self.beside.entry(symbol.clone()).or_default();
        entry.0 = used;
        &mut entry.1
    }

    fn note_traded(&mut self, symbol: &Symbol, newest: Timestamp) {
        if let Some(known) = self.traded.get_mut(symbol) {
            *known = newest.max(*known);
            return;
        }
        if self.traded.len() >= QUOTES_MAX {
            self.traded.pop_first();
        }
        self.traded.insert(symbol.clone(), newest);
    }

    fn note_candles(
        &mut self,
        candles: &Candles,
        used: u64,
        context: &Context<'_>,
        report: &Report,
    ) {
        if context.profile.dense_candles {
            self.outages.note(candles);
        }
        // Bars with a fault are no measure for others.
        if report.exclusions.is_empty() && report.acceptance == Acceptance::Accept {
            self.beside(&candles.symbol, used).note_candles(candles);
        }
    }
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
            sources: BTreeMap::new(),
            consensus: Consensus::default(),
        }
    }

    /// Judges an answer of `exchange` with the memory of its symbol; `None` for kinds that no rule judges.
    ///
    /// What the context leaves open is filled in from what the pool has seen: the source's clock, the other exchanges' prices of
    /// the pair, whether the whole source stands still, for books and trades the newest quote of the same market, for books when it
    /// traded last, and for bars its
    /// trades, its shorter bars and the holes of the source's other markets. Accepted tickers are what the other exchanges are
    /// compared with.
    pub fn judge(
        &mut self,
        exchange: &Exchange,
        decoded: &Decoded<Payload>,
        context: &Context<'_>,
    ) -> Option<Report> {
        let symbol = context.request.symbol();
        let kind = context.request.kind();
        let mut context = *context;
        if context.clock_ahead.is_none() {
            let clock = self.sources.get(exchange).map(|source| &source.clock);
            context.clock_ahead = clock.and_then(|clock| clock.known(context.now));
        }
        if context.peers.is_none() && matches!(kind, Kind::Ticker | Kind::Book) {
            context.peers = symbol.and_then(|s| self.consensus.peers(exchange, s, context.now));
        }
        if context.quote.is_none() && matches!(kind, Kind::Book | Kind::Trades) {
            context.quote = symbol.and_then(|symbol| self.quote(exchange, symbol));
        }
        if context.traded.is_none() && kind == Kind::Book {
            let source = self.sources.get(exchange).zip(symbol);
            context.traded = source.and_then(|(source, symbol)| source.traded.get(symbol).copied());
        }
        if kind == Kind::Ticker {
            context.source_frozen |= self.stands_still(exchange, context.now);
        }
        let interval = match context.request {
            Request::Candles { interval, .. } => Some(*interval),
            _ => None,
        };
        let key = (exchange.clone(), symbol.cloned(), kind, interval);
        // Taken out while the state of the bars is changed, and put back.
        let (beside, outages) = self.take(exchange, symbol, kind);
        let beside_it = Context {
            beside: context.beside.or(beside.as_ref()),
            outages: context.outages.or(outages.as_ref()),
            ..context
        };
        let report = judge(decoded, &beside_it, self.remembered(key));
        let uses = self.uses;
        if let (Some(source), Some(symbol)) = (self.sources.get_mut(exchange), symbol) {
            source.outages = outages.unwrap_or(std::mem::take(&mut source.outages));
            let kept = beside.map(|beside| (symbol.clone(), (uses, beside)));
            source.beside.extend(kept);
        }
        let report = report?;
        self.note(exchange, decoded, &context, &report);
        Some(report)
    }

    fn take(
        &mut self,
        exchange: &Exchange,
        symbol: Option<&Symbol>,
        kind: Kind,
    ) -> (Option<Beside>, Option<Outages>) {
        let source = self
            .sources
            .get_mut(exchange)
            .filter(|_| kind == Kind::Candles);
        let Some((source, symbol)) = source.zip(symbol) else {
            return (None, None);
        };
        let beside = source.beside.remove(symbol).map(|(_, beside)| beside);
        (beside, Some(std::mem::take(&mut source.outages)))
    }

    /// Takes in what is good for other judgements: times, and accepted prices.
    fn note(
        &mut self,
        exchange: &Exchange,
        decoded: &Decoded<Payload>,
        context: &Context<'_>,
        report: &Report,
    ) {
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(exchange) {
            self.sources.pop_first();
        }
        let source = self.sources.entry(exchange.clone()).or_default();
        let instant = matches!(decoded.value, Payload::Ticker(_) | Payload::OrderBook(_));
        let time = decoded.value.exchange_time().filter(|_| instant);
        if let Some(time) = time.filter(|time| timeliness::impossible(*time, context.now).is_none())
        {
            source.clock.observe(time, context.received);
        }
        if report.acceptance < Acceptance::Quarantine {
            return;
        }
        let used = self.uses;
        if let Payload::Trades(trades) = &decoded.value
            && let Some(newest) = trades.rows.iter().map(|trade| trade.time).max()
        {
            source.note_traded(&trades.symbol, newest);
        }
        match &decoded.value {
            Payload::Candles(candles) => source.note_candles(candles, used, context, report),
            Payload::Trades(trades)
                if context.profile.dense_trade_ids && report.exclusions.is_empty() =>
            {
                source.beside(&trades.symbol, used).note_trades(trades);
            }
            _ => {}
        }
        let Payload::Ticker(ticker) = &decoded.value else {
            return;
        };
        source.note(&ticker.symbol, seen::content(ticker), context.received);
        let prices = Prices::new(ticker.last, ticker.bid, ticker.ask);
        let (spread, price) = (prices.spread(), prices.price());
        // A quarantined price is told to the others as well: of two exchanges that jump, each is the other's witness. It is as old as
        // the exchange says, not as its transport: what is sent again and again is no witness of now.
        let possible = time.filter(|time| timeliness::impossible(*time, context.now).is_none());
        let at = possible.map_or(context.received, |time| time.min(context.received));
        if let Some(price) = price {
            self.consensus
                .update(exchange, &ticker.symbol, price, spread, at);
        }
        if let (Some(bid), Some(ask)) = (ticker.bid, ticker.ask)
            && report.acceptance >= Acceptance::AcceptWithExclusions
        {
            source.quotes.insert(
                ticker.symbol.clone(),
                Quote {
                    bid,
                    ask,
                    at: context.received,
                },
            );
            if source.quotes.len() > QUOTES_MAX {
                source.quotes.pop_first();
            }
        }
    }

    fn quote(&self, exchange: &Exchange, symbol: &Symbol) -> Option<Quote> {
        self.sources.get(exchange)?.quotes.get(symbol).copied()
    }

    /// Whether several symbols of this source have stood still for long, all of them, while another source moves.
    fn stands_still(&self, exchange: &Exchange, now: Timestamp) -> bool {
        let Some(own) = self.sources.get(exchange) else {
            return false;
        };
        let moves = |source: &Source| source.moved.is_some_and(|at| now.since(at) < STILL);
        own.symbols >= SYMBOLS_MIN
            && own.heard.is_some_and(|at| now.since(at) < STILL)
            && own.began.is_some_and(|at| now.since(at) >= STILL)
            && !moves(own)
            && self
                .sources
                .iter()
                .any(|(other, source)| other != exchange && moves(source))
    }

    /// What other exchanges say, to look up or to feed.
    pub fn consensus(&mut self) -> &mut Consensus {
        &mut self.consensus
    }

    /// The memory of one symbol, new if it was not known or forgotten. Bars have one of their own for each interval, which
    /// only [`judge`](Self::judge) uses.
    pub fn state(
        &mut self,
        exchange: &Exchange,
        symbol: Option<&Symbol>,
        kind: Kind,
    ) -> &mut SymbolState {
        self.remembered((exchange.clone(), symbol.cloned(), kind, None))
    }

    fn remembered(&mut self, key: Key) -> &mut SymbolState {
        self.uses += 1;
        let known = self.states.get(&key).map(|(used, _)| *used);
        if let Some(used) = known {
            self.by_use.remove(&used);
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

    /// Every state with what it is about (exchange, symbol, kind, interval of bars), the least recently used first: to save them.
    pub fn states(&self) -> impl Iterator<Item = (StateKey, &SymbolState)> {
        let known = |key: &Key| self.states.get(key).map(|(_, state)| state);
        self.by_use.values().filter_map(move |key| {
            let (exchange, symbol, kind, interval) = key.clone();
            let about = StateKey {
                exchange,
                symbol,
                kind,
                interval,
            };
            known(key).map(|state| (about, state))
        })
    }

    /// Puts a saved state back, as the one that was used last.
    pub fn restore(&mut self, about: StateKey, state: SymbolState) {
        let StateKey {
            exchange,
            symbol,
            kind,
            interval,
        } = about;
        *self.remembered((exchange, symbol, kind, interval)) = state;
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
    fn saved_states_come_back_in_the_order_of_their_use() {
        let mut pool = StatePool::default();
        let symbols: Vec<Symbol> = ["A/USD", "B/USD", "C/USD"]
            .iter()
            .map(|name| name.parse().unwrap())
            .collect();
        for (symbol, sequence) in symbols.iter().zip(1..) {
            pool.state(&Exchange::KRAKEN, Some(symbol), Kind::Ticker)
                .accept(None, Some(sequence));
        }
        pool.state(&Exchange::KRAKEN, symbols.first(), Kind::Ticker);
        let saved: Vec<_> = pool.states().map(|(key, s)| (key, s.clone())).collect();
        let mut loaded = StatePool::with_capacity(NonZeroUsize::new(2).unwrap());
        for (key, state) in saved {
            loaded.restore(key, state);
        }
        let shown: Vec<_> = loaded
            .states()
            .map(|(key, state)| (key.symbol.unwrap(), state.last_sequence()))
            .collect();
        // B was used least recently, and there is room for two.
        assert_eq!(
            shown,
            [(symbols[2].clone(), Some(3)), (symbols[0].clone(), Some(1))]
        );
    }

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
