//! A price falls by half. Three readers of the same market: one takes every value with its label, one wants the newest accepted value in
//! place of a doubtful one, one wants an error. Nobody is blind for longer than they chose.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use robust_data_manager::market::{Exchange, Sample, Ticker};
use robust_data_manager::{Config, DataError, DataManager, OnQuarantine};
use robust_http::{Error, Kind};
use robust_sim::Sim;
use rust_decimal::Decimal;
use serde_json::Value;
use tower::ServiceExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A simulated exchange, behind a door that can halve its prices.
    let crash = Arc::new(AtomicBool::new(false));
    let simulator = Sim::builder(Exchange::BINANCE)
        .seed(7)
        .unlimited()
        .build()?;
    let fallen = Arc::clone(&crash);
    let service = simulator.service().map_response(move |answer| {
        let halve = fallen.load(Ordering::Relaxed);
        answer.map(|body: Bytes| if halve { halved(&body) } else { body })
    });
    let door = robust_source::in_memory(service, |_| Error::new(Kind::Closed, true));
    let config = Config::from_toml(
        r#"
        environment = "simulated"
        [quality]
        on_quarantine = "deliver"
        bounds."BTC/USDT" = ["100", "2000000"]
        [exchanges.binance]
        "#,
    )?;
    let manager = DataManager::builder()
        .config(config)
        .transport(Exchange::BINANCE, door)
        .start()?;
    manager.on_quality(|word| {
        let before = word.before.map_or("nothing", |before| before.as_str());
        let (now, freed) = (word.report.acceptance, word.released.len());
        println!("  quality: {before} → {now}, {freed} earlier values released");
    })?;

    // The newest minutes of the pair: without them the first thirty prices would be believed.
    manager
        .teach("binance", "BTC/USDT", Duration::from_millis(50))
        .await?;
    for step in 0..6 {
        if step == 2 {
            println!("the price falls by half");
            crash.store(true, Ordering::Relaxed);
        }
        let read = || manager.ticker("binance", "BTC/USDT");
        let every = read().refresh().await;
        let good = read().on_quarantine(OnQuarantine::LastGood).await;
        let strict = read().on_quarantine(OnQuarantine::Error).await;
        println!("deliver   {}", shown(&every));
        println!("last_good {}", shown(&good));
        println!("error     {}", shown(&strict));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let status = manager.status();
    let binance = &status.sources[&Exchange::BINANCE].quality;
    println!(
        "{} judged, {} quarantined, in doubt now: {}; {} released",
        binance.judged,
        binance.quarantined,
        binance.quarantine.len(),
        status.quarantine.released
    );
    manager.shutdown(Duration::from_secs(1)).await;
    Ok(())
}

fn shown(read: &Result<Sample<Ticker>, DataError>) -> String {
    match read {
        Ok(sample) => format!(
            "{:?} {:>4} ms old, {}, {}",
            sample.last,
            sample.meta.receive_age.as_millis(),
            sample.meta.freshness,
            sample
                .quality
                .as_ref()
                .map_or("not judged", |report| report.acceptance.as_str())
        ),
        Err(error) => format!("{error}"),
    }
}

/// The answer with every price halved, as it would be after a crash that lasts.
fn halved(body: &Bytes) -> Bytes {
    let Ok(mut json) = serde_json::from_slice::<Value>(body) else {
        return body.clone();
    };
    let prices = json.as_object_mut().into_iter().flatten();
    for (_, value) in prices.filter(|(name, _)| name.ends_with("Price") || *name == "quoteVolume") {
        let halved = value
            .as_str()
            .and_then(|text| text.parse::<Decimal>().ok())
            .map(|price| (price / Decimal::TWO).round_dp(8).to_string());
        if let Some(halved) = halved {
            *value = Value::String(halved);
        }
    }
    Bytes::from(json.to_string())
}
