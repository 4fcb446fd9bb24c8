//! `rdm fetch`: one question to one exchange.

use std::sync::Arc;
use std::time::Duration;

use robust_data_manager::market::{Payload, Request, Sample};
use robust_data_manager::{Config, DataError, DataManager, Environment, Query};

use crate::args::{FetchArgs, What};
use crate::exit::{Failure, print};
use crate::show;

/// How long the end of the program waits for what is under way.
const GRACE: Duration = Duration::from_millis(100);

pub(crate) async fn run(args: FetchArgs) -> Result<(), Failure> {
    let request = request(&args)?;
    let manager = manager(&args)?;
    let mut query = Query::new(args.exchange.clone(), request);
    if let Some(timeout) = args.timeout {
        query = query.timeout(timeout);
    }
    let outcome = manager.get(query).await;
    manager.shutdown(GRACE).await;
    let sample: Sample<Arc<Payload>> = outcome.map_err(failure)?;
    if args.json {
        let plain = Sample {
            data: &*sample.data,
            meta: sample.meta.clone(),
            quality: sample.quality.clone(),
        };
        print(&serde_json::to_string_pretty(&plain).map_err(Failure::data)?);
    } else {
        print(&show::sample(&sample));
    }
    Ok(())
}

/// A question that cannot be put is the caller's mistake; everything else is the data's.
fn failure(error: DataError) -> Failure {
    use robust_data_manager::EncodeError;
    match &error {
        DataError::Unanswerable(EncodeError::UnknownSymbol { .. }) => Failure::data(error),
        DataError::InvalidName(_)
        | DataError::UnknownExchange { .. }
        | DataError::Unanswerable(_) => Failure::usage(error),
        _ => Failure::data(error),
    }
}

fn request(args: &FetchArgs) -> Result<Request, Failure> {
    let symbol = || {
        args.symbol.clone().ok_or_else(|| {
            Failure::Usage("fetch: the symbol is missing; write BASE/QUOTE after the exchange, such as BTC/USD".to_owned())
        })
    };
    Ok(match args.what {
        What::Ticker => Request::Ticker { symbol: symbol()? },
        What::Book => Request::OrderBook {
            symbol: symbol()?,
            depth: args.limit,
        },
        What::Candles => Request::Candles {
            symbol: symbol()?,
            interval: args.interval,
            since: None,
            limit: args.limit,
        },
        What::Trades => Request::Trades {
            symbol: symbol()?,
            since: None,
            limit: args.limit,
        },
        What::Instruments => Request::Instruments,
    })
}

fn manager(args: &FetchArgs) -> Result<DataManager, Failure> {
    let mut config = match &args.config {
        Some(file) => Config::load(file).map_err(Failure::usage)?,
        None => Config::default(),
    };
    let mut settings = config
        .exchanges
        .remove(args.exchange.as_str())
        .unwrap_or_default();
    config.exchanges.clear();
    if let Some(url) = &args.base_url {
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
