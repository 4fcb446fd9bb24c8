//! Feeds of the generated market, as five kinds of exchange would send them.

use std::time::Duration;

use fastrand::Rng;
use robust_market::{
    Candle, Candles, Exchange, Interval, Level, OrderBook, Payload, Request, Side, Symbol, Ticker,
    Timestamp, Trade, Trades,
};
use robust_quality::{Consensus, Profile};
use rust_decimal::Decimal;

use super::catalogue::Data;
use super::draw::{normal, open_unit};
use super::generate::{Bar, Preset, Tick, bars};
use super::recorded::closes;
use super::scene::{Feed, Grid, Origin, Shot, Source};

/// The start of every made series: 2024-05-24 00:00 UTC.
const START_MS: i64 = 1_716_508_800_000;
/// Bars of one answer.
pub(super) const CANDLES: usize = 300;
/// Trades of one answer.
pub(super) const TRADES: usize = 200;
/// Levels a side.
const LEVELS: usize = 40;

/// What kind of exchange sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A bar for every interval, quote volumes, dense trade ids, no time in books.
    Binance,
    /// A bar for every interval, average prices, no time in tickers and books.
    Kraken,
    /// No bar without a trade; times and sequences.
    KuCoin,
    /// Times and versions; ids that leave numbers out.
    Htx,
    /// A stream of an exchange that nothing is known of: times and sequences everywhere.
    Stream,
}

impl Style {
    /// Every kind of exchange.
    pub const ALL: [Self; 5] = [
        Self::Binance,
        Self::Kraken,
        Self::KuCoin,
        Self::Htx,
        Self::Stream,
    ];

    fn exchange(self) -> Exchange {
        match self {
            Self::Binance => Exchange::BINANCE,
            Self::Kraken => Exchange::KRAKEN,
            Self::KuCoin => Exchange::KUCOIN,
            Self::Htx => Exchange::HTX,
            Self::Stream => "streamed".parse().unwrap_or(Exchange::BINANCE),
        }
    }

    const fn fills_empty_bars(self) -> bool {
        matches!(self, Self::Binance | Self::Kraken)
    }
}

/// One market of one exchange.
#[derive(Debug)]
struct Market<'a> {
    preset: &'a Preset,
    style: Style,
    symbol: Symbol,
    grid: Grid,
    levels: usize,
}

impl Market<'_> {
    fn price(&self, steps: i64) -> Decimal {
        Decimal::new(steps, self.grid.price)
    }

    fn size(&self, steps: i64) -> Decimal {
        Decimal::new(steps, self.grid.size)
    }

    fn feed(&self, data: Data, request: Request, shots: Vec<Shot>) -> Feed {
        let exchange = self.style.exchange();
        let kind = request.kind();
        let profile = Profile::of(&exchange, kind).with_steps(
            Some(Decimal::new(1, self.grid.price)),
            Some(Decimal::new(1, self.grid.size)),
        );
        let name = format!("{} {exchange} {}", self.preset.name, data.as_str());
        Feed {
            name,
            origin: Origin::Generated,
            source: Source {
                exchange,
                request,
                profile,
                grid: self.grid,
            },
            shots,
        }
    }

    fn candle(&self, start: i64, ticks: &[Tick], before: i64, closed: bool) -> Candle {
        let prices = || ticks.iter().map(|tick| tick.price);
        let lots: i64 = ticks.iter().map(|tick| tick.amount).sum();
        let volume = self.size(lots);
        let quote: Decimal = ticks
            .iter()
            .map(|tick| self.price(tick.price) * self.size(tick.amount))
            .sum();
        let vwap = if lots == 0 {
            Decimal::ZERO
        } else {
            let exact = quote / volume;
            exact.round_dp(self.grid.price)
        };
        Candle {
            time: at(start),
            open: self.price(ticks.first().map_or(before, |tick| tick.price)),
            high: self.price(prices().max().unwrap_or(before)),
            low: self.price(prices().min().unwrap_or(before)),
            close: self.price(ticks.last().map_or(before, |tick| tick.price)),
            volume,
            quote_volume: (self.style != Style::Kraken).then(|| quote.round_dp(12)),
            vwap: (self.style == Style::Kraken).then_some(vwap),
            count: (self.style != Style::KuCoin).then_some(ticks.len() as u64),
            closed,
        }
    }

    /// Pages of [`CANDLES`] bars, one after the other; every other page ends with the bar that is not over yet.
    fn candles(&self, bars: &[Bar], iv: i64) -> Feed {
        let interval = Interval::M1;
        let mut before = self.preset.start;
        let mut rows = Vec::new();
        for (index, bar) in bars.iter().enumerate() {
            if bar.trades.is_empty() && !self.style.fills_empty_bars() {
                continue;
            }
            let start = index as i64 * iv;
            rows.push(self.candle(start, &bar.trades, before, true));
            before = bar.trades.last().map_or(before, |tick| tick.price);
        }
        let mut shots = Vec::new();
        for (page, rows) in rows.chunks_exact(CANDLES).enumerate() {
            let mut series = Candles::new(self.symbol.clone(), interval);
            series.rows = rows.to_vec();
            let open = page % 2 == 1;
            let Some(last) = series.rows.last_mut() else {
                continue;
            };
            last.closed = !open;
            let age = if open { iv / 2 } else { iv + 1_500 };
            let received = last.time.saturating_add(millis(age));
            shots.push(Shot::sound(Payload::Candles(series), received));
        }
        let request = Request::Candles {
            symbol: self.symbol.clone(),
            interval,
            since: None,
            limit: Some(CANDLES as u32),
        };
        self.feed(Data::Candles, request, shots)
    }

    /// One ticker at the end of every bar.
    fn tickers(&self, bars: &[Bar], iv: i64, rng: &mut Rng) -> Feed {
        let mut shots = Vec::new();
        let (open, mut last) = (self.preset.start, self.preset.start);
        let (mut high, mut low) = (open + open / 50, open - open / 50);
        // A day's trading before the first print, so that volumes move like those of a rolling day.
        let mut lots = (self.preset.amount * 40_000.0) as i64;
        for (index, bar) in bars.iter().enumerate() {
            if bar.trades.is_empty() && index % 3 != 0 {
                continue;
            }
            for tick in &bar.trades {
                last = tick.price;
                high = high.max(last);
                low = low.min(last);
                lots += tick.amount / 3;
            }
            let time = at((index as i64 + 1) * iv);
            let mut ticker = Ticker::new(self.symbol.clone());
            let middle = (high + low + 2 * open) / 4;
            let middle = middle.clamp(low, high);
            let vwap = self.price(middle);
            let volume = self.size(lots);
            let has = |styles: &[Style]| styles.contains(&self.style);
            use Style::{Binance, Htx, Kraken, KuCoin, Stream};
            let quoted = (bar.mid - bar.half_spread, bar.mid + bar.half_spread);
            ticker.last = Some(self.price(last));
            ticker.bid = Some(self.price(quoted.0.max(1)));
            ticker.ask = Some(self.price(quoted.1));
            if !has(&[KuCoin]) {
                ticker.bid_size = Some(self.size(self.lots(rng)));
                ticker.ask_size = Some(self.size(self.lots(rng)));
            }
            ticker.high = Some(self.price(high));
            ticker.low = Some(self.price(low));
            ticker.base_volume = Some(volume);
            if !has(&[Kraken]) {
                ticker.quote_volume = (volume.checked_mul(vwap)).map(|value| value.round_dp(8));
                ticker.time = Some(time);
            }
            if has(&[Binance, Kraken, Stream]) {
                ticker.vwap = Some(vwap);
            }
            if has(&[Binance, Htx, Stream]) {
                ticker.open = Some(self.price(open));
            }
            if has(&[Binance, KuCoin, Stream]) {
                ticker.change = Some(self.price(last - open));
            }
            if has(&[Stream]) {
                ticker.sequence = Some(9_000 + index as u64);
            }
            let received = time.saturating_add(millis(20 + rng.i64(0..180)));
            shots.push(Shot::sound(Payload::Ticker(ticker), received));
        }
        let symbol = self.symbol.clone();
        let mut feed = self.feed(Data::Ticker, Request::Ticker { symbol }, shots);
        tell_peers(&mut feed, rng);
        feed
    }

    fn lots(&self, rng: &mut Rng) -> i64 {
        ((self.preset.amount * (1.2 * normal(rng)).exp()).round() as i64).max(1)
    }

    fn side(&self, best: i64, step: i64, rng: &mut Rng) -> Vec<Level> {
        let mut levels = Vec::with_capacity(self.levels);
        let mut price = best;
        while levels.len() < self.levels && price > 0 {
            levels.push(Level {
                price: self.price(price),
                size: self.size(self.lots(rng)),
            });
            let reach = (self.preset.half_spread as f64).min(6.0);
            price += step * (1 + (-open_unit(rng).ln() * reach) as i64);
        }
        levels
    }

    /// One book at the end of every bar.
    fn books(&self, bars: &[Bar], iv: i64, rng: &mut Rng) -> Feed {
        let mut shots = Vec::new();
        for (index, bar) in bars.iter().enumerate() {
            let time = at((index as i64 + 1) * iv);
            let mut book = OrderBook::new(self.symbol.clone());
            book.bids = self.side((bar.mid - bar.half_spread).max(1), -1, rng);
            book.asks = self.side(bar.mid + bar.half_spread, 1, rng);
            if matches!(self.style, Style::KuCoin | Style::Htx | Style::Stream) {
                book.time = Some(time);
            }
            if self.style != Style::Kraken {
                book.sequence = Some(70_000 + 7 * index as u64 + rng.u64(0..7));
            }
            let delay = 20 + rng.i64(0..180);
            shots.push(Shot::sound(
                Payload::OrderBook(book),
                time.saturating_add(millis(delay)),
            ));
        }
        let request = Request::OrderBook {
            symbol: self.symbol.clone(),
            depth: Some(self.levels as u32),
        };
        self.feed(Data::Book, request, shots)
    }

    /// Pages of [`TRADES`] trades; every page begins with the last ten of the one before.
    fn trades(&self, bars: &[Bar], rng: &mut Rng) -> Feed {
        let mut id = 5_000_000_u64;
        let mut rows = Vec::new();
        for tick in bars.iter().flat_map(|bar| &bar.trades) {
            id += match self.style {
                Style::Htx => 1 + rng.u64(0..4),
                _ => 1,
            };
            rows.push(Trade {
                id: Some(id.to_string().into()),
                price: self.price(tick.price),
                amount: self.size(tick.amount),
                side: Some(if tick.buy { Side::Buy } else { Side::Sell }),
                time: at(tick.ms),
            });
        }
        let symbol = self.symbol.clone();
        let shots = pages(&rows, &symbol, TRADES, TRADES - 10);
        let request = Request::Trades {
            symbol,
            since: None,
            limit: Some(TRADES as u32),
        };
        self.feed(Data::Trades, request, shots)
    }
}

/// Pages of `size` trades, each `step` further than the one before, received 150 ms after their last trade.
#[must_use]
pub(super) fn pages(rows: &[Trade], symbol: &Symbol, size: usize, step: usize) -> Vec<Shot> {
    rows.windows(size)
        .step_by(step.max(1))
        .map(|page| {
            let mut trades = Trades::new(symbol.clone());
            trades.rows = page.to_vec();
            let last = page.iter().map(|row| row.time).max();
            let received = last.unwrap_or(Timestamp::EPOCH).saturating_add(millis(150));
            Shot::sound(Payload::Trades(trades), received)
        })
        .collect()
}

/// How much of a feed is made.
#[derive(Debug, Clone, Copy)]
pub struct Length {
    /// Pages of bars.
    pub pages: usize,
    /// Seconds of tickers and books.
    pub seconds: usize,
    /// Minutes of trades.
    pub minutes: usize,
    /// Levels a side of a book.
    pub levels: usize,
}

impl Length {
    /// That of the benchmark.
    const USUAL: Self = Self {
        pages: 3,
        seconds: 420,
        minutes: 240,
        levels: LEVELS,
    };
}

/// One feed of a preset in the style of an exchange, from a seed.
///
/// # Errors
///
/// Never: the pair is well formed.
pub fn feed(
    data: Data,
    preset: &Preset,
    style: Style,
    seed: u64,
) -> Result<Feed, robust_market::InvalidName> {
    feed_of(data, preset, style, seed, Length::USUAL)
}

/// The same of another length.
///
/// # Errors
///
/// Never: the pair is well formed.
pub fn feed_of(
    data: Data,
    preset: &Preset,
    style: Style,
    seed: u64,
    length: Length,
) -> Result<Feed, robust_market::InvalidName> {
    let mut rng = Rng::with_seed(seed);
    let market = Market {
        preset,
        style,
        symbol: "AAA/USDT".parse()?,
        grid: Grid {
            price: preset.price_places,
            size: preset.size_places,
        },
        levels: length.levels,
    };
    Ok(match data {
        Data::Candles => {
            let empties = if style.fills_empty_bars() {
                0.0
            } else {
                preset.empty
            };
            let count = (length.pages as f64 * CANDLES as f64 / (1.0 - empties) * 1.15) as usize;
            market.candles(&bars(preset, 60_000, count, &mut rng), 60_000)
        }
        Data::Ticker | Data::Book => {
            // Seconds instead of minutes: less volatile by the root of time, and fewer trades.
            let seconds = Preset {
                volatility: preset.volatility / 60.0_f64.sqrt(),
                trades: (preset.trades / 10.0).max(1.0),
                crash: false,
                halt: preset.halt.min(20),
                ..*preset
            };
            let bars = bars(&seconds, 1_000, length.seconds, &mut rng);
            if data == Data::Ticker {
                market.tickers(&bars, 1_000, &mut rng)
            } else {
                market.books(&bars, 1_000, &mut rng)
            }
        }
        Data::Trades => market.trades(&bars(preset, 60_000, length.minutes, &mut rng), &mut rng),
    })
}

/// The closes of `hours` made hours, as tickers.
///
/// # Errors
///
/// Never: the pair is well formed.
pub(super) fn hourly(
    preset: &Preset,
    hours: usize,
    seed: u64,
) -> Result<Feed, robust_market::InvalidName> {
    const HOUR: i64 = 3_600_000;
    // More volatile than minutes by the root of time.
    let preset = Preset {
        volatility: preset.volatility * 60.0_f64.sqrt(),
        ..*preset
    };
    let market = Market {
        preset: &preset,
        style: Style::Binance,
        symbol: "AAA/USDT".parse()?,
        grid: Grid {
            price: preset.price_places,
            size: preset.size_places,
        },
        levels: LEVELS,
    };
    let mut before = preset.start;
    let rows: Vec<Candle> = bars(&preset, HOUR, hours, &mut Rng::with_seed(seed))
        .iter()
        .enumerate()
        .map(|(index, bar)| {
            let row = market.candle(index as i64 * HOUR, &bar.trades, before, true);
            before = bar.trades.last().map_or(before, |tick| tick.price);
            row
        })
        .collect();
    let (source, shots) = closes(&market.symbol, Interval::H1, &rows);
    Ok(Feed {
        name: format!("{} hours closes", preset.name),
        origin: Origin::Generated,
        source,
        shots,
    })
}

/// Lets two other exchanges see the same market, each within some hundredths of a percent, at the times of these tickers.
pub(super) fn tell_peers(feed: &mut Feed, rng: &mut Rng) {
    let mut consensus = Consensus::default();
    let peers: Vec<Exchange> = ["peer_a", "peer_b"]
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    let exchange = feed.source.exchange.clone();
    for shot in &mut feed.shots {
        let Payload::Ticker(ticker) = &shot.decoded.value else {
            continue;
        };
        let middle = match (ticker.bid, ticker.ask, ticker.last) {
            (Some(bid), Some(ask), _) => (bid + ask) / Decimal::TWO,
            (_, _, Some(last)) => last,
            _ => continue,
        };
        for (nth, peer) in peers.iter().enumerate() {
            let away = 1.0 + (rng.f64() - 0.5) * 4e-4 * (nth + 1) as f64;
            let away = Decimal::from_f64_retain(away).map(|away| away.round_dp(9));
            let price = away.and_then(|away| middle.checked_mul(away));
            consensus.update(
                peer,
                &ticker.symbol,
                price.unwrap_or(middle),
                None,
                shot.received,
            );
        }
        shot.peers = consensus.peers(&exchange, &ticker.symbol, shot.received);
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(START_MS + ms).unwrap_or(Timestamp::EPOCH)
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
