//! Which faults a simulator plays, from the command line. The written forms stand in `docs/faults.md`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use robust_data_manager::market::{Exchange, quote};
use robust_sim::{Fault, Planned, Script};

use crate::exit::Failure;
use crate::file;

/// Random faults come this often,
const EVERY: Range<Duration> = Duration::from_secs(2)..Duration::from_secs(6);
/// last this long,
const LASTING: Range<Duration> = Duration::from_secs(2)..Duration::from_secs(8);
/// and are planned this far ahead; a longer run is calm afterwards.
const PLANNED: Duration = Duration::from_secs(6 * 3_600);

const FORMS: &str =
    "write random, none, EXCHANGE=FAULT such as kraken=hang, or the name of a TOML file";

/// Reads `random`, `none`, `kraken=hang,binance=418:20`, or the name of a TOML file.
pub(crate) fn script(text: &str, seed: u64, exchanges: &[Exchange]) -> Result<Script, Failure> {
    let path = Path::new(text);
    let script = match text {
        "none" => Script::default(),
        "random" => Script::random(seed, exchanges, &EVERY, &LASTING, PLANNED),
        _ if path.exists() => in_file(path)?,
        _ if text.contains('=') => short(text)?,
        _ => {
            let shown = quote(text);
            return Err(refuse(format!("{shown} names no file; {FORMS}")));
        }
    };
    for planned in script.planned() {
        if !exchanges.contains(&planned.exchange) {
            let known: Vec<_> = exchanges.iter().map(Exchange::as_str).collect();
            return Err(refuse(format!(
                "exchange {} is not simulated here; use {}",
                quote(planned.exchange.as_str()),
                known.join(" or ")
            )));
        }
    }
    Ok(script)
}

fn refuse(why: impl std::fmt::Display) -> Failure {
    Failure::Usage(format!("--faults: {why}"))
}

fn short(text: &str) -> Result<Script, Failure> {
    let mut planned = Vec::new();
    let mut named = BTreeSet::new();
    for entry in text.split(',') {
        let (exchange, fault) = entry.split_once('=').ok_or_else(|| {
            refuse(format!(
                "{} is no EXCHANGE=FAULT; write kraken=hang,binance=418:20",
                quote(entry)
            ))
        })?;
        let exchange: Exchange = exchange.trim().parse().map_err(refuse)?;
        if !named.insert(exchange.clone()) {
            return Err(refuse(format!(
                "{exchange} is named twice; write faults that follow each other in a TOML file"
            )));
        }
        planned.push(Planned {
            exchange,
            fault: fault.trim().parse::<Fault>().map_err(refuse)?,
            from: Duration::ZERO,
            until: None,
        });
    }
    Ok(Script::new(planned))
}

fn in_file(path: &Path) -> Result<Script, Failure> {
    let text = file::read("--faults", path)?;
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| format!(", line {}", before.matches('\n').count() + 1));
        refuse(format!(
            "file {}{}: {}",
            quote(&path.display().to_string()),
            line.unwrap_or_default(),
            error.message()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> [Exchange; 2] {
        [Exchange::KRAKEN, Exchange::BINANCE]
    }

    #[test]
    fn short_forms_and_files_say_the_same() {
        let short = script("kraken=hang,binance=418:20", 1, &both()).unwrap();
        let long: Script = toml::from_str("kraken = \"hang\"\nbinance = \"418:20\"").unwrap();
        for exchange in both() {
            assert_eq!(
                short.active(&exchange, Duration::ZERO),
                long.active(&exchange, Duration::ZERO)
            );
        }
        assert_eq!(
            short.active(&Exchange::KRAKEN, Duration::from_secs(9)),
            Some(Fault::Hang)
        );
    }

    #[test]
    fn a_bad_fault_names_field_value_and_remedy() {
        for (text, named) in [
            ("kraken=hung", "\"hung\" is not known: use refuse"),
            ("kraken=", "\"\" is not known: use refuse"),
            ("kraken=418", "418:20"),
            ("kraken=418:-1", "the seconds of Retry-After"),
            ("kraken=latency:5y", "a duration up to 1h"),
            ("=hang", "exchange \"\" is not valid"),
            (
                "krake=hang",
                "\"krake\" is not simulated here; use kraken or binance",
            ),
            ("kraken=hang,c", "\"c\" is no EXCHANGE=FAULT"),
            ("kraken=hang,", "\"\" is no EXCHANGE=FAULT"),
            ("kraken=hang,kraken=html", "kraken is named twice"),
            (
                "no/such/file",
                "\"no/such/file\" names no file; write random",
            ),
            ("RANDOM", "\"RANDOM\" names no file; write random, none"),
            ("", "\"\" names no file; write random, none"),
            (".", "is a directory; name a TOML file"),
        ] {
            let Err(Failure::Usage(line)) = script(text, 1, &both()) else {
                panic!("{text} was accepted")
            };
            assert!(
                line.starts_with("--faults: ") && line.contains(named),
                "{text}: {line}"
            );
        }
    }
}
