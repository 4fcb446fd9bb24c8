//! One labelled case, and how it is judged.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use robust_market::{
    Decoded, Dimension, Exchange, Interval, Kind, Payload, Report, Request, Severity, Symbol,
    Timestamp, decimal, unified,
};
use robust_quality::{
    Config, Consensus, Context, Peers, PriceBounds, Profile, Provenance, Quote, StatePool,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use crate::quality::catalogue::Data;

/// One line of a file.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Case {
    pub(super) id: String,
    kind: String,
    exchange: String,
    symbol: String,
    interval_s: Option<u64>,
    now_ms: i64,
    recv_ms: i64,
    history: Option<Vec<Value>>,
    payload: Value,
    pub(super) label: Label,
    dimension: Option<String>,
    min_severity: Option<String>,
    /// The one rule that has to flag it, which only own cases name.
    pub(super) rule: Option<String>,
    /// What else is known, beyond the format.
    with: Option<With>,
}

/// What a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Label {
    Clean,
    Corrupt,
}

impl Label {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Corrupt => "corrupt",
        }
    }
}

/// What the rules may know besides the answer and its past. Own cases need it to show rules that ask for it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct With {
    /// The kind that was asked for, where it is not that of the case.
    asked: Option<String>,
    /// The pairs that were asked for, for lists of tickers.
    symbols: Vec<String>,
    since_ms: Option<i64>,
    limit: Option<u32>,
    depth: Option<u32>,
    /// The time between two answers of the past that have none of their own.
    every_ms: Option<u64>,
    price_tick: Option<String>,
    amount_step: Option<String>,
    source_frozen: bool,
    /// Best bid and ask of the same market, now.
    quote: Option<[String; 2]>,
    /// What other exchanges say, now.
    peers: Vec<String>,
    bounds: Option<[String; 2]>,
    provenance: Option<Birth>,
    clock_ahead_ms: Option<u64>,
    /// Records that the decoder left out without saying why.
    unexplained: Vec<usize>,
}

/// How the answer came.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Birth {
    origin: Option<String>,
    host: Option<String>,
    expired: bool,
    computed: bool,
}

impl Birth {
    fn read(&self) -> Result<Provenance<'_>> {
        use robust_market::Origin;
        let origin = match self.origin.as_deref() {
            None => None,
            Some("rest") => Some(Origin::Rest),
            Some("stream") => Some(Origin::Stream),
            Some("derived") => Some(Origin::Derived),
            Some("simulated") => Some(Origin::Simulated),
            Some(other) => bail!("origin {other:?}: use rest, stream, derived or simulated"),
        };
        let mut provenance = Provenance::default();
        provenance.origin = origin;
        provenance.host = self.host.as_deref();
        provenance.production = true;
        provenance.expired = self.expired;
        provenance.computed = self.computed;
        Ok(provenance)
    }
}

/// What stays the same from the past of a case to its answer.
struct Asked {
    data: Data,
    exchange: Exchange,
    symbol: Symbol,
    interval: Interval,
    request: Request,
    profile: Profile,
    config: Config,
    quote: Option<Quote>,
}

impl Case {
    /// The least weight that counts as found.
    pub(super) fn least(&self) -> Result<Severity> {
        let Some(name) = &self.min_severity else {
            return Ok(Severity::Warning);
        };
        Ok(match name.to_lowercase().as_str() {
            "info" => Severity::Info,
            "warning" => Severity::Warning,
            "error" => Severity::Error,
            "critical" => Severity::Critical,
            _ => bail!("min_severity {name:?}: use info, warning, error or critical"),
        })
    }

    /// Where the fault belongs.
    pub(super) fn dimension(&self) -> Result<Option<Dimension>> {
        let Some(name) = &self.dimension else {
            return Ok(None);
        };
        let found = Dimension::ALL
            .into_iter()
            .find(|dimension| dimension.as_str() == name.to_lowercase());
        found
            .with_context(|| format!("dimension {name:?}: is none of the six"))
            .map(Some)
    }

    /// Judges the answer after its past.
    pub(super) fn report(&self) -> Result<(Data, Report)> {
        let at = |ms: i64, field: &str| {
            Timestamp::from_ms(ms).with_context(|| format!("{field}: out of range"))
        };
        let (received, now) = (at(self.recv_ms, "recv_ms")?, at(self.now_ms, "now_ms")?);
        let with = self.with.clone().unwrap_or_default();
        let asked = self.asked(&with, received)?;
        let mut last = self.read(&asked, &self.payload, None)?;
        last.excluded.extend(&with.unexplained);
        let mut pool = StatePool::default();
        let every = Duration::from_millis(with.every_ms.unwrap_or(1_000));
        self.past(&asked, &mut pool, &last.value, received, every)?;
        let peers = peers(&asked, &with.peers, now)?;
        let mut context = Context::new(&asked.request, asked.profile, received, now);
        context.config = &asked.config;
        context.quote = asked.quote;
        context.peers = peers;
        context.source_frozen = with.source_frozen;
        context.clock_ahead = with.clock_ahead_ms.map(Duration::from_millis);
        context.provenance = with.provenance.as_ref().map(Birth::read).transpose()?;
        let report = pool
            .judge(&asked.exchange, &last, &context)
            .context("a kind that no rule judges")?;
        Ok((asked.data, report))
    }

    fn asked(&self, with: &With, received: Timestamp) -> Result<Asked> {
        let (data, kind) = match self.kind.as_str() {
            "ticker" => (Data::Ticker, Kind::Ticker),
            "tickers" => (Data::Ticker, Kind::Tickers),
            "book" => (Data::Book, Kind::Book),
            "candles" => (Data::Candles, Kind::Candles),
            "trades" => (Data::Trades, Kind::Trades),
            other => bail!("kind {other:?}: use ticker, book, candles or trades"),
        };
        let kind = match &with.asked {
            Some(asked) => asked.parse()?,
            None => kind,
        };
        let symbol: Symbol = self.symbol.parse()?;
        let exchange: Exchange = self.exchange.to_lowercase().parse()?;
        let interval = match self.interval_s {
            Some(seconds) => unified::interval_of(seconds).context("interval_s: is no interval")?,
            None => Interval::M1,
        };
        let mut request = request(kind, &symbol, interval)?;
        match &mut request {
            Request::Tickers { symbols } => {
                *symbols = with
                    .symbols
                    .iter()
                    .map(|symbol| symbol.parse())
                    .collect::<Result<_, _>>()?;
            }
            Request::OrderBook { depth, .. } => *depth = with.depth,
            Request::Candles { since, limit, .. } => {
                (*since, *limit) = (
                    with.since_ms.and_then(Timestamp::from_ms),
                    with.limit.or_else(|| self.usual_length()),
                );
            }
            Request::Trades { since, limit, .. } => {
                (*since, *limit) = (with.since_ms.and_then(Timestamp::from_ms), with.limit);
            }
            _ => {}
        }
        let number = |text: &Option<String>| -> Result<Option<Decimal>> {
            Ok(text.as_deref().map(decimal::parse).transpose()?)
        };
        let profile = Profile::of(&exchange, kind)
            .with_steps(number(&with.price_tick)?, number(&with.amount_step)?);
        let mut config = Config::default();
        if let Some([min, max]) = &with.bounds {
            let bounds = PriceBounds::new(decimal::parse(min)?, decimal::parse(max)?)?;
            config = config.with_bounds(symbol.clone(), bounds);
        }
        let quote = match &with.quote {
            Some([bid, ask]) => Some(Quote {
                bid: decimal::parse(bid)?,
                ask: decimal::parse(ask)?,
                at: received,
            }),
            None => None,
        };
        Ok(Asked {
            data,
            exchange,
            symbol,
            interval,
            request,
            profile,
            config,
            quote,
        })
    }

    /// The bars of every answer before, where there are two or more of one length: as many were asked for this time as well.
    fn usual_length(&self) -> Option<u32> {
        let mut lengths = self.history.iter().flatten().map(|json| {
            let rows = json.get("rows").and_then(Value::as_array);
            rows.map_or(0, Vec::len)
        });
        let first = lengths.next().filter(|first| *first > 0)?;
        let second = lengths.next()?;
        (first == second && lengths.all(|length| length == first)).then_some(())?;
        u32::try_from(first).ok()
    }

    /// Reads an answer as what it holds, which is what the case is about unless told otherwise.
    fn read(&self, asked: &Asked, json: &Value, of: Option<Data>) -> Result<Decoded<Payload>> {
        let kind = match of {
            _ if self.kind == "tickers" => Kind::Tickers,
            Some(of) => kind(of),
            None => kind(asked.data),
        };
        unified::read(kind, json, &asked.symbol, asked.interval).context("a kind without records")
    }

    /// Lets the memory learn from the answers before. Those of another kind are answers to another question; bars also teach the prices of
    /// the kind that is judged.
    fn past(
        &self,
        asked: &Asked,
        pool: &mut StatePool,
        last: &Payload,
        received: Timestamp,
        every: Duration,
    ) -> Result<()> {
        let history = self.history.as_deref().unwrap_or_default();
        let delay = delay(last, received);
        for (nth, json) in history.iter().enumerate() {
            let of = shape(json).filter(|_| self.kind != "tickers");
            let decoded = self.read(asked, json, of)?;
            let back = u32::try_from(history.len() - nth).unwrap_or(u32::MAX);
            let came = match came(&decoded.value) {
                Some(time) => shifted(time, delay).min(received),
                None => received.saturating_sub(every.saturating_mul(back)),
            };
            let other = of.filter(|of| *of != asked.data);
            let length = match &decoded.value {
                Payload::Candles(series) => series.interval,
                _ => asked.interval,
            };
            let request = if other.is_some() || length != asked.interval {
                let kind = of.map_or(asked.request.kind(), kind);
                request(kind, &asked.symbol, length)?
            } else {
                asked.request.clone()
            };
            let profile = if other.is_some() {
                Profile::of(&asked.exchange, request.kind())
            } else {
                asked.profile
            };
            let mut context = Context::new(&request, profile, came, came);
            context.config = &asked.config;
            let _ = pool.judge(&asked.exchange, &decoded, &context);
            if let (Payload::Candles(bars), Some(_)) = (&decoded.value, other) {
                let kind = asked.request.kind();
                pool.state(&asked.exchange, Some(&asked.symbol), kind)
                    .teach(bars, 1.0);
            }
        }
        Ok(())
    }
}

/// The kind that holds such data.
const fn kind(data: Data) -> Kind {
    match data {
        Data::Ticker => Kind::Ticker,
        Data::Book => Kind::Book,
        Data::Candles => Kind::Candles,
        Data::Trades => Kind::Trades,
    }
}

/// The plainest question of a kind about one pair.
fn request(kind: Kind, symbol: &Symbol, interval: Interval) -> Result<Request> {
    let symbol = symbol.clone();
    Ok(match kind {
        Kind::Ticker => Request::Ticker { symbol },
        Kind::Tickers => Request::Tickers {
            symbols: Vec::new(),
        },
        Kind::Book => Request::OrderBook {
            symbol,
            depth: None,
        },
        Kind::Candles => Request::Candles {
            symbol,
            interval,
            since: None,
            limit: None,
        },
        Kind::Trades => Request::Trades {
            symbol,
            since: None,
            limit: None,
        },
        other => bail!("asked {other}: is no kind of a case"),
    })
}

/// What an answer holds, by its members.
fn shape(json: &Value) -> Option<Data> {
    let first = json.pointer("/rows/0");
    if first.is_some_and(Value::is_array) {
        return Some(Data::Candles);
    }
    if first.is_some_and(|row| row.get("amount").is_some()) {
        return Some(Data::Trades);
    }
    if json.get("bids").is_some_and(Value::is_array) {
        return Some(Data::Book);
    }
    json.get("last").map(|_| Data::Ticker)
}

/// What exchanges that are not named say of the pair.
fn peers(asked: &Asked, prices: &[String], now: Timestamp) -> Result<Option<Peers>> {
    let mut consensus = Consensus::default();
    for (nth, price) in prices.iter().enumerate() {
        let peer: Exchange = format!("peer_{nth}").parse()?;
        consensus.update(&peer, &asked.symbol, decimal::parse(price)?, None, now);
    }
    Ok(consensus.peers(&asked.exchange, &asked.symbol, now))
}

/// When an answer can have come at the earliest: its newest time, for bars the end of the last that is closed.
fn came(payload: &Payload) -> Option<Timestamp> {
    match payload {
        Payload::Candles(series) => {
            let closed = series
                .rows
                .iter()
                .filter(|row| row.closed)
                .map(|row| row.time)
                .max();
            closed.map(|time| time.saturating_add(series.interval.duration()))
        }
        other => other.exchange_time(),
    }
}

/// Nanoseconds from event to receipt of this source, as far as the judged answer tells: at most a second, and no less than what a clock
/// that is a little behind makes of it.
fn delay(payload: &Payload, received: Timestamp) -> i64 {
    const LEAST: i64 = -1_500_000_000;
    const MOST: i64 = 1_000_000_000;
    came(payload).map_or(0, |time| {
        received
            .as_ns()
            .saturating_sub(time.as_ns())
            .clamp(LEAST, MOST)
    })
}

fn shifted(time: Timestamp, by: i64) -> Timestamp {
    Timestamp::from_ns(time.as_ns().saturating_add(by))
}
