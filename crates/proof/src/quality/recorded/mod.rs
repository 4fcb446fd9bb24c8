//! Recorded market data: which files are known, and what they become.
//!
//! The files are not part of this repository. Their names are, because each stands for facts that the rules must not mistake for faults: prices of
//! 10⁻⁷, minutes without trades, a pair that was delisted, a clock that is behind.

mod coinbase;
mod messages;
mod read;
mod series;
mod trades;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use robust_market::{Exchange, Request, Symbol, Timestamp};
use robust_quality::Profile;
use rust_decimal::Decimal;

use super::catalogue::Data;
use super::scene::{Feed, Grid, Origin, Shot, Source};
pub(super) use series::{Series, closes};

/// Which files rules may be tuned on. Everything else is held out.
const TUNING: [&str; 8] = [
    "binance_futures_BTC_USDT_1h.csv",
    "freqtrade_ETH_BTC-5m.csv",
    "freqtrade_TRX_BTC-5m.csv",
    "freqtrade_UNITTEST_BTC-1m.csv",
    "freqtrade_XRP_ETH-trades.json",
    "cryptofeed_KUCOIN.http.0.0",
    "hftbacktest_binance_spot_btcusdt_20240808",
    "nautilus_binance_btcusdt-quotes.csv",
];

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Feeds by what they hold.
    pub feeds: BTreeMap<Data, Vec<Feed>>,
    /// Series of bars, whole.
    pub(super) series: Vec<Series>,
    /// Messages of Kraken's stream of books, with checksums.
    pub(super) kraken: Option<String>,
    /// The files that were used.
    pub used: Vec<(String, Origin)>,
    /// Files that no reader knows.
    pub unknown: Vec<String>,
}

impl Recorded {
    /// Reads what is known in a folder.
    ///
    /// # Errors
    ///
    /// When the folder or a known file cannot be read.
    pub fn open(dir: &Path) -> Result<Self> {
        let mut recorded = Self::default();
        for path in read::files(dir)? {
            let file = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let name = file.trim_end_matches(".gz").to_owned();
            let origin = if TUNING.contains(&name.as_str()) {
                Origin::RealTuning
            } else {
                Origin::RealHeldOut
            };
            let Some(reader) = reader(&name) else {
                recorded.unknown.push(file);
                continue;
            };
            let before = recorded.count();
            let source = File {
                name: &name,
                origin,
            };
            reader(&source, &read::text(&path)?, &mut recorded);
            if recorded.count() > before {
                recorded.used.push((file, origin));
            } else {
                recorded.unknown.push(file);
            }
        }
        Ok(recorded)
    }

    fn count(&self) -> usize {
        self.series.len()
            + usize::from(self.kraken.is_some())
            + self.feeds.values().map(Vec::len).sum::<usize>()
    }

    fn add(&mut self, data: Data, feed: impl Into<Option<Feed>>) {
        if let Some(feed) = feed.into()
            && !feed.shots.is_empty()
        {
            self.feeds.entry(data).or_default().push(feed);
        }
    }
}

/// A file that is read.
#[derive(Debug)]
struct File<'a> {
    name: &'a str,
    origin: Origin,
}

impl File<'_> {
    /// A feed of this file, named by it and by `part` where it holds more than one.
    fn feed(&self, part: &str, source: Source, shots: Vec<Shot>) -> Feed {
        let stem = self.name.split('.').next().unwrap_or(self.name);
        let stem = if self.name.starts_with("cryptofeed") {
            self.name
        } else {
            stem
        };
        let name = if part.is_empty() {
            stem.to_owned()
        } else {
            format!("{stem} {part}")
        };
        Feed {
            name,
            origin: self.origin,
            source,
            shots,
        }
    }
}

type Reader = fn(&File<'_>, &str, &mut Recorded);

fn reader(name: &str) -> Option<Reader> {
    let known: [(&str, Reader); 15] = [
        ("kraken_http_ohlc", messages::kraken),
        ("kraken_http_ticker", messages::kraken),
        ("kraken_http_order_book", messages::kraken),
        ("kraken_http_trades", messages::kraken),
        ("cryptofeed_KRAKEN.ws", |_, text, into| {
            into.kraken = Some(text.to_owned());
        }),
        ("cryptofeed_COINBASE.ws", coinbase::read),
        ("cryptofeed_BINANCE.http", messages::snapshots),
        ("cryptofeed_KUCOIN.http", messages::snapshots),
        ("hftbacktest_binance_spot", messages::binance_stream),
        ("freqtrade_XRP_ETH-trades", trades::freqtrade),
        ("freqtrade_public_trades_list", trades::csv),
        ("nautilus_binance_btcusdt-trades", trades::csv),
        ("kraken_BCHEUR_trades", trades::csv),
        ("atom_flash_sell_sequence", trades::csv),
        ("nautilus_binance_btcusdt-quotes", messages::quotes),
    ];
    known
        .into_iter()
        .find(|(start, _)| name.starts_with(start))
        .map(|(_, reader)| reader)
        .or_else(|| series::is_known(name).then_some(series::read as Reader))
}

/// What is needed to judge answers of an exchange; the steps of its prices are taken from the prices.
fn source(
    exchange: Exchange,
    request: Request,
    profile: Profile,
    prices: &[Decimal],
    sizes: &[Decimal],
) -> Source {
    let places = |values: &[Decimal]| {
        values
            .iter()
            .map(|v| v.normalize().scale())
            .max()
            .unwrap_or(0)
    };
    Source {
        exchange,
        request,
        profile,
        grid: Grid {
            price: places(prices),
            size: places(sizes),
        },
    }
}

fn symbol(text: &str) -> Option<Symbol> {
    text.parse().ok()
}

fn ms(value: i64) -> Option<Timestamp> {
    Timestamp::from_ms(value)
}

pub(super) use read::number;

/// The text of a file, unpacked where its name ends in `.gz`.
///
/// # Errors
///
/// When it cannot be read, or is no UTF-8.
pub(super) fn text_of(path: &Path) -> Result<String> {
    read::text(path)
}
