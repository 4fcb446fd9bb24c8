//! Decoding: our connectors beside plain serde into borrowed text.

use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::{HeaderMap, StatusCode};
use robust_connectors::{Context, Reply};
use robust_market::Timestamp;

use super::pairs::{Compared, compare};
use super::plain;
use crate::payloads::{Kind, Venue};
use crate::report::Row;

/// How many times as long as plain serde our decoding may take. It makes exact decimals, times and notes on what is broken besides.
pub const RATIO_GOAL: f64 = 1.6;

/// The time of one timing: long beside the clock, short beside what disturbs it.
const SLICE: Duration = Duration::from_millis(1);

/// Records of a payload: trades and bars as many as an exchange sends at once, levels a side.
const fn records(kind: Kind) -> u32 {
    match kind {
        Kind::Ticker => 1,
        Kind::Book => 20,
        Kind::Trade | Kind::Candle => 500,
    }
}

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time for all comparisons together.
    pub budget: Duration,
    /// The program of the peers (`bench/peers`), where it is built.
    pub peers: Option<PathBuf>,
}

/// One comparison.
#[derive(Debug, Clone)]
pub struct Timed {
    /// The exchange.
    pub venue: Venue,
    /// The kind of answer.
    pub kind: Kind,
    /// Ours first, plain serde second; of one ticker, trade or bar, or of one whole book.
    pub compared: Compared,
    /// Nanoseconds of barter-data for its message with the same numbers, where it has one.
    pub barter_ns: Option<f64>,
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Decode(pub Vec<Timed>);

impl Decode {
    /// Runs every comparison.
    ///
    /// # Errors
    ///
    /// When a made answer is not read, or the program of the peers does not answer.
    pub fn run(options: &Options) -> Result<Self> {
        let cases = u32::try_from(Venue::ALL.len() * Kind::ALL.len())?;
        let budget = options.budget / cases;
        let mut timed = Vec::new();
        for venue in Venue::ALL {
            for kind in Kind::ALL {
                let compared = one(venue, kind, budget)?;
                let barter_ns = match &options.peers {
                    Some(program) => peer(program, venue, kind)?,
                    None => None,
                };
                timed.push(Timed {
                    venue,
                    kind,
                    compared,
                    barter_ns,
                });
            }
        }
        Ok(Self(timed))
    }

    /// One row a comparison. The upper end of the bound has to reach the goal, not only the median.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.0.iter().map(Timed::row).collect()
    }
}

impl Timed {
    fn row(&self) -> Row {
        let c = &self.compared;
        let mut peers = BTreeMap::from([("serde_json_ns".to_owned(), c.second_ns)]);
        if let Some(ns) = self.barter_ns {
            peers.insert("barter_data_ns".to_owned(), ns);
        }
        Row {
            id: format!(
                "decode.{}.{}.ratio",
                self.venue.as_str(),
                self.kind.as_str()
            ),
            value: c.ratio,
            unit: "ratio",
            goal: RATIO_GOAL,
            holds: c.bound.1 <= RATIO_GOAL,
            peers,
            note: format!(
                "{:.0} ns against {:.0} ns; 95 % between {:.3} and {:.3}, {} pairs",
                c.first_ns, c.second_ns, c.bound.0, c.bound.1, c.pairs
            ),
        }
    }
}

fn made(venue: Venue, kind: Kind) -> String {
    venue.body(kind, records(kind).into(), &mut fastrand::Rng::with_seed(3))
}

fn one(venue: Venue, kind: Kind, budget: Duration) -> Result<Compared> {
    let body = made(venue, kind);
    let connector = venue.connector();
    let symbols = connector.symbols();
    let now = Timestamp::from_secs(1_800_000_000).context("a time in range")?;
    let context = Context::new(&symbols, now);
    let headers = HeaderMap::new();
    let request = venue.request(kind)?;
    let decode = |body: &[u8]| {
        let reply = Reply {
            status: StatusCode::OK,
            headers: &headers,
            body,
        };
        connector.decode(&request, &context, &reply)
    };
    let name = format!("{} {}", venue.as_str(), kind.as_str());
    let is_clean = decode(body.as_bytes()).is_ok_and(|decoded| decoded.is_clean());
    ensure!(is_clean, "{name}: our side does not read the made answer");
    let plainly = plain::read(venue, kind, body.as_bytes()).is_some();
    ensure!(
        plainly,
        "{name}: the plain side does not read the made answer"
    );
    let mut compared = compare(
        budget,
        SLICE,
        || {
            let _ = black_box(decode(black_box(body.as_bytes())));
        },
        || {
            black_box(plain::read(venue, kind, black_box(body.as_bytes())));
        },
    );
    if kind != Kind::Book {
        compared.first_ns /= f64::from(records(kind));
        compared.second_ns /= f64::from(records(kind));
    }
    Ok(compared)
}

/// Asks the program of the peers for the nanoseconds of a record. It reads messages of a stream line by line, or a whole book.
fn peer(program: &PathBuf, venue: Venue, kind: Kind) -> Result<Option<f64>> {
    let (name, messages) = match (venue, kind) {
        (Venue::Kraken, Kind::Trade) => ("kraken_trade", kraken_stream()),
        (Venue::Binance, Kind::Trade) => ("binance_trade", binance_stream()),
        (Venue::Binance, Kind::Book) => ("binance_book", made(venue, kind)),
        _ => return Ok(None),
    };
    let mut child = Command::new(program)
        .arg(name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the program of the peers cannot be started")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(messages.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the program of the peers failed");
    let text = String::from_utf8(output.stdout)?;
    Ok(Some(text.trim().parse()?))
}

/// The trades of the made answer as one message of Kraken's stream, with all of them in it.
fn kraken_stream() -> String {
    let body = made(Venue::Kraken, Kind::Trade);
    let rows = body
        .split("[[")
        .nth(1)
        .and_then(|text| text.split("]]").next());
    let rows: Vec<String> = rows
        .unwrap_or_default()
        .split("],[")
        .map(|row| {
            // Price, size, time as text, side, order type, misc.
            let cells: Vec<&str> = row.split(',').collect();
            match cells.as_slice() {
                [price, size, time, side, order, misc, ..] => {
                    format!("[{price},{size},\"{time}\",{side},{order},{misc}]")
                }
                _ => String::new(),
            }
        })
        .collect();
    format!("[0,[{}],\"trade\",\"XBT/USD\"]", rows.join(","))
}

/// The trades of the made answer as messages of Binance's stream, one a line.
fn binance_stream() -> String {
    let body = made(Venue::Binance, Kind::Trade);
    body.trim_matches(['[', ']'])
        .split("},{")
        .map(|row| {
            let row = row.trim_matches(['{', '}']).replace("\"a\":", "\"t\":");
            format!("{{\"e\":\"trade\",\"E\":1716508800000,\"s\":\"BTCUSDT\",{row}}}\n")
        })
        .collect()
}

impl fmt::Display for Decode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10} {:<8} {:>9} {:>9} {:>7} {:>15} {:>6} {:>11}  goal",
            "exchange", "kind", "ours ns", "serde ns", "ratio", "95 %", "pairs", "barter ns"
        )?;
        for timed in &self.0 {
            let c = &timed.compared;
            let barter = timed
                .barter_ns
                .map_or_else(|| "-".to_owned(), |ns| format!("{ns:.0}"));
            writeln!(
                f,
                "{:<10} {:<8} {:>9.0} {:>9.0} {:>7.2} {:>7.2}–{:<7.2} {:>6} {:>11}  {}",
                timed.venue.as_str(),
                timed.kind.as_str(),
                c.first_ns,
                c.second_ns,
                c.ratio,
                c.bound.0,
                c.bound.1,
                c.pairs,
                barter,
                if timed.row().holds { "holds" } else { "MISSED" },
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_end_of_the_bound_has_to_hold() {
        let timed = |upper| Timed {
            venue: Venue::Kraken,
            kind: Kind::Book,
            compared: Compared {
                first_ns: 150.0,
                second_ns: 100.0,
                ratio: 1.5,
                bound: (1.4, upper),
                pairs: 31,
            },
            barter_ns: None,
        };
        assert!(timed(1.6).row().holds);
        assert!(!timed(1.61).row().holds);
        assert_eq!(timed(1.6).row().id, "decode.kraken.book.ratio");
    }

    #[test]
    fn messages_of_the_streams_hold_every_trade() {
        assert_eq!(binance_stream().lines().count(), 500);
        for line in binance_stream().lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        let kraken: serde_json::Value = serde_json::from_str(&kraken_stream()).unwrap();
        assert_eq!(kraken[1].as_array().unwrap().len(), 500);
    }
}
