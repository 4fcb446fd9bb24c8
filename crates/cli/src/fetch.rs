//! `rdm fetch`: one question to one exchange.

use std::io::IsTerminal;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use robust_data_manager::market::{
    Clock, Exchange, Interval, Payload, Request, Sample, SystemClock, Timestamp, quote, quote_url,
};
use robust_data_manager::{
    Config, CredentialSettings, DataError, DataManager, Environment, ExchangeSettings, Progress,
    Query,
};
use tokio::time::Instant;

use crate::args::{FetchArgs, What};
use crate::exit::{Failure, note, print};
use crate::{coverage, json, settings, show};

/// How long the end of the program waits for what is under way.
const GRACE: Duration = Duration::from_millis(100);
/// How long a person waits without a word.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the word is repeated.
const AGAIN: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: FetchArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    let request = request(&args, now)?;
    let manager = manager(&args)?;
    let mut query = Query::new(args.exchange.clone(), request);
    if let Some(timeout) = args.timeout {
        query = query.timeout(timeout);
    }
    let seen = std::io::stderr().is_terminal();
    let bar = OnceLock::new();
    let outcome = tokio::select! {
        outcome = manager.get_with_progress(query, |so_far| {
            if seen {
                advance(bar.get_or_init(progress_bar), so_far);
            }
        }) => outcome,
        () = reassure(&args.exchange, &bar), if seen => return Ok(()),
    };
    if let Some(bar) = bar.get() {
        bar.finish_and_clear();
    }
    manager.shutdown(GRACE).await;
    let sample: Sample<Arc<Payload>> = outcome.map_err(|error| failure(error, &args, now))?;
    if let (Some(asked), Some(got)) = (&args.symbol, &sample.meta.symbol)
        && asked != got
    {
        note(&format!(
            "rdm: {asked} is answered with {got} (quote_alias)"
        ));
    }
    if args.json {
        let plain = Sample {
            data: &*sample.data,
            meta: sample.meta.clone(),
            quality: sample.quality.clone(),
        };
        print(&json::text(&plain).map_err(Failure::data)?);
    } else {
        print(&show::sample(&sample));
    }
    // What came is good, so the program ends well; but nobody shall take it for the whole.
    if let Some(complaint) = sample
        .meta
        .coverage
        .as_deref()
        .and_then(coverage::complaint)
    {
        note(&format!("rdm: {complaint}"));
    }
    Ok(())
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "{bar:32} {pos} of {len} rows, {msg}, {elapsed} so far";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn advance(bar: &ProgressBar, so_far: Progress) {
    bar.set_length(so_far.asked);
    bar.set_message(format!("{} requests", so_far.pages));
    bar.set_position(so_far.rows);
}

/// Tells whoever waits at a terminal that the program does. Never ends.
async fn reassure(exchange: &Exchange, bar: &OnceLock<ProgressBar>) {
    let begun = Instant::now();
    let mut word = tokio::time::interval_at(begun + PATIENCE, AGAIN);
    loop {
        word.tick().await;
        if bar.get().is_some() {
            // The bar says it better.
            continue;
        }
        let seconds = begun.elapsed().as_secs();
        note(&format!(
            "rdm: still waiting for {exchange} ({seconds} s); Ctrl-C gives up"
        ));
    }
}

/// A question that cannot be put is the caller's mistake; everything else is the data's.
fn failure(error: DataError, args: &FetchArgs, now: Timestamp) -> Failure {
    use robust_data_manager::EncodeError;
    match &error {
        DataError::Unanswerable(EncodeError::OutOfRange { field: "since", .. })
            if args.since.is_none() =>
        {
            // Nobody gave a beginning: it was counted back from now.
            too_many_bars(args, now).unwrap_or_else(|| Failure::usage(error))
        }
        DataError::Unanswerable(EncodeError::UnknownSymbol { .. }) => Failure::data(error),
        DataError::InvalidName(_)
        | DataError::UnknownExchange { .. }
        | DataError::Unanswerable(_) => Failure::usage(error),
        _ => Failure::data(error),
    }
}

/// More bars than there have been since 1970, where the exchanges' time begins.
fn too_many_bars(args: &FetchArgs, now: Timestamp) -> Option<Failure> {
    let limit = args.limit?;
    let interval = args.interval.unwrap_or(Interval::M1);
    let step = i64::try_from(interval.duration().as_secs()).ok()?;
    // One bar is left for calendar months, which are longer than the step of their interval.
    let most = now.as_secs().checked_div(step)?.saturating_sub(1);
    Some(Failure::Usage(format!(
        "--limit: {limit} bars of {interval} would begin before 1970; use at most {most}, or a longer --interval"
    )))
}

fn request(args: &FetchArgs, now: Timestamp) -> Result<Request, Failure> {
    let symbol = || {
        args.symbol.clone().ok_or_else(|| {
            Failure::Usage(
                "SYMBOL is missing; write BASE/QUOTE after the exchange, such as BTC/USD"
                    .to_owned(),
            )
        })
    };
    let what = args.what.name();
    let refuse = |field: &str, given: Option<String>| match given {
        Some(value) => Err(Failure::Usage(format!(
            "{field}: {} has no meaning for {what}; leave it away",
            quote(&value)
        ))),
        None => Ok(()),
    };
    if args.what != What::Candles {
        refuse("--interval", args.interval.map(|i| i.to_string()))?;
    }
    if matches!(args.what, What::Ticker | What::Instruments) {
        refuse("--limit", args.limit.map(|limit| limit.to_string()))?;
    }
    if !matches!(args.what, What::Candles | What::Trades) && args.since.is_some() {
        let shown = args.since.map(|since| since.to_string());
        return Err(Failure::Usage(format!(
            "--since: {} has no meaning for {what}; leave it away",
            shown.unwrap_or_default()
        )));
    }
    let since = match args.since.map(|since| since.before(now)) {
        Some(None) => {
            let shown = args.since.map(|since| since.to_string());
            return Err(Failure::Usage(format!(
                "--since: {} lies in the future; use a time that is past",
                shown.unwrap_or_default()
            )));
        }
        Some(Some(since)) if since < Timestamp::from_ns(0) => {
            let shown = args.since.map(|since| since.to_string());
            return Err(Failure::Usage(format!(
                "--since: {} lies before 1970; use a later time",
                shown.unwrap_or_default()
            )));
        }
        since => since.flatten(),
    };
    Ok(match args.what {
        What::Ticker => Request::Ticker { symbol: symbol()? },
        What::Book => Request::OrderBook {
            symbol: symbol()?,
            depth: args.limit,
        },
        What::Candles => Request::Candles {
            symbol: symbol()?,
            interval: args.interval.unwrap_or(Interval::M1),
            since,
            limit: args.limit,
        },
        What::Trades => Request::Trades {
            symbol: symbol()?,
            since,
            limit: args.limit,
        },
        What::Instruments => {
            refuse("SYMBOL", args.symbol.as_ref().map(ToString::to_string))?;
            Request::Instruments
        }
    })
}

fn manager(args: &FetchArgs) -> Result<DataManager, Failure> {
    let mut config = match &args.config {
        Some(path) => settings::load("--config", path)?,
        None => Config::default(),
    };
    let given = config.exchanges.remove(args.exchange.as_str());
    let mut settings = given.unwrap_or_else(impatient);
    settings.credentials = settings
        .credentials
        .or_else(|| credentials(args.exchange.as_str()));
    config.exchanges.clear();
    if let Some(url) = &args.base_url {
        check_base_url(url)?;
        settings.base_url = Some(url.clone());
        // Whoever names an address by hand may name a simulator; the sample says which it was.
        config.environment = Environment::Simulated;
    }
    config
        .exchanges
        .insert(args.exchange.as_str().to_owned(), settings);
    DataManager::builder()
        .config(config)
        .start()
        .map_err(Failure::usage)
}

/// Where the credentials are when no config file says: in the variables `RDM_EXCHANGE_KEY`, `_SECRET` and `_PASSPHRASE`, if the first
/// is set. That a needed one is missing is then told like for a config file.
fn credentials(exchange: &str) -> Option<CredentialSettings> {
    let name = exchange.to_uppercase().replace('-', "_");
    let variable = |part: &str| format!("RDM_{name}_{part}");
    let is_set = |name: &String| std::env::var_os(name).is_some();
    let key = Some(variable("KEY")).filter(is_set)?;
    let mut settings = CredentialSettings::default();
    settings.key_env = Some(key);
    settings.secret_env = Some(variable("SECRET"));
    settings.passphrase_env = Some(variable("PASSPHRASE")).filter(is_set);
    Some(settings)
}

/// A person waits: one more try soon, and then the truth.
fn impatient() -> ExchangeSettings {
    let mut settings = ExchangeSettings::default();
    settings.retries = Some(1);
    settings.backoff_base = Some(Duration::from_millis(250));
    settings
}

/// Refuses an address that no request can go to, before anything starts.
pub(crate) fn check_base_url(url: &str) -> Result<(), Failure> {
    let refuse = |shown: &str, why: &str| {
        let why = format!("--base-url: {shown} {why}; write https://HOST or http://127.0.0.1:PORT");
        Err(Failure::Usage(why))
    };
    // It may hold a password, which belongs on no screen.
    let shown = quote_url(url);
    if url.contains('@') {
        return refuse("the address", "holds a user or a password");
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return refuse(&shown, "has no scheme");
    };
    if !["http", "https"].contains(&scheme) {
        return refuse(&shown, "is neither http nor https");
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return refuse(&shown, "has a path");
    }
    // The last colon begins the port, unless it stands inside the brackets of an IPv6 address.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return refuse(&shown, "has no host");
    }
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return refuse(&shown, "has no port from 1 to 65535");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_no_request_can_go_to_is_refused_with_a_remedy() {
        for (url, why) in [
            ("", "\"\" has no scheme"),
            ("localhost:1", "\"localhost:1\" has no scheme"),
            ("ftp://x", "\"ftp://x\" is neither http nor https"),
            ("http://", "has no host"),
            ("http://:80", "has no host"),
            ("http://x:", "has no port from 1 to 65535"),
            ("http://x:0", "has no port from 1 to 65535"),
            ("http://x:99999", "has no port from 1 to 65535"),
            ("http://x/path", "has a path"),
            ("http://x?q", "has a path"),
        ] {
            let Err(Failure::Usage(line)) = check_base_url(url) else {
                panic!("{url} was accepted")
            };
            assert!(line.contains(why), "{url}: {line}");
            assert!(line.ends_with("write https://HOST or http://127.0.0.1:PORT"));
        }
        for url in [
            "https://api.kraken.com",
            "http://127.0.0.1:80/",
            "http://[::1]",
            "http://[::1]:80",
        ] {
            assert!(check_base_url(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_password_is_never_repeated() {
        for url in [
            "http://me:hunter2@x",
            "me:hunter2@x",
            "http://x/hunter2",
            "https://x/?key=hunter2",
            "https://x?key=hunter2",
            "ftp://x/?key=hunter2",
            "x?key=hunter2",
            "https://x#hunter2",
        ] {
            let Err(Failure::Usage(line)) = check_base_url(url) else {
                panic!("accepted {url}")
            };
            assert!(!line.contains("hunter2"), "{line}");
        }
    }
}
