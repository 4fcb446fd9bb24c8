//! Answers of exchanges, written from their documented formats with numbers of our own.
//!
//! The same seed gives the same bytes, so that two runs measure the same work. Nothing here is recorded.

use std::fmt::Write as _;

use fastrand::Rng;
use robust_connectors::{Binance, Connector, Htx, Kraken, KuCoin};
use robust_market::{Interval, Request, Symbol};

/// Start of the made-up series, in seconds since 1970: 2024-05-24 00:00 UTC.
const START: u64 = 1_716_508_800;

/// The kinds of answer that are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The state of one market.
    Ticker,
    /// Executed trades.
    Trade,
    /// An order book.
    Book,
    /// Price bars of one minute.
    Candle,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Ticker, Self::Trade, Self::Book, Self::Candle];

    /// Its name in the ids of rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ticker => "ticker",
            Self::Trade => "trade",
            Self::Book => "book",
            Self::Candle => "candle",
        }
    }
}

/// The exchanges that have a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Venue {
    Kraken,
    Binance,
    KuCoin,
    Htx,
}

impl Venue {
    /// Every exchange.
    pub const ALL: [Self; 4] = [Self::Kraken, Self::Binance, Self::KuCoin, Self::Htx];

    /// Its connector.
    #[must_use]
    pub fn connector(self) -> &'static dyn Connector {
        match self {
            Self::Kraken => &Kraken,
            Self::Binance => &Binance,
            Self::KuCoin => &KuCoin,
            Self::Htx => &Htx,
        }
    }

    /// The exchange's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kraken => "kraken",
            Self::Binance => "binance",
            Self::KuCoin => "kucoin",
            Self::Htx => "htx",
        }
    }

    /// The question that the made answers answer.
    ///
    /// # Errors
    ///
    /// Never for the exchanges that are listed here: their pair is well formed.
    pub fn request(self, kind: Kind) -> Result<Request, robust_market::InvalidName> {
        let symbol: Symbol = match self {
            Self::Kraken => "BTC/USD",
            Self::Binance | Self::KuCoin | Self::Htx => "BTC/USDT",
        }
        .parse()?;
        Ok(match kind {
            Kind::Ticker => Request::Ticker { symbol },
            Kind::Book => Request::OrderBook {
                symbol,
                depth: None,
            },
            Kind::Trade => Request::Trades {
                symbol,
                since: None,
                limit: None,
            },
            Kind::Candle => Request::Candles {
                symbol,
                interval: Interval::M1,
                since: None,
                limit: None,
            },
        })
    }

    /// An answer with `records` trades, bars or levels a side.
    #[must_use]
    pub fn body(self, kind: Kind, records: u64, rng: &mut Rng) -> String {
        let mut market = Market(rng);
        match self {
            Self::Kraken => kraken(kind, records, &mut market),
            Self::Binance => binance(kind, records, &mut market),
            Self::KuCoin => kucoin(kind, records, &mut market),
            Self::Htx => htx(kind, records, &mut market),
        }
    }
}

/// Draws numbers that look like those of a market.
struct Market<'r>(&'r mut Rng);

impl Market<'_> {
    fn price(&mut self, decimals: usize) -> String {
        self.number(60_000..70_000, decimals)
    }

    fn size(&mut self, decimals: usize) -> String {
        self.number(0..9, decimals)
    }

    fn volume(&mut self, decimals: usize) -> String {
        self.number(100..9_000, decimals)
    }

    fn number(&mut self, whole: std::ops::Range<u32>, decimals: usize) -> String {
        let mut text = self.0.u32(whole).to_string();
        if decimals > 0 {
            text.push('.');
            text.extend((0..decimals).map(|_| self.0.digit(10)));
        }
        text
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0.u64(0..end)
    }

    fn either(&mut self, one: &'static str, other: &'static str) -> &'static str {
        if self.0.bool() { one } else { other }
    }

    /// `n` levels of one side.
    fn levels(&mut self, n: u64, level: impl Fn(&mut Self) -> String) -> String {
        list(n, |_| level(self))
    }
}

fn list(n: u64, mut each: impl FnMut(u64) -> String) -> String {
    let mut text = String::new();
    for index in 0..n {
        let comma = if index == 0 { "" } else { "," };
        // Writing into a String cannot fail.
        let _ = write!(text, "{comma}{}", each(index));
    }
    text
}

fn kraken(kind: Kind, n: u64, m: &mut Market<'_>) -> String {
    let result = match kind {
        Kind::Ticker => format!(
            r#"{{"a":["{}","1","1.000"],"b":["{}","2","2.000"],"c":["{}","{}"],"v":["{}","{}"],"p":["{}","{}"],"t":[{},{}],"l":["{}","{}"],"h":["{}","{}"],"o":"{}"}}"#,
            m.price(5),
            m.price(5),
            m.price(5),
            m.size(8),
            m.volume(8),
            m.volume(8),
            m.price(5),
            m.price(5),
            m.below(90_000),
            m.below(90_000),
            m.price(5),
            m.price(5),
            m.price(5),
            m.price(5),
            m.price(5),
        ),
        Kind::Trade => format!(
            "[{}]",
            list(n, |i| format!(
                r#"["{}","{}",{}.{:07},"{}","{}","",{}]"#,
                m.price(5),
                m.size(8),
                START + i,
                m.below(9_999_999) + 1,
                m.either("b", "s"),
                m.either("m", "l"),
                61_044_952 + i,
            ))
        ),
        Kind::Book => {
            let level =
                |m: &mut Market<'_>| format!(r#"["{}","{}",{}]"#, m.price(5), m.size(3), START);
            format!(
                r#"{{"asks":[{}],"bids":[{}]}}"#,
                m.levels(n, level),
                m.levels(n, level)
            )
        }
        Kind::Candle => format!(
            "[{}]",
            list(n, |i| format!(
                r#"[{},"{}","{}","{}","{}","{}","{}",{}]"#,
                START + 60 * i,
                m.price(1),
                m.price(1),
                m.price(1),
                m.price(1),
                m.price(1),
                m.size(8),
                m.below(900),
            ))
        ),
    };
    let last = match kind {
        Kind::Ticker | Kind::Book => String::new(),
        Kind::Trade => format!(r#","last":"{}000000000""#, START + n),
        Kind::Candle => format!(r#","last":{}"#, START + 60 * n.saturating_sub(2)),
    };
    format!(r#"{{"error":[],"result":{{"XXBTZUSD":{result}{last}}}}}"#)
}

fn binance(kind: Kind, n: u64, m: &mut Market<'_>) -> String {
    match kind {
        Kind::Ticker => format!(
            r#"{{"symbol":"BTCUSDT","priceChange":"-{}","priceChangePercent":"-0.959","weightedAvgPrice":"{}","prevClosePrice":"{}","lastPrice":"{}","lastQty":"{}","bidPrice":"{}","bidQty":"{}","askPrice":"{}","askQty":"{}","openPrice":"{}","highPrice":"{}","lowPrice":"{}","volume":"{}","quoteVolume":"{}","openTime":{START}000,"closeTime":{START}999,"firstId":28385,"lastId":28460,"count":76}}"#,
            m.volume(8),
            m.price(8),
            m.price(8),
            m.price(8),
            m.size(8),
            m.price(8),
            m.size(8),
            m.price(8),
            m.size(8),
            m.price(8),
            m.price(8),
            m.price(8),
            m.volume(8),
            m.price(8),
        ),
        Kind::Trade => format!(
            "[{}]",
            list(n, |i| format!(
                r#"{{"a":{},"p":"{}","q":"{}","f":{},"l":{},"T":{},"m":{},"M":true}}"#,
                26_129 + i,
                m.price(8),
                m.size(8),
                27_781 + i,
                27_781 + i,
                START * 1_000 + i,
                m.either("true", "false"),
            ))
        ),
        Kind::Book => {
            let level = |m: &mut Market<'_>| format!(r#"["{}","{}"]"#, m.price(8), m.size(8));
            format!(
                r#"{{"lastUpdateId":1027024,"bids":[{}],"asks":[{}]}}"#,
                m.levels(n, level),
                m.levels(n, level)
            )
        }
        Kind::Candle => format!(
            "[{}]",
            list(n, |i| format!(
                r#"[{},"{}","{}","{}","{}","{}",{},"{}",{},"{}","{}","0"]"#,
                (START + 60 * i) * 1_000,
                m.price(8),
                m.price(8),
                m.price(8),
                m.price(8),
                m.volume(8),
                (START + 60 * i + 59) * 1_000 + 999,
                m.volume(8),
                m.below(900),
                m.volume(8),
                m.volume(8),
            ))
        ),
    }
}

fn kucoin(kind: Kind, n: u64, m: &mut Market<'_>) -> String {
    let data = match kind {
        Kind::Ticker => format!(
            r#"{{"time":{START}043,"symbol":"BTC-USDT","buy":"{}","sell":"{}","changeRate":"-0.0014","changePrice":"-98.5","high":"{}","low":"{}","vol":"{}","volValue":"{}","last":"{}","averagePrice":"{}","takerFeeRate":"0.001","makerFeeRate":"0.001","takerCoefficient":"1","makerCoefficient":"1"}}"#,
            m.price(1),
            m.price(1),
            m.price(1),
            m.price(1),
            m.volume(8),
            m.price(12),
            m.price(1),
            m.price(8),
        ),
        Kind::Trade => format!(
            "[{}]",
            list(n, |i| format!(
                r#"{{"sequence":"{}","price":"{}","size":"{}","side":"{}","time":{}000000}}"#,
                10_976_028_003_549_185 + i,
                m.price(1),
                m.size(8),
                m.either("buy", "sell"),
                START * 1_000 + i,
            ))
        ),
        Kind::Book => {
            let level = |m: &mut Market<'_>| format!(r#"["{}","{}"]"#, m.price(1), m.size(8));
            format!(
                r#"{{"time":{START}123,"sequence":"14610502970","bids":[{}],"asks":[{}]}}"#,
                m.levels(n, level),
                m.levels(n, level)
            )
        }
        Kind::Candle => format!(
            "[{}]",
            list(n, |i| format!(
                r#"["{}","{}","{}","{}","{}","{}","{}"]"#,
                START + 60 * (n - i),
                m.price(1),
                m.price(1),
                m.price(1),
                m.price(1),
                m.volume(8),
                m.volume(9),
            ))
        ),
    };
    format!(r#"{{"code":"200000","data":{data}}}"#)
}

fn htx(kind: Kind, n: u64, m: &mut Market<'_>) -> String {
    let (channel, payload) = match kind {
        Kind::Ticker => (
            "detail.merged",
            format!(
                r#""tick":{{"id":272156789143,"version":272156789143,"open":{},"close":{},"low":{},"high":{},"amount":{},"vol":5.985618685709001E8,"count":420573,"bid":[{},{}],"ask":[{},{}]}}"#,
                m.price(2),
                m.price(2),
                m.price(2),
                m.price(2),
                m.volume(12),
                m.price(2),
                m.size(6),
                m.price(2),
                m.size(6),
            ),
        ),
        Kind::Trade => (
            "trade.detail",
            format!(
                r#""data":[{}]"#,
                list(n, |i| {
                    let (entry, ts) = (137_005_445_109 - i, START * 1_000 - i);
                    format!(
                        r#"{{"id":{entry},"ts":{ts},"data":[{{"id":{entry}359286410323766,"ts":{ts},"trade-id":{},"amount":{},"price":{},"direction":"{}"}}]}}"#,
                        102_523_573_486 - i,
                        m.size(6),
                        m.price(2),
                        m.either("buy", "sell"),
                    )
                })
            ),
        ),
        Kind::Book => {
            let level = |m: &mut Market<'_>| format!("[{},{}]", m.price(2), m.size(6));
            (
                "depth.step0",
                format!(
                    r#""tick":{{"ts":{START}215,"version":136107114472,"bids":[{}],"asks":[{}]}}"#,
                    m.levels(n, level),
                    m.levels(n, level)
                ),
            )
        }
        Kind::Candle => (
            "kline.1min",
            format!(
                r#""data":[{}]"#,
                list(n, |i| format!(
                    r#"{{"id":{},"open":{},"close":{},"low":{},"high":{},"amount":{},"vol":{},"count":{}}}"#,
                    START + 60 * (n - i),
                    m.price(2),
                    m.price(2),
                    m.price(2),
                    m.price(2),
                    m.volume(12),
                    m.volume(8),
                    m.below(900),
                ))
            ),
        ),
    };
    format!(r#"{{"ch":"market.btcusdt.{channel}","status":"ok","ts":{START}750,{payload}}}"#)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use robust_connectors::{Context, Reply};
    use robust_market::Timestamp;

    use super::*;

    #[test]
    fn every_made_answer_is_read_without_a_defect() {
        for venue in Venue::ALL {
            for kind in Kind::ALL {
                let mut rng = Rng::with_seed(7);
                let body = venue.body(kind, 5, &mut rng);
                let connector = venue.connector();
                let symbols = connector.symbols();
                let now = Timestamp::from_secs(1_800_000_000).unwrap();
                let reply = Reply {
                    status: StatusCode::OK,
                    headers: &HeaderMap::new(),
                    body: body.as_bytes(),
                };
                let request = venue.request(kind).unwrap();
                let decoded = connector
                    .decode(&request, &Context::new(&symbols, now), &reply)
                    .unwrap_or_else(|verdict| panic!("{venue:?} {kind:?}: {verdict:?}\n{body}"));
                assert!(decoded.is_clean(), "{venue:?} {kind:?}: {decoded:?}");
                let records = match kind {
                    Kind::Ticker => 1,
                    Kind::Book => 10,
                    Kind::Trade | Kind::Candle => 5,
                };
                assert_eq!(decoded.value.len(), records, "{venue:?} {kind:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_bytes() {
        let body = |seed| Venue::Kraken.body(Kind::Trade, 9, &mut Rng::with_seed(seed));
        assert_eq!(body(1), body(1));
        assert_ne!(body(1), body(2));
    }
}
