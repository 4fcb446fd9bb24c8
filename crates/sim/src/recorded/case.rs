//! One recorded case: what was asked, and what was answered.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::StatusCode;
use robust_market::Exchange;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::query::Query;
use crate::recorded::error::{RecordedError, RecordedReason};
use crate::venue::Venue;

/// The folder of the cases, under that of the exchange.
const FOLDER: &str = "rest_response";
const MAX_BYTES: u64 = 16 * 1_024 * 1_024;
const MAX_CASES: usize = 10_000;

/// Method and path of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) method: String,
    pub(crate) path: String,
}

impl Place {
    pub(crate) fn new(venue: Venue, method: &str, path: &str) -> Self {
        let path = match (venue, path) {
            // The same rows by another path, which some clients use for old ones.
            (Venue::Htx, "/market/history/candles") => "/market/history/kline",
            _ => path,
        };
        Self {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
        }
    }
}

/// A recorded answer.
pub(crate) struct Case {
    /// `TYPE/NAME`, as in the path of its file.
    pub(crate) name: String,
    /// What it answers; `None` when the file does not say.
    pub(crate) place: Option<Place>,
    /// The sorted parameters that it was asked with; `None` when the file names the path alone.
    pub(crate) params: Option<Vec<(String, String)>>,
    pub(crate) status: StatusCode,
    /// The bytes as they stand in the file.
    pub(crate) body: Bytes,
    /// Whether the body is a page and not JSON.
    pub(crate) page: bool,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What of a file is used; there is more in it.
#[derive(Deserialize)]
struct File {
    exchange: Option<String>,
    method: Option<String>,
    request: Option<Vec<Asked>>,
    #[serde(rename = "httpStatus")]
    status: u16,
    #[serde(rename = "httpResponse")]
    body: Box<RawValue>,
}

#[derive(Deserialize)]
struct Asked {
    method: Option<String>,
    url: String,
}

/// Reads every case of an exchange, in the order of their names.
pub(crate) fn load(
    venue: Venue,
    exchange: &Exchange,
    dir: &Path,
) -> Result<Vec<Case>, RecordedError> {
    let refused = |reason| RecordedError {
        file: dir.to_owned(),
        reason,
    };
    // The folder of the exchange, or of all exchanges.
    let root = [dir.join(exchange.as_str()), dir.to_owned()]
        .into_iter()
        .map(|root| root.join(FOLDER))
        .find(|root| root.is_dir())
        .ok_or_else(|| refused(RecordedReason::NoCases))?;
    let mut files = Vec::new();
    for folder in entries(&root)?.into_iter().filter(|path| path.is_dir()) {
        for file in entries(&folder)? {
            if file.extension().is_some_and(|end| end == "json") {
                files.push(file);
            }
        }
    }
    if files.is_empty() {
        return Err(refused(RecordedReason::NoCases));
    }
    if files.len() > MAX_CASES {
        return Err(refused(RecordedReason::TooMany));
    }
    files
        .iter()
        .map(|file| {
            read(venue, exchange, file).map_err(|reason| RecordedError {
                file: file.clone(),
                reason,
            })
        })
        .collect()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, RecordedError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder)? {
            paths.push(entry?.path());
        }
        paths.sort();
        Ok(paths)
    };
    list().map_err(|error| RecordedError {
        file: folder.to_owned(),
        reason: unreadable(&error),
    })
}

fn unreadable(error: &io::Error) -> RecordedReason {
    RecordedReason::Io { kind: error.kind() }
}

fn read(venue: Venue, exchange: &Exchange, path: &Path) -> Result<Case, RecordedReason> {
    let length = fs::metadata(path)
        .map_err(|error| unreadable(&error))?
        .len();
    if length > MAX_BYTES {
        return Err(RecordedReason::TooLarge);
    }
    let text = fs::read(path).map_err(|error| unreadable(&error))?;
    let shape = |error: serde_json::Error| RecordedReason::Shape {
        text: error.to_string(),
    };
    let file: File = serde_json::from_slice(&text).map_err(shape)?;
    if let Some(other) = file.exchange.filter(|name| name != exchange.as_str()) {
        return Err(RecordedReason::OtherExchange { exchange: other });
    }
    let status = StatusCode::from_u16(file.status).map_err(|_| RecordedReason::Status {
        status: file.status,
    })?;
    // Where several requests stand in a file, the one body answers the first.
    let asked = file.request.and_then(|list| list.into_iter().next());
    let (place, params) = match (&asked, &file.method) {
        (Some(asked), _) => {
            let (path, query) = target(&asked.url);
            let method = asked.method.as_deref().unwrap_or("GET");
            (
                Some(Place::new(venue, method, path)),
                Some(Query::parse(query).sorted()),
            )
        }
        (None, Some(method)) => (named(venue, method), None),
        (None, None) => (None, None),
    };
    let raw = file.body.get();
    // JSON is served byte by byte; a text is the page that it holds.
    let page = raw.starts_with('"');
    let body = if page {
        Bytes::from(serde_json::from_str::<String>(raw).map_err(shape)?)
    } else {
        Bytes::from(raw.to_owned())
    };
    Ok(Case {
        name: name(path),
        place,
        params,
        status,
        body,
        page,
    })
}

/// `TYPE/NAME` of a file `…/TYPE/NAME.json`.
fn name(path: &Path) -> String {
    let part = |part: Option<&std::ffi::OsStr>| {
        part.map(|text| text.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let folder = path.parent().and_then(Path::file_name);
    format!("{}/{}", part(folder), part(path.file_stem()))
}

/// Path and query of a URL, with or without its authority.
fn target(url: &str) -> (&str, &str) {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?']).map_or("", |at| rest.split_at(at).1),
        None => url,
    };
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    rest.split_once('?').unwrap_or((rest, ""))
}

/// The place that a text such as `GET /v2/market-status` names.
fn named(venue: Venue, text: &str) -> Option<Place> {
    let (method, path) = text.split_once(' ')?;
    path.starts_with('/')
        .then(|| Place::new(venue, method, target(path).0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_cut_into_path_and_query() {
        for (url, path, query) in [
            ("https://api.x.com/a/b?c=1&d=2#e", "/a/b", "c=1&d=2"),
            ("https://api.x.com/a", "/a", ""),
            ("https://api.x.com", "", ""),
            ("https://api.x.com?c=1", "", "c=1"),
            ("/a?b", "/a", "b"),
        ] {
            assert_eq!(target(url), (path, query), "{url}");
        }
    }

    #[test]
    fn a_method_with_a_path_is_a_place_and_a_unified_name_is_none() {
        let found = named(Venue::Htx, "get /v2/market-status").unwrap();
        assert_eq!(
            (found.method.as_str(), found.path.as_str()),
            ("GET", "/v2/market-status")
        );
        assert_eq!(named(Venue::Htx, "fetchTicker"), None);
        assert_eq!(named(Venue::Htx, "fetch ticker"), None);
        let candles = Place::new(Venue::Htx, "GET", "/market/history/candles");
        assert_eq!(candles.path, "/market/history/kline");
    }
}
