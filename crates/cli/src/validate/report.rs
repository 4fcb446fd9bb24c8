//! The verdict in words and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use robust_data_manager::market::{
    Acceptance, Dimension, Issue, Payload, Report, Severity, escape,
};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Verdict;
use super::form::Answer;
use crate::args::{Form, ValidateArgs};
use crate::json;

/// Answers that are shown one by one of a file of many.
const SHOWN: usize = 20;

/// What was judged and how it ended, in one line.
pub(crate) fn headline(args: &ValidateArgs, verdicts: &[Verdict]) -> String {
    let (kind, exchange) = (args.kind.kind(), &args.exchange);
    match verdicts {
        [(answer, report)] => {
            let pair = answer.request.symbol().filter(|_| named(answer));
            let pair = pair.map(|symbol| format!("{symbol} ")).unwrap_or_default();
            let (score, acceptance) = (report.overall, report.acceptance);
            format!("{pair}{kind} of {exchange}: {score} of 100, {acceptance}")
        }
        many => {
            let worst = many.iter().map(|(_, report)| report.acceptance).min();
            let worst = worst.unwrap_or(Acceptance::Accept);
            let mean = mean(many);
            format!(
                "{} answers, {kind} of {exchange}: {mean:.1} of 100 on average, at worst {worst}",
                many.len()
            )
        }
    }
}

/// Whether the pair is that of the data, and no stand-in.
fn named(answer: &Answer) -> bool {
    answer.lines.is_empty()
        || answer
            .request
            .symbol()
            .is_some_and(|symbol| symbol.as_str() != "BASE/QUOTE")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody has 2^53 answers in 64 MiB"
)]
fn mean(verdicts: &[Verdict]) -> f64 {
    let sum: f64 = verdicts
        .iter()
        .map(|(_, report)| report.overall.get())
        .sum();
    sum / verdicts.len().max(1) as f64
}

/// The verdict for people.
pub(crate) fn text(args: &ValidateArgs, verdicts: &[Verdict]) -> String {
    let mut text = headline(args, verdicts);
    match verdicts {
        [(answer, report)] => one(&mut text, answer, report),
        many => several(&mut text, many),
    }
    text
}

fn one(text: &mut String, answer: &Answer, report: &Report) {
    let records = answer.decoded.value.len() + answer.decoded.excluded.len();
    let _ = write!(
        text,
        "\n\nrecords      {records}, received {}",
        answer.received
    );
    for dimension in Dimension::ALL {
        let score = report.dimension(dimension);
        let score = score.map_or("not judged".to_owned(), |score| format!("{score:>5}"));
        let _ = write!(text, "\n{:<12} {score}", dimension.as_str());
    }
    let _ = write!(text, "\nacceptance   {}", report.acceptance);
    if !report.exclusions.is_empty() {
        let shown: Vec<String> = report
            .exclusions
            .iter()
            .take(SHOWN)
            .map(|place| here(answer, *place))
            .collect();
        let more = report.exclusions.len().saturating_sub(SHOWN);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let _ = write!(text, "\nleave away   {}{more}", shown.join(", "));
    }
    for issue in &report.issues {
        let place = issue.index.map(|place| format!(" {}", here(answer, place)));
        let field = issue.field.as_deref().map(|field| format!(" {field}"));
        let _ = write!(
            text,
            "\n{:<8} {}{}{}: {}",
            word(issue.severity),
            issue.rule,
            place.unwrap_or_default(),
            field.unwrap_or_default(),
            plain(&issue.message)
        );
    }
    if report.issues_dropped > 0 {
        let _ = write!(text, "\nand {} issues more", report.issues_dropped);
    }
}

/// Where a record stands: its line in a CSV, else its position counted from 0, as in the JSON.
fn here(answer: &Answer, place: usize) -> String {
    let line = answer.lines.get(place).map(|line| format!("line {line}"));
    line.unwrap_or_else(|| match &answer.decoded.value {
        Payload::OrderBook(_) => format!("level {place}"),
        Payload::Candles(_) | Payload::Trades(_) => format!("row {place}"),
        _ => "record".to_owned(),
    })
}

fn several(text: &mut String, verdicts: &[Verdict]) {
    let mut counts: BTreeMap<Acceptance, usize> = BTreeMap::new();
    let mut rules: BTreeMap<(Severity, &str), (usize, &Issue)> = BTreeMap::new();
    for (_, report) in verdicts {
        *counts.entry(report.acceptance).or_default() += 1;
        for issue in &report.issues {
            let known = rules
                .entry((issue.severity, issue.rule))
                .or_insert((0, issue));
            known.0 += 1;
        }
    }
    text.push('\n');
    for (acceptance, count) in counts.iter().rev() {
        let _ = write!(text, "\n{acceptance:<23} {count}");
    }
    for ((severity, rule), (count, first)) in rules.iter().rev() {
        let message = plain(&first.message);
        let _ = write!(
            text,
            "\n{:<8} {rule} {count} times, first: {message}",
            word(*severity)
        );
    }
    let held = || {
        let all = verdicts.iter();
        all.filter(|(_, report)| report.acceptance <= Acceptance::Quarantine)
    };
    for (answer, report) in held().take(SHOWN) {
        let line = answer.line.map(|line| format!("line {line}, "));
        let worst = report.issues.first().map_or("", |issue| issue.rule);
        let _ = write!(
            text,
            "\n{}{}: {} {} {worst}",
            line.unwrap_or_default(),
            answer.received,
            report.acceptance,
            report.overall
        );
    }
    let more = held().count().saturating_sub(SHOWN);
    if more > 0 {
        let _ = write!(text, "\nand {more} more that are not accepted");
    }
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Critical => "critical",
    }
}

/// What others have written in the data, without control characters.
fn plain(message: &str) -> String {
    if message.chars().any(char::is_control) {
        escape(message)
    } else {
        message.to_owned()
    }
}

/// The verdict for programs: `docs/formats.md`.
pub(crate) fn json(
    args: &ValidateArgs,
    name: &str,
    form: Form,
    skipped: usize,
    verdicts: &[Verdict],
) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Document<'a> {
        v: u32,
        input: &'a str,
        form: &'static str,
        kind: &'static str,
        exchange: &'a str,
        acceptance: Option<Acceptance>,
        mean: f64,
        skipped: usize,
        answers: Vec<One<'a>>,
    }
    json::text(&Document {
        v: 1,
        input: name,
        form: match form {
            Form::Exchange => "exchange",
            Form::Unified => "unified",
            Form::Csv => "csv",
        },
        kind: args.kind.kind().as_str(),
        exchange: args.exchange.as_str(),
        acceptance: verdicts.iter().map(|(_, report)| report.acceptance).min(),
        mean: (mean(verdicts) * 1e3).round() / 1e3,
        skipped,
        answers: verdicts.iter().map(One).collect(),
    })
}

struct One<'a>(&'a Verdict);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (answer, report) = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("line", &answer.line)?;
        map.serialize_entry("symbol", &answer.request.symbol().filter(|_| named(answer)))?;
        map.serialize_entry("received_ms", &answer.received.as_ms())?;
        let records = answer.decoded.value.len() + answer.decoded.excluded.len();
        map.serialize_entry("records", &records)?;
        map.serialize_entry("quality", &**report)?;
        if !answer.lines.is_empty() {
            let line = |issue: &Issue| issue.index.and_then(|place| answer.lines.get(place));
            let lines: Vec<_> = report.issues.iter().map(line).collect();
            map.serialize_entry("issue_lines", &lines)?;
        }
        map.end()
    }
}
