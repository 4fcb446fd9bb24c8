//! Answers written as the exchanges write them.

use robust_market::{Candles, Level, OrderBook, Payload, Side, Ticker, Trade, Trades};
use rust_decimal::Decimal;

use super::Venue;

/// The body of an answer; `None` for kinds that this benchmark has not.
pub(super) fn of(venue: Venue, payload: &Payload) -> Option<String> {
    let body = match (venue, payload) {
        (Venue::Binance, Payload::Ticker(ticker)) => binance_ticker(ticker)?,
        (Venue::Binance, Payload::OrderBook(book)) => format!(
            r#"{{"lastUpdateId":{},"bids":[{}],"asks":[{}]}}"#,
            book.sequence?,
            levels(book, true, ""),
            levels(book, false, "")
        ),
        (Venue::Binance, Payload::Candles(series)) => binance_candles(series)?,
        (Venue::Binance, Payload::Trades(list)) => binance_trades(list)?,
        (Venue::KuCoin, payload) => format!(r#"{{"code":"200000","data":{}}}"#, kucoin(payload)?),
        (Venue::Htx, payload) => htx(payload)?,
        (Venue::Kraken, payload) => {
            let result = match payload {
                Payload::Ticker(ticker) => kraken_ticker(ticker)?,
                Payload::OrderBook(book) => format!(
                    r#"{{"asks":[{}],"bids":[{}]}}"#,
                    levels(book, false, ",1716508800"),
                    levels(book, true, ",1716508800")
                ),
                Payload::Candles(series) => kraken_candles(series)?,
                Payload::Trades(list) => kraken_trades(list)?,
                _ => return None,
            };
            let last = match payload {
                Payload::Candles(series) => {
                    format!(r#","last":{}"#, series.rows.last()?.time.as_secs())
                }
                Payload::Trades(list) => format!(r#","last":"{}""#, list.rows.last()?.time.as_ns()),
                _ => String::new(),
            };
            format!(r#"{{"error":[],"result":{{"AAAUSDT":{result}{last}}}}}"#)
        }
        _ => return None,
    };
    Some(body)
}

/// Newest first, as KuCoin and HTX write bars.
fn newest_first<T>(rows: &[T], write: impl Fn(&T) -> Option<String>) -> Option<String> {
    let rows: Option<Vec<String>> = rows.iter().rev().map(write).collect();
    Some(format!("[{}]", rows?.join(",")))
}

fn side(trade: &Trade) -> &'static str {
    if trade.side == Some(Side::Sell) {
        "sell"
    } else {
        "buy"
    }
}

fn kucoin(payload: &Payload) -> Option<String> {
    Some(match payload {
        Payload::Ticker(t) => format!(
            r#"{{"time":{},"symbol":"AAAUSDT","buy":"{}","sell":"{}","changeRate":"-0.0014","changePrice":"{}","high":"{}","low":"{}","vol":"{}","volValue":"{}","last":"{}","averagePrice":"{}","takerFeeRate":"0.001","makerFeeRate":"0.001","takerCoefficient":"1","makerCoefficient":"1"}}"#,
            t.time?.as_ms(),
            t.bid?,
            t.ask?,
            t.change?,
            t.high?,
            t.low?,
            eight(t.base_volume?),
            t.quote_volume?,
            t.last?,
            t.last?,
        ),
        Payload::OrderBook(book) => format!(
            r#"{{"time":{},"sequence":"{}","bids":[{}],"asks":[{}]}}"#,
            book.time?.as_ms(),
            book.sequence?,
            levels(book, true, ""),
            levels(book, false, "")
        ),
        Payload::Candles(series) => newest_first(&series.rows, |c| {
            Some(format!(
                r#"["{}","{}","{}","{}","{}","{}","{}"]"#,
                c.time.as_secs(),
                c.open,
                c.close,
                c.high,
                c.low,
                eight(c.volume),
                c.quote_volume?,
            ))
        })?,
        Payload::Trades(list) => {
            let row = |t: &Trade| {
                Some(format!(
                    r#"{{"sequence":"{}","price":"{}","size":"{}","side":"{}","time":{}}}"#,
                    t.id.as_deref()?,
                    t.price,
                    eight(t.amount),
                    side(t),
                    t.time.as_ns(),
                ))
            };
            let rows: Option<Vec<String>> = list.rows.iter().map(row).collect();
            format!("[{}]", rows?.join(","))
        }
        _ => return None,
    })
}

fn htx(payload: &Payload) -> Option<String> {
    let (channel, ms, body) = match payload {
        Payload::Ticker(t) => (
            "detail.merged",
            t.time?.as_ms(),
            format!(
                r#""tick":{{"id":272156789143,"version":272156789143,"open":{},"close":{},"low":{},"high":{},"amount":{},"vol":{},"count":420573,"bid":[{},{}],"ask":[{},{}]}}"#,
                t.open?,
                t.last?,
                t.low?,
                t.high?,
                t.base_volume?,
                t.quote_volume?,
                t.bid?,
                t.bid_size?,
                t.ask?,
                t.ask_size?,
            ),
        ),
        Payload::OrderBook(book) => {
            let side = |bids: bool| {
                let side = if bids { &book.bids } else { &book.asks };
                let level = |level: &Level| format!("[{},{}]", level.price, level.size);
                side.iter().map(level).collect::<Vec<_>>().join(",")
            };
            let ms = book.time?.as_ms();
            let body = format!(
                r#""tick":{{"ts":{ms},"version":{},"bids":[{}],"asks":[{}]}}"#,
                book.sequence?,
                side(true),
                side(false)
            );
            ("depth.step0", ms, body)
        }
        Payload::Candles(series) => {
            let rows = newest_first(&series.rows, |c| {
                Some(format!(
                    r#"{{"id":{},"open":{},"close":{},"low":{},"high":{},"amount":{},"vol":{},"count":{}}}"#,
                    c.time.as_secs(),
                    c.open,
                    c.close,
                    c.low,
                    c.high,
                    c.volume,
                    c.quote_volume?,
                    c.count?,
                ))
            })?;
            let newest = series.rows.last()?.time.as_ms();
            ("kline.1min", newest, format!(r#""data":{rows}"#))
        }
        Payload::Trades(list) => {
            let rows = newest_first(&list.rows, |t| {
                let (id, ms) = (t.id.as_deref()?, t.time.as_ms());
                Some(format!(
                    r#"{{"id":{id},"ts":{ms},"data":[{{"id":{id}359286410323766,"ts":{ms},"trade-id":{id},"amount":{},"price":{},"direction":"{}"}}]}}"#,
                    t.amount,
                    t.price,
                    side(t),
                ))
            })?;
            let newest = list.rows.last()?.time.as_ms();
            ("trade.detail", newest, format!(r#""data":{rows}"#))
        }
        _ => return None,
    };
    Some(format!(
        r#"{{"ch":"market.AAAUSDT.{channel}","status":"ok","ts":{ms},{body}}}"#
    ))
}

fn eight(value: Decimal) -> Decimal {
    let mut value = value;
    value.rescale(8);
    value
}

fn levels(book: &OrderBook, bids: bool, tail: &str) -> String {
    let side = if bids { &book.bids } else { &book.asks };
    let levels: Vec<String> = side
        .iter()
        .map(|level| {
            format!(
                r#"["{}","{}"{tail}]"#,
                eight(level.price),
                eight(level.size)
            )
        })
        .collect();
    levels.join(",")
}

fn binance_ticker(t: &Ticker) -> Option<String> {
    let close = t.time?.as_ms();
    Some(format!(
        r#"{{"symbol":"AAAUSDT","priceChange":"{}","priceChangePercent":"-0.959","weightedAvgPrice":"{}","prevClosePrice":"{}","lastPrice":"{}","lastQty":"0.00100000","bidPrice":"{}","bidQty":"{}","askPrice":"{}","askQty":"{}","openPrice":"{}","highPrice":"{}","lowPrice":"{}","volume":"{}","quoteVolume":"{}","openTime":{},"closeTime":{close},"firstId":28385,"lastId":28460,"count":76}}"#,
        eight(t.change?),
        eight(t.vwap?),
        eight(t.open?),
        eight(t.last?),
        eight(t.bid?),
        eight(t.bid_size?),
        eight(t.ask?),
        eight(t.ask_size?),
        eight(t.open?),
        eight(t.high?),
        eight(t.low?),
        eight(t.base_volume?),
        eight(t.quote_volume?),
        close - 86_400_000,
    ))
}

fn binance_candles(series: &Candles) -> Option<String> {
    let mut rows = Vec::with_capacity(series.rows.len());
    for c in &series.rows {
        let quote = eight(c.quote_volume?);
        rows.push(format!(
            r#"[{},"{}","{}","{}","{}","{}",{},"{quote}",{},"{}","{}","0"]"#,
            c.time.as_ms(),
            eight(c.open),
            eight(c.high),
            eight(c.low),
            eight(c.close),
            eight(c.volume),
            c.time.as_ms() + 59_999,
            c.count?,
            eight(c.volume / Decimal::TWO),
            eight(quote / Decimal::TWO),
        ));
    }
    Some(format!("[{}]", rows.join(",")))
}

fn binance_trades(list: &Trades) -> Option<String> {
    let mut rows = Vec::with_capacity(list.rows.len());
    for trade in &list.rows {
        let id = trade.id.as_deref()?;
        rows.push(format!(
            r#"{{"a":{id},"p":"{}","q":"{}","f":{id},"l":{id},"T":{},"m":{},"M":true}}"#,
            eight(trade.price),
            eight(trade.amount),
            trade.time.as_ms(),
            trade.side == Some(Side::Sell),
        ));
    }
    Some(format!("[{}]", rows.join(",")))
}

fn kraken_ticker(t: &Ticker) -> Option<String> {
    let (volume, vwap) = (eight(t.base_volume?), t.vwap?);
    Some(format!(
        r#"{{"a":["{}","1","{}"],"b":["{}","1","{}"],"c":["{}","0.00100000"],"v":["{volume}","{volume}"],"p":["{vwap}","{vwap}"],"t":[900,5000],"l":["{}","{}"],"h":["{}","{}"],"o":"{}"}}"#,
        t.ask?,
        t.ask_size?,
        t.bid?,
        t.bid_size?,
        t.last?,
        t.low?,
        t.low?,
        t.high?,
        t.high?,
        t.last?,
    ))
}

fn kraken_candles(series: &Candles) -> Option<String> {
    let mut rows = Vec::with_capacity(series.rows.len());
    for c in &series.rows {
        rows.push(format!(
            r#"[{},"{}","{}","{}","{}","{}","{}",{}]"#,
            c.time.as_secs(),
            c.open,
            c.high,
            c.low,
            c.close,
            c.vwap?,
            eight(c.volume),
            c.count?,
        ));
    }
    Some(format!("[{}]", rows.join(",")))
}

fn kraken_trades(list: &Trades) -> Option<String> {
    let mut rows = Vec::with_capacity(list.rows.len());
    for trade in &list.rows {
        let ns = trade.time.as_ns();
        rows.push(format!(
            r#"["{}","{}",{}.{:07},"{}","l","",{}]"#,
            trade.price,
            eight(trade.amount),
            ns / 1_000_000_000,
            ns % 1_000_000_000 / 100,
            if trade.side == Some(Side::Sell) {
                "s"
            } else {
                "b"
            },
            trade.id.as_deref()?,
        ));
    }
    Some(format!("[{}]", rows.join(",")))
}
