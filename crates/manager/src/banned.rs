//! Bans in a file, so that the next process keeps to them: one line for what it is, then one for each exchange.
//!
//! It stands beside the memory of the quality rules, under its name with `.bans` at the end, and is written when a ban begins, for who
//! is banned may well be killed or started anew. There is none while nobody is banned.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use robust_market::{Clock, Exchange, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch::Receiver;

use crate::shared::{Shared, Venue};
use crate::{Warning, remembered};

/// The first line.
const HEAD: &str = r#"{"bans":1}"#;
/// More than a line for each of any number of exchanges.
const LARGEST: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct Line {
    exchange: Exchange,
    until_ms: i64,
}

/// The file of the bans.
#[derive(Debug)]
pub(crate) struct Bans {
    path: PathBuf,
    /// Of exchanges that are not configured now. Held while the file is written: one writes at a time.
    others: Mutex<BTreeMap<Exchange, Timestamp>>,
}

impl Bans {
    /// Takes up the bans that stand in the file beside this one, and gives what is wrong with it where they cannot be read.
    pub(crate) fn resume(
        state: &Path,
        venues: &BTreeMap<Exchange, Venue>,
    ) -> (Self, Option<Warning>) {
        let path = remembered::beside(state, ".bans");
        let mut bans = BTreeMap::new();
        let warning = match load(&path) {
            Ok(known) => {
                bans = known;
                None
            }
            Err(error) => Some(Warning::BansUnreadable {
                path: path.clone(),
                reason: error.to_string(),
            }),
        };
        for (exchange, venue) in venues {
            if let Some(until) = bans.remove(exchange) {
                venue.source.resume_ban(until);
            }
        }
        let others = Mutex::new(bans);
        (Self { path, others }, warning)
    }

    /// Writes down who is banned now.
    pub(crate) fn save(&self, venues: &BTreeMap<Exchange, Venue>, clock: &dyn Clock) -> Result<()> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.retain(|_, until| *until > clock.now());
        let others = others.iter().map(|(exchange, until)| (exchange, *until));
        let ours = venues
            .iter()
            .filter_map(|(exchange, venue)| Some((exchange, venue.source.banned_until()?)));
        let bans: Vec<_> = ours.chain(others).collect();
        if bans.is_empty() {
            return match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        remembered::replace(&self.path, |file| {
            writeln!(file, "{HEAD}")?;
            for (exchange, until) in bans {
                let line = Line {
                    exchange: exchange.clone(),
                    until_ms: until.as_ms(),
                };
                serde_json::to_writer(&mut *file, &line)?;
                writeln!(file)?;
            }
            Ok(())
        })
    }
}

fn load(path: &Path) -> Result<BTreeMap<Exchange, Timestamp>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        file => file?,
    };
    let mut text = String::new();
    if file.take(LARGEST + 1).read_to_string(&mut text)? as u64 > LARGEST {
        return Err(Error::other("larger than 1 MiB"));
    }
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return Err(Error::other("not a list of bans of this version"));
    }
    lines
        .map(|line| {
            let Line { exchange, until_ms } = serde_json::from_str(line)?;
            let until = Timestamp::from_ms(until_ms);
            let until = until.ok_or_else(|| Error::other("a time that cannot be"))?;
            Ok((exchange, until))
        })
        .collect()
}

/// Writes down and tells every ban of one exchange, until the manager is gone.
pub(crate) async fn watch(
    shared: Weak<Shared>,
    exchange: Exchange,
    mut bans: Receiver<Option<Timestamp>>,
) {
    while bans.changed().await.is_ok() {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let until = *bans.borrow_and_update();
        if let Some(until) = until {
            shared.warn(Warning::Banned {
                exchange: exchange.clone(),
                until,
            });
        }
        save(&shared).await;
    }
}

/// Writes down who is banned now, where the settings name a file. What fails is a warning.
pub(crate) async fn save(shared: &Arc<Shared>) {
    let own = Arc::clone(shared);
    let write = move || match &own.bans {
        Some(bans) => bans.save(&own.venues, &*own.clock),
        None => Ok(()),
    };
    let written = match tokio::task::spawn_blocking(write).await {
        Ok(written) => written.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let (Err(reason), Some(bans)) = (written, &shared.bans) {
        shared.warn(Warning::BansUnwritable {
            path: bans.path.clone(),
            reason,
        });
    }
}
