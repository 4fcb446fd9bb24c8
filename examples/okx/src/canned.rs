//! Answers in the documented formats, written by hand: the tests read them, the program serves them.

use robust_connectors::Class;
use robust_connectors::contract::Case;
use robust_market::{Interval, InvalidName, Request, Symbol};

/// One answer for each endpoint that the program is asked, and the errors of the documentation.
///
/// # Errors
///
/// Never: the pair's name keeps to the grammar.
pub fn cases() -> Result<Vec<Case>, InvalidName> {
    let pair = || "BTC/USDT".parse::<Symbol>();
    let ticker = Request::Ticker { symbol: pair()? };
    let candles = Request::Candles {
        symbol: pair()?,
        interval: Interval::M1,
        since: None,
        limit: None,
    };
    let mut cases = data(&pair()?, &ticker, &candles);
    let errors = [
        (
            200,
            "51001",
            "Instrument ID doesn't exist.",
            Class::Permanent,
        ),
        (400, "51000", "Parameter instId error.", Class::Permanent),
        (
            400,
            "50014",
            "Parameter instId cannot be empty.",
            Class::Permanent,
        ),
        (429, "50011", "Too Many Requests", Class::RateLimited),
        (200, "50011", "Too Many Requests", Class::RateLimited),
        (
            200,
            "50061",
            "Order rate limit reached.",
            Class::RateLimited,
        ),
        (
            503,
            "50001",
            "Service temporarily unavailable.",
            Class::Transient,
        ),
        (
            200,
            "50013",
            "System is busy, please try again later.",
            Class::Transient,
        ),
        (
            500,
            "50026",
            "System error, please try again later.",
            Class::Transient,
        ),
        (401, "50113", "Invalid Sign", Class::Auth),
        (401, "50111", "Invalid OK-ACCESS-KEY", Class::Auth),
        (502, "99999", "a code that is in no list", Class::Transient),
        (200, "99999", "a code that is in no list", Class::Permanent),
    ];
    cases.extend(errors.map(|(status, code, message, class)| {
        let body = format!(r#"{{"code":"{code}","msg":"{message}","data":[]}}"#);
        Case::new(&format!("error {code} with {status}"), ticker.clone(), body)
            .status(status)
            .refused(class)
    }));
    Ok(cases)
}

fn data(pair: &Symbol, ticker: &Request, candles: &Request) -> Vec<Case> {
    vec![
        Case::new(
            "ticker",
            ticker.clone(),
            r#"{"code":"0","msg":"","data":[{"instType":"SPOT","instId":"BTC-USDT","last":"67412.10","lastSz":"0.5","askPx":"67412.2",
                "askSz":"11.25","bidPx":"67412.0","bidSz":"5.75","open24h":"66900.3","high24h":"68000.40","low24h":"66500.6","volCcy24h":"2222.123456789",
                "vol24h":"33.000","sodUtc0":"67000.7","sodUtc8":"67001.8","ts":"1716523347900"}]}"#,
        )
        .target("/api/v5/market/ticker?instId=BTC-USDT")
        .yields(
            r#"{"symbol":"BTC/USDT","last":"67412.10","bid":"67412.0","bid_size":"5.75","ask":"67412.2","ask_size":"11.25",
                "base_volume":"33.000","quote_volume":"2222.123456789","time_ms":1716523347900}"#,
        ),
        Case::new(
            "tickers",
            Request::Tickers { symbols: vec![] },
            r#"{"code":"0","msg":"","data":[
                {"instType":"SPOT","instId":"BTC-USDT","last":"67412.1","askPx":"67412.2","askSz":"1.5","bidPx":"67412.05","bidSz":"2.5",
                 "open24h":"66900.3","high24h":"68000.4","low24h":"66500.6","volCcy24h":"2222.5","vol24h":"33.5","ts":"1716523347900"},
                {"instType":"SPOT","instId":"ETH-USDT","last":"3712.11","askPx":"3712.12","askSz":"1.6","bidPx":"3712.01","bidSz":"2.6",
                 "open24h":"3700.1","high24h":"3800.2","low24h":"3650.3","volCcy24h":"3333.5","vol24h":"44.5","ts":"1716523347901"}]}"#,
        )
        .target("/api/v5/market/tickers?instType=SPOT"),
        Case::new(
            "book",
            Request::OrderBook {
                symbol: pair.clone(),
                depth: Some(2),
            },
            r#"{"code":"0","msg":"","data":[{"asks":[["67412.2","0.60038921","0","1"],["67412.30","1.5","0","3"]],
                "bids":[["67412.0","0.30178218","0","2"],["67411.90","2.5","0","4"]],"ts":"1716523347950","seqId":3235851742}]}"#,
        )
        .target("/api/v5/market/books?instId=BTC-USDT&sz=2")
        .yields(r#"{"sequence":3235851742,"time_ms":1716523347950}"#),
        Case::new(
            "candles",
            candles.clone(),
            r#"{"code":"0","msg":"","data":[
                ["1716523320000","67405.5","67420.6","67400.7","67412.1","3.25","219080.5","219080.25","0"],
                ["1716523260000","67390.1","67410.2","67380.30","67405.5","4.5","303320.5","303320.125","1"],
                ["1716523200000","67380.4","67395.5","67370.6","67390.1","5.75","387490.5","387490.375","1"]]}"#,
        )
        .target("/api/v5/market/candles?instId=BTC-USDT&bar=1m&limit=100")
        .yields(
            r#"{"rows":[[1716523200000,"67380.4","67395.5","67370.6","67390.1","5.75","387490.375",null,null,true],
                [1716523260000,"67390.1","67410.2","67380.30","67405.5","4.5","303320.125",null,null,true],
                [1716523320000,"67405.5","67420.6","67400.7","67412.1","3.25","219080.25",null,null,false]]}"#,
        ),
        Case::new(
            "trades",
            Request::Trades {
                symbol: pair.clone(),
                since: None,
                limit: Some(2),
            },
            r#"{"code":"0","msg":"","data":[
                {"instId":"BTC-USDT","side":"sell","sz":"0.00001","px":"67412.1","source":"0","tradeId":"242720720","ts":"1716523347800"},
                {"instId":"BTC-USDT","side":"buy","sz":"0.25","px":"67412.05","source":"0","tradeId":"242720719","ts":"1716523347700"}]}"#,
        )
        .target("/api/v5/market/trades?instId=BTC-USDT&limit=2"),
        Case::new(
            "instruments",
            Request::Instruments,
            r#"{"code":"0","msg":"","data":[
                {"instType":"SPOT","instId":"BTC-USDT","baseCcy":"BTC","quoteCcy":"USDT","state":"live","tickSz":"0.1","lotSz":"0.00000001","minSz":"0.00001","maxLmtSz":"9999999999.5"},
                {"instType":"SPOT","instId":"OLD-USDT","baseCcy":"OLD","quoteCcy":"USDT","state":"suspend","tickSz":"0.001","lotSz":"0.01","minSz":"1.5","maxLmtSz":""}]}"#,
        )
        .target("/api/v5/public/instruments?instType=SPOT"),
        Case::new(
            "time",
            Request::ServerTime,
            r#"{"code":"0","msg":"","data":[{"ts":"1716523347999"}]}"#,
        )
        .target("/api/v5/public/time")
        .yields(r#"{"time_ms":1716523347999}"#),
        Case::new(
            "status of a quiet day",
            Request::Status,
            r#"{"code":"0","msg":"","data":[]}"#,
        )
        .target("/api/v5/system/status"),
    ]
}
