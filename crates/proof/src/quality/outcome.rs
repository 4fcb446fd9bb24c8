//! The tables and the rows.

mod crash;
mod shown;

use std::collections::BTreeMap;
use std::fmt;

use robust_market::{Dimension, Severity};

use super::beyond::Beyond;
use super::catalogue::{CATALOGUE, Data, Entry};
use super::clean::{Clean, Judged, is_hourly, per_10k};
use super::curves::{Crash, Power, SIGMAS, Shifts};
use super::recall::{Found, Recall};
use super::recorded::Recorded;
use super::scene::Origin;
use super::stats::Share;
use crate::report::Row;

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The files that were read.
    pub recorded: Recorded,
    /// What was said of sound data.
    pub clean: Clean,
    /// What was found of what was broken.
    pub recall: Recall,
    /// How small a displacement is found.
    pub power: Power,
    /// How soon a new level is believed.
    pub shifts: Shifts,
    /// The worst hours of recorded series.
    pub crashes: Vec<Crash>,
    /// What no single answer shows.
    pub beyond: Beyond,
}

/// A number that must be at least its goal.
pub(super) fn at_least(
    id: impl Into<String>,
    value: f64,
    unit: &'static str,
    goal: f64,
    note: String,
) -> Row {
    // Shares of equal counts are compared as they are printed, not to the last bit.
    row(id.into(), value, unit, goal, value + 1e-9 >= goal, note)
}

/// A number that must be at most its goal.
pub(super) fn at_most(
    id: impl Into<String>,
    value: f64,
    unit: &'static str,
    goal: f64,
    note: String,
) -> Row {
    row(id.into(), value, unit, goal, value <= goal + 1e-9, note)
}

impl Outcome {
    /// Of the tickers that are kept out, how many are broken, when one in a hundred is.
    fn precision(&self) -> Row {
        let tickers =
            |entry: &Entry| entry.data == Data::Ticker && entry.severity >= Severity::Error;
        let recall = self.recall.mean(tickers, |found| found.kept_out);
        let fits = |set: &Judged| {
            let hourly = is_hourly(set) && set.origin == Origin::RealHeldOut;
            hourly || (!self.clean.has_recorded() && set.data == Data::Ticker)
        };
        let alarms = self.clean.sum(fits, |set| set.not_accepted) as f64
            / (self.clean.sum(fits, |set| set.answers) as f64).max(1.0);
        let value = 0.01 * recall / (0.01 * recall + 0.99 * alarms).max(f64::MIN_POSITIVE);
        let note = format!("recall {recall:.4}, {:.2} false in 10,000", alarms * 1e4);
        at_least(
            "quality.precision_ticker_at_1_percent",
            value,
            "share",
            0.98,
            note,
        )
    }
}

impl Power {
    fn rows(&self) -> Vec<Row> {
        let row = |id: &str, share: Share, goal: f64| {
            at_least(id, share.value(), "share", goal, interval(share))
        };
        let (bar, print) = self.at(12);
        let mut rows = vec![
            row("quality.power.candles_12_sigma", bar, 0.95),
            row("quality.power.tickers_12_sigma", print, 0.95),
        ];
        let both = [self.at(15), self.at(18), self.at(20)];
        let sum = |of: fn(&(Share, Share)) -> Share| {
            both.iter().map(of).fold(Share::default(), |a, b| Share {
                hits: a.hits + b.hits,
                trials: a.trials + b.trials,
            })
        };
        rows.push(row(
            "quality.power.candles_15_20_sigma",
            sum(|both| both.0),
            0.99,
        ));
        rows.push(row(
            "quality.power.tickers_15_20_sigma",
            sum(|both| both.1),
            0.99,
        ));
        rows
    }
}

impl Shifts {
    fn rows(&self) -> Vec<Row> {
        let worst = self
            .steps
            .iter()
            .map(|(_, prints)| *prints)
            .max()
            .unwrap_or(0);
        let note: Vec<String> = self
            .steps
            .iter()
            .map(|(step, prints)| format!("× {step}: {prints}"))
            .collect();
        vec![
            at_most(
                "quality.level_shift_prints",
                worst as f64,
                "prints",
                3.0,
                note.join(", "),
            ),
            at_most(
                "quality.waterfall_prints",
                self.waterfall as f64,
                "prints",
                5.0,
                format!(
                    "a fall by 5 % a print, 20 prints; the slowest: {}",
                    self.slowest
                ),
            ),
        ]
    }
}

fn row(id: String, value: f64, unit: &'static str, goal: f64, holds: bool, note: String) -> Row {
    Row {
        id,
        value,
        unit,
        goal,
        holds: holds && value.is_finite(),
        peers: BTreeMap::new(),
        note,
    }
}

impl Outcome {
    /// One row for each number that has a goal.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = self.recall.rows();
        rows.extend(self.power.rows());
        rows.extend(self.clean.rows());
        rows.extend(self.shifts.rows());
        rows.push(self.precision());
        rows.extend(self.crash());
        rows.extend(self.beyond.rows());
        rows
    }
}

pub(super) fn interval(share: Share) -> String {
    let (low, high) = share.wilson();
    format!("95 % {low:.4}–{high:.4}, {}/{}", share.hits, share.trials)
}

impl Recall {
    fn rows(&self) -> Vec<Row> {
        let every = |_: &Entry| true;
        let heavy = |entry: &Entry| entry.severity >= Severity::Error;
        let any = |found: &Found| found.any;
        let there = |found: &Found| found.dimension;
        let out = |found: &Found| found.kept_out;
        let mut rows = vec![
            at_least(
                "quality.recall",
                self.mean(every, any),
                "share",
                0.97,
                interval(self.sum(every, any)),
            ),
            at_least(
                "quality.recall_dimension",
                self.mean(every, there),
                "share",
                0.95,
                interval(self.sum(every, there)),
            ),
            at_least(
                "quality.excluded_error_kinds",
                self.mean(heavy, out),
                "share",
                0.99,
                format!(
                    "{} kinds; {}",
                    CATALOGUE.iter().filter(|e| heavy(e)).count(),
                    interval(self.sum(heavy, out))
                ),
            ),
        ];
        let mut group = |id: &str, dimensions: &[Dimension], goal: f64| {
            let of = |entry: &Entry| dimensions.contains(&entry.dimension);
            let kinds = CATALOGUE.iter().filter(|entry| of(entry)).count();
            rows.push(at_least(
                format!("quality.recall.{id}"),
                self.mean(of, any),
                "share",
                goal,
                format!("{kinds} kinds; {}", interval(self.sum(of, any))),
            ));
        };
        use Dimension::{Accuracy, Completeness, Consistency, Timeliness, Uniqueness, Validity};
        group("structural", &[Validity, Consistency, Uniqueness], 1.0);
        group("accuracy", &[Accuracy], 0.95);
        group("timeliness", &[Timeliness], 1.0);
        group("completeness", &[Completeness], 1.0);
        rows
    }
}

impl Clean {
    fn rows(&self) -> Vec<Row> {
        // What rules were tuned on proves nothing. Without recordings the generated feeds have to do, and the note says so.
        let (shown, of) = if self.has_recorded() {
            (Origin::RealHeldOut, "recordings held out")
        } else {
            (
                Origin::Generated,
                "generated only: no recordings were given",
            )
        };
        let among = |set: &Judged, data| set.data == data && set.origin == shown;
        let rate =
            |id: &str, goal: f64, fits: &dyn Fn(&Judged) -> bool, what: fn(&Judged) -> u64| {
                let units = |set: &Judged| match set.data {
                    Data::Candles => set.records,
                    _ => set.answers,
                };
                let (count, total) = (self.sum(fits, what), self.sum(fits, units));
                let sets = self.sets.iter().filter(|set| fits(set)).count();
                let note = format!("{count} of {total} in {sets} sets; {of}");
                let value = if total == 0 {
                    f64::NAN
                } else {
                    per_10k(count, total)
                };
                at_most(id, value, "per 10,000", goal, note)
            };
        let candles = |set: &Judged| among(set, Data::Candles);
        let hourly = |set: &Judged| among(set, Data::Ticker) && is_hourly(set);
        let tick = |set: &Judged| among(set, Data::Ticker) && !is_hourly(set);
        let rejected = self.sum(|_| true, |set| set.rejected);
        let answers = self.sum(|_| true, |set| set.answers);
        let mut rows = vec![
            at_most(
                "quality.rejects_clean",
                rejected as f64,
                "answers",
                0.0,
                format!("of {answers}, all sets"),
            ),
            rate("quality.fp_candle_errors_per_10k", 0.2, &candles, |set| {
                set.errors
            }),
            rate("quality.fp_candle_warnings_per_10k", 2.0, &candles, |set| {
                set.warnings
            }),
        ];
        rows.push(rate(
            "quality.fp_ticker_hourly_per_10k",
            5.0,
            &hourly,
            |set| set.not_accepted,
        ));
        rows.push(rate("quality.fp_ticker_tick_per_10k", 1.0, &tick, |set| {
            set.not_accepted
        }));
        let worst = self
            .sets
            .iter()
            .min_by(|a, b| a.mean().total_cmp(&b.mean()));
        if let Some(worst) = worst {
            rows.push(at_least(
                "quality.clean_score_mean",
                worst.mean(),
                "score",
                95.0,
                format!("the lowest of {} sets: {}", self.sets.len(), worst.name),
            ));
        }
        rows
    }
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<44} {:<8} {:<9} {:<9} {:>7} {:>8} {:>6} {:>6} {:>7} {:>7} {:>6} {:>6}  rules that objected",
            "sound data",
            "kind",
            "exchange",
            "origin",
            "answers",
            "records",
            "err/1e4",
            "warn",
            "not acc",
            "reject",
            "mean",
            "p1"
        )?;
        for set in &self.sets {
            let rules: Vec<String> = set
                .rules
                .iter()
                .map(|(rule, count)| format!("{rule} {count}"))
                .collect();
            writeln!(
                f,
                "{:<44} {:<8} {:<9} {:<9} {:>7} {:>8} {:>6.2} {:>6.2} {:>7} {:>7} {:>6.2} {:>6.2}  {}",
                set.name,
                set.data.as_str(),
                set.exchange,
                set.origin.as_str(),
                set.answers,
                set.records,
                per_10k(set.errors, set.records),
                per_10k(set.warnings, set.records),
                set.not_accepted,
                set.rejected,
                set.mean(),
                set.p1(),
                rules.join(", ")
            )?;
        }
        writeln!(f, "\nscores of sound data by exchange and kind")?;
        for ((exchange, data), (sets, answers, mean, p1)) in self.by_exchange() {
            writeln!(
                f,
                "{exchange:<9} {:<8} {sets:>3} sets {answers:>7} answers  mean {mean:>6.2}  p1 {p1:>6.2}",
                data.as_str()
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.used.is_empty() {
            return writeln!(
                f,
                "no recordings: everything is generated (--data DIR reads a folder)"
            );
        }
        for origin in [Origin::RealTuning, Origin::RealHeldOut] {
            let files = self.used.iter().filter(|(_, of)| *of == origin);
            let files: Vec<&str> = files.map(|(file, _)| file.as_str()).collect();
            writeln!(f, "{}: {}", origin.as_str(), files.join(", "))?;
        }
        writeln!(f, "not read: {}", self.unknown.join(", "))
    }
}

impl fmt::Display for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<4} {:<12} {:<8} {:>5} {:>6} {:>13} {:>6} {:>6}  {:>23}  what",
            "kind",
            "dimension",
            "weight",
            "n",
            "found",
            "95 %",
            "there",
            "out",
            "a/exclude/quar/reject"
        )?;
        for (entry, found) in &self.found {
            let (low, high) = found.any.wilson();
            let [reject, quarantine, exclude, accept] = found.acceptance;
            let severity = format!("{:?}", entry.severity).to_lowercase();
            writeln!(
                f,
                "{:<4} {:<12} {severity:<8} {:>5} {:>6.3} {:>13} {:>6.3} {:>6.3}  {:>23}  {}",
                entry.id,
                entry.dimension.as_str(),
                found.any.trials,
                found.any.value(),
                format!("{low:.3}–{high:.3}"),
                found.dimension.value(),
                found.kept_out.value(),
                format!("{accept}/{exclude}/{quarantine}/{reject}"),
                entry.what
            )?;
        }
        writeln!(f)?;
        for data in Data::ALL {
            let of = |entry: &Entry| entry.data == data;
            writeln!(
                f,
                "{:<8} found {:.4}, there {:.4}",
                data.as_str(),
                self.mean(of, |found| found.any),
                self.mean(of, |found| found.dimension)
            )?;
        }
        self.by_dimension(f)?;
        let missed = self
            .found
            .iter()
            .filter(|(_, found)| !found.missed.is_empty());
        writeln!(
            f,
            "\nmissed, or booked elsewhere (rules that spoke; some bases):"
        )?;
        for (entry, found) in missed {
            let rules: Vec<String> = found
                .rules
                .iter()
                .map(|(rule, count)| format!("{rule} {count}"))
                .collect();
            writeln!(
                f,
                "  {} {}: generated {:.3}, recorded {:.3}; {}; {}",
                entry.id,
                entry.what,
                found.generated.value(),
                found.recorded.value(),
                if rules.is_empty() {
                    "no rule".to_owned()
                } else {
                    rules.join(", ")
                },
                found.missed.join(", ")
            )?;
        }
        if !self.refused.is_empty() {
            let refused: u32 = self.refused.values().sum();
            writeln!(
                f,
                "\nsound answers that no fault was put into, because a rule warns of them as they are: {refused}"
            )?;
            for (name, count) in &self.refused {
                writeln!(f, "  {name}: {count}")?;
            }
        }
        Ok(())
    }
}
