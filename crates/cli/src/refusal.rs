//! What is said of arguments that name no command: one line with field, value and remedy.

use std::error::Error as _;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use robust_data_manager::market::{quote, quote_url};

use crate::exit::Failure;

/// Why the arguments name no command.
#[derive(Debug)]
pub(crate) struct Refusal(clap::Error);

impl Refusal {
    pub(crate) fn new(error: clap::Error) -> Self {
        Self(error)
    }

    /// Help and version go to standard output with code 0; anything else is one line with code 2.
    pub(crate) fn print(&self) -> ExitCode {
        match self.0.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                let _ = self.0.print();
                ExitCode::SUCCESS
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let _ = self.0.print();
                ExitCode::from(2)
            }
            _ => Failure::Usage(self.line()).print(),
        }
    }

    /// clap's facts in this program's words: clap writes several lines, and foreign values as they are.
    fn line(&self) -> String {
        let fact = |kind| self.0.get(kind).map(words);
        let field = fact(ContextKind::InvalidArg).unwrap_or_default();
        let field = bare(&field);
        let value = fact(ContextKind::InvalidValue).unwrap_or_default();
        // An address may hold a secret.
        let value = match field {
            "--base-url" => quote_url(&value),
            _ => quote(&value),
        };
        let near = fact(ContextKind::SuggestedValue)
            .or_else(|| fact(ContextKind::SuggestedArg))
            .or_else(|| fact(ContextKind::SuggestedSubcommand))
            .map(|near| format!("; did you mean {near}?"));
        match self.0.kind() {
            ErrorKind::ValueValidation => {
                let remedy = self.0.source().map(ToString::to_string);
                format!(
                    "{field}: {value} is not valid; {}",
                    remedy.unwrap_or_default()
                )
            }
            ErrorKind::InvalidValue if value == "\"\"" => {
                format!("{field}: the value is missing; write it after the name (see rdm --help)")
            }
            ErrorKind::InvalidValue => {
                let known = fact(ContextKind::ValidValue).unwrap_or_default();
                let near = near.unwrap_or_default();
                format!("{field}: {value} is not known{near} (known: {known})")
            }
            ErrorKind::UnknownArgument => {
                let near = near.unwrap_or_else(|| "; see rdm --help".to_owned());
                format!("argument {} is not known{near}", quote(field))
            }
            ErrorKind::InvalidSubcommand => {
                let command = fact(ContextKind::InvalidSubcommand).unwrap_or_default();
                let near = near.unwrap_or_else(|| "; see rdm --help".to_owned());
                format!("command {} is not known{near}", quote(&command))
            }
            ErrorKind::MissingRequiredArgument => {
                let names = match self.0.get(ContextKind::InvalidArg) {
                    Some(ContextValue::Strings(names)) => names.iter().map(|name| bare(name)),
                    _ => return format!("{field} is missing; see {} --help", command(&self.0)),
                };
                let names: Vec<&str> = names.collect();
                let are = if names.len() == 1 { "is" } else { "are" };
                let names = names.join(" and ");
                format!("{names} {are} missing; see {} --help", command(&self.0))
            }
            ErrorKind::ArgumentConflict => {
                let other = fact(ContextKind::PriorArg).unwrap_or_default();
                let other = other.split(' ').next().unwrap_or_default();
                if other == field {
                    format!("{field} is given more than once; leave one away")
                } else {
                    format!("{field} has no meaning beside {other}; leave one away")
                }
            }
            ErrorKind::InvalidUtf8 => "an argument is no UTF-8 text; write it in UTF-8".to_owned(),
            _ => {
                let text = self.0.to_string();
                let complaint = text.split("\n\n").next().unwrap_or_default();
                complaint.trim_start_matches("error: ").to_owned() + " (see rdm --help)"
            }
        }
    }
}

/// `--for <TIME>` is known by its name, `<EXCHANGE>` and `[SYMBOL]` by what stands in the brackets.
fn bare(field: &str) -> &str {
    let name = field.split(' ').next().unwrap_or_default();
    name.trim_matches(['[', ']', '<', '>'])
}

/// The command that was meant, from the line that says how it is used: `Usage: rdm fetch [OPTIONS] …`.
fn command(error: &clap::Error) -> String {
    let usage = error.get(ContextKind::Usage).map(ToString::to_string);
    let usage = usage.unwrap_or_default();
    let words = usage.split_whitespace().skip_while(|word| *word != "rdm");
    let names = words.take_while(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()));
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        "rdm".to_owned()
    } else {
        names.join(" ")
    }
}

fn words(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(many) => many.join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use crate::args;

    fn refused(line: &[&str]) -> String {
        args::parse(line.iter().map(OsString::from))
            .unwrap_err()
            .line()
    }

    #[test]
    fn a_bad_argument_is_one_line_with_field_value_and_remedy() {
        for (line, expected) in [
            (
                "rdm fetch ticker KRAKEN BTC/USD",
                "EXCHANGE: \"KRAKEN\" is not valid; use a lower-case name such as kraken or binance",
            ),
            (
                "rdm fetch ticker kraken BTCUSD",
                "SYMBOL: \"BTCUSD\" is not valid; write BASE/QUOTE, such as BTC/USD",
            ),
            (
                "rdm fetch tickr kraken BTC/USD",
                "WHAT: \"tickr\" is not known; did you mean ticker? (known: ticker, book, candles, trades, instruments)",
            ),
            (
                "rdm fetch",
                "WHAT and EXCHANGE are missing; see rdm fetch --help",
            ),
            (
                "rdm fetch ticker",
                "EXCHANGE is missing; see rdm fetch --help",
            ),
            (
                "rdm fetch trades kraken BTC/USD --limit -5",
                "--limit: \"-5\" is not valid; use a whole number from 1 to 4294967295",
            ),
            (
                "rdm fetch trades kraken BTC/USD --limit 0",
                "--limit: \"0\" is not valid; use a whole number from 1 to 4294967295",
            ),
            (
                "rdm fetch trades kraken BTC/USD --limt 5",
                "argument \"--limt\" is not known; did you mean --limit?",
            ),
            (
                "rdm fetch ticker kraken BTC/USD --timeout -1s",
                "--timeout: \"-1s\" is not valid; write a time such as 500ms, 60s or 5m",
            ),
            (
                "rdm demo --for 99999days",
                "--for: \"99999days\" is not valid; use a time from 1ms to 7days",
            ),
            (
                "rdm demo --for",
                "--for: the value is missing; write it after the name (see rdm --help)",
            ),
            (
                "rdm demo --seed -1",
                "--seed: \"-1\" is not valid; use a whole number from 0 to 18446744073709551615",
            ),
            (
                "rdm demo --json --json",
                "--json is given more than once; leave one away",
            ),
            (
                "rdm doctor --sim --base-url kraken=http://127.0.0.1:1",
                "--sim has no meaning beside --base-url; leave one away",
            ),
            (
                "rdm doctor --kind ticker",
                "--live is missing; see rdm doctor --help",
            ),
            (
                "rdm doctor --live --kind ticker,boook",
                "--kind: \"boook\" is not valid; use one of ticker, tickers, bids_asks, last_prices, book, candles, trades, instruments, assets, time, status",
            ),
            (
                "rdm doctor --base-url https://example.com/?key=hunter2",
                "--base-url: \"https://example.com/***\" is not valid; use a lower-case name such as kraken or binance",
            ),
            (
                "rdm sim --listen nowhere",
                "--listen: \"nowhere\" is not valid; write an address and a port, such as 127.0.0.1:8080 or [::1]:0",
            ),
            (
                "rdm dmo",
                "command \"dmo\" is not known; did you mean demo?",
            ),
            (
                "rdm config chek x",
                "command \"chek\" is not known; did you mean check?",
            ),
            ("rdm xyz", "command \"xyz\" is not known; see rdm --help"),
        ] {
            let words: Vec<_> = line.split(' ').collect();
            assert_eq!(refused(&words), expected, "{line}");
        }
    }

    #[test]
    fn a_foreign_value_is_escaped_and_cut() {
        let long = "X".repeat(5_000);
        for bad in ["B\u{1b}[31mTC", "BTC\n/USD", &long] {
            let line = refused(&["rdm", "fetch", "ticker", "kraken", bad]);
            assert!(!line.chars().any(char::is_control), "{line}");
            assert!(line.len() < 150, "{line}");
        }
    }
}
