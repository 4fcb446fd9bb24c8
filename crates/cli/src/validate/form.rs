//! Which of the three forms captured data has, and its answers.

use robust_data_manager::Validator;
use robust_data_manager::market::{
    Decoded, Interval, Kind, Payload, Request, Symbol, Timestamp, quote, unified,
};
use serde_json::Value;

use super::bars;
use crate::args::{Form, ValidateArgs};
use crate::exit::Failure;

/// One answer to one question.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) request: Request,
    pub(crate) decoded: Decoded<Payload>,
    /// When its first byte came.
    pub(crate) received: Timestamp,
    /// The line that it stands on, in a file of many.
    pub(crate) line: Option<usize>,
    /// The line of each record, for CSV.
    pub(crate) lines: Vec<u64>,
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) form: Form,
    pub(crate) answers: Vec<Answer>,
    /// Samples that are about something else.
    pub(crate) skipped: usize,
    /// What a reader should know.
    pub(crate) notes: Vec<String>,
}

/// Reads the text in the form that it is said to have, or that it looks like.
pub(crate) fn read(
    args: &ValidateArgs,
    name: &str,
    text: &str,
    validator: &Validator,
    now: Timestamp,
) -> Result<Captured, Failure> {
    let reader = Reader {
        args,
        name,
        validator,
        now,
        at: at(args, now)?,
    };
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    match args.format {
        Some(Form::Csv) => reader.csv(text),
        Some(Form::Exchange) => reader.exchange(text),
        Some(Form::Unified) => {
            let values = reader.json(text)?;
            reader.unified(values)
        }
        None if looks_like_json => {
            let values = reader.json(text)?;
            let first = values.first().map(|(_, value)| value);
            if first.is_some_and(|value| is_unified(value, args.kind.kind())) {
                reader.unified(values)
            } else {
                reader.exchange(text)
            }
        }
        None if text
            .lines()
            .next()
            .is_some_and(|line| line.contains([',', ';', '\t'])) =>
        {
            reader.csv(text)
        }
        None => {
            let begin = text.trim_start().lines().next().unwrap_or_default();
            Err(Failure::Usage(format!(
                "{name}: line 1: {} is neither JSON nor CSV; give an answer of an exchange, unified JSON, or bars as CSV",
                quote(begin)
            )))
        }
    }
}

/// The moment of `--at`.
fn at(args: &ValidateArgs, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    match args.at.map(|at| (at, at.before(now))) {
        Some((at, None)) => Err(Failure::Usage(format!(
            "--at: {at} lies in the future; use a time that is past"
        ))),
        Some((_, past)) => Ok(past),
        None => Ok(None),
    }
}

/// Whether this is a sample of the exchange format, of whatever version and however broken, or its `data` alone. No answer of an
/// exchange has a member `v`.
fn is_unified(value: &Value, kind: Kind) -> bool {
    let has = |key: &str| value.get(key).is_some();
    let named = value.get("symbol").and_then(Value::as_str);
    let unified_name = named.is_some_and(|name| name.contains('/'));
    let data = match kind {
        Kind::Ticker => unified_name && !has("lastPrice"),
        Kind::Book => unified_name && (has("bids") || has("asks")),
        _ => has("rows"),
    };
    is_sample(value) || data
}

/// Whether this wants to be a sample of the exchange format.
fn is_sample(value: &Value) -> bool {
    value.get("v").is_some()
}

/// A value as it stands in the file, shortened.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        other => quote(&other.to_string()),
    }
}

struct Reader<'a> {
    args: &'a ValidateArgs,
    name: &'a str,
    validator: &'a Validator,
    now: Timestamp,
    at: Option<Timestamp>,
}

impl Reader<'_> {
    fn refuse(&self, why: impl std::fmt::Display) -> Failure {
        Failure::Usage(format!("{}: {why}", self.name))
    }

    /// The one value of the text, or one a line with its line.
    fn json(&self, text: &str) -> Result<Vec<(Option<usize>, Value)>, Failure> {
        let broken = |line: usize, error: &serde_json::Error| {
            let begin = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            let near: String = begin
                .chars()
                .skip(error.column().saturating_sub(20))
                .take(40)
                .collect();
            self.refuse(format!(
                "line {line}, column {}: {} is no JSON: {}; give one value, or one a line",
                error.column(),
                quote(&near),
                what(error),
            ))
        };
        let whole = match serde_json::from_str(text) {
            Ok(value) => return Ok(vec![(None, value)]),
            Err(error) => error,
        };
        let mut lines = (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty());
        let first = lines
            .next()
            .map(|(_, line)| serde_json::from_str::<Value>(line));
        if !matches!(first, Some(Ok(_))) || lines.next().is_none() {
            return Err(broken(whole.line(), &whole));
        }
        let lines = (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(number, line)| {
                let value = serde_json::from_str(line).map_err(|error| broken(number, &error))?;
                Ok((Some(number), value))
            })
            .collect()
    }

    fn unified(&self, values: Vec<(Option<usize>, Value)>) -> Result<Captured, Failure> {
        let mut captured = Captured {
            form: Form::Unified,
            answers: Vec::new(),
            skipped: 0,
            notes: Vec::new(),
        };
        let many = values.len() > 1;
        for (line, value) in values {
            let place = line
                .map(|line| format!("line {line}: "))
                .unwrap_or_default();
            let sample = is_sample(&value);
            if sample {
                self.check_version(&value, &place)?;
            }
            if sample && many && !self.is_asked_for(&value) {
                captured.skipped += 1;
                continue;
            }
            if sample {
                self.check_sample(&value, &place)?;
            }
            let data = if sample {
                value.get("data").unwrap_or(&value)
            } else {
                &value
            };
            let (request, decoded) = self.data(data, &place)?;
            let received = value.pointer("/meta/received_ms").and_then(Value::as_i64);
            let received = received.and_then(Timestamp::from_ms).filter(|_| sample);
            captured.answers.push(Answer {
                received: self.received(received, &decoded.value),
                request,
                decoded,
                line,
                lines: Vec::new(),
            });
        }
        if captured.answers.is_empty() {
            let (kind, exchange) = (self.args.kind.kind(), &self.args.exchange);
            let pair = self.args.symbol.as_ref().map(|symbol| format!(" {symbol}"));
            let pair = pair.unwrap_or_default();
            return Err(self.refuse(format!(
                "holds no {kind} of {exchange}{pair} among {} samples; name what it holds",
                captured.skipped
            )));
        }
        Ok(captured)
    }

    /// Whether a sample of a file of many is about what is to be judged.
    fn is_asked_for(&self, sample: &Value) -> bool {
        let is = |key: &str, wanted: &str| sample.get(key).and_then(Value::as_str) == Some(wanted);
        is("kind", self.args.kind.kind().as_str())
            && is("exchange", self.args.exchange.as_str())
            && self
                .args
                .symbol
                .as_ref()
                .is_none_or(|symbol| is("symbol", symbol.as_str()))
    }

    /// Refuses what another version of the program has written.
    fn check_version(&self, sample: &Value, place: &str) -> Result<(), Failure> {
        let version = sample.get("v").unwrap_or(&Value::Null);
        if version.as_u64() == Some(1) {
            return Ok(());
        }
        Err(self.refuse(format!(
            "{place}v is {}, and this rdm reads version 1 of the exchange format; write the sample anew, or use --format exchange if it is what {} sent",
            shown(version),
            self.args.exchange
        )))
    }

    /// A sample that stands alone says what it is; whoever says otherwise is asked.
    fn check_sample(&self, sample: &Value, place: &str) -> Result<(), Failure> {
        let kind = self.args.kind.kind().as_str();
        for (key, wanted) in [("kind", kind), ("exchange", self.args.exchange.as_str())] {
            match sample.get(key) {
                None => {}
                Some(Value::String(found)) if found == wanted => {}
                Some(Value::String(found)) => {
                    let shown = quote(found);
                    return Err(self.refuse(format!(
                        "{place}{key} is {shown}, not {wanted}; use --{key} {}",
                        shown.trim_matches('"')
                    )));
                }
                Some(other) => {
                    return Err(self.refuse(format!(
                        "{place}{key} is {}, which is no name; write \"{wanted}\"",
                        shown(other)
                    )));
                }
            }
        }
        match sample.get("data") {
            Some(Value::Object(_)) => Ok(()),
            None => Err(self.refuse(format!(
                "{place}data is missing; give the whole sample, as rdm fetch --json prints it"
            ))),
            Some(other) => Err(self.refuse(format!(
                "{place}data is {}, which is no object; give the whole sample, as rdm fetch --json prints it",
                shown(other)
            ))),
        }
    }

    fn data(&self, data: &Value, place: &str) -> Result<(Request, Decoded<Payload>), Failure> {
        let named = data.get("symbol").and_then(Value::as_str);
        let own = named.and_then(|name| name.parse::<Symbol>().ok());
        let symbol = self.args.symbol.clone().or(own).ok_or_else(|| {
            self.refuse(format!(
                "{place}symbol: {} names no pair; use --symbol BASE/QUOTE",
                quote(named.unwrap_or_default())
            ))
        })?;
        let seconds = data.get("interval_s").and_then(Value::as_u64);
        let said = seconds.and_then(unified::interval_of);
        let interval = match (self.args.kind.kind(), self.args.interval.or(said)) {
            (Kind::Candles, None) => {
                return Err(self.refuse(format!(
                    "{place}interval_s: there is none that is one; use --interval, such as --interval 5m"
                )));
            }
            (_, interval) => interval.unwrap_or(Interval::M1),
        };
        let kind = self.args.kind.kind();
        let decoded = unified::read(kind, data, &symbol, interval);
        let decoded = decoded.ok_or_else(|| self.refuse(format!("{kind} is not judged")))?;
        Ok((self.request(symbol, interval), decoded))
    }

    fn exchange(&self, text: &str) -> Result<Captured, Failure> {
        let symbol = self.args.symbol.clone().ok_or_else(|| {
            self.refuse("has neither v and data nor what unified data has, so it is taken for an answer of an exchange, which may name no pair; add --symbol BASE/QUOTE, or --format unified")
        })?;
        let interval = match (self.args.kind.kind(), self.args.interval) {
            (Kind::Candles, None) => {
                return Err(self.refuse(
                    "has neither v and data nor rows, so it is taken for an answer of an exchange, which does not say the length of a bar; add --interval, such as --interval 1m",
                ));
            }
            (_, interval) => interval.unwrap_or(Interval::M1),
        };
        let request = self.request(symbol, interval);
        let at = self.at.unwrap_or(self.now);
        let decoded = self.validator.decode(&request, text.as_bytes(), at);
        let decoded = decoded.map_err(|error| {
            let (exchange, kind) = (&self.args.exchange, self.args.kind.kind());
            if error.is_malformed() {
                self.refuse(format!(
                    "is no answer of {exchange} about {kind}: {error}; check --exchange and --kind"
                ))
            } else {
                match error {
                    robust_data_manager::DecodeError::Refused(_) => Failure::Data(format!(
                        "{}: {exchange} refused the question: {error}",
                        self.name
                    )),
                    robust_data_manager::DecodeError::Unlisted(_) => self.refuse(format!(
                        "{error}; add --id with the exchange's own name of the pair"
                    )),
                    other => self.refuse(other),
                }
            }
        })?;
        Ok(Captured {
            form: Form::Exchange,
            answers: vec![Answer {
                received: self.received(None, &decoded.value),
                request,
                decoded,
                line: None,
                lines: Vec::new(),
            }],
            skipped: 0,
            notes: Vec::new(),
        })
    }

    fn csv(&self, text: &str) -> Result<Captured, Failure> {
        let kind = self.args.kind.kind();
        if kind != Kind::Candles {
            return Err(self.refuse(format!(
                "looks like CSV, and {kind} cannot be written so; use --kind candles, or give JSON"
            )));
        }
        let unit = self.args.time_unit;
        let bars = bars::read(text, unit, self.args.interval, self.at.unwrap_or(self.now));
        let bars = bars.map_err(|error| self.refuse(error))?;
        let symbol = match &self.args.symbol {
            Some(symbol) => symbol.clone(),
            // A CSV of bars names no pair, and no rule of bars asks for one.
            None => Symbol::new("BASE", "QUOTE").map_err(Failure::usage)?,
        };
        let request = self.request(symbol.clone(), bars.interval);
        let (lines, notes) = (bars.lines.clone(), bars.notes.clone());
        let decoded = bars.decoded(symbol);
        Ok(Captured {
            form: Form::Csv,
            answers: vec![Answer {
                received: self.received(None, &decoded.value),
                request,
                decoded,
                line: None,
                lines,
            }],
            skipped: 0,
            notes,
        })
    }

    fn request(&self, symbol: Symbol, interval: Interval) -> Request {
        let limit = self.args.limit;
        match self.args.kind.kind() {
            Kind::Book => Request::OrderBook {
                symbol,
                depth: limit,
            },
            Kind::Candles => Request::Candles {
                symbol,
                interval,
                since: None,
                limit,
            },
            Kind::Trades => Request::Trades {
                symbol,
                since: None,
                limit,
            },
            _ => Request::Ticker { symbol },
        }
    }

    /// When the answer came: as the command line says, as the sample says, else when its newest record was born, and never later
    /// than now.
    fn received(&self, said: Option<Timestamp>, value: &Payload) -> Timestamp {
        let born = match value {
            Payload::Candles(series) => {
                let end = |row: &robust_data_manager::market::Candle| {
                    if row.closed {
                        row.time.saturating_add(series.interval.duration())
                    } else {
                        row.time
                    }
                };
                series.rows.iter().map(end).max()
            }
            other => other.exchange_time(),
        };
        self.at
            .or(said)
            .or(born)
            .map_or(self.now, |at| at.min(self.now))
    }
}

/// What a JSON error says, without its place.
fn what(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => what.to_owned(),
        None => text,
    }
}
