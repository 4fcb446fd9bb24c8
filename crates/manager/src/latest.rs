//! The newest value that may be used, for readers who must never wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use robust_market::{
    Clock, Exchange, Interval, Kind, OrderBook, Payload, Request, Sample, Symbol, Ticker, Trades,
};

use crate::read::Part;
use crate::stored::{Came, Stored};

/// Markets that are kept. A writer who needs room lets the oldest eighth go at once, so that room is made rarely.
const CAPACITY: usize = 8_192;

/// A kind of data of which the newest value is kept for each pair.
pub trait Newest: Part {
    /// The kind.
    const KIND: Kind;
}

impl Newest for Ticker {
    const KIND: Kind = Kind::Ticker;
}

impl Newest for OrderBook {
    const KIND: Kind = Kind::Book;
}

impl Newest for Trades {
    const KIND: Kind = Kind::Trades;
}

/// One market, as seen through one kind of data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Market {
    exchange: Exchange,
    kind: Kind,
    symbol: Symbol,
    interval: Option<Interval>,
}

impl Market {
    pub(crate) const fn new(exchange: Exchange, kind: Kind, symbol: Symbol) -> Self {
        Self {
            exchange,
            kind,
            symbol,
            interval: None,
        }
    }

    pub(crate) const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub(crate) const fn candles(exchange: Exchange, symbol: Symbol, interval: Interval) -> Self {
        Self {
            exchange,
            kind: Kind::Candles,
            symbol,
            interval: Some(interval),
        }
    }

    /// The market whose present state this request asks for; `None` for questions about the past or about many pairs.
    fn of(exchange: &Exchange, request: &Request) -> Option<Self> {
        match request {
            Request::Ticker { symbol }
            | Request::OrderBook { symbol, .. }
            | Request::Trades {
                symbol,
                since: None,
                ..
            } => Some(Self::new(exchange.clone(), request.kind(), symbol.clone())),
            Request::Candles {
                symbol,
                interval,
                since: None,
                ..
            } => Some(Self::candles(exchange.clone(), symbol.clone(), *interval)),
            _ => None,
        }
    }
}

/// A value with the question that it answers.
#[derive(Debug)]
struct Told {
    request: Arc<Request>,
    stored: Arc<Stored>,
}

type Slots = HashMap<Market, Arc<ArcSwap<Told>>>;

/// The newest usable value of each market. Readers load two pointers and never wait for a writer; writers wait for each other.
#[derive(Debug)]
pub(crate) struct Latest {
    slots: ArcSwap<Slots>,
    writing: Mutex<()>,
    capacity: usize,
}

impl Default for Latest {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Latest {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            slots: ArcSwap::default(),
            writing: Mutex::default(),
            capacity,
        }
    }

    /// Takes over what may be used of these values and is newer than what is there.
    pub(crate) fn note<'a>(
        &self,
        values: impl IntoIterator<Item = (&'a Arc<Request>, &'a Arc<Stored>)>,
    ) {
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = self.slots.load_full();
        let mut fresh: Slots = HashMap::new();
        for (request, stored) in values {
            let Some(market) = Market::of(&stored.exchange, request).filter(|_| stored.is_usable())
            else {
                continue;
            };
            let told = Arc::new(Told {
                request: Arc::clone(request),
                stored: Arc::clone(stored),
            });
            match slots.get(&market) {
                Some(slot) => {
                    if slot.load().stored.first_byte <= stored.first_byte {
                        slot.store(told);
                    }
                }
                None => {
                    fresh.insert(market, Arc::new(ArcSwap::new(told)));
                }
            }
        }
        if fresh.is_empty() {
            return;
        }
        let mut grown = Slots::clone(&slots);
        grown.extend(fresh);
        if grown.len() > self.capacity {
            shrink(&mut grown, self.capacity - self.capacity / 8);
        }
        self.slots.store(Arc::new(grown));
    }

    /// The newest usable value, with its ages at this moment.
    pub(crate) fn read(
        &self,
        market: &Market,
        clock: &dyn Clock,
        rules: &robust_quality::Config,
    ) -> Option<Sample<Arc<Payload>>> {
        let slots = self.slots.load();
        let told = slots.get(market)?.load();
        Some(
            told.stored
                .sample(&told.request, Came::Cached, clock, rules),
        )
    }
}

/// Keeps the youngest `room` values.
fn shrink(slots: &mut Slots, room: usize) {
    let mut ages: Vec<_> = slots
        .iter()
        .map(|(market, slot)| (slot.load().stored.first_byte, market.clone()))
        .collect();
    ages.sort_by_key(|(born, _)| *born);
    let surplus = ages.len().saturating_sub(room);
    for (_, market) in ages.iter().take(surplus) {
        slots.remove(market);
    }
}

/// The value in the type that the reader asked for.
pub(crate) fn typed<T: Part>(sample: Sample<Arc<Payload>>) -> Option<Sample<T>> {
    let data = T::of(&sample.data)?;
    Some(sample.map(|_| data))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use robust_market::{Origin, RequestId, SystemClock, Timestamp};
    use tokio::time::Instant;

    use super::*;

    fn value(symbol: &str, first_byte: Instant, id: u64) -> (Arc<Request>, Arc<Stored>) {
        let symbol: Symbol = symbol.parse().unwrap();
        let request = Arc::new(Request::Ticker {
            symbol: symbol.clone(),
        });
        let stored = Stored {
            payload: Arc::new(Payload::Ticker(Ticker::new(symbol))),
            report: None,
            unreadable: None,
            exchange: Exchange::KRAKEN,
            origin: Origin::Simulated,
            received: Timestamp::from_ns(0),
            first_byte,
            attempts: 1,
            id: RequestId(id),
        };
        (request, Arc::new(stored))
    }

    fn id(latest: &Latest, symbol: &str) -> Option<u64> {
        let market = Market::new(Exchange::KRAKEN, Kind::Ticker, symbol.parse().unwrap());
        latest
            .read(&market, &SystemClock, &robust_quality::Config::default())
            .map(|sample| sample.meta.request_id.0)
    }

    #[test]
    fn the_oldest_markets_are_let_go_when_there_is_no_room() {
        let latest = Latest::with_capacity(16);
        let began = Instant::now();
        for n in 0..100 {
            let (request, stored) = value(&format!("C{n}/USD"), began + Duration::from_secs(n), n);
            latest.note([(&request, &stored)]);
            assert!(latest.slots.load().len() <= 16);
            assert_eq!(id(&latest, &format!("C{n}/USD")), Some(n));
        }
        assert_eq!(id(&latest, "C0/USD"), None);
    }

    #[test]
    fn an_answer_that_was_overtaken_does_not_come_back() {
        let latest = Latest::default();
        let now = Instant::now();
        for (born, n) in [(now + Duration::from_secs(1), 1), (now, 2)] {
            let (request, stored) = value("BTC/USD", born, n);
            latest.note([(&request, &stored)]);
        }
        assert_eq!(id(&latest, "BTC/USD"), Some(1));
    }
}
