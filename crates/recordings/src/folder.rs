//! The folder of recordings: `<exchange>/<family>/<type>/<name>.json`.

use std::io;
use std::path::{Path, PathBuf};

use robust_market::Exchange;
use serde::de::DeserializeOwned;

/// The folder that `RDM_FIXTURES` names, or the one beside the checkout; `None` where it is missing, and there is nothing to compare with.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let at_hand = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let folder = std::env::var_os("RDM_FIXTURES").map_or(at_hand, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Every case of one family of one exchange with its path below [`folder`], sorted; none where there is no folder.
///
/// # Errors
/// When a file cannot be read, or is no such case: its name is in the text.
pub fn cases<C: DeserializeOwned>(
    exchange: &Exchange,
    family: &str,
) -> io::Result<Vec<(String, C)>> {
    let Some(root) = folder() else {
        return Ok(Vec::new());
    };
    let mut open = vec![root.join(exchange.as_str()).join(family)];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "json") {
                files.push(path);
            }
        }
    }
    let named = files.into_iter().map(|path| {
        let name = path.strip_prefix(&root).unwrap_or(&path);
        Ok((name.display().to_string(), read(&path)?))
    });
    let mut cases: Vec<(String, C)> = named.collect::<io::Result<_>>()?;
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(cases)
}

/// One case.
///
/// # Errors
/// When the file cannot be read, or is no such case: its path is in the text.
pub fn read<C: DeserializeOwned>(path: &Path) -> io::Result<C> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(named)?;
    serde_json::from_str(&text).map_err(|error| named(error.into()))
}
