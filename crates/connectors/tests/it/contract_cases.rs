//! The public contract suite, with cases of the documented formats, for every connector of this crate.

use robust_connectors::contract::{Case, Suite};
use robust_connectors::{Binance, Class, Connector, Htx, Kraken, KuCoin};
use robust_market::Request;

use crate::support::{book, candles, ticker, trades};

fn keeps(connector: &dyn Connector, cases: Vec<Case>) {
    let breaches = Suite::new(connector).cases(cases).run();
    let text: Vec<_> = breaches.iter().map(ToString::to_string).collect();
    assert!(text.is_empty(), "{}", text.join("\n"));
}

#[test]
fn kraken_keeps_the_contract_on_documented_answers() {
    keeps(
        &Kraken,
        vec![
            Case::new(
                "bars",
                candles("BTC/USD", "1m"),
                r#"{"error":[],"result":{"XXBTZUSD":[
                    [1716523140,"5.1","6.2","4.3","5.4","5.05","2.5",7],
                    [1716523200,"5.4","6.5","4.4","5.6","5.15","3.5",8],
                    [1716523260,"5.6","6.6","4.5","5.7","5.25","4.5",9]],"last":1716523200}}"#,
            )
            .target("/0/public/OHLC?pair=XXBTZUSD&interval=1")
            .yields(
                r#"{"rows":[[1716523140000,"5.1"],[1716523200000,"5.4"],[1716523260000,"5.6"]]}"#,
            )
            .yields(r#"{"symbol":"BTC/USD"}"#),
            Case::new(
                "trades",
                trades("BTC/USD"),
                r#"{"error":[],"result":{"XXBTZUSD":[
                    ["5.1","6.5",1716523140.1234,"b","m","",1],
                    ["5.2","6.6",1716523141.1234,"s","l","",2]],"last":"1716523141123400000"}}"#,
            ),
            Case::new(
                "book",
                book("BTC/USD"),
                r#"{"error":[],"result":{"XXBTZUSD":{
                    "bids":[["5.20","1.5",1716523140],["5.10","2.5",1716523141]],
                    "asks":[["5.30","3.5",1716523142],["5.40","4.5",1716523143]]}}}"#,
            ),
            Case::new(
                "busy",
                Request::ServerTime,
                r#"{"error":["EService:Busy"]}"#,
            )
            .refused(Class::Transient),
            Case::new(
                "unknown pair",
                ticker("BTC/USD"),
                r#"{"error":["EQuery:Unknown asset pair"]}"#,
            )
            .refused(Class::Permanent),
            Case::new(
                "too many",
                ticker("BTC/USD"),
                r#"{"error":["EAPI:Rate limit exceeded"]}"#,
            )
            .refused(Class::RateLimited),
        ],
    );
}

#[test]
fn binance_keeps_the_contract_on_documented_answers() {
    keeps(
        &Binance,
        vec![
            Case::new(
                "ticker",
                ticker("BTC/USDT"),
                r#"{"symbol":"BTCUSDT","priceChange":"-94.99","weightedAvgPrice":"0.29628482","lastPrice":"4.00000200",
                    "bidPrice":"4.1","bidQty":"100.5","askPrice":"4.2","askQty":"101.5","openPrice":"99.4","highPrice":"100.6",
                    "lowPrice":"0.1","volume":"8913.3","quoteVolume":"15.3","closeTime":1499869899040}"#,
            )
            .target("/api/v3/ticker/24hr?symbol=BTCUSDT")
            .header("x-mbx-used-weight-1m", "12")
            .yields(r#"{"symbol":"BTC/USDT","last":"4.00000200","time_ms":1499869899040}"#),
            Case::new(
                "bars",
                candles("BTC/USDT", "1m"),
                r#"[[1716523140000,"5.1","6.1","4.1","5.2","2.5",1716523199999,"12.5",7,"1","5","0"],
                    [1716523200000,"5.2","6.2","4.2","5.3","2.6",1716523259999,"12.6",8,"1","5","0"]]"#,
            ),
            Case::new(
                "trades",
                trades("BTC/USDT"),
                r#"[{"a":26129,"p":"0.01633102","q":"4.70443515","f":1,"l":2,"T":1498793709153,"m":true,"M":true},
                    {"a":26130,"p":"0.01633103","q":"4.70443516","f":3,"l":3,"T":1498793709154,"m":false,"M":true}]"#,
            ),
            Case::new(
                "book",
                book("BTC/USDT"),
                r#"{"lastUpdateId":1027024,"bids":[["4.10","431.5"],["4.09","2.5"]],"asks":[["4.20","12.5"],["4.21","3.5"]]}"#,
            ),
            Case::new("banned", Request::ServerTime, r#"{"code":-1003,"msg":"Way too much request weight used; IP banned until 1716523999000."}"#)
                .status(418)
                .refused(Class::Banned),
            Case::new("no such pair", ticker("BTC/USDT"), r#"{"code":-1121,"msg":"Invalid symbol."}"#)
                .status(400)
                .refused(Class::Permanent),
        ],
    );
}

#[test]
fn kucoin_keeps_the_contract_on_documented_answers() {
    keeps(
        &KuCoin,
        vec![
            Case::new(
                "bars",
                candles("BTC/USDT", "1m"),
                r#"{"code":"200000","data":[
                    ["1716523200","5.2","5.3","6.2","4.2","2.6","12.6"],
                    ["1716523140","5.1","5.2","6.1","4.1","2.5","12.5"]]}"#,
            ),
            Case::new(
                "trades",
                trades("BTC/USDT"),
                r#"{"code":"200000","data":[
                    {"sequence":"1","price":"5.1","size":"6.5","side":"sell","time":1716523200000000001},
                    {"sequence":"2","price":"5.2","size":"6.6","side":"buy","time":1716523200000000002}]}"#,
            ),
            Case::new(
                "book",
                book("BTC/USDT"),
                r#"{"code":"200000","data":{"time":1716523200000,"sequence":"7",
                    "bids":[["5.20","1.5"],["5.10","2.5"]],"asks":[["5.30","3.5"],["5.40","4.5"]]}}"#,
            ),
            Case::new(
                "too many",
                Request::ServerTime,
                r#"{"code":"429000","msg":"Too many requests"}"#,
            )
            .status(429)
            .refused(Class::RateLimited),
        ],
    );
}

#[test]
fn htx_keeps_the_contract_on_documented_answers() {
    keeps(
        &Htx,
        vec![
            Case::new(
                "bars",
                candles("BTC/USDT", "1m"),
                r#"{"status":"ok","ch":"market.btcusdt.kline.1min","ts":1716523348000,"data":[
                    {"id":1716523200,"open":5.2,"close":5.3,"low":4.2,"high":6.2,"amount":2.6,"vol":12.6,"count":8},
                    {"id":1716523140,"open":5.1,"close":5.2,"low":4.1,"high":6.1,"amount":2.5,"vol":12.5,"count":7}]}"#,
            ),
            Case::new(
                "book",
                book("BTC/USDT"),
                r#"{"status":"ok","ch":"market.btcusdt.depth.step0","ts":1716523348000,"tick":{"version":7,"ts":1716523347000,
                    "bids":[[5.20,1.5],[5.10,2.5]],"asks":[[5.30,3.5],[5.40,4.5]]}}"#,
            ),
            Case::new(
                "trades",
                trades("BTC/USDT"),
                r#"{"status":"ok","ch":"market.btcusdt.trade.detail","ts":1716523348000,"data":[
                    {"id":2,"ts":1716523347002,"data":[{"id":1001825345262557575674324818,"trade-id":2,"ts":1716523347002,"amount":1.2,"price":5.2,"direction":"buy"}]},
                    {"id":1,"ts":1716523347001,"data":[{"id":1001825345262557575674324817,"trade-id":1,"ts":1716523347001,"amount":1.1,"price":5.1,"direction":"sell"}]}]}"#,
            ),
            Case::new(
                "no such pair",
                ticker("BTC/USDT"),
                r#"{"ts":1716523348000,"status":"error","err-code":"invalid-parameter","err-msg":"invalid symbol","data":null}"#,
            )
            .refused(Class::Permanent),
        ],
    );
}
