//! Recorded answers and messages of exchanges.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode};
use robust_connectors::{Connector as _, Context, Kraken, Reply};
use robust_market::{
    Exchange, Interval, Kind, Level, OrderBook, Payload, Request, Side, Symbol, Ticker, Timestamp,
    Trade,
};
use robust_quality::{ClockOffset, Profile};
use rust_decimal::Decimal;
use serde_json::Value;

use super::read::{date_time, number, seconds};
use super::{File, Recorded, ms, source, symbol, trades};
use crate::quality::catalogue::Data;
use crate::quality::scene::{Shot, Source};

/// Levels of a side that a rebuilt book shows.
const DEPTH: usize = 100;

/// An answer of Kraken's REST interface for XBTUSDT, read by the connector.
pub(super) fn kraken(file: &File<'_>, text: &str, into: &mut Recorded) {
    let Some(symbol) = symbol("BTC/USDT") else {
        return;
    };
    let (data, request) = match file.name {
        name if name.contains("ohlc") => (
            Data::Candles,
            Request::Candles {
                symbol,
                interval: Interval::M1,
                since: None,
                limit: None,
            },
        ),
        name if name.contains("ticker") => (Data::Ticker, Request::Ticker { symbol }),
        name if name.contains("order_book") => (
            Data::Book,
            Request::OrderBook {
                symbol,
                depth: None,
            },
        ),
        _ => (
            Data::Trades,
            Request::Trades {
                symbol,
                since: None,
                limit: None,
            },
        ),
    };
    let symbols = Kraken.symbols();
    let headers = HeaderMap::new();
    let reply = Reply {
        status: StatusCode::OK,
        headers: &headers,
        body: text.as_bytes(),
    };
    // The newest time in the answer says about when it came.
    let read = |now| {
        Kraken
            .decode(&request, &Context::new(&symbols, now), &reply)
            .ok()
    };
    let Some(first) = read(Timestamp::EPOCH) else {
        return;
    };
    let second = std::time::Duration::from_secs(1);
    let Some(received) = first
        .value
        .exchange_time()
        .or_else(|| seconds("1762820250"))
    else {
        return;
    };
    let received = received.saturating_add(second);
    let Some(decoded) = read(received) else {
        return;
    };
    let profile = Profile::of(&Exchange::KRAKEN, request.kind());
    let (prices, sizes) = numbers(&decoded.value);
    let source = source(Exchange::KRAKEN, request, profile, &prices, &sizes);
    let shot = Shot::read(decoded, received, received);
    into.add(data, file.feed("", source, vec![shot]));
}

fn numbers(payload: &Payload) -> (Vec<Decimal>, Vec<Decimal>) {
    match payload {
        Payload::Candles(series) => series
            .rows
            .iter()
            .map(|row| (row.close, row.volume))
            .unzip(),
        Payload::Trades(list) => list.rows.iter().map(|row| (row.price, row.amount)).unzip(),
        Payload::OrderBook(book) => book
            .bids
            .iter()
            .chain(&book.asks)
            .map(|level| (level.price, level.size))
            .unzip(),
        Payload::Ticker(ticker) => (
            ticker.last.into_iter().chain(ticker.bid).collect(),
            ticker.base_volume.into_iter().collect(),
        ),
        _ => (Vec::new(), Vec::new()),
    }
}

/// Lines of `URL -> seconds: {answer}`: snapshots of books, each of another pair.
pub(super) fn snapshots(file: &File<'_>, text: &str, into: &mut Recorded) {
    let exchange = if file.name.contains("BINANCE") {
        Exchange::BINANCE
    } else {
        Exchange::KUCOIN
    };
    for line in text.lines() {
        let Some((pair, book, received)) = snapshot(line) else {
            continue;
        };
        let source = book_source(&exchange, &book, None);
        let shot = Shot::sound(Payload::OrderBook(book), received);
        into.add(Data::Book, file.feed(&pair, source, vec![shot]));
    }
}

fn snapshot(line: &str) -> Option<(String, OrderBook, Timestamp)> {
    let (url, rest) = line.split_once(" -> ")?;
    let (received, body) = rest.split_once(": ")?;
    let pair = url.split("symbol=").nth(1)?.split('&').next()?;
    let (base, quote) = pair.split_once('-').unwrap_or((pair, "X"));
    let mut book = OrderBook::new(Symbol::new(base, quote).ok()?);
    let json: Value = serde_json::from_str(body).ok()?;
    let data = json.get("data").unwrap_or(&json);
    book.bids = levels(data.get("bids")?)?;
    book.asks = levels(data.get("asks")?)?;
    book.time = data.get("time").and_then(Value::as_i64).and_then(ms);
    book.sequence = match data.get("sequence").or_else(|| data.get("lastUpdateId")) {
        Some(Value::String(text)) => text.parse().ok(),
        Some(number) => number.as_u64(),
        None => None,
    };
    Some((pair.to_owned(), book, seconds(received)?))
}

fn levels(rows: &Value) -> Option<Vec<Level>> {
    let text = |cell: Option<&Value>| cell.and_then(Value::as_str).and_then(number);
    rows.as_array()?
        .iter()
        .map(|row| {
            Some(Level {
                price: text(row.get(0))?,
                size: text(row.get(1))?,
            })
        })
        .collect()
}

fn book_source(exchange: &Exchange, book: &OrderBook, depth: Option<u32>) -> Source {
    let request = Request::OrderBook {
        symbol: book.symbol.clone(),
        depth,
    };
    let profile = Profile::of(exchange, Kind::Book);
    let (prices, sizes) = numbers(&Payload::OrderBook(book.clone()));
    source(exchange.clone(), request, profile, &prices, &sizes)
}

/// Lines of `nanoseconds {"stream", "data"}` of Binance: best quotes, trades, changes of the book and one snapshot.
pub(super) fn binance_stream(file: &File<'_>, text: &str, into: &mut Recorded) {
    let pair = if file.name.contains("btcusdt") {
        "BTC/USDT"
    } else {
        "ETH/USDT"
    };
    let Some(symbol) = symbol(pair) else {
        return;
    };
    let mut heard = Heard::new(symbol);
    for line in text.lines() {
        if let Some((at, message)) = message(line) {
            let _ = heard.hear(at, &message);
        }
    }
    heard.into_feeds(file, pair, into);
}

fn message(line: &str) -> Option<(Timestamp, Value)> {
    let (ns, json) = line.split_once(' ')?;
    Some((
        Timestamp::from_ns(ns.parse().ok()?),
        serde_json::from_str(json).ok()?,
    ))
}

/// What a stream told so far.
struct Heard {
    symbol: Symbol,
    last: Option<Decimal>,
    tickers: Vec<Shot>,
    trades: Vec<(Trade, Timestamp)>,
    books: Vec<Shot>,
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
    sequence: Option<u64>,
    /// Changes that came before the snapshot: some of them are newer than it.
    early: Vec<(Timestamp, Value)>,
    /// By the times of all changes of the book.
    clock: ClockOffset,
}

impl Heard {
    fn new(symbol: Symbol) -> Self {
        Self {
            symbol,
            last: None,
            tickers: Vec::new(),
            trades: Vec::new(),
            books: Vec::new(),
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            sequence: None,
            early: Vec::new(),
            clock: ClockOffset::default(),
        }
    }

    fn hear(&mut self, at: Timestamp, message: &Value) -> Option<()> {
        let Some(stream) = message.get("stream").and_then(Value::as_str) else {
            return self.snapshot(message);
        };
        let data = message.get("data")?;
        let text = |key: &str| data.get(key).and_then(Value::as_str).and_then(number);
        match stream.split_once('@')?.1 {
            "trade" => {
                self.last = text("p");
                let trade = Trade {
                    id: Some(data.get("t")?.to_string().into()),
                    price: text("p")?,
                    amount: text("q")?,
                    side: Some(if data.get("m")?.as_bool()? {
                        Side::Sell
                    } else {
                        Side::Buy
                    }),
                    time: ms(data.get("T")?.as_i64()?)?,
                };
                self.trades.push((trade, at));
            }
            "bookTicker" => {
                let mut ticker = Ticker::new(self.symbol.clone());
                ticker.last = Some(self.last?);
                ticker.bid = text("b");
                ticker.bid_size = text("B");
                ticker.ask = text("a");
                ticker.ask_size = text("A");
                ticker.sequence = data.get("u").and_then(Value::as_u64);
                self.tickers.push(Shot::sound(Payload::Ticker(ticker), at));
            }
            _ if self.sequence.is_none() => self.early.push((at, data.clone())),
            _ => self.change(at, data)?,
        }
        Some(())
    }

    fn snapshot(&mut self, message: &Value) -> Option<()> {
        let keyed = |rows| {
            Some(
                levels(rows)?
                    .into_iter()
                    .map(|l| (l.price, l.size))
                    .collect(),
            )
        };
        self.bids = keyed(message.get("bids")?)?;
        self.asks = keyed(message.get("asks")?)?;
        self.sequence = Some(message.get("lastUpdateId")?.as_u64()?);
        for (at, data) in std::mem::take(&mut self.early) {
            let _ = self.change(at, &data);
        }
        Some(())
    }

    /// Applies a change; once a second the book is shown.
    fn change(&mut self, at: Timestamp, data: &Value) -> Option<()> {
        let last = data.get("u")?.as_u64()?;
        if last <= self.sequence? {
            return None;
        }
        self.sequence = Some(last);
        let event = ms(data.get("E")?.as_i64()?)?;
        self.clock.observe(event, at);
        for (side, key) in [(&mut self.bids, "b"), (&mut self.asks, "a")] {
            for level in levels(data.get(key)?)? {
                if level.size.is_zero() {
                    side.remove(&level.price);
                } else {
                    side.insert(level.price, level.size);
                }
            }
        }
        let due = self
            .books
            .last()
            .is_none_or(|shot| at.since(shot.received).as_millis() >= 1_000);
        if due {
            let level = |(price, size): (&Decimal, &Decimal)| Level {
                price: *price,
                size: *size,
            };
            let mut book = OrderBook::new(self.symbol.clone());
            book.bids = self.bids.iter().rev().take(DEPTH).map(level).collect();
            book.asks = self.asks.iter().take(DEPTH).map(level).collect();
            book.time = Some(event);
            book.sequence = Some(last);
            self.books.push(Shot {
                clock_ahead: Some(self.clock.ahead(at)),
                ..Shot::sound(Payload::OrderBook(book), at)
            });
        }
        Some(())
    }

    fn into_feeds(self, file: &File<'_>, pair: &str, into: &mut Recorded) {
        let request = Request::Ticker {
            symbol: self.symbol,
        };
        let mut profile = Profile::of(&Exchange::BINANCE, Kind::BidsAsks);
        profile.cadence = None;
        let (mut prices, mut sizes) = (Vec::new(), Vec::new());
        for shot in &self.tickers {
            if let Payload::Ticker(ticker) = &shot.decoded.value {
                prices.extend(ticker.bid);
                sizes.extend(ticker.bid_size);
            }
        }
        let tickers = source(Exchange::BINANCE, request, profile, &prices, &sizes);
        into.add(Data::Ticker, file.feed("bookTicker", tickers, self.tickers));
        if let Some(Payload::OrderBook(book)) = self.books.first().map(|shot| &shot.decoded.value) {
            let books = book_source(&Exchange::BINANCE, book, u32::try_from(DEPTH).ok());
            into.add(Data::Book, file.feed("depth", books, self.books));
        }
        let (rows, received): (Vec<Trade>, Vec<Timestamp>) = self.trades.into_iter().unzip();
        let mut feed = trades::feed(
            file,
            "trades",
            pair,
            Exchange::BINANCE,
            &rows,
            Some(&received),
        );
        for shot in feed.iter_mut().flat_map(|feed| &mut feed.shots) {
            shot.clock_ahead = received.last().map(|at| self.clock.ahead(*at));
        }
        into.add(Data::Trades, feed);
    }
}

/// Rows of `,time,symbol,ask_size,ask,bid_size,bid`; the bid stands for the last price, which was not recorded.
pub(super) fn quotes(file: &File<'_>, text: &str, into: &mut Recorded) {
    let Some(symbol) = symbol("BTC/USDT") else {
        return;
    };
    let shot = |line: &str| -> Option<Shot> {
        let cells: Vec<&str> = line.split(',').collect();
        let time = date_time(cells.get(1)?)?;
        let mut ticker = Ticker::new(symbol.clone());
        ticker.ask_size = number(cells.get(3)?);
        ticker.ask = number(cells.get(4)?);
        ticker.bid_size = number(cells.get(5)?);
        ticker.bid = number(cells.get(6)?);
        ticker.last = ticker.bid;
        ticker.time = Some(time);
        let received = time.saturating_add(std::time::Duration::from_millis(40));
        Some(Shot::sound(Payload::Ticker(ticker), received))
    };
    let shots: Vec<Shot> = text.lines().skip(1).filter_map(shot).collect();
    let profile = Profile::of(&Exchange::BINANCE, Kind::BidsAsks);
    let grid = [Decimal::new(1, 2)];
    let sizes = [Decimal::new(1, 6)];
    let request = Request::Ticker {
        symbol: symbol.clone(),
    };
    let source = source(Exchange::BINANCE, request, profile, &grid, &sizes);
    into.add(Data::Ticker, file.feed("", source, shots));
}
