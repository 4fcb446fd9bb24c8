//! A run of one target: change, examine, count, until the time is over.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::Target;
use super::examine::survives;
use super::mutate::Mutator;
use crate::payloads::{Kind, Venue};
use crate::report::Row;

/// One input may take this long. It is at most 64 KiB, which takes a millisecond.
const LONGEST: Duration = Duration::from_secs(2);
/// After so many findings a run ends.
const FINDINGS_MAX: usize = 10;

/// How to run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long.
    pub time: Duration,
    /// Which changes.
    pub seed: u64,
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Session {
    target: Target,
    executions: u64,
    elapsed: Duration,
    slowest: Duration,
    findings: Vec<String>,
}

impl Session {
    /// Runs one target.
    #[must_use]
    pub fn run(target: Target, options: Options) -> Self {
        let (seeds, pieces) = (target.seeds(), target.pieces());
        let mut mutator = Mutator::new(options.seed);
        let mut session = Self {
            target,
            executions: 0,
            elapsed: Duration::ZERO,
            slowest: Duration::ZERO,
            findings: Vec::new(),
        };
        let begun = Instant::now();
        while begun.elapsed() < options.time && session.findings.len() < FINDINGS_MAX {
            let often = session.executions.is_multiple_of(4);
            let seed = seeds.get(mutator.below(seeds.len()));
            match (target, seed) {
                (Target::Decode(venue), _) if often => session.retyped(venue, &mut mutator),
                (_, Some(seed)) => {
                    let assembled = often.then(|| pieces.assemble(&mut mutator)).flatten();
                    let input = assembled.unwrap_or_else(|| seed.clone());
                    session.changed(input, &mut mutator);
                }
                (_, None) => {}
            }
            session.executions += 1;
        }
        session.elapsed = begun.elapsed();
        session
    }

    /// One field inside of a record has another type: the answer survives.
    fn retyped(&mut self, venue: Venue, mutator: &mut Mutator) {
        let kinds = [Kind::Trade, Kind::Book, Kind::Candle];
        let Some(kind) = kinds.get(mutator.below(kinds.len())).copied() else {
            return;
        };
        let seed = u64::try_from(mutator.below(64)).unwrap_or(0);
        let body = venue.body(kind, 3, &mut fastrand::Rng::with_seed(seed));
        if let Some(body) = mutator.retype(&body, depth(venue, kind)) {
            self.judge(body.as_bytes(), |body| survives(venue, kind, body));
        }
    }

    /// Anything may have changed: nothing panics, nothing vanishes.
    fn changed(&mut self, mut input: Vec<u8>, mutator: &mut Mutator) {
        mutator.change(&mut input);
        let status = match mutator.below(16) {
            0 => StatusCode::BAD_REQUEST,
            1 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        };
        let target = self.target;
        self.judge(&input, |input| target.examine(status, input));
    }

    fn judge(
        &mut self,
        body: &[u8],
        check: impl FnOnce(&[u8]) -> Result<(), super::examine::Finding>,
    ) {
        let begun = Instant::now();
        let checked = catch_unwind(AssertUnwindSafe(|| check(body)));
        let took = begun.elapsed();
        self.slowest = self.slowest.max(took);
        let found = match checked {
            Err(_) => "panic".to_owned(),
            Ok(Err(finding)) => finding.to_string(),
            Ok(Ok(())) if took > LONGEST => format!("took {took:?}"),
            Ok(Ok(())) => return,
        };
        let input = String::from_utf8_lossy(body).escape_debug().to_string();
        self.findings.push(format!(
            "execution {}: {found}\n    input ({} bytes): {input}",
            self.executions,
            body.len()
        ));
    }

    /// The row of this target.
    #[must_use]
    pub fn row(&self) -> Row {
        #[allow(clippy::cast_precision_loss, reason = "at most ten")]
        let findings = self.findings.len() as f64;
        Row {
            id: format!("fuzz.{}.findings", self.target),
            value: findings,
            unit: "findings",
            goal: 0.0,
            holds: self.findings.is_empty() && self.executions > 0,
            peers: BTreeMap::new(),
            note: format!(
                "{} executions in {:.1} s, {:.0} a second, slowest {:.1} ms",
                self.executions,
                self.elapsed.as_secs_f64(),
                self.rate(),
                self.slowest.as_secs_f64() * 1e3
            ),
        }
    }

    fn rate(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "executions of a minute")]
        let executions = self.executions as f64;
        executions / self.elapsed.as_secs_f64().max(1e-9)
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.row();
        let verdict = if row.holds { "holds" } else { "MISSED" };
        let name = self.target.to_string();
        writeln!(
            f,
            "{name:<16} {:>2} findings  {}  {verdict}",
            self.findings.len(),
            row.note
        )?;
        self.findings
            .iter()
            .try_for_each(|finding| writeln!(f, "  {finding}"))
    }
}

/// How deep a leaf stands that is a field of a record and not of the envelope.
const fn depth(venue: Venue, kind: Kind) -> usize {
    match (venue, kind) {
        (Venue::Binance, Kind::Trade | Kind::Candle) => 2,
        (Venue::Binance, _) | (Venue::KuCoin, Kind::Trade | Kind::Candle) => 3,
        (Venue::Kraken, Kind::Trade | Kind::Candle) => 4,
        (Venue::Kraken, _) | (Venue::Htx, Kind::Trade) => 5,
        (Venue::Htx, Kind::Candle) => 3,
        (Venue::KuCoin | Venue::Htx, _) => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_of_every_target_finds_nothing() {
        for target in Target::ALL {
            let options = Options {
                time: Duration::from_millis(300),
                seed: 5,
            };
            let session = Session::run(target, options);
            assert!(session.row().holds, "{session}");
        }
    }

    #[test]
    fn a_panic_is_a_finding_with_its_input() {
        let mut session = Session {
            target: Target::Decode(Venue::Htx),
            executions: 1,
            elapsed: Duration::from_secs(1),
            slowest: Duration::ZERO,
            findings: Vec::new(),
        };
        session.judge(b"{\"a\"}", |_| {
            std::panic::resume_unwind(Box::new("on purpose"))
        });
        assert!(!session.row().holds);
        assert!(session.to_string().contains("panic"), "{session}");
        assert!(session.to_string().contains("(5 bytes)"), "{session}");
    }
}
