//! The memory of the quality rules in a file: one line for what it is, then one for each market.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Error, ErrorKind, Read, Result, Write};
use std::path::{Path, PathBuf};

use robust_market::{Exchange, Interval, Symbol};
use robust_quality::{StateKey, StatePool, SymbolState};
use serde::{Deserialize, Serialize};

use crate::Warning;

/// The first line of each file.
const HEAD: &str = r#"{"quality_state":1}"#;
/// More than all states together can take, as text.
const LARGEST: u64 = 1 << 30;
/// The longest line that is read; the memory of one market takes some ten KB.
const LONGEST: u64 = 4 << 20;

#[derive(Serialize)]
struct Line<'a> {
    exchange: &'a Exchange,
    symbol: Option<&'a Symbol>,
    kind: &'static str,
    interval: Option<String>,
    state: &'a SymbolState,
}

#[derive(Deserialize)]
struct Written {
    exchange: Exchange,
    symbol: Option<Symbol>,
    kind: String,
    interval: Option<String>,
    state: SymbolState,
}

/// Writes every state.
pub(crate) fn save(path: &Path, pool: &StatePool) -> Result<()> {
    replace(path, |file| write(file, pool))
}

/// Writes beside the file, then puts it in the file's place: whoever is interrupted leaves the old file as it was.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let beside = beside(path, ".new");
    let written = File::create(&beside).and_then(|file| {
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        file.into_inner()?.sync_all()
    });
    let written = written.and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // What is half written is of no use; that it cannot be removed either is the smaller trouble.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

/// The file whose name goes on so.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(end);
    path.with_file_name(name)
}

fn write(mut file: impl Write, pool: &StatePool) -> Result<()> {
    writeln!(file, "{HEAD}")?;
    for (key, state) in pool.states() {
        let line = Line {
            exchange: &key.exchange,
            symbol: key.symbol.as_ref(),
            kind: key.kind.as_str(),
            interval: key.interval.map(|interval| interval.to_string()),
            state,
        };
        serde_json::to_writer(&mut file, &line)?;
        writeln!(file)?;
    }
    Ok(())
}

/// The memory to begin with, and what is wrong with the file where it is without.
pub(crate) fn start(path: Option<&Path>) -> (StatePool, Option<Warning>) {
    let Some(path) = path else {
        return (StatePool::default(), None);
    };
    match load(path) {
        Ok(pool) => (pool, None),
        Err(error) => {
            let warning = Warning::StateUnreadable {
                path: path.to_owned(),
                reason: error.to_string(),
            };
            (StatePool::default(), Some(warning))
        }
    }
}

/// Reads a file that [`save`] wrote; a pool without memory where there is none yet. All of it or nothing.
fn load(path: &Path) -> Result<StatePool> {
    let mut pool = StatePool::default();
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(pool),
        file => file?,
    };
    if file.metadata()?.len() > LARGEST {
        return Err(Error::other("larger than 1 GiB"));
    }
    let mut file = BufReader::new(file.take(LARGEST));
    let mut line = String::new();
    if !next(&mut file, &mut line)? || line != HEAD {
        return Err(Error::other("not a saved memory of this version"));
    }
    for number in 2.. {
        if !next(&mut file, &mut line)? {
            break;
        }
        let (key, state) = read(&line)
            .map_err(|error| Error::other(format!("line {number} cannot be read: {error}")))?;
        pool.restore(key, state);
    }
    Ok(pool)
}

/// The next line without its end; `false` where there is none.
fn next(file: &mut impl BufRead, line: &mut String) -> Result<bool> {
    line.clear();
    let most = LONGEST + 1;
    if file.take(most).read_line(line)? == 0 {
        return Ok(false);
    }
    if line.len() as u64 == most && !line.ends_with('\n') {
        return Err(Error::other("a line is longer than 4 MiB"));
    }
    line.truncate(line.trim_end_matches(['\n', '\r']).len());
    Ok(true)
}

fn read(line: &str) -> std::result::Result<(StateKey, SymbolState), String> {
    let read: Written = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let interval = |text: String| text.parse::<Interval>().map_err(|error| error.to_string());
    let key = StateKey {
        exchange: read.exchange,
        symbol: read.symbol,
        kind: read
            .kind
            .parse()
            .map_err(|error: robust_market::InvalidName| error.to_string())?,
        interval: read.interval.map(interval).transpose()?,
    };
    Ok((key, read.state))
}
