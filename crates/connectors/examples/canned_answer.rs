//! Asks all four exchanges for bars and reads canned answers, without a network.
//!
//! `cargo run -p robust-connectors --example canned_answer`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use http::{HeaderMap, StatusCode};
use robust_connectors::{Binance, Connector, Context, Htx, Kraken, KuCoin, Reply};
use robust_market::{Payload, Request, Timestamp};

/// As Kraken documents it: the third bar has a broken volume, the last one is still open.
const KRAKEN: &str = r#"{"error":[],"result":{"XXBTZUSD":[
    [1716523140,"68712.0","68740.1","68700.0","68733.3","68721.8","1.25000000",31],
    [1716523200,"68733.3","68733.3","68733.3","68733.3","0.0","0.00000000",0],
    [1716523260,"68733.3","68750.0","68731.0","68745.9","68741.2","many",18],
    [1716523320,"68745.9","68746.0","68745.9","68746.0","68745.9","0.02000000",2]],"last":1716523260}}"#;

/// As Binance documents its errors.
const BINANCE: &str = r#"{"code":-1003,"msg":"Too much request weight used; current limit is 6000 request weight per 1 MINUTE."}"#;

/// As KuCoin documents it: newest first, the close before the high, and no row for a minute without trades.
const KUCOIN: &str = r#"{"code":"200000","data":[
    ["1716523320","68745.9","68746.0","68746.0","68745.9","0.02000000","1374.92"],
    ["1716523200","68712.0","68733.3","68740.1","68700.0","1.25000000","85902.12"]]}"#;

/// As HTX documents its errors: with HTTP 200.
const HTX: &str = r#"{"ts":1716523348000,"status":"error","err-code":"invalid-parameter","err-msg":"request timeout","data":null}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    ask(&Kraken, "BTC/USD", StatusCode::OK, KRAKEN)?;
    ask(&Binance, "BTC/USDT", StatusCode::TOO_MANY_REQUESTS, BINANCE)?;
    ask(&KuCoin, "BTC/USDT", StatusCode::OK, KUCOIN)?;
    ask(&Htx, "BTC/USDT", StatusCode::OK, HTX)
}

fn ask(
    connector: &dyn Connector,
    pair: &str,
    status: StatusCode,
    body: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let symbols = connector.symbols();
    let now = Timestamp::from_ms(1_716_523_348_000).unwrap_or(Timestamp::EPOCH);
    let context = Context::new(&symbols, now);
    let request = Request::Candles {
        symbol: pair.parse()?,
        interval: "1m".parse()?,
        since: None,
        limit: Some(3),
    };

    let wire = connector.encode(&request, &context)?;
    println!("{} {}{}", wire.method, connector.base_url(), wire.target);
    let windows = connector.windows();
    for charge in connector.cost(&request) {
        if let Some(window) = windows.get(charge.window) {
            println!(
                "  costs {} of {} {} per {:?}",
                charge.units, window.limit, window.name, window.per
            );
        }
    }

    let reply = Reply {
        status,
        headers: &HeaderMap::new(),
        body: body.as_bytes(),
    };
    match connector.decode(&request, &context, &reply) {
        Ok(decoded) => {
            if let Payload::Candles(candles) = &decoded.value {
                for bar in &candles.rows {
                    let state = if bar.closed { "closed" } else { "open" };
                    println!(
                        "  {} close {} volume {} {state}",
                        bar.time, bar.close, bar.volume
                    );
                }
            }
            for defect in &decoded.defects {
                println!("  broken: {defect:?}");
            }
        }
        Err(verdict) => println!("  refused: {verdict}"),
    }
    Ok(())
}
