//! `rdm run`: the jobs of a config file, until Ctrl-C.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use robust_data_manager::market::{Acceptance, Kind, Payload, Sample};
use robust_data_manager::{DataManager, Event, Events, Health, JobKind, JobSettings, QualityEvent};

use crate::args::RunArgs;
use crate::exit::{Failure, count, note, print};
use crate::ledger::JobLedger;
use crate::signals::Stop;
use crate::{ledger, settings, show};

/// How long the end waits for what is under way. Containers are killed 10 s after they were told to end.
const GRACE: Duration = Duration::from_secs(8);

pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    let named = |error: &dyn std::fmt::Display| settings::named(&args.config, error);
    let config = settings::load_whole("--config", &args.config)?;
    let jobs = config.jobs_in_force().map_err(|error| named(&error))?;
    if jobs.is_empty() {
        return Err(named(
            &"jobs = []: nothing to run; add a [[jobs]] with id, exchange, kind, symbol and every, or plan = \"default\"",
        ));
    }
    let bars: Bars = jobs.iter().flat_map(bars_of).collect();
    let manager = DataManager::builder()
        .config(config)
        .start()
        .map_err(|error| named(&error))?;
    for warning in manager.status().warnings {
        told(&format!("warning: {}", warning.text), args.json);
    }
    let stop = Stop::listen(|| {});
    let mut events = manager.events();
    manager
        .schedule_configured()
        .map_err(|error| named(&error))?;
    let ending = async {
        match args.lasting {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = tell(&mut events, &bars, args.json) => {}
        () = ending => {}
        () = stop.wait() => {}
    }
    manager.shutdown(GRACE).await;
    // What came in the meantime belongs to the run as well.
    tokio::select! {
        biased;
        () = tell(&mut events, &bars, args.json) => {}
        () = std::future::ready(()) => {}
    }
    finish(&manager, args.json)
}

/// Prints what happens; ends when nobody reads it any more, or the manager is gone.
async fn tell(events: &mut Events, bars: &Bars, as_json: bool) {
    while let Some(event) = events.next().await {
        let read = match event {
            // What the quality rules learn from is nobody's job.
            Event::Data(sample) if !is_asked_for(&sample, bars) => true,
            Event::Data(sample) => data(&sample, as_json),
            Event::Error {
                exchange,
                kind,
                symbol,
                error,
                ..
            } => {
                let symbol = symbol
                    .map(|symbol| format!(" {symbol}"))
                    .unwrap_or_default();
                let why = why(exchange.as_str(), error.name(), &error.to_string());
                told(&format!("{exchange} {kind}{symbol}: {why}"), as_json)
            }
            Event::Quality(word) => told(&quality(&word), as_json),
            // That all is well is no news.
            Event::Health(change)
                if change.before == Health::Unknown && change.now.state == Health::Healthy =>
            {
                true
            }
            Event::Health(change) => told(&format!("health: {change}"), as_json),
            Event::Warning(warning) => told(&format!("warning: {warning}"), as_json),
            Event::Dropped(missed) => told(
                &format!(
                    "{} came faster than they were printed",
                    count(missed, "event", "events")
                ),
                as_json,
            ),
            _ => true,
        };
        if !read {
            return;
        }
    }
}

/// Exchange and base currency of each job that reads bars. The quote currency may be another's alias.
type Bars = BTreeSet<(String, String)>;

fn bars_of(job: &JobSettings) -> Vec<(String, String)> {
    let symbols = job.symbol.iter().chain(&job.symbols);
    let bases = symbols.filter_map(|symbol| symbol.split('/').next());
    let bases: Vec<&str> = bases.filter(|_| job.kind == JobKind::Candles).collect();
    let exchanges = job.asks().flat_map(|exchange| {
        let pairs = bases.iter();
        pairs.map(move |base| (exchange.to_owned(), (*base).to_owned()))
    });
    exchanges.collect()
}

fn is_asked_for(sample: &Sample<Arc<Payload>>, bars: &Bars) -> bool {
    let meta = &sample.meta;
    let base = meta.symbol.as_ref().map_or("", |symbol| symbol.base());
    let key = (meta.exchange.as_str().to_owned(), base.to_owned());
    meta.kind != Kind::Candles || bars.contains(&key)
}

/// What became of a market's quality, and why.
fn quality(word: &QualityEvent) -> String {
    let symbol = word.symbol.as_ref().map(|symbol| format!(" {symbol}"));
    let before = word.before.unwrap_or(Acceptance::Accept);
    let report = &word.report;
    let course = if word.changed() {
        format!("{before}, now {}", report.acceptance)
    } else {
        report.acceptance.to_string()
    };
    let why = report.issues.first();
    let why = why.map(|issue| format!(" ({}: {})", issue.rule, issue.message));
    let released = match word.released.len() {
        0 => String::new(),
        one_or_more => format!("; {one_or_more} quarantined before are released"),
    };
    format!(
        "{} {}{}: quality {}: {course}{}{released}",
        word.exchange,
        word.kind,
        symbol.unwrap_or_default(),
        report.overall,
        why.unwrap_or_default()
    )
}

/// The short name of a failure and its words, each said once beside the exchange.
fn why(exchange: &str, name: &str, words: &str) -> String {
    let own = words.strip_prefix(exchange);
    let words = own
        .and_then(|words| words.strip_prefix(": "))
        .unwrap_or(words);
    if words.starts_with(name) {
        words.to_owned()
    } else {
        format!("{name}: {words}")
    }
}

/// Samples alone go where a program reads them.
fn told(line: &str, as_json: bool) -> bool {
    if as_json {
        note(&format!("rdm: {line}"));
        true
    } else {
        print(line)
    }
}

/// One sample, one line.
fn data(sample: &Sample<Arc<Payload>>, as_json: bool) -> bool {
    if as_json {
        let plain = Sample {
            data: &*sample.data,
            meta: sample.meta.clone(),
            quality: sample.quality.clone(),
        };
        return match serde_json::to_string(&plain) {
            Ok(line) => print(&line),
            Err(error) => told(&format!("a sample cannot be written: {error}"), true),
        };
    }
    let meta = &sample.meta;
    let symbol = meta.symbol.as_ref().map(ToString::to_string);
    let quality = sample.quality.as_ref().map_or_else(
        || "not judged".to_owned(),
        |report| format!("{} {}", report.acceptance, report.overall),
    );
    print(&format!(
        "{} {:<8} {:<8} {:<9} {:<18} {}, {quality}",
        meta.received,
        meta.exchange.as_str(),
        meta.kind.as_str(),
        symbol.unwrap_or_default(),
        show::headline(&sample.data),
        meta.origin,
    ))
}

/// The ledger, and whether there was anything to collect.
fn finish(manager: &DataManager, as_json: bool) -> Result<(), Failure> {
    let cut_off = ledger::cut_off(manager);
    if !cut_off.is_empty() {
        told(
            &format!("cut off by the end: {}", cut_off.join(", ")),
            as_json,
        );
    }
    let ledger = JobLedger::of(manager);
    told(&format!("jobs {ledger}"), as_json);
    if !ledger.closes() {
        let text = "run: due is not done + skipped + failed + pending";
        return Err(Failure::Data(text.to_owned()));
    }
    if ledger.done == 0 && manager.scheduler().ledger().ran > 0 {
        return Err(Failure::Data("run: no job brought data".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::why;

    #[test]
    fn a_failure_is_told_without_saying_anything_twice() {
        for (words, told) in [
            (
                "kucoin: unexpected_content: not kucoin's envelope",
                "unexpected_content: not kucoin's envelope",
            ),
            ("kucoin: no answer", "unexpected_content: no answer"),
            (
                "the data manager is shut down",
                "unexpected_content: the data manager is shut down",
            ),
        ] {
            assert_eq!(why("kucoin", "unexpected_content", words), told);
        }
    }
}
