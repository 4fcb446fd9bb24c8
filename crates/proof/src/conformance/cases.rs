//! The folder of cases.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use robust_connectors::Connector;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Usage;

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// An answer and what it means.
    RestResponse,
    /// A question and the request it becomes.
    RestRequest,
    /// A refusal and its class.
    Error,
    /// Names of pairs and currencies.
    Symbols,
    /// Listed pairs with their rules.
    Markets,
    /// Keys and what they sign.
    Signing,
}

/// The families that are run.
pub const FAMILIES: [Family; 6] = [
    Family::RestResponse,
    Family::RestRequest,
    Family::Error,
    Family::Symbols,
    Family::Markets,
    Family::Signing,
];

impl Family {
    /// The name of its folder.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RestResponse => "rest_response",
            Self::RestRequest => "rest_request",
            Self::Error => "error",
            Self::Symbols => "symbols",
            Self::Markets => "markets",
            Self::Signing => "signing",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One file.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) exchange: String,
    pub(super) family: Family,
    /// The path below the folder of cases.
    pub(super) file: String,
    /// What it holds; why not, when it cannot be read.
    pub(super) body: Result<Body, String>,
}

/// The members that any family uses. Wire data stays as text, so that no digit is lost before the connector sees it.
#[derive(Debug, Deserialize)]
pub(super) struct Body {
    pub(super) method: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) input: Vec<Value>,
    #[serde(rename = "httpStatus")]
    pub(super) status: Option<u16>,
    /// Names and values; only names where a signature is about them.
    #[serde(default)]
    pub(super) headers: Value,
    #[serde(rename = "httpResponse")]
    pub(super) response: Option<Box<RawValue>>,
    #[serde(rename = "parsedResponse", default)]
    pub(super) parsed: Value,
    pub(super) url: Option<String>,
    pub(super) clock_ms: Option<i64>,
    /// The text of an error's body; JSON that is not written as text is taken as it stands.
    #[serde(default, deserialize_with = "text_or_json")]
    pub(super) body: Option<String>,
    pub(super) class: Option<String>,
    #[serde(rename = "commonCurrencies")]
    pub(super) aliases: Option<serde_json::Map<String, Value>>,
    pub(super) rows: Option<Vec<Vec<Value>>>,
    #[serde(rename = "rateLimits")]
    pub(super) rate_limits: Option<Box<RawValue>>,
    pub(super) credentials: Option<Keys>,
    /// Whole signed requests.
    #[serde(default)]
    pub(super) requests: Value,
    #[serde(rename = "apiKey")]
    pub(super) api_key: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) passphrase: Option<String>,
    /// The passphrase as it is sent.
    pub(super) encrypted: Option<String>,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) nonce: Value,
    #[serde(default)]
    pub(super) timestamp: Value,
    /// What is signed.
    pub(super) payload: Option<String>,
    pub(super) signature: Option<String>,
    /// Method, host, path and parameters, each on a line.
    #[serde(rename = "preSignedText")]
    pub(super) pre_signed_text: Option<String>,
}

/// What requests are signed with.
#[derive(Debug, Deserialize)]
pub(super) struct Keys {
    #[serde(rename = "apiKey")]
    pub(super) api_key: String,
    pub(super) secret: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) password: String,
}

/// Null is the same as nothing.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn text_or_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    Ok(raw.map(|raw| serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned())))
}

/// Every case of the chosen exchanges.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    cases: Vec<Case>,
    /// Folders that hold cases which are not run.
    pub(super) not_covered: BTreeSet<String>,
}

impl Shelf {
    /// Reads the folder; `named` says that each exchange was asked for by name, so each must be there.
    pub(super) fn open(
        dir: &Path,
        venues: &[Box<dyn Connector>],
        named: bool,
    ) -> Result<Self, Usage> {
        let mut shelf = Self::default();
        for exchange in folders(dir).map_err(|source| Usage::Unreadable {
            path: dir.to_owned(),
            source,
        })? {
            let name = name_of(&exchange);
            if venues.iter().any(|venue| venue.exchange().as_str() == name) {
                shelf.read_exchange(dir, &exchange, &name)?;
            } else if !named {
                shelf.not_covered.insert(name);
            }
        }
        for venue in venues {
            let exchange = venue.exchange();
            if named && shelf.cases_of(exchange.as_str()).next().is_none() {
                return Err(Usage::Empty {
                    path: dir.to_owned(),
                    exchange: exchange.to_string(),
                });
            }
        }
        if shelf.cases.is_empty() {
            return Err(Usage::Empty {
                path: dir.to_owned(),
                exchange: "any exchange".to_owned(),
            });
        }
        Ok(shelf)
    }

    /// The cases of one exchange, by family and file.
    pub(super) fn cases_of(&self, exchange: &str) -> impl Iterator<Item = &Case> {
        self.cases
            .iter()
            .filter(move |case| case.exchange == exchange)
    }

    fn read_exchange(&mut self, dir: &Path, folder: &Path, exchange: &str) -> Result<(), Usage> {
        for family_folder in listed(folder)? {
            if !family_folder.is_dir() {
                continue;
            }
            let name = name_of(&family_folder);
            let Some(family) = FAMILIES.into_iter().find(|family| family.as_str() == name) else {
                self.not_covered.insert(format!("{exchange}/{name}"));
                continue;
            };
            let mut files = Vec::new();
            files_below(&family_folder, &mut files)?;
            for path in files {
                self.cases.push(Case {
                    exchange: exchange.to_owned(),
                    family,
                    file: path
                        .strip_prefix(dir)
                        .unwrap_or(&path)
                        .display()
                        .to_string(),
                    body: read(&path),
                });
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Body, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    serde_json::from_str(text).map_err(|error| format!("not a case: {error}"))
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Usage> {
    for path in listed(folder)? {
        if path.is_dir() {
            // A link to a folder above it would never end.
            if !is_loop(&path) {
                files_below(&path, files)?;
            }
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    Ok(())
}

fn is_loop(folder: &Path) -> bool {
    let real = folder.canonicalize().ok();
    folder
        .ancestors()
        .skip(1)
        .any(|above| real.is_some() && above.canonicalize().ok() == real)
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, Usage> {
    entries(folder).map_err(|source| Usage::Unreadable {
        path: folder.to_owned(),
        source,
    })
}

fn folders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = entries(folder)?;
    folders.retain(|path| path.is_dir());
    Ok(folders)
}

/// What a folder holds, by name, so that every run has the same order.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    // What editors and systems leave behind.
    paths.retain(|path| !name_of(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
