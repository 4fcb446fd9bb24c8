//! Whatever was decoded, and whatever JSON passes for the exchange format, is judged.

use http::{HeaderMap, StatusCode};
use robust_connectors::{Context as Decoding, Reply};
use robust_market::{
    Acceptance, Decoded, Interval, Kind, Payload, Report, Request, Symbol, Timestamp, unified,
};
use robust_quality::{Context, Profile, SymbolState, judge};
use serde_json::Value;

use super::Finding;
use crate::payloads::{Kind as Answer, Venue};
use crate::quality;

/// Judgements in a row, so that rules that remember see what was there before.
const AGAIN: usize = 3;

/// Judges `input` as the answer of every exchange, and as `data` of every kind of the exchange format.
///
/// # Errors
///
/// [`Finding::Broken`] with what does not hold: a score that is no number from 0 to 100, one that contradicts the acceptance, an exclusion
/// of a record that is not there, two judgements of one answer that differ.
pub fn examine_judged(input: &[u8]) -> Result<(), Finding> {
    let Some(now) = Timestamp::from_secs(1_716_510_000) else {
        return Ok(());
    };
    for venue in Venue::ALL {
        for kind in Answer::ALL {
            let Ok(request) = venue.request(kind) else {
                continue;
            };
            if let Some(decoded) = decoded(venue, &request, now, input) {
                judged(&decoded, &request, now)?;
            }
        }
    }
    let (Ok(json), Ok(symbol)) = (
        serde_json::from_slice::<Value>(input),
        "AAA/USD".parse::<Symbol>(),
    ) else {
        return Ok(());
    };
    for request in requests(&symbol) {
        let read = unified::read(request.kind(), &json, &symbol, Interval::M1);
        if let Some(decoded) = read {
            judged(&decoded, &request, now)?;
        }
    }
    Ok(())
}

fn decoded(
    venue: Venue,
    request: &Request,
    now: Timestamp,
    body: &[u8],
) -> Option<Decoded<Payload>> {
    let connector = venue.connector();
    let symbols = connector.symbols();
    let headers = HeaderMap::new();
    let reply = Reply {
        status: StatusCode::OK,
        headers: &headers,
        body,
    };
    connector
        .decode(request, &Decoding::new(&symbols, now), &reply)
        .ok()
}

fn requests(symbol: &Symbol) -> [Request; 5] {
    let symbol = || symbol.clone();
    [
        Request::Ticker { symbol: symbol() },
        Request::Tickers {
            symbols: vec![symbol()],
        },
        Request::OrderBook {
            symbol: symbol(),
            depth: Some(10),
        },
        Request::Candles {
            symbol: symbol(),
            interval: Interval::M1,
            since: None,
            limit: Some(100),
        },
        Request::Trades {
            symbol: symbol(),
            since: None,
            limit: None,
        },
    ]
}

fn judged(decoded: &Decoded<Payload>, request: &Request, now: Timestamp) -> Result<(), Finding> {
    let mut state = SymbolState::new();
    let kind: Kind = request.kind();
    for profile in [
        Profile::default(),
        Profile::of(&robust_market::Exchange::BINANCE, kind),
    ] {
        let context = Context::new(request, profile, now, now);
        for _ in 0..AGAIN {
            let mut same = state.clone();
            let report = judge(decoded, &context, &mut state);
            if report != judge(decoded, &context, &mut same) {
                return Finding::broken(format!("{kind}: judged in two ways"));
            }
            let Some(report) = report else {
                return Finding::broken(format!("{kind}: is not judged"));
            };
            sane(&report, decoded).or_else(|what| Finding::broken(format!("{kind}: {what}")))?;
        }
    }
    Ok(())
}

/// What holds of every report.
fn sane(report: &Report, decoded: &Decoded<Payload>) -> Result<(), String> {
    let scores = report.dimensions.iter().flatten().chain([&report.overall]);
    for score in scores {
        if !(0.0..=100.0).contains(&score.get()) {
            return Err(format!("a score of {}", score.get()));
        }
    }
    let overall = report.overall.get();
    let most = match report.acceptance {
        Acceptance::Reject => 49.0,
        Acceptance::Quarantine => 79.0,
        _ => 100.0,
    };
    if overall > most {
        return Err(format!("{} with {overall}", report.acceptance));
    }
    let records = decoded.value.len() + decoded.excluded.len();
    if report.exclusions.iter().any(|index| *index >= records) {
        return Err(format!("{:?} of {records} are excluded", report.exclusions));
    }
    if report.issues.len() > Report::ISSUES_MAX {
        return Err(format!("{} issues", report.issues.len()));
    }
    Ok(())
}

/// Made answers of every exchange, and the answers of the labelled cases.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(12);
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for venue in Venue::ALL {
        for kind in Answer::ALL {
            seeds.push(venue.body(kind, 3, &mut rng).into_bytes());
        }
    }
    for file in ["rules.jsonl", "clean.jsonl"] {
        let text = std::fs::read_to_string(quality::own_cases().join(file)).unwrap_or_default();
        for line in text.lines() {
            let case = serde_json::from_str::<Value>(line).ok();
            if let Some(payload) = case.as_ref().and_then(|case| case.get("payload")) {
                seeds.push(payload.to_string().into_bytes());
            }
        }
    }
    // Of a long series one change is hardly ever the one that matters.
    seeds.retain(|seed| seed.len() < 1_200);
    seeds
}
