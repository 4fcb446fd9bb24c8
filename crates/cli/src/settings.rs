//! Config files: read, checked, and what is wrong with one named by file, line and key.

use std::fmt::Display;
use std::path::Path;

use robust_data_manager::market::quote;
use robust_data_manager::{Config, ConfigError};

use crate::exit::Failure;
use crate::file;

/// Reads the config file that `field` names, for a command that runs no jobs: their journal is not its business, and may be in use.
pub(crate) fn load(field: &str, path: &Path) -> Result<Config, Failure> {
    let mut config = load_whole(field, path)?;
    config.journal = None;
    Ok(config)
}

/// Reads the config file that `field` names.
pub(crate) fn load_whole(field: &str, path: &Path) -> Result<Config, Failure> {
    let text = file::read(field, path)?;
    Config::from_toml(&text).map_err(|error| named(path, &explained(error, &text)))
}

/// What is wrong with a config file.
pub(crate) fn named(path: &Path, error: &dyn Display) -> Failure {
    Failure::Usage(format!("{}: {error}", path.display()))
}

/// TOML's complaints name a line and a type: the key, and what to write, are added.
fn explained(error: ConfigError, text: &str) -> ConfigError {
    let ConfigError::Invalid {
        place: Some(place),
        mut reason,
    } = error
    else {
        return error;
    };
    let line = place
        .strip_prefix("line ")
        .and_then(|line| line.parse().ok());
    let line: Option<usize> = line.and_then(|line: usize| line.checked_sub(1));
    let key = line.and_then(|line| key(text.lines().nth(line)?));
    if let Some(remedy) = remedy(key, &reason) {
        reason.push_str("; ");
        reason.push_str(&remedy);
    }
    let mut place = place;
    if let Some(table) = line.and_then(|line| table(text, line)) {
        place.push_str(", ");
        place.push_str(&table);
    }
    // What stands behind the key may be a secret in the wrong place.
    if let Some(key) = key.map(quote).filter(|key| !reason.contains(key)) {
        place.push_str(", key ");
        place.push_str(&key);
    }
    ConfigError::Invalid {
        place: Some(place),
        reason,
    }
}

/// What to write instead of a value of another type, or where there is none.
fn remedy(key: Option<&str>, reason: &str) -> Option<String> {
    if let Some(missing) = reason.strip_prefix("missing field `") {
        let missing = missing.trim_end_matches('`');
        return Some(match missing {
            "kind" => "write kind = \"ticker\" or another of docs/jobs.md".to_owned(),
            "id" => "write id = \"a name of its own\"".to_owned(),
            _ => format!("write {missing} = …"),
        });
    }
    if reason.ends_with("wanted string or table") || key == Some("kind") {
        let remedy = match key {
            Some("kind") => "use ticker, tickers, bids_asks, book, candles, trades or market",
            _ => "write a text, in quotes",
        };
        return (!reason.contains("did you mean")).then(|| remedy.to_owned());
    }
    let (_, expected) = reason.rsplit_once("expected ")?;
    let number = expected.starts_with(['u', 'i']) || reason.ends_with("wanted number");
    Some(
        match (key, expected) {
            (_, "a duration") => "write a time such as \"500ms\", \"5s\" or \"2m\"",
            (Some("priority"), _) => "use 1 (most urgent) to 5",
            (Some("retries"), _) => "use 0 to 20",
            (Some("rate"), _) => "use 1 to 1000000 requests a minute",
            _ if number => "write a whole number, 0 or more",
            (_, "a string") => "write a text, in quotes",
            (_, "a boolean") => "write true or false",
            (_, "a sequence") => "write a list, in brackets",
            _ => return None,
        }
        .to_owned(),
    )
}

/// The key of a line `key = value`.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let key = key.trim();
    (!key.is_empty() && key.chars().all(plain)).then_some(key)
}

/// The job that a line belongs to, by its id if it has one.
fn table(text: &str, line: usize) -> Option<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let (before, _) = lines.split_at_checked(line + 1)?;
    let head = before.iter().rposition(|line| line.starts_with('['))?;
    let rest = lines.get(head..)?;
    let (head, rest) = rest.split_first()?;
    if !head.starts_with("[[jobs]]") {
        return None;
    }
    let mut own = rest.iter().take_while(|line| !line.starts_with('['));
    let id = own.find(|line| key(line) == Some("id"));
    let id = id.and_then(|line| line.split(['"', '\'']).nth(1));
    Some(id.map_or_else(|| "[[jobs]]".to_owned(), |id| format!("job {}", quote(id))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        explained(Config::from_toml(text).unwrap_err(), text).to_string()
    }

    #[test]
    fn a_value_of_another_type_is_named_by_its_key_with_a_remedy() {
        let text = "[exchanges.kraken]\ntimeout = \"5 lightyears\"";
        assert_eq!(
            complaint(text),
            "config line 2, key \"timeout\": invalid value: string \"5 lightyears\", expected a duration; write a time such as \"500ms\", \"5s\" or \"2m\""
        );
        let text = "[exchanges.kraken]\nretries = \"x\"";
        assert!(complaint(text).starts_with("config line 2, key \"retries\": invalid type"));
        // A key that is named already is not named twice.
        let text = "[exchanges.kraken]\ntimeuot = \"5s\"";
        assert_eq!(
            complaint(text),
            "config line 2: unknown key \"timeuot\"; did you mean timeout?"
        );
    }

    #[test]
    fn what_is_wrong_in_a_job_is_told_with_its_id_its_key_and_what_to_write() {
        let job = "[exchanges.kraken]\n[[jobs]]\nid = \"a\"\nexchange = \"kraken\"\nkind = \"ticker\"\nsymbol = \"BTC/USD\"\nevery = \"5s\"\n";
        for (with, told) in [
            ("retries = -1", "line 8, job \"a\", key \"retries\": "),
            ("retries = -1", "; use 0 to 20"),
            ("priority = 256", "; use 1 (most urgent) to 5"),
            ("limit = \"many\"", "; write a whole number, 0 or more"),
            ("name = 5", "; write a text, in quotes"),
            ("at_start = 1", "; write true or false"),
            ("symbols = \"BTC/USD\"", "; write a list, in brackets"),
            ("timeout = 5", "; write a time such as"),
            (
                "at = \"now\"",
                "\"now\" is no moment; write one in universal time",
            ),
            (
                "at = 5",
                "write one in universal time, such as at = \"2027-01-01T00:00:00Z\"",
            ),
        ] {
            let said = complaint(&format!("{job}{with}"));
            assert!(said.contains(told), "{with}: {said}");
            assert!(said.contains("line 8, job \"a\""), "{with}: {said}");
        }
        let wrong = complaint(&job.replace("\"ticker\"", "5"));
        assert!(wrong.contains("job \"a\", key \"kind\": "), "{wrong}");
        for kind in ["ticker", "market"] {
            assert!(wrong.contains(kind), "{wrong}");
        }
        let none = complaint(&job.replace("id = \"a\"", ""));
        assert!(
            none.contains("[[jobs]]: missing field `id`; write id = \"a name"),
            "{none}"
        );
        let none = complaint(&job.replace("kind = \"ticker\"", ""));
        assert!(
            none.contains("job \"a\": missing field `kind`; write kind = \"ticker\""),
            "{none}"
        );
    }

    #[test]
    fn nothing_of_a_line_but_its_key_is_repeated() {
        let text = "[exchanges.kraken.credentials]\nsecret = \"hunter2\"";
        assert!(!complaint(text).contains("hunter2"), "{}", complaint(text));
        assert!(!complaint("\u{1b}[31m = [").contains('\u{1b}'));
    }
}
