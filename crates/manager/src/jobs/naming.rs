//! What a job may be called: names are printed, where a terminal obeys some characters and shows others as none.

use robust_market::quote;

use super::{DataJob, ScheduleError};

/// The longest id and title in a config file, in characters.
pub(crate) const ID: usize = 100;

/// The longest name of a job, in characters: an id, the longest pair and a length of bars.
const NAME: usize = 200;

/// What to write instead, where this is no name of 1 to `longest` characters that can all be seen.
pub(crate) fn remedy(name: &str, longest: usize) -> Option<String> {
    if name.trim().is_empty() || name.chars().count() > longest {
        return Some(format!("use a name of 1 to {longest} characters"));
    }
    let seen = name.chars().filter(|c| !matches!(c, '"' | '\'' | '\\'));
    // A mark that belongs to the letter before it can be seen, and has none before it at the beginning.
    let seen: String = std::iter::once('_').chain(seen).collect();
    // What has to be escaped controls the line, turns its direction or cannot be seen.
    let plain = seen.escape_debug().eq(seen.chars());
    let remedy = "leave control characters, line breaks and what cannot be seen away";
    (!plain).then(|| remedy.to_owned())
}

impl DataJob {
    /// Finds a name that cannot be printed.
    pub(super) fn check_names(&self) -> Result<(), ScheduleError> {
        let names = std::iter::once(&self.name);
        for name in names.chain(&self.title).chain(&self.exclusive) {
            if let Some(remedy) = remedy(name, NAME) {
                let name = quote(name);
                return Err(ScheduleError::Name { name, remedy });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_long_as_it_has_characters_and_each_can_be_seen() {
        for good in [
            "btc",
            "BTC/USDT 5m",
            "Übersicht der Kurse",
            "e\u{301}tat",
            "it's \"this\" \\ that",
            "価格",
            "📈",
        ] {
            assert_eq!(remedy(good, ID), None, "{good}");
        }
        assert_eq!(remedy(&"é".repeat(100), ID), None);
        let long = remedy(&"é".repeat(101), ID).unwrap();
        assert_eq!(long, "use a name of 1 to 100 characters");
        for bad in ["", "  "] {
            assert_eq!(remedy(bad, ID).unwrap(), long);
        }
        for bad in [
            "a\u{1b}[31m",
            "a\nb",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{2066}b",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\u{ad}b",
            "\u{feff}a",
            "a\u{85}b",
        ] {
            let remedy = remedy(bad, ID).unwrap_or_else(|| panic!("{bad:?} is taken"));
            assert!(remedy.starts_with("leave control characters"), "{remedy}");
        }
    }
}
