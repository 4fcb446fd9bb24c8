//! Keys, their order, types and errors, as documented.

use robust_market::Exchange;
use serde_json::Value;

use crate::ask::{Asker, header};

/// The keys of the first object in a text, in their order on the wire, with the types of their values.
pub(crate) fn keys(text: &[u8]) -> String {
    let value: Value = serde_json::from_slice(text).unwrap();
    let text = std::str::from_utf8(text).unwrap();
    let object = value.as_object().unwrap();
    // A map may be sorted; the wire is not.
    let mut keys: Vec<(usize, String)> = object
        .iter()
        .map(|(key, value)| {
            let kind = match value {
                Value::String(_) => "s",
                Value::Number(_) => "n",
                Value::Bool(_) => "b",
                Value::Array(_) => "a",
                Value::Object(_) => "o",
                Value::Null => "0",
            };
            (
                text.find(&format!("\"{key}\":")).unwrap(),
                format!("{key}:{kind}"),
            )
        })
        .collect();
    keys.sort();
    keys.into_iter()
        .map(|(_, key)| key)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn kraken_speaks_in_documented_keys() {
    let mut asker = Asker::new(Exchange::KRAKEN, 7);
    let reply = asker.reply("/0/public/Time");
    assert_eq!(
        reply.body,
        r#"{"error":[],"result":{"unixtime":1762820224,"rfc1123":"Tue, 11 Nov 25 00:17:04 +0000"}}"#
    );
    assert_eq!(header(&reply.headers, "content-type"), "application/json");
    assert_eq!(
        asker.reply("/0/public/SystemStatus").body,
        r#"{"error":[],"result":{"status":"online","timestamp":"2025-11-11T00:17:04Z"}}"#
    );
    let inner = |asker: &mut Asker, path: &str| {
        let body = asker.reply(path).body;
        let from = body.windows(10).position(|w| w == b"\"result\":{").unwrap() + 9;
        let colon = from + body[from..].iter().position(|b| *b == b':').unwrap() + 1;
        let mut stream = serde_json::Deserializer::from_slice(&body[colon..]).into_iter::<Value>();
        stream.next().unwrap().unwrap();
        let end = colon + stream.byte_offset();
        keys(&body[colon..end])
    };
    assert_eq!(
        inner(&mut asker, "/0/public/Ticker?pair=XBTUSD"),
        "a:a b:a c:a v:a p:a t:a l:a h:a o:s"
    );
    assert_eq!(
        inner(&mut asker, "/0/public/Depth?pair=XBTUSD"),
        "asks:a bids:a"
    );
    assert_eq!(
        inner(&mut asker, "/0/public/AssetPairs?pair=XBTUSD"),
        "altname:s wsname:s aclass_base:s base:s aclass_quote:s quote:s lot:s cost_decimals:n pair_decimals:n \
         lot_decimals:n lot_multiplier:n leverage_buy:a leverage_sell:a fees:a fees_maker:a fee_volume_currency:s \
         margin_call:n margin_stop:n ordermin:s costmin:s tick_size:s status:s long_position_limit:n \
         short_position_limit:n"
    );
    assert_eq!(
        inner(&mut asker, "/0/public/Assets?asset=XBT"),
        "aclass:s altname:s decimals:n display_decimals:n status:s"
    );
}

#[test]
fn kraken_digits_are_those_of_the_wire() {
    let mut asker = Asker::new(Exchange::KRAKEN, 7);
    let places = |value: &Value| {
        value
            .as_str()
            .unwrap()
            .split_once('.')
            .map_or(0, |(_, p)| p.len())
    };
    let ticker = asker.result("/0/public/Ticker?pair=XBTUSD")["XXBTZUSD"].take();
    for (field, expected) in [("a", [5, 0, 3]), ("b", [5, 0, 3])] {
        assert_eq!([0, 1, 2].map(|i| places(&ticker[field][i])), expected);
    }
    assert_eq!([0, 1].map(|i| places(&ticker["c"][i])), [5, 8]);
    assert_eq!([0, 1].map(|i| places(&ticker["v"][i])), [8, 8]);
    assert_eq!(places(&ticker["o"]), 5);
    let ohlc = asker.result("/0/public/OHLC?pair=XBTUSD&since=0")["XXBTZUSD"].take();
    assert_eq!(
        [1, 2, 3, 4, 5, 6].map(|i| places(&ohlc[0][i])),
        [1, 1, 1, 1, 1, 8]
    );
    assert!(ohlc[0][0].is_u64() && ohlc[0][7].is_u64());
    let trades = asker.result("/0/public/Trades?pair=XBTUSD&count=50")["XXBTZUSD"].take();
    let trade = trades[0].as_array().unwrap();
    assert_eq!(trade.len(), 7);
    assert_eq!([places(&trade[0]), places(&trade[1])], [5, 8]);
    assert!(trade[2].is_f64() && trade[6].is_u64());
    assert!(["b", "s"].contains(&trade[3].as_str().unwrap()));
    assert!(["m", "l"].contains(&trade[4].as_str().unwrap()));
    // A quiet minute, somewhere in twelve hours of a quiet pair.
    let body = asker.reply("/0/public/OHLC?pair=XBTUSDT").body;
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.contains("\"0.0\",\"0.00000000\",0]"));
}

#[test]
fn kraken_errors_are_200_with_the_documented_text() {
    let mut asker = Asker::new(Exchange::KRAKEN, 7);
    for (path, error) in [
        ("Ticker?pair=NOPE", "EQuery:Unknown asset pair"),
        ("Ticker?pair=XBTUSD,NOPE", "EQuery:Unknown asset pair"),
        ("OHLC?pair=NOPE", "EQuery:Unknown asset pair"),
        ("Depth?pair=NOPE", "EQuery:Unknown asset pair"),
        ("Trades?pair=NOPE", "EQuery:Unknown asset pair"),
        ("AssetPairs?pair=NOPE", "EQuery:Unknown asset pair"),
        ("Assets?asset=NOPE", "EQuery:Unknown asset"),
        ("OHLC", "EGeneral:Invalid arguments"),
        ("OHLC?pair=XBTUSD&interval=2", "EGeneral:Invalid arguments"),
        ("OHLC?pair=XBTUSD&interval=-1", "EGeneral:Invalid arguments"),
        ("OHLC?pair=XBTUSD&since=soon", "EGeneral:Invalid arguments"),
        ("Depth", "EGeneral:Invalid arguments"),
        ("Depth?pair=XBTUSD&count=0", "EGeneral:Invalid arguments"),
        ("Depth?pair=XBTUSD&count=501", "EGeneral:Invalid arguments"),
        (
            "Trades?pair=XBTUSD&count=1001",
            "EGeneral:Invalid arguments",
        ),
        ("Trades?pair=XBTUSD&since=-5", "EGeneral:Invalid arguments"),
        ("AssetPairs?info=everything", "EGeneral:Invalid arguments"),
        ("Nonsense", "EGeneral:Unknown method"),
        ("../private/Balance", "EGeneral:Unknown method"),
    ] {
        let found = asker.error(&format!("/0/public/{path}"));
        assert_eq!(found, (200, error.to_owned()), "{path}");
    }
    assert_eq!(
        asker.error("/0/private/Balance"),
        (200, "EAPI:Invalid key".to_owned())
    );
    assert_eq!(asker.reply("/elsewhere").status, 404);
}

#[test]
fn binance_speaks_in_documented_keys() {
    let mut asker = Asker::new(Exchange::BINANCE, 7);
    assert_eq!(asker.reply("/api/v3/ping").body, "{}");
    assert_eq!(
        asker.reply("/api/v3/time").body,
        r#"{"serverTime":1762820224123}"#
    );
    assert_eq!(
        asker.reply("/sapi/v1/system/status").body,
        r#"{"status":0,"msg":"normal"}"#
    );
    for (path, expected) in [
        (
            "ticker/24hr?symbol=BTCUSDT",
            "symbol:s priceChange:s priceChangePercent:s weightedAvgPrice:s prevClosePrice:s lastPrice:s lastQty:s \
             bidPrice:s bidQty:s askPrice:s askQty:s openPrice:s highPrice:s lowPrice:s volume:s quoteVolume:s \
             openTime:n closeTime:n firstId:n lastId:n count:n",
        ),
        (
            "ticker/24hr?symbol=BTCUSDT&type=MINI",
            "symbol:s openPrice:s highPrice:s lowPrice:s lastPrice:s volume:s quoteVolume:s openTime:n closeTime:n \
             firstId:n lastId:n count:n",
        ),
        ("ticker/price?symbol=BTCUSDT", "symbol:s price:s"),
        (
            "ticker/bookTicker?symbol=BTCUSDT",
            "symbol:s bidPrice:s bidQty:s askPrice:s askQty:s",
        ),
        ("avgPrice?symbol=BTCUSDT", "mins:n price:s closeTime:n"),
        ("depth?symbol=BTCUSDT", "lastUpdateId:n bids:a asks:a"),
        (
            "exchangeInfo?symbol=BTCUSDT",
            "timezone:s serverTime:n rateLimits:a exchangeFilters:a symbols:a",
        ),
    ] {
        let body = asker.reply(&format!("/api/v3/{path}")).body;
        assert_eq!(keys(&body), expected, "{path}");
    }
    for (path, expected) in [
        (
            "trades?symbol=BTCUSDT&limit=1",
            "id:n price:s qty:s quoteQty:s time:n isBuyerMaker:b isBestMatch:b",
        ),
        (
            "aggTrades?symbol=BTCUSDT&limit=1",
            "a:n p:s q:s f:n l:n T:n m:b M:b",
        ),
    ] {
        let body = asker.reply(&format!("/api/v3/{path}")).body;
        assert_eq!(keys(&body[1..body.len() - 1]), expected, "{path}");
    }
    let rows = asker.json("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1");
    let kinds: String = rows[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| if column.is_string() { 's' } else { 'n' })
        .collect();
    assert_eq!(kinds, "nsssssnsnsss");
}

#[test]
fn binance_lists_hold_what_was_asked_for_in_that_order() {
    let mut asker = Asker::new(Exchange::BINANCE, 7);
    for endpoint in ["24hr", "price", "bookTicker"] {
        let path = format!("/api/v3/ticker/{endpoint}?symbols=%5B%22ETHUSDT%22%2C%22BTCUSDT%22%5D");
        let rows = asker.json(&path);
        let names: Vec<&str> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["symbol"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["ETHUSDT", "BTCUSDT"]);
    }
    let info =
        asker.json("/api/v3/exchangeInfo?symbols=%5B%22ETHUSDT%22%5D&showPermissionSets=false");
    assert_eq!(info["symbols"].as_array().unwrap().len(), 1);
    assert!(info["symbols"][0].get("permissionSets").is_none());
    let depth = asker.json("/api/v3/depth?symbol=BTCUSDT&limit=7000");
    assert_eq!(depth["asks"].as_array().unwrap().len(), 5_000);
}

#[test]
fn binance_errors_are_400_with_the_documented_code() {
    let mut asker = Asker::new(Exchange::BINANCE, 7);
    for (path, code) in [
        ("ticker/24hr?symbol=NOPE", -1121),
        ("depth?symbol=NOPE", -1121),
        ("klines?symbol=NOPE&interval=1m", -1121),
        ("depth", -1102),
        ("depth?symbol=", -1102),
        ("trades", -1102),
        ("avgPrice", -1102),
        ("klines?symbol=BTCUSDT", -1102),
        ("klines?symbol=BTCUSDT&interval=2m", -1120),
        ("klines?symbol=BTCUSDT&interval=1m&limit=0", -1130),
        ("klines?symbol=BTCUSDT&interval=1m&limit=-1", -1100),
        ("depth?symbol=btcusdt", -1100),
        ("depth?symbol=BTC%2FUSDT", -1100),
        ("depth?symbol=BTCUSDT&limit=ten", -1100),
        ("depth?symbol=BTCUSDT&depth=5", -1104),
        ("ping?x=1", -1101),
        ("depth?symbol=BTCUSDT&symbol=ETHUSDT", -1101),
        (
            "ticker/price?symbol=BTCUSDT&symbols=%5B%22BTCUSDT%22%5D",
            -1128,
        ),
        (
            "ticker/price?symbols=%5B%22BTCUSDT%22,%22BTCUSDT%22%5D",
            -1151,
        ),
        ("ticker/price?symbols=BTCUSDT", -1100),
        ("ticker/price?symbols=%5B%22NOPE%22%5D", -1121),
        ("ticker/24hr?type=TINY", -1130),
        ("aggTrades?symbol=BTCUSDT&fromId=1&startTime=1", -1128),
    ] {
        let found = asker.error(&format!("/api/v3/{path}"));
        assert_eq!(found, (400, code.to_string()), "{path}");
    }
    assert_eq!(asker.reply("/api/v3/nonsense").status, 404);
    assert_eq!(asker.reply("/api/v1/depth?symbol=BTCUSDT").status, 404);
}
