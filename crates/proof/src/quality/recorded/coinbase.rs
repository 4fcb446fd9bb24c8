//! A recording of Coinbase's stream: books by changes, tickers by the trades in them and by each new best quote.

use std::collections::BTreeMap;
use std::time::Duration;

use robust_market::{
    Exchange, Kind, Level, OrderBook, Payload, Request, Symbol, Ticker, Timestamp,
};
use robust_quality::Profile;
use rust_decimal::Decimal;
use serde_json::Value;

use super::read::{date_time, number, seconds};
use super::{File, Recorded, source};
use crate::quality::catalogue::Data;
use crate::quality::scene::Shot;

/// Levels of a side that a rebuilt book shows.
const DEPTH: usize = 50;
/// The time between two books.
const EVERY: Duration = Duration::from_secs(1);

/// What is known of one pair.
#[derive(Default)]
struct Pair {
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
    last: Option<Decimal>,
    quote: Option<(Decimal, Decimal)>,
    tickers: Vec<Shot>,
    books: Vec<Shot>,
}

/// Lines of `seconds: {message}` about several pairs.
pub(super) fn read(file: &File<'_>, text: &str, into: &mut Recorded) {
    let Ok(exchange) = "coinbase".parse::<Exchange>() else {
        return;
    };
    let mut pairs: BTreeMap<String, Pair> = BTreeMap::new();
    for line in text.lines() {
        let _ = message(line, &mut pairs);
    }
    for (name, pair) in pairs {
        let Ok(symbol) = name.replace('-', "/").parse::<Symbol>() else {
            continue;
        };
        let prices: Vec<Decimal> = pair.bids.keys().chain(pair.asks.keys()).copied().collect();
        let sizes: Vec<Decimal> = pair
            .bids
            .values()
            .chain(pair.asks.values())
            .copied()
            .collect();
        let questions = [
            (
                Data::Ticker,
                Request::Ticker {
                    symbol: symbol.clone(),
                },
                pair.tickers,
            ),
            (
                Data::Book,
                Request::OrderBook {
                    symbol,
                    depth: None,
                },
                pair.books,
            ),
        ];
        for (data, request, shots) in questions {
            let kind = if data == Data::Book {
                Kind::Book
            } else {
                Kind::Ticker
            };
            let profile = Profile::of(&exchange, kind);
            let source = source(exchange.clone(), request, profile, &prices, &sizes);
            into.add(data, file.feed(&name, source, shots));
        }
    }
}

fn message(line: &str, pairs: &mut BTreeMap<String, Pair>) -> Option<()> {
    let (at, json) = line.split_once(": ")?;
    let received = seconds(at)?;
    let json: Value = serde_json::from_str(json).ok()?;
    let name = json.get("product_id")?.as_str()?;
    let pair = pairs.entry(name.to_owned()).or_default();
    let text = |cell: Option<&Value>| cell.and_then(Value::as_str).and_then(number);
    match json.get("type")?.as_str()? {
        "snapshot" => {
            for (key, side) in [("bids", &mut pair.bids), ("asks", &mut pair.asks)] {
                for row in json.get(key)?.as_array()? {
                    side.insert(text(row.get(0))?, text(row.get(1))?);
                }
            }
        }
        "ticker" => {
            pair.last = text(json.get("price"));
            let time = date_time(json.get("time")?.as_str()?)?;
            // The first one is the newest trade there was, whenever that was.
            if received.since(time) < EVERY {
                pair.quoted(name, time, received);
            }
        }
        "l2update" => {
            let time = date_time(json.get("time")?.as_str()?)?;
            for change in json.get("changes")?.as_array()? {
                let side = if change.get(0)?.as_str()? == "buy" {
                    &mut pair.bids
                } else {
                    &mut pair.asks
                };
                let (price, size) = (text(change.get(1))?, text(change.get(2))?);
                if size.is_zero() {
                    side.remove(&price);
                } else {
                    side.insert(price, size);
                }
            }
            pair.shown(name, time, received);
            pair.quoted(name, time, received);
        }
        _ => {}
    }
    Some(())
}

impl Pair {
    /// A ticker where the best quote is another one than before.
    fn quoted(&mut self, name: &str, time: Timestamp, received: Timestamp) -> Option<()> {
        let (bid, bid_size) = self.bids.last_key_value()?;
        let (ask, ask_size) = self.asks.first_key_value()?;
        let last = self.last?;
        if self.quote == Some((*bid, *ask)) {
            return None;
        }
        self.quote = Some((*bid, *ask));
        let mut ticker = Ticker::new(name.replace('-', "/").parse().ok()?);
        ticker.last = Some(last);
        (ticker.bid, ticker.bid_size) = (Some(*bid), Some(*bid_size));
        (ticker.ask, ticker.ask_size) = (Some(*ask), Some(*ask_size));
        ticker.time = Some(time);
        self.tickers
            .push(Shot::sound(Payload::Ticker(ticker), received));
        Some(())
    }

    /// The book, once a second.
    fn shown(&mut self, name: &str, time: Timestamp, received: Timestamp) -> Option<()> {
        let before = self.books.last().map(|shot| shot.received);
        if before.is_some_and(|before| received.since(before) < EVERY) {
            return None;
        }
        let level = |(price, size): (&Decimal, &Decimal)| Level {
            price: *price,
            size: *size,
        };
        let mut book = OrderBook::new(name.replace('-', "/").parse().ok()?);
        book.bids = self.bids.iter().rev().take(DEPTH).map(level).collect();
        book.asks = self.asks.iter().take(DEPTH).map(level).collect();
        book.time = Some(time);
        self.books
            .push(Shot::sound(Payload::OrderBook(book), received));
        Some(())
    }
}
