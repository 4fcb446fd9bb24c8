//! Which faults a simulator plays, from the command line.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use robust_data_manager::market::{Exchange, quote};
use robust_sim::{Fault, Planned, Script};

use crate::exit::Failure;

/// Random faults come this often,
const EVERY: Range<Duration> = Duration::from_secs(2)..Duration::from_secs(6);
/// last this long,
const LASTING: Range<Duration> = Duration::from_secs(2)..Duration::from_secs(8);
/// and are planned this far ahead; a longer run is calm afterwards.
const PLANNED: Duration = Duration::from_secs(6 * 3_600);

/// Reads `random`, `none`, `kraken=hang,binance=418:20`, or the name of a TOML file.
pub(crate) fn script(text: &str, seed: u64, exchanges: &[Exchange]) -> Result<Script, Failure> {
    let script = match text {
        "none" => Script::default(),
        "random" => Script::random(seed, exchanges, &EVERY, &LASTING, PLANNED),
        _ if text.contains('=') => short(text)?,
        _ => file(Path::new(text))?,
    };
    for planned in script.planned() {
        if !exchanges.contains(&planned.exchange) {
            let known: Vec<_> = exchanges.iter().map(Exchange::as_str).collect();
            return Err(Failure::Usage(format!(
                "faults: exchange {} is not simulated; use {}",
                quote(planned.exchange.as_str()),
                known.join(" or ")
            )));
        }
    }
    Ok(script)
}

fn short(text: &str) -> Result<Script, Failure> {
    let mut planned = Vec::new();
    for entry in text.split(',') {
        let (exchange, fault) = entry.split_once('=').ok_or_else(|| {
            Failure::Usage(format!(
                "faults: {} is no EXCHANGE=FAULT; write kraken=hang,binance=418:20",
                quote(entry)
            ))
        })?;
        planned.push(Planned {
            exchange: exchange
                .trim()
                .parse()
                .map_err(|error| Failure::Usage(format!("faults: {error}")))?,
            fault: fault
                .trim()
                .parse::<Fault>()
                .map_err(|error| Failure::Usage(format!("faults: {error}")))?,
            from: Duration::ZERO,
            until: None,
        });
    }
    Ok(Script::new(planned))
}

fn file(path: &Path) -> Result<Script, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Usage(format!(
            "faults: file {} cannot be read: {error}; write random, none, EXCHANGE=FAULT or the name of a TOML file",
            quote(&path.display().to_string())
        ))
    })?;
    toml::from_str(&text).map_err(|error| {
        Failure::Usage(format!(
            "faults: file {}: {}",
            path.display(),
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
            ("kraken=hung", "hung"),
            ("kraken=", "faults"),
            (
                "krake=hang",
                "\"krake\" is not simulated; use kraken or binance",
            ),
            ("a=b,c", "a"),
            ("no/such/file", "cannot be read"),
        ] {
            let Err(Failure::Usage(line)) = script(text, 1, &both()) else {
                panic!("{text} was accepted")
            };
            assert!(
                line.starts_with("faults: ") && line.contains(named),
                "{text}: {line}"
            );
        }
    }
}
