//! Answers in a row, as bytes and as decoded, with the memory that judges them.

use std::hint::black_box;

use anyhow::{Context as _, Result, anyhow, ensure};
use http::{HeaderMap, StatusCode};
use robust_connectors::{Binance, Connector, Context, Htx, Kraken, KuCoin, Reply, SymbolTable};
use robust_market::{Acceptance, Candles, Decoded, Payload, Request, Severity, Timestamp, Trades};
use robust_quality::SymbolState;

use super::bytes;
use crate::quality::{Data, Feed, Length, PRESETS, Shot, Source, Style, feed_of};

/// Bars of an answer, and trades of one.
const ROWS: usize = 1_000;
/// Levels a side.
const LEVELS: usize = 100;
/// Tickers and books that are judged before the first that is timed.
const WARM: usize = 260;
/// Tickers that are judged in turn, and books; then the memory is set back.
const TICKERS: usize = 256;
const BOOKS: usize = 64;

/// How large an answer is.
pub(super) const fn size(data: Data) -> &'static str {
    match data {
        Data::Ticker => "one ticker",
        Data::Book => "a book of 100 a side",
        Data::Candles => "1000 bars",
        Data::Trades => "1000 trades",
    }
}

/// The exchange whose bytes are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Venue {
    /// Answers with many fields.
    Binance,
    /// Answers with few; no time in tickers and books.
    Kraken,
    /// Texts in lists, newest bars first.
    KuCoin,
    /// Numbers in objects, newest first.
    Htx,
}

impl Venue {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Binance, Self::Kraken, Self::KuCoin, Self::Htx];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::Kraken => "kraken",
            Self::KuCoin => "kucoin",
            Self::Htx => "htx",
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Binance => Style::Binance,
            Self::Kraken => Style::Kraken,
            Self::KuCoin => Style::KuCoin,
            Self::Htx => Style::Htx,
        }
    }

    fn connector(self) -> &'static dyn Connector {
        match self {
            Self::Binance => &Binance,
            Self::Kraken => &Kraken,
            Self::KuCoin => &KuCoin,
            Self::Htx => &Htx,
        }
    }
}

/// Sound answers of one exchange, to be decoded and judged in turn.
#[derive(Debug, Clone)]
pub struct Work {
    venue: Venue,
    source: Source,
    symbols: SymbolTable,
    answers: Vec<(String, Shot)>,
    warm: SymbolState,
    state: SymbolState,
    next: usize,
}

impl Work {
    /// Makes the answers, decodes each of them, and lets the memory learn what comes before.
    ///
    /// # Errors
    ///
    /// When an answer is not read as it was written, or is not accepted without a warning.
    pub fn new(venue: Venue, data: Data) -> Result<Self> {
        let length = Length {
            pages: 4,
            seconds: WARM + TICKERS,
            minutes: 90,
            levels: LEVELS,
        };
        let mut feed = feed_of(data, &PRESETS[0], venue.style(), 9, length)?;
        let shots = timed(data, &mut feed)?;
        let mut symbols = SymbolTable::default();
        let symbol = feed.source.request.symbol().context("a pair")?;
        symbols.insert(symbol, "AAAUSDT", []);
        let mut work = Self {
            venue,
            symbols,
            answers: Vec::new(),
            warm: SymbolState::new(),
            state: SymbolState::new(),
            next: 0,
            source: feed.source.clone(),
        };
        for shot in feed.shots.iter().take(WARM) {
            let _ = feed.source.judge(shot, &mut work.warm);
        }
        for mut shot in shots {
            let body = bytes::of(venue, &shot.decoded.value).context("a kind of this benchmark")?;
            shot.decoded = work.read(&body, shot.received)?;
            ensure!(shot.decoded.is_clean(), "the made answer is not read");
            work.answers.push((body, shot));
        }
        work.try_out()?;
        Ok(work)
    }

    /// Judges each answer once: what is timed must be what nothing is wrong with.
    fn try_out(&mut self) -> Result<()> {
        if self.answers.len() == 1 {
            // One page again and again, as it is polled.
            for (_, shot) in &self.answers {
                let _ = self.source.judge(shot, &mut self.warm);
            }
        }
        self.state = self.warm.clone();
        let mut state = self.warm.clone();
        for (_, shot) in &self.answers {
            let report = self.source.judge(shot, &mut state).context("is judged")?;
            let heavy = report
                .issues
                .iter()
                .find(|issue| issue.severity >= Severity::Warning);
            ensure!(
                heavy.is_none() && report.acceptance == Acceptance::Accept,
                "a sound answer is blamed: {heavy:?}"
            );
        }
        Ok(())
    }

    fn read(&self, body: &str, now: Timestamp) -> Result<Decoded<Payload>> {
        let headers = HeaderMap::new();
        let reply = Reply {
            status: StatusCode::OK,
            headers: &headers,
            body: body.as_bytes(),
        };
        self.venue
            .connector()
            .decode(
                &self.source.request,
                &Context::new(&self.symbols, now),
                &reply,
            )
            .map_err(|verdict| anyhow!("{verdict:?}"))
    }

    /// Decodes answer `nth`, counted round; gives its records.
    #[must_use]
    pub fn decode(&self, nth: usize) -> usize {
        let (body, shot) = &self.answers[nth % self.answers.len()];
        let read = self.read(black_box(body), shot.received);
        black_box(read).map_or(0, |decoded| decoded.value.len())
    }

    /// Judges the next answer; after the last one the memory is as it was before the first.
    pub fn judge_next(&mut self) {
        if self.next == self.answers.len() {
            self.next = 0;
            if self.answers.len() > 1 {
                self.state.clone_from(&self.warm);
            }
        }
        let (_, shot) = &self.answers[self.next];
        black_box(self.source.judge(black_box(shot), &mut self.state));
        self.next += 1;
    }

    /// How many answers can be judged before the memory is set back.
    #[must_use]
    pub fn round(&self) -> usize {
        self.answers.len()
    }
}

/// Sound tickers in the style of one exchange, judged in turn: what is counted where nothing is decoded.
#[derive(Debug, Clone)]
pub struct Tickers {
    source: Source,
    shots: Vec<Shot>,
    warm: SymbolState,
}

impl Tickers {
    /// The exchanges whose tickers differ: in fields, times and sequences.
    pub const STYLES: [Style; 4] = [Style::Binance, Style::Kraken, Style::KuCoin, Style::Htx];

    /// Makes them, and lets the memory learn what comes before.
    ///
    /// # Errors
    ///
    /// When the market cannot be made.
    pub fn new(style: Style) -> Result<Self> {
        let length = Length {
            pages: 1,
            seconds: WARM + TICKERS,
            minutes: 1,
            levels: 1,
        };
        let mut feed = feed_of(Data::Ticker, &PRESETS[0], style, 9, length)?;
        let shots = feed.shots.split_off(WARM);
        let mut warm = SymbolState::new();
        for shot in &feed.shots {
            let _ = feed.source.judge(shot, &mut warm);
        }
        Ok(Self {
            source: feed.source,
            shots,
            warm,
        })
    }

    /// The name of the exchange.
    #[must_use]
    pub fn exchange(&self) -> &str {
        self.source.exchange.as_str()
    }

    /// Judges all of them; gives how many there were. None of them is blamed.
    ///
    /// # Errors
    ///
    /// When one is not accepted.
    pub fn judge(&mut self) -> Result<usize> {
        for shot in &self.shots {
            let report = self.source.judge(shot, &mut self.warm);
            let accepted = report.is_some_and(|report| report.acceptance == Acceptance::Accept);
            ensure!(accepted, "a sound ticker is blamed");
        }
        Ok(self.shots.len())
    }
}

/// The answers to time. Pages of bars and trades become one of the usual size.
fn timed(data: Data, feed: &mut Feed) -> Result<Vec<Shot>> {
    let last = feed.shots.last().context("an answer")?.clone();
    match (data, &last.decoded.value) {
        (Data::Candles, Payload::Candles(series)) => {
            let mut whole = Candles::new(series.symbol.clone(), series.interval);
            for shot in &feed.shots {
                if let Payload::Candles(page) = &shot.decoded.value {
                    whole.rows.extend(page.rows.iter().cloned());
                }
            }
            let first = whole.rows.len().checked_sub(ROWS).context("too few bars")?;
            whole.rows.drain(..first);
            if let Request::Candles { limit, .. } = &mut feed.source.request {
                *limit = Some(u32::try_from(ROWS)?);
            }
            feed.shots.clear();
            Ok(vec![Shot::sound(Payload::Candles(whole), last.received)])
        }
        (Data::Trades, Payload::Trades(list)) => {
            let mut whole = Trades::new(list.symbol.clone());
            for shot in &feed.shots {
                if let Payload::Trades(page) = &shot.decoded.value {
                    // Each page begins with the last trades of the one before.
                    let known = whole.rows.last().map(|trade| trade.time);
                    let known_id = whole.rows.last().and_then(|trade| trade.id.clone());
                    let from = page
                        .rows
                        .iter()
                        .position(|trade| trade.id == known_id && Some(trade.time) == known)
                        .map_or(0, |at| at + 1);
                    whole.rows.extend(page.rows.iter().skip(from).cloned());
                }
            }
            let first = whole
                .rows
                .len()
                .checked_sub(ROWS)
                .context("too few trades")?;
            whole.rows.drain(..first);
            if let Request::Trades { limit, .. } = &mut feed.source.request {
                *limit = Some(u32::try_from(ROWS)?);
            }
            feed.shots.clear();
            Ok(vec![Shot::sound(Payload::Trades(whole), last.received)])
        }
        (Data::Book, _) => Ok(feed.shots.iter().skip(WARM).take(BOOKS).cloned().collect()),
        _ => Ok(feed
            .shots
            .iter()
            .skip(WARM)
            .take(TICKERS)
            .cloned()
            .collect()),
    }
}
