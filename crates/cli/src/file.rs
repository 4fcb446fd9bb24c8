//! Files that the command line names.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use robust_data_manager::market::quote;

use crate::exit::Failure;

/// The most that is read of a file: a thousand times what anybody writes by hand.
const LARGEST: u64 = 1 << 20;

/// Reads a text file that `field` names, and not more than a megabyte of it.
pub(crate) fn read(field: &str, path: &Path) -> Result<String, Failure> {
    let shown = quote(&path.display().to_string());
    let refuse =
        |why: &str, remedy: &str| Failure::Usage(format!("{field}: file {shown} {why}; {remedy}"));
    let broken = |error: &std::io::Error| match error.kind() {
        ErrorKind::NotFound => refuse("does not exist", "check its name"),
        ErrorKind::PermissionDenied => refuse("may not be read", "check its permissions"),
        ErrorKind::IsADirectory => refuse("is a directory", "name a TOML file"),
        kind => refuse(&format!("cannot be read ({kind})"), "name a TOML file"),
    };
    let file = File::open(path).map_err(|error| broken(&error))?;
    // Windows opens no directory, Linux does and refuses to read it; say the same everywhere.
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err(refuse("is a directory", "name a TOML file"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| broken(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(refuse("is larger than 1 MiB", "name a TOML file"));
    }
    String::from_utf8(bytes).map_err(|_| refuse("is no UTF-8 text", "name a TOML file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_is_named_with_a_remedy() {
        for (path, why) in [("no/such/file", "does not exist"), (".", "is a directory")] {
            let Err(Failure::Usage(line)) = read("config", Path::new(path)) else {
                panic!("{path} was read")
            };
            assert!(line.starts_with("config: file "), "{line}");
            assert!(line.contains(why), "{line}");
        }
    }
}
