//! KuCoin's keys, their order, types and errors, as documented.

use bytes::Bytes;
use http::Request;
use robust_market::Exchange;
use serde_json::Value;

use crate::ask::Asker;
use crate::shapes::keys;

/// The bytes of `data`, or of the first element of it.
fn inner(asker: &mut Asker, path: &str, marker: &str) -> Vec<u8> {
    let body = asker.reply(path).body;
    let text = std::str::from_utf8(&body).unwrap();
    let from = text.find(marker).unwrap() + marker.len();
    let mut stream = serde_json::Deserializer::from_str(&text[from..]).into_iter::<Value>();
    stream.next().unwrap().unwrap();
    text.as_bytes()[from..from + stream.byte_offset()].to_vec()
}

#[test]
fn kucoin_speaks_in_documented_keys() {
    let mut asker = Asker::new(Exchange::KUCOIN, 7);
    assert_eq!(
        asker.reply("/api/v1/timestamp").body,
        r#"{"code":"200000","data":1762820224123}"#
    );
    assert_eq!(
        asker.reply("/api/v1/status").body,
        r#"{"code":"200000","data":{"status":"open","msg":""}}"#
    );
    let symbol = "symbol:s name:s baseCurrency:s quoteCurrency:s feeCurrency:s market:s baseMinSize:s quoteMinSize:s \
         baseMaxSize:s quoteMaxSize:s baseIncrement:s quoteIncrement:s priceIncrement:s priceLimitRate:s minFunds:s \
         isMarginEnabled:b enableTrading:b feeCategory:n makerFeeCoefficient:s takerFeeCoefficient:s st:b \
         callauctionIsEnabled:b callauctionPriceFloor:0 callauctionPriceCeiling:0 callauctionFirstStageStartTime:0 \
         callauctionSecondStageStartTime:0 callauctionThirdStageStartTime:0 tradingStartTime:0";
    let fees = "takerFeeRate:s makerFeeRate:s takerCoefficient:s makerCoefficient:s";
    for (path, marker, expected) in [
        ("/api/v2/symbols", "\"data\":[", symbol.to_owned()),
        ("/api/v2/symbols/BTC-USDT", "\"data\":", symbol.to_owned()),
        (
            "/api/v1/market/orderbook/level1?symbol=BTC-USDT",
            "\"data\":",
            "time:n sequence:s price:s size:s bestBid:s bestBidSize:s bestAsk:s bestAskSize:s".to_owned(),
        ),
        (
            "/api/v1/market/allTickers",
            "\"ticker\":[",
            format!(
                "symbol:s symbolName:s buy:s bestBidSize:s sell:s bestAskSize:s changeRate:s changePrice:s high:s low:s \
                 vol:s volValue:s last:s averagePrice:s {fees}"
            ),
        ),
        (
            "/api/v1/market/stats?symbol=BTC-USDT",
            "\"data\":",
            format!(
                "time:n symbol:s buy:s sell:s changeRate:s changePrice:s high:s low:s vol:s volValue:s last:s \
                 averagePrice:s {fees}"
            ),
        ),
        (
            "/api/v1/market/orderbook/level2_20?symbol=BTC-USDT",
            "\"data\":",
            "time:n sequence:s bids:a asks:a".to_owned(),
        ),
        (
            "/api/v1/market/histories?symbol=BTC-USDT",
            "\"data\":[",
            "sequence:s price:s size:s side:s time:n".to_owned(),
        ),
        (
            "/api/v3/currencies",
            "\"data\":[",
            "currency:s name:s fullName:s precision:n confirms:0 contractAddress:0 isMarginEnabled:b isDebitEnabled:b \
             chains:a"
                .to_owned(),
        ),
    ] {
        assert_eq!(keys(&inner(&mut asker, path, marker)), expected, "{path}");
    }
    let rows = asker.data("/api/v1/market/candles?symbol=BTC-USDT&type=1min");
    let row = rows[0].as_array().unwrap();
    assert!(row.len() == 7 && row.iter().all(Value::is_string));
}

#[test]
fn numbers_are_text_without_zeros_at_the_end_and_trade_times_are_nanoseconds() {
    let mut asker = Asker::new(Exchange::KUCOIN, 7);
    let book = asker.data("/api/v1/market/orderbook/level2_100?symbol=PEPE-USDT");
    for level in book["bids"].as_array().unwrap() {
        let price = level[0].as_str().unwrap();
        assert!(price.contains('.') && !price.ends_with('0') && !price.contains(['e', 'E']));
    }
    let trades = asker.data("/api/v1/market/histories?symbol=BTC-USDT");
    let times: Vec<i64> = trades
        .as_array()
        .unwrap()
        .iter()
        .map(|trade| trade["time"].as_i64().unwrap())
        .collect();
    // Nineteen digits: a double would lose the last ones.
    assert!(times.iter().all(|time| time.to_string().len() == 19));
    assert!(times.iter().any(|time| (*time as f64) as i64 != *time));
}

#[test]
fn kucoin_errors_are_a_code_beside_the_http_status() {
    let mut asker = Asker::new(Exchange::KUCOIN, 7);
    for (path, status, code) in [
        ("/api/v2/symbols/NOPE", 200, "900001"),
        (
            "/api/v1/market/orderbook/level2_20?symbol=NOPE",
            200,
            "900001",
        ),
        (
            "/api/v1/market/orderbook/level2_100?symbol=btc-usdt",
            200,
            "900001",
        ),
        ("/api/v1/market/orderbook/level1", 400, "400100"),
        ("/api/v1/market/stats", 400, "400100"),
        ("/api/v1/market/stats?symbol=NOPE", 400, "400100"),
        ("/api/v1/market/histories?symbol=NOPE", 400, "400100"),
        (
            "/api/v1/market/candles?symbol=NOPE&type=1min",
            400,
            "400100",
        ),
        ("/api/v1/market/candles?symbol=BTC-USDT", 400, "400100"),
        (
            "/api/v1/market/candles?symbol=BTC-USDT&type=1m",
            400,
            "400100",
        ),
        (
            "/api/v1/market/candles?symbol=BTC-USDT&type=1min&startAt=soon",
            400,
            "400100",
        ),
        (
            "/api/v1/market/candles?symbol=BTC-USDT&type=1min&endAt=-1",
            400,
            "400100",
        ),
        ("/api/v3/currencies/NOPE", 400, "400100"),
        ("/api/v1/prices?base=XYZ", 400, "400100"),
        (
            "/api/v3/market/orderbook/level2?symbol=BTC-USDT",
            401,
            "400001",
        ),
        ("/api/v1/nonsense", 404, "404000"),
        ("/api/v2/symbols/", 404, "404000"),
        ("/elsewhere", 404, "404000"),
    ] {
        assert_eq!(asker.error(path), (status, code.to_owned()), "{path}");
    }
    // The one endpoint that answers null instead.
    let nothing = asker.reply("/api/v1/market/orderbook/level1?symbol=NOPE");
    assert_eq!(nothing.body, r#"{"code":"200000","data":null}"#);
    let post = Request::post("/api/v1/timestamp")
        .body(Bytes::new())
        .unwrap();
    assert_eq!(asker.sim.handle(&post, asker.sim.now()).status, 405);
}
