//! What is fuzzed: what a run starts from, and what must hold.

use std::fmt;
use std::path::Path;

use http::StatusCode;
use serde_json::Value;

use super::answer::{answers, examine_answer, pieces};
use super::examine::{Finding, examine};
use super::hints::{HEADERS, RETRY_AFTERS, examine_headers, examine_retry_after};
use super::judging::{self, examine_judged};
use super::mutate::Mutator;
use crate::conformance::own_cases;
use crate::payloads::{Kind, Venue};

/// The most pieces that an input is put together of.
const PIECES: usize = 12;

/// Something that reads what a server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The decoders of an exchange.
    Decode(Venue),
    /// `Retry-After` in every form, beside a `Date`.
    RetryAfter,
    /// Headers, as backoff and connectors read them.
    Headers,
    /// A whole answer, byte by byte, through the HTTP client: head, framing, compression.
    Answer,
    /// The rules of quality, over what exchanges and the exchange format may hold.
    Judge,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Decode(Venue::Kraken),
        Self::Decode(Venue::Binance),
        Self::Decode(Venue::KuCoin),
        Self::Decode(Venue::Htx),
        Self::RetryAfter,
        Self::Headers,
        Self::Answer,
        Self::Judge,
    ];

    /// The target of this name; an exchange's own name means its decoders.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| match target {
            Self::Decode(venue) if venue.as_str() == name => true,
            _ => target.to_string() == name,
        })
    }

    /// Reads an input; `status` goes with those that are bodies.
    ///
    /// # Errors
    ///
    /// The first [`Finding`].
    pub fn examine(self, status: StatusCode, input: &[u8]) -> Result<(), Finding> {
        match self {
            Self::Decode(venue) => examine(venue, status, input),
            Self::RetryAfter => examine_retry_after(input),
            Self::Headers => examine_headers(input),
            Self::Answer => examine_answer(input),
            Self::Judge => examine_judged(input),
        }
    }

    /// What a run starts from.
    pub(super) fn seeds(self) -> Vec<Vec<u8>> {
        let lines = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        match self {
            Self::Decode(venue) => bodies(venue),
            Self::RetryAfter => lines(RETRY_AFTERS),
            Self::Headers => lines(HEADERS),
            Self::Answer => answers(),
            Self::Judge => judging::seeds(),
        }
    }

    /// What means something by itself, and how it is put together; nothing where only whole inputs do.
    pub(super) fn pieces(self) -> Pieces {
        let (pieces, between): (_, &[u8]) = match self {
            Self::Decode(_) | Self::Judge => (Vec::new(), b""),
            Self::RetryAfter | Self::Headers => (self.seeds(), b"\n"),
            Self::Answer => (pieces(), b""),
        };
        Pieces { pieces, between }
    }
}

/// Parts of inputs.
#[derive(Debug)]
pub(super) struct Pieces {
    pieces: Vec<Vec<u8>>,
    between: &'static [u8],
}

impl Pieces {
    /// Some of them in any order; nothing when there are none.
    pub(super) fn assemble(&self, mutator: &mut Mutator) -> Option<Vec<u8>> {
        let mut input = Vec::new();
        for _ in 0..mutator.below(PIECES) {
            input.extend_from_slice(self.pieces.get(mutator.below(self.pieces.len()))?);
            input.extend_from_slice(self.between);
        }
        (!self.pieces.is_empty()).then_some(input)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(venue) => write!(f, "{}_decode", venue.as_str()),
            Self::RetryAfter => f.write_str("retry_after"),
            Self::Headers => f.write_str("headers"),
            Self::Answer => f.write_str("http_answer"),
            Self::Judge => f.write_str("quality_judge"),
        }
    }
}

/// Made answers of every kind, and the answers of this crate's own cases.
fn bodies(venue: Venue) -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut seeds: Vec<Vec<u8>> = Kind::ALL
        .iter()
        .map(|kind| venue.body(*kind, 3, &mut rng).into_bytes())
        .collect();
    gather(&own_cases().join(venue.as_str()), &mut seeds);
    // The order of a folder is the file system's; the same seed has to make the same run.
    seeds.sort();
    seeds
}

fn gather(folder: &Path, seeds: &mut Vec<Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.is_dir() {
            gather(&path, seeds);
            continue;
        }
        let case = std::fs::read(&path).ok();
        let case = case.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        for member in ["httpResponse", "body"] {
            match case.as_ref().and_then(|case| case.get(member)) {
                Some(Value::String(text)) => seeds.push(text.clone().into_bytes()),
                Some(Value::Null) | None => {}
                Some(tree) => seeds.push(tree.to_string().into_bytes()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_go_by_their_name_or_that_of_their_exchange() {
        for target in Target::ALL {
            assert_eq!(Target::named(&target.to_string()), Some(target));
        }
        assert_eq!(Target::named("htx"), Some(Target::Decode(Venue::Htx)));
        assert_eq!(Target::named("nowhere"), None);
    }

    #[test]
    fn each_target_has_something_to_start_from_and_reads_it() {
        for target in Target::ALL {
            let seeds = target.seeds();
            assert!(!seeds.is_empty(), "{target}");
            for seed in seeds {
                assert_eq!(target.examine(StatusCode::OK, &seed), Ok(()), "{target}");
            }
        }
    }

    /// libFuzzer's own folder knows the same ones.
    #[test]
    fn libfuzzer_has_a_target_for_each() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        for target in Target::ALL {
            assert!(
                manifest.contains(&format!("name = \"{target}\"")),
                "{target}"
            );
            let file = folder.join(format!("fuzz_targets/{target}.rs"));
            assert!(file.is_file(), "{target}");
        }
    }
}
