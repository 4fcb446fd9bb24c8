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
    if reason.ends_with("expected a duration") {
        reason.push_str("; write a time such as \"500ms\", \"5s\" or \"2m\"");
    }
    let key = place.strip_prefix("line ").and_then(|line| key(text, line));
    // What stands behind the key may be a secret in the wrong place.
    let place = match key {
        Some(key) if !reason.contains(&key) => format!("{place}, key {key}"),
        _ => place,
    };
    ConfigError::Invalid {
        place: Some(place),
        reason,
    }
}

/// The key of a line `key = value`, quoted.
fn key(text: &str, line: &str) -> Option<String> {
    let line = text
        .lines()
        .nth(line.parse::<usize>().ok()?.checked_sub(1)?)?;
    let (key, _) = line.split_once('=')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let key = key.trim();
    (!key.is_empty() && key.chars().all(plain)).then(|| quote(key))
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
    fn nothing_of_a_line_but_its_key_is_repeated() {
        let text = "[exchanges.kraken.credentials]\nsecret = \"hunter2\"";
        assert!(!complaint(text).contains("hunter2"), "{}", complaint(text));
        assert!(!complaint("\u{1b}[31m = [").contains('\u{1b}'));
    }
}
