//! Labelled cases from files: what was never seen here.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use robust_market::{
    Acceptance, Dimension, Exchange, Interval, Kind, Payload, Report, Request, Severity, Symbol,
    Timestamp,
};
use robust_quality::{Profile, SymbolState};
use serde::Deserialize;
use serde_json::Value;

use super::catalogue::Data;
use super::outcome::{at_least, at_most, interval as shown};
use super::recorded::text_of;
use super::scene::{Grid, Shot, Source};
use super::stats::Share;
use super::unified;
use crate::report::Row;

/// The folder of the cases that come with this crate.
#[must_use]
pub fn own_cases() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/cases-quality"))
}

/// One labelled case, a line of a file.
#[derive(Debug, Clone, Deserialize)]
struct Case {
    id: String,
    kind: String,
    exchange: String,
    symbol: String,
    interval_s: Option<u64>,
    now_ms: i64,
    recv_ms: i64,
    #[serde(default)]
    history: Vec<Value>,
    payload: Value,
    label: Label,
    dimension: Option<String>,
    min_severity: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Label {
    Clean,
    Corrupt,
}

/// What became of the cases of one kind.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Corrupt cases with an objection that weighs enough.
    pub found: Share,
    /// Of those that name a dimension: with one there.
    pub dimension: Share,
    /// Corrupt cases that were not accepted as a whole.
    pub kept_out: Share,
    /// Clean cases with a warning or worse.
    pub false_alarms: Share,
    /// Acceptance of corrupt and of clean cases.
    pub acceptance: [[u32; 4]; 2],
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct Cases {
    /// By kind.
    pub tallies: BTreeMap<Data, Tally>,
    /// Cases that were judged otherwise than their label says, with what was said.
    pub wrong: Vec<String>,
}

/// Judges every case of the folder.
///
/// # Errors
///
/// When the folder cannot be read, holds no case, or a line is no case.
pub fn run(dir: &Path) -> Result<Cases> {
    let mut cases = Cases::default();
    let entries = std::fs::read_dir(dir)
        .with_context(|| format!("cases {}: cannot be read", dir.display()))?;
    let mut files: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "jsonl")
    });
    files.sort();
    for path in &files {
        let text = text_of(path)?;
        for (nth, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            let place = || format!("{}:{}", path.display(), nth + 1);
            let case: Case = serde_json::from_str(line).with_context(place)?;
            cases.judge(&case).with_context(place)?;
        }
    }
    ensure!(
        !cases.tallies.is_empty(),
        "cases {}: no *.jsonl with a case in it",
        dir.display()
    );
    Ok(cases)
}

impl Cases {
    fn judge(&mut self, case: &Case) -> Result<()> {
        let (data, report) = report(case)?;
        let least = match case.min_severity.as_deref() {
            None | Some("warning") => Severity::Warning,
            Some("info") => Severity::Info,
            Some("error") => Severity::Error,
            Some("critical") => Severity::Critical,
            Some(other) => {
                anyhow::bail!("min_severity {other:?}: use info, warning, error or critical")
            }
        };
        let dimension = case.dimension.as_deref().map(dimension).transpose()?;
        let tally = self.tallies.entry(data).or_default();
        let side = usize::from(case.label == Label::Clean);
        tally.acceptance[side][report.acceptance as usize] += 1;
        let heavy = |least| {
            report
                .issues
                .iter()
                .filter(move |issue| issue.severity >= least)
        };
        let right = if case.label == Label::Corrupt {
            let found = heavy(least).next().is_some();
            tally.found.add(found);
            tally.kept_out.add(report.acceptance != Acceptance::Accept);
            if let Some(dimension) = dimension {
                tally
                    .dimension
                    .add(heavy(least).any(|issue| issue.dimension == dimension));
            }
            found
        } else {
            let alarm = heavy(Severity::Warning).next().is_some();
            tally.false_alarms.add(alarm);
            !alarm
        };
        if !right {
            let said: Vec<&str> = heavy(Severity::Info)
                .take(5)
                .map(|issue| issue.rule)
                .collect();
            let said = if said.is_empty() {
                "nothing".to_owned()
            } else {
                said.join(", ")
            };
            self.wrong.push(format!(
                "{} ({:?}): {} {said}",
                case.id, case.label, report.acceptance
            ));
        }
        Ok(())
    }

    /// The sum over the kinds.
    #[must_use]
    pub fn sum(&self, of: impl Fn(&Tally) -> Share) -> Share {
        self.tallies
            .values()
            .map(of)
            .fold(Share::default(), |a, b| Share {
                hits: a.hits + b.hits,
                trials: a.trials + b.trials,
            })
    }

    /// The two rows of the issue.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let found = self.sum(|tally| tally.found);
        let alarms = self.sum(|tally| tally.false_alarms);
        let alarms_note = format!("clean cases with a warning or worse; {}", shown(alarms));
        vec![
            at_least("cases.recall", found.value(), "share", 0.97, shown(found)),
            at_most(
                "cases.false_alarms_per_10k",
                alarms.value() * 1e4,
                "per 10,000",
                5.0,
                alarms_note,
            ),
        ]
    }
}

fn dimension(name: &str) -> Result<Dimension> {
    let found = Dimension::ALL
        .into_iter()
        .find(|dimension| dimension.as_str() == name);
    found.with_context(|| format!("dimension {name:?}: is none of the six"))
}

/// Judges one case after its history.
fn report(case: &Case) -> Result<(Data, Report)> {
    let data = Data::ALL
        .into_iter()
        .find(|data| data.as_str() == case.kind);
    let data =
        data.with_context(|| format!("kind {:?}: use ticker, book, candles or trades", case.kind))?;
    let symbol: Symbol = case.symbol.parse()?;
    let exchange: Exchange = case.exchange.parse()?;
    let interval = match case.interval_s {
        Some(seconds) => unified::interval_of(seconds).context("interval_s: is no interval")?,
        None => Interval::M1,
    };
    let at = |ms: i64, field: &str| {
        Timestamp::from_ms(ms).with_context(|| format!("{field}: out of range"))
    };
    let (received, now) = (at(case.recv_ms, "recv_ms")?, at(case.now_ms, "now_ms")?);
    let request = match data {
        Data::Ticker => Request::Ticker {
            symbol: symbol.clone(),
        },
        Data::Book => Request::OrderBook {
            symbol: symbol.clone(),
            depth: None,
        },
        Data::Candles => Request::Candles {
            symbol: symbol.clone(),
            interval,
            since: None,
            limit: None,
        },
        Data::Trades => Request::Trades {
            symbol: symbol.clone(),
            since: None,
            limit: None,
        },
    };
    let kind = match data {
        Data::Ticker => Kind::Ticker,
        Data::Book => Kind::Book,
        Data::Candles => Kind::Candles,
        Data::Trades => Kind::Trades,
    };
    let source = Source {
        profile: Profile::of(&exchange, kind),
        exchange,
        request,
        grid: Grid { price: 0, size: 0 },
    };
    let mut state = SymbolState::new();
    let last = unified::read(data, &case.payload, &symbol, interval);
    let delay = delay(&last.value, received, interval);
    for (nth, json) in case.history.iter().enumerate() {
        // Bars before anything else teach the prices.
        let is_bars = json.pointer("/rows/0").is_some_and(Value::is_array);
        let of = if is_bars { Data::Candles } else { data };
        let decoded = unified::read(of, json, &symbol, interval);
        if let (Payload::Candles(bars), false) = (&decoded.value, data == Data::Candles) {
            state.teach(bars, 1.0);
            continue;
        }
        let back = u32::try_from(case.history.len() - nth).unwrap_or(u32::MAX);
        let second = Duration::from_secs(1) * back;
        let came = match came(&decoded.value, interval) {
            Some(time) => time.saturating_add(delay).min(received),
            None => received.saturating_sub(second),
        };
        let shot = Shot::read(decoded, came, came);
        let _ = source.judge(&shot, &mut state);
    }
    let shot = Shot::read(last, received, now);
    let report = source
        .judge(&shot, &mut state)
        .context("a kind that no rule judges")?;
    Ok((data, report))
}

/// When an answer can have come at the earliest: its newest time, for bars the end of the last that is closed.
fn came(payload: &Payload, interval: Interval) -> Option<Timestamp> {
    match payload {
        Payload::Candles(series) => {
            let closed = series
                .rows
                .iter()
                .filter(|row| row.closed)
                .map(|row| row.time)
                .max();
            closed.map(|time| time.saturating_add(interval.duration()))
        }
        other => other.exchange_time(),
    }
}

/// How long answers of this source take, as far as the judged one tells: at most a second.
fn delay(payload: &Payload, received: Timestamp, interval: Interval) -> Duration {
    came(payload, interval)
        .map_or(Duration::ZERO, |time| received.since(time))
        .min(Duration::from_secs(1))
}

impl fmt::Display for Cases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<8} {:>7} {:>6} {:>6} {:>6} {:>24} {:>7} {:>7} {:>24}",
            "kind",
            "corrupt",
            "found",
            "there",
            "out",
            "accept/exclude/quar/rej",
            "clean",
            "alarms",
            "accept/exclude/quar/rej"
        )?;
        for (data, tally) in &self.tallies {
            let words = |[reject, quarantine, exclude, accept]: [u32; 4]| {
                format!("{accept}/{exclude}/{quarantine}/{reject}")
            };
            let [corrupt, clean] = tally.acceptance;
            writeln!(
                f,
                "{:<8} {:>7} {:>6.3} {:>6.3} {:>6.3} {:>24} {:>7} {:>7} {:>24}",
                data.as_str(),
                tally.found.trials,
                tally.found.value(),
                tally.dimension.value(),
                tally.kept_out.value(),
                words(corrupt),
                tally.false_alarms.trials,
                tally.false_alarms.hits,
                words(clean)
            )?;
        }
        for wrong in &self.wrong {
            writeln!(f, "  {wrong}")?;
        }
        for row in self.rows() {
            let word = if row.holds { "holds" } else { "MISSED" };
            writeln!(
                f,
                "{:<28} {:>9.4} {:<10} goal {:<5} {word} {}",
                row.id, row.value, row.unit, row.goal, row.note
            )?;
        }
        Ok(())
    }
}
