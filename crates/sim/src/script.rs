//! A plan of faults over time.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use robust_market::Exchange;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::fault::Fault;

/// The most entries a script may hold.
const MAX_PLANNED: usize = 10_000;

/// One fault of one exchange for a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Which exchange misbehaves.
    pub exchange: Exchange,
    /// How it misbehaves.
    pub fault: Fault,
    /// When it starts, from the start of the run.
    pub from: Duration,
    /// When it ends, from the start of the run; `None` = never.
    pub until: Option<Duration>,
}

/// A plan of faults: which exchange misbehaves how, and when.
///
/// Two written forms are read: a table of lasting faults, and a list of timed ones. They may stand together.
///
/// ```
/// use std::time::Duration;
/// use robust_market::Exchange;
/// use robust_sim::{Fault, Script};
///
/// let script: Script = toml::from_str(r#"
///     binance = "latency:2s"
///
///     [[fault]]
///     exchange = "kraken"
///     kind = "hang"
///     at = "5s"
///     for = "10s"
/// "#)?;
/// assert_eq!(script.active(&Exchange::KRAKEN, Duration::from_secs(4)), None);
/// assert_eq!(script.active(&Exchange::KRAKEN, Duration::from_secs(5)), Some(Fault::Hang));
/// assert_eq!(script.active(&Exchange::KRAKEN, Duration::from_secs(15)), None);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script(Vec<Planned>);

impl Script {
    /// A script of these entries; the later entry wins where two overlap.
    #[must_use]
    pub fn new(planned: Vec<Planned>) -> Self {
        Self(planned)
    }

    /// One fault somewhere every `every`, lasting `lasting`, until `total`: the same for the same seed.
    ///
    /// No exchange gets a second fault while it still has one, and every fault ends by `total`. An empty range counts
    /// as its start.
    #[must_use]
    pub fn random(
        seed: u64,
        exchanges: &[Exchange],
        every: &Range<Duration>,
        lasting: &Range<Duration>,
        total: Duration,
    ) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x5c21_97ab_d03e_4f61);
        let mut planned: Vec<Planned> = Vec::new();
        let mut at = Duration::ZERO;
        while planned.len() < MAX_PLANNED {
            at = at.saturating_add(within(&mut rng, every).max(Duration::from_millis(1)));
            let until = at.saturating_add(within(&mut rng, lasting));
            if at >= total {
                break;
            }
            let fault = any_fault(&mut rng);
            let Some(exchange) = pick(&mut rng, exchanges) else {
                break;
            };
            let until = until.min(total);
            let busy = planned
                .iter()
                .any(|p| p.exchange == *exchange && p.until.is_none_or(|end| end > at));
            if !busy {
                planned.push(Planned {
                    exchange: exchange.clone(),
                    fault,
                    from: at,
                    until: Some(until),
                });
            }
        }
        Self(planned)
    }

    /// The fault of an exchange when `elapsed` has passed since the start of the run.
    #[must_use]
    pub fn active(&self, exchange: &Exchange, elapsed: Duration) -> Option<Fault> {
        self.0
            .iter()
            .rev()
            .find(|p| {
                p.exchange == *exchange
                    && p.from <= elapsed
                    && p.until.is_none_or(|until| elapsed < until)
            })
            .map(|p| p.fault)
    }

    /// The entries, in the order of the script.
    #[must_use]
    pub fn planned(&self) -> &[Planned] {
        &self.0
    }

    /// Whether nothing is planned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn within(rng: &mut fastrand::Rng, range: &Range<Duration>) -> Duration {
    let span = range.end.saturating_sub(range.start);
    let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let more = if span == 0 { 0 } else { rng.u64(..span) };
    range.start.saturating_add(Duration::from_millis(more))
}

fn pick<'a, T>(rng: &mut fastrand::Rng, from: &'a [T]) -> Option<&'a T> {
    if from.is_empty() {
        return None;
    }
    from.get(rng.usize(..from.len()))
}

fn any_fault(rng: &mut fastrand::Rng) -> Fault {
    let seconds = |rng: &mut fastrand::Rng, range: Range<u64>| Duration::from_secs(rng.u64(range));
    match rng.u8(..11) {
        0 => Fault::Refuse,
        1 => Fault::Reset,
        2 => Fault::Hang,
        3 => Fault::Latency {
            by: seconds(rng, 1..5),
        },
        4 => Fault::Status {
            code: pick(rng, &[500, 502, 503, 504]).copied().unwrap_or(503),
        },
        5 => Fault::RateLimited {
            retry_after: seconds(rng, 1..6),
        },
        6 => Fault::Ban {
            retry_after: seconds(rng, 2..8),
        },
        7 => Fault::Truncated,
        8 => Fault::Html,
        9 => Fault::Garbage,
        _ => Fault::Stale,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    exchange: Exchange,
    kind: Fault,
    #[serde(default, deserialize_with = "span")]
    at: Option<Duration>,
    #[serde(default, rename = "for", deserialize_with = "span")]
    lasting: Option<Duration>,
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match humantime::parse_duration(&text) {
        Ok(span) => Ok(Some(span)),
        Err(_) => Err(D::Error::custom(format!(
            "{:?} is not a duration: write it such as 5s or 1m30s",
            text.chars().take(40).collect::<String>()
        ))),
    }
}

impl From<Entry> for Planned {
    fn from(entry: Entry) -> Self {
        let from = entry.at.unwrap_or_default();
        Self {
            exchange: entry.exchange,
            fault: entry.kind,
            from,
            until: entry.lasting.map(|lasting| from.saturating_add(lasting)),
        }
    }
}

/// The value of `fault = …`, read without keeping more than the bound.
struct Entries(Vec<Planned>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of [[fault]] tables")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Entries, A::Error> {
                let mut planned = Vec::new();
                while let Some(entry) = seq.next_element::<Entry>()? {
                    if planned.len() == MAX_PLANNED {
                        return Err(A::Error::custom(
                            "more than 10000 faults: shorten the script",
                        ));
                    }
                    planned.push(entry.into());
                }
                Ok(Entries(planned))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

impl<'de> Deserialize<'de> for Script {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = Script;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("EXCHANGE = \"FAULT\" lines and [[fault]] tables")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Script, A::Error> {
                let mut lasting = Vec::new();
                let mut timed = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key == "fault" {
                        timed = map.next_value::<Entries>()?.0;
                    } else if lasting.len() == MAX_PLANNED {
                        return Err(A::Error::custom(
                            "more than 10000 faults: shorten the script",
                        ));
                    } else {
                        lasting.push(Planned {
                            exchange: key.parse().map_err(A::Error::custom)?,
                            fault: map.next_value()?,
                            from: Duration::ZERO,
                            until: None,
                        });
                    }
                }
                // A timed fault interrupts a lasting one.
                lasting.append(&mut timed);
                Ok(Script(lasting))
            }
        }
        deserializer.deserialize_map(Table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Exchange; 2] = [Exchange::KRAKEN, Exchange::BINANCE];

    fn secs(range: Range<u64>) -> Range<Duration> {
        Duration::from_secs(range.start)..Duration::from_secs(range.end)
    }

    #[test]
    fn both_written_forms_are_read_and_the_timed_one_interrupts() {
        let script: Script = toml::from_str(
            "kraken = \"hang\"\n[[fault]]\nexchange = \"kraken\"\nkind = \"503\"\nat = \"5s\"\nfor = \"1m\"",
        )
        .unwrap();
        let at = |s| script.active(&Exchange::KRAKEN, Duration::from_secs(s));
        assert_eq!(at(0), Some(Fault::Hang));
        assert_eq!(at(5), Some(Fault::Status { code: 503 }));
        assert_eq!(at(64), Some(Fault::Status { code: 503 }));
        assert_eq!(at(65), Some(Fault::Hang));
        assert_eq!(script.active(&Exchange::BINANCE, Duration::ZERO), None);
    }

    #[test]
    fn mistakes_in_a_script_are_named() {
        for (text, part) in [
            ("kraken = \"hnag\"", "hnag"),
            ("KRAKEN = \"hang\"", "exchange"),
            ("[[fault]]\nexchange = \"kraken\"", "kind"),
            (
                "[[fault]]\nexchange = \"kraken\"\nkind = \"hang\"\nat = \"soon\"",
                "soon",
            ),
            (
                "[[fault]]\nexchange = \"kraken\"\nkind = \"hang\"\nwhen = \"1s\"",
                "when",
            ),
            ("fault = 3", "[[fault]]"),
        ] {
            let error = toml::from_str::<Script>(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_random_script_repeats_by_seed_keeps_its_ranges_and_ends_in_time() {
        let total = Duration::from_secs(60);
        let make = |seed| Script::random(seed, &BOTH, &secs(2..6), &secs(2..8), total);
        assert_eq!(make(7), make(7));
        assert_ne!(make(7), make(8));
        for seed in 0..50 {
            let script = make(seed);
            assert!(script.planned().len() >= 5, "seed {seed}");
            for (i, p) in script.planned().iter().enumerate() {
                let until = p.until.unwrap();
                assert!(p.from < until && until <= total);
                assert!(until - p.from < Duration::from_secs(8));
                for q in &script.planned()[..i] {
                    assert!(q.exchange != p.exchange || q.until.unwrap() <= p.from);
                }
            }
        }
        assert!(Script::random(1, &[], &secs(2..6), &secs(2..8), total).is_empty());
        let dense = Script::random(1, &BOTH, &secs(0..0), &secs(0..0), total);
        assert!(dense.planned().len() <= MAX_PLANNED);
    }
}
