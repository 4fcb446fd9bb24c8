//! The file, bounded.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use robust_data_manager::market::quote;

use crate::exit::Failure;

/// The most that is read: a million bars.
const LARGEST: u64 = 64 << 20;

/// What complaints call the input.
pub(crate) fn name(path: &Path) -> String {
    if is_standard(path) {
        "standard input".to_owned()
    } else {
        format!("file {}", quote(&path.display().to_string()))
    }
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads a text of at most 64 MiB, without the mark that some programs put before UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let name = name(path);
    let refuse = |why: &str, remedy: &str| Failure::Usage(format!("{name} {why}; {remedy}"));
    let broken = |error: &std::io::Error| match error.kind() {
        ErrorKind::NotFound => refuse("does not exist", "check its name"),
        ErrorKind::PermissionDenied => refuse("may not be read", "check its permissions"),
        ErrorKind::IsADirectory => refuse("is a directory", "name a file"),
        kind => refuse(&format!("cannot be read ({kind})"), "name a file"),
    };
    let bytes = if is_standard(path) {
        bounded(std::io::stdin().lock())
    } else {
        let file = File::open(path).map_err(|error| broken(&error))?;
        if file.metadata().is_ok_and(|about| about.is_dir()) {
            return Err(refuse("is a directory", "name a file"));
        }
        bounded(file)
    }
    .map_err(|error| broken(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(refuse("is larger than 64 MiB", "divide it"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..good).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        refuse(
            &format!("line {line}: is no UTF-8 text"),
            "save it as UTF-8",
        )
    })?;
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    if text.trim().is_empty() {
        return Err(refuse(
            "is empty",
            "give an answer of an exchange, unified JSON, or bars as CSV",
        ));
    }
    Ok(text)
}

fn bounded(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file that `field` names.
pub(crate) fn write(field: &str, path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        let shown = quote(&path.display().to_string());
        let why = error.kind();
        Failure::Usage(format!(
            "{field}: file {shown} cannot be written ({why}); name a file in a folder that exists"
        ))
    })
}
