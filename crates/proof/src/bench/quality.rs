//! Judging, beside the decoding of the same bytes.

mod bytes;
mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::pairs::{Compared, compare};
use crate::quality::Data;
use crate::report::Row;
pub use work::{Tickers, Venue, Work};

/// The most that judging may cost, as a share of decoding the same bytes.
pub const SHARE_GOAL: f64 = 0.5;

/// The time of one timing: long beside the clock, short beside what disturbs it.
const SLICE: Duration = Duration::from_millis(2);

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time for all comparisons together.
    pub budget: Duration,
    /// The program that counts allocations; the one beside this program without it.
    pub allocations: Option<PathBuf>,
}

/// One comparison.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The exchange whose bytes are decoded.
    pub venue: Venue,
    /// What is judged.
    pub data: Data,
    /// Judging first, decoding second.
    pub compared: Compared,
    /// Allocations of judging one answer.
    pub allocations: f64,
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Judging {
    /// Each kind of answer of each exchange.
    pub judged: Vec<Judged>,
    /// Allocations of judging one ticker that nothing is said against, by exchange.
    pub tickers: BTreeMap<String, f64>,
}

impl Judging {
    /// Runs every comparison.
    ///
    /// # Errors
    ///
    /// When a made answer is not read, or is not accepted without a word, or the program that counts allocations does not answer.
    pub fn run(options: &Options) -> Result<Self> {
        let counted = allocations(options.allocations.as_deref())?;
        let pairs = Venue::ALL.len() * Data::ALL.len();
        let budget = options.budget / u32::try_from(pairs)?;
        let mut judged = Vec::new();
        for venue in Venue::ALL {
            for data in Data::ALL {
                let mut judging = Work::new(venue, data)?;
                let decoding = judging.clone();
                let mut next = 0;
                let compared = compare(
                    budget,
                    SLICE,
                    || judging.judge_next(),
                    || {
                        next += 1;
                        black_box(decoding.decode(next));
                    },
                );
                let name = format!("{} {}", venue.as_str(), data.as_str());
                let allocations = counted.get(&name).copied();
                judged.push(Judged {
                    venue,
                    data,
                    compared,
                    allocations: allocations.with_context(|| format!("{name}: was not counted"))?,
                });
            }
        }
        let tickers = Tickers::STYLES
            .into_iter()
            .map(|style| {
                let exchange = Tickers::new(style)?.exchange().to_owned();
                let allocations = counted.get(&format!("{exchange} tickers")).copied();
                let allocations = allocations
                    .with_context(|| format!("{exchange}: its tickers were not counted"))?;
                Ok((exchange, allocations))
            })
            .collect::<Result<_>>()?;
        Ok(Self { judged, tickers })
    }

    /// For each kind of data the worst of the exchanges, and what a judged ticker allocates.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Data::ALL
            .into_iter()
            .filter_map(|data| {
                let worst = self
                    .judged
                    .iter()
                    .filter(|judged| judged.data == data)
                    .max_by(|a, b| a.compared.bound.1.total_cmp(&b.compared.bound.1))?;
                Some(worst.row())
            })
            .collect();
        let most = self.tickers.values().copied().fold(f64::NAN, f64::max);
        rows.push(Row {
            id: "quality.ticker.allocs".to_owned(),
            value: most,
            unit: "allocations",
            goal: 0.0,
            holds: most <= 0.0,
            peers: self.tickers.clone(),
            note: "of judging one ticker, the most of the exchanges".to_owned(),
        });
        rows
    }
}

impl Judged {
    fn row(&self) -> Row {
        let c = &self.compared;
        Row {
            id: format!("quality.{}.ratio", self.data.as_str()),
            value: c.ratio,
            unit: "ratio",
            goal: SHARE_GOAL,
            // The upper end of the bound has to reach the goal, not only the median.
            holds: c.bound.1 <= SHARE_GOAL,
            peers: BTreeMap::from([
                ("judging_ns".to_owned(), c.first_ns),
                ("decoding_ns".to_owned(), c.second_ns),
            ]),
            note: format!(
                "{}, {}: {:.2} µs to {:.2} µs; 95 % between {:.3} and {:.3}, {} pairs; {:.1} allocations",
                self.venue.as_str(),
                work::size(self.data),
                c.first_ns / 1e3,
                c.second_ns / 1e3,
                c.bound.0,
                c.bound.1,
                c.pairs,
                self.allocations
            ),
        }
    }
}

/// What the counting program says, by exchange and kind.
fn allocations(program: Option<&Path>) -> Result<BTreeMap<String, f64>> {
    let name = format!("proof-allocations{}", std::env::consts::EXE_SUFFIX);
    let program = match program {
        Some(program) => program.to_owned(),
        None => std::env::current_exe()?.with_file_name(name),
    };
    let output = Command::new(&program).output().with_context(|| {
        format!(
            "{}: cannot be started; build it with `cargo build --release -p robust-proof --bin proof-allocations`",
            program.display()
        )
    })?;
    ensure!(
        output.status.success(),
        "the program that counts allocations failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    let read = |line: &str| {
        Some((
            line.split_once('\t')?.0.to_owned(),
            line.split_once('\t')?.1.parse().ok()?,
        ))
    };
    text.lines()
        .map(|line| read(line).with_context(|| format!("{line:?}: is no count")))
        .collect()
}

impl fmt::Display for Judging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<8} {:<24} {:>11} {:>11} {:>6} {:>13} {:>6} {:>7}  goal",
            "exchange", "answer", "judged µs", "decoded µs", "ratio", "95 %", "pairs", "allocs"
        )?;
        for judged in &self.judged {
            let c = &judged.compared;
            writeln!(
                f,
                "{:<8} {:<24} {:>11.2} {:>11.2} {:>6.3} {:>6.3}–{:<6.3} {:>6} {:>7.1}  {}",
                judged.venue.as_str(),
                work::size(judged.data),
                c.first_ns / 1e3,
                c.second_ns / 1e3,
                c.ratio,
                c.bound.0,
                c.bound.1,
                c.pairs,
                judged.allocations,
                if judged.row().holds {
                    "holds"
                } else {
                    "MISSED"
                },
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(venue: Venue, upper: f64, allocations: f64) -> Judged {
        Judged {
            venue,
            data: Data::Ticker,
            compared: Compared {
                first_ns: 500.0,
                second_ns: 1_000.0,
                ratio: 0.49,
                bound: (0.4, upper),
                pairs: 31,
            },
            allocations,
        }
    }

    #[test]
    fn the_worse_exchange_counts_and_the_upper_end_of_its_bound_has_to_hold() {
        let rows = |upper, allocations| {
            let first = judged(Venue::Binance, 0.45, 0.0);
            let judged = vec![first, judged(Venue::Kraken, upper, allocations)];
            let tickers = BTreeMap::from([("kraken".to_owned(), allocations)]);
            Judging { judged, tickers }.rows()
        };
        let good = rows(0.5, 0.0);
        assert_eq!(good.len(), 2);
        assert!(good.iter().all(|row| row.holds), "{good:?}");
        assert!(good[0].note.starts_with("kraken"), "{}", good[0].note);
        let bad = rows(0.501, 1.0);
        assert_eq!(bad[0].id, "quality.ticker.ratio");
        assert_eq!(bad[1].id, "quality.ticker.allocs");
        assert!(bad.iter().all(|row| !row.holds), "{bad:?}");
    }

    #[test]
    fn tickers_of_every_exchange_are_accepted_without_a_word() {
        for style in Tickers::STYLES {
            let mut tickers = Tickers::new(style).unwrap();
            assert!(tickers.judge().unwrap() > 100);
        }
    }

    #[test]
    fn every_answer_is_read_and_accepted_without_a_word() {
        for venue in Venue::ALL {
            for data in Data::ALL {
                let mut work = Work::new(venue, data).unwrap();
                work.judge_next();
                assert!(work.decode(3) > 0);
            }
        }
    }
}
