//! The contract that every venue keeps, and what is special about this one.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use okx_venue::{Okx, canned};
use robust_connectors::contract::Suite;
use robust_connectors::{Connector, Context, EncodeError, Reply};
use robust_market::{Decoded, Operation, Payload, Request, Timestamp};

#[test]
fn okx_keeps_the_contract() {
    let breaches = Suite::new(&Okx).cases(canned::cases().unwrap()).run();
    let text: Vec<_> = breaches.iter().map(ToString::to_string).collect();
    assert!(text.is_empty(), "{}", text.join("\n"));
}

fn target(request: &Request) -> Result<String, EncodeError> {
    let symbols = Okx.symbols();
    let wire = Okx.encode(request, &Context::new(&symbols, Timestamp::EPOCH))?;
    Ok(wire.target.to_string())
}

fn decode(request: &Request, body: &str) -> Decoded<Payload> {
    let symbols = Okx.symbols();
    let headers = http::HeaderMap::new();
    let reply = Reply {
        status: http::StatusCode::OK,
        headers: &headers,
        body: body.as_bytes(),
    };
    let context = Context::new(&symbols, Timestamp::from_secs(1_716_523_348).unwrap());
    Okx.decode(request, &context, &reply).unwrap()
}

fn candles(interval: &str, since: Option<i64>, limit: Option<u32>) -> Request {
    Request::Candles {
        symbol: "BTC/USDT".parse().unwrap(),
        interval: interval.parse().unwrap(),
        since: since.and_then(Timestamp::from_ms),
        limit,
    }
}

#[test]
fn days_begin_at_midnight_utc_and_not_in_hong_kong() {
    for (interval, bar) in [
        ("4h", "4H"),
        ("6h", "6Hutc"),
        ("1d", "1Dutc"),
        ("1w", "1Wutc"),
        ("1M", "1Mutc"),
    ] {
        let found = target(&candles(interval, None, None)).unwrap();
        assert!(found.contains(&format!("bar={bar}&")), "{found}");
    }
    assert!(matches!(
        target(&candles("30d", None, None)),
        Err(EncodeError::UnsupportedInterval { .. })
    ));
}

#[test]
fn a_start_goes_into_before_and_an_end_keeps_the_newest_bars_out() {
    // `before` is exclusive: one millisecond less, so that the bar that starts then is in.
    let found = target(&candles("1m", Some(1_716_523_200_000), Some(2))).unwrap();
    assert_eq!(
        found,
        "/api/v5/market/candles?instId=BTC-USDT&bar=1m&limit=2&before=1716523199999&after=1716523320000"
    );
}

#[test]
fn a_book_without_a_depth_is_more_than_okx_own_single_level() {
    let request = Request::OrderBook {
        symbol: "BTC/USDT".parse().unwrap(),
        depth: None,
    };
    assert_eq!(
        target(&request).unwrap(),
        "/api/v5/market/books?instId=BTC-USDT&sz=100"
    );
}

#[test]
fn trades_before_the_start_are_left_out_although_okx_sends_them() {
    let case = canned::cases()
        .unwrap()
        .into_iter()
        .find(|case| case.name == "trades")
        .unwrap();
    let request = Request::Trades {
        symbol: "BTC/USDT".parse().unwrap(),
        since: Timestamp::from_ms(1_716_523_347_750),
        limit: None,
    };
    let Payload::Trades(trades) = decode(&request, &case.body).value else {
        panic!("no trades");
    };
    let ids: Vec<_> = trades
        .rows
        .iter()
        .filter_map(|row| row.id.as_deref())
        .collect();
    assert_eq!(ids, ["242720720"]);
}

#[test]
fn an_answer_about_another_pair_is_refused_and_not_relabelled() {
    let case = canned::cases()
        .unwrap()
        .into_iter()
        .find(|case| case.name == "ticker")
        .unwrap();
    let request = Request::Ticker {
        symbol: "ETH/USDT".parse().unwrap(),
    };
    let symbols = Okx.symbols();
    let headers = http::HeaderMap::new();
    let reply = Reply {
        status: http::StatusCode::OK,
        headers: &headers,
        body: case.body.as_bytes(),
    };
    let context = Context::new(&symbols, Timestamp::EPOCH);
    let verdict = Okx.decode(&request, &context, &reply).unwrap_err();
    assert_eq!(verdict.class.as_str(), "malformed");
}

#[test]
fn only_a_maintenance_that_is_going_on_counts() {
    let body = |state| {
        format!(r#"{{"code":"0","msg":"","data":[{{"title":"upgrade","state":"{state}"}}]}}"#)
    };
    for (state, operation) in [
        ("scheduled", Operation::Online),
        ("ongoing", Operation::Maintenance),
        ("pre_open", Operation::Other),
        ("completed", Operation::Online),
    ] {
        let Payload::Status(status) = decode(&Request::Status, &body(state)).value else {
            panic!("no status");
        };
        assert_eq!(status.operation, operation, "{state}");
    }
}
