//! HTX's keys, their order, types and errors, as documented.

use robust_market::Exchange;
use serde_json::Value;

use crate::ask::Asker;
use crate::shapes::keys;

fn text(asker: &mut Asker, path: &str) -> String {
    let reply = asker.reply(path);
    assert_eq!(reply.status, 200);
    String::from_utf8(reply.body.to_vec()).unwrap()
}

/// The first JSON value after a marker.
fn after<'a>(text: &'a str, marker: &str) -> &'a str {
    let from = text.find(marker).unwrap() + marker.len();
    let mut stream = serde_json::Deserializer::from_str(&text[from..]).into_iter::<Value>();
    stream.next().unwrap().unwrap();
    &text[from..from + stream.byte_offset()]
}

#[test]
fn htx_speaks_in_documented_keys() {
    let mut asker = Asker::new(Exchange::HTX, 7);
    assert_eq!(
        text(&mut asker, "/v1/common/timestamp"),
        r#"{"status":"ok","data":1762820224123}"#
    );
    assert_eq!(
        text(&mut asker, "/v2/market-status"),
        r#"{"code":200,"message":"success","data":{"marketStatus":1}}"#
    );
    let day = "id:n version:n open:n close:n low:n high:n amount:n vol:n count:n";
    for (path, envelope, marker, expected) in [
        (
            "/market/detail/merged?symbol=btcusdt",
            "ch:s status:s ts:n tick:o",
            "\"tick\":",
            format!("{day} bid:a ask:a"),
        ),
        (
            "/market/detail?symbol=btcusdt",
            "ch:s status:s ts:n tick:o",
            "\"tick\":",
            day.to_owned(),
        ),
        (
            "/market/tickers",
            "status:s ts:n data:a",
            "\"data\":[",
            "symbol:s open:n high:n low:n close:n amount:n vol:n count:n bid:n bidSize:n ask:n askSize:n".to_owned(),
        ),
        (
            "/market/depth?symbol=btcusdt&type=step0",
            "ch:s status:s ts:n tick:o",
            "\"tick\":",
            "bids:a asks:a version:n ts:n".to_owned(),
        ),
        (
            "/market/history/kline?symbol=btcusdt&period=1min",
            "ch:s status:s ts:n data:a",
            "\"data\":[",
            "id:n open:n close:n low:n high:n amount:n vol:n count:n".to_owned(),
        ),
        (
            "/market/history/trade?symbol=btcusdt",
            "ch:s status:s ts:n data:a",
            "\"data\":[",
            "id:n ts:n data:a".to_owned(),
        ),
        (
            "/market/trade?symbol=btcusdt",
            "ch:s status:s ts:n tick:o",
            "\"data\":[",
            "id:n ts:n trade-id:n amount:n price:n direction:s".to_owned(),
        ),
        (
            "/v1/common/symbols",
            "status:s data:a",
            "\"data\":[",
            "base-currency:s quote-currency:s price-precision:n amount-precision:n symbol-partition:s symbol:s state:s \
             value-precision:n min-order-amt:n max-order-amt:n min-order-value:n limit-order-min-order-amt:n \
             limit-order-max-order-amt:n limit-order-max-buy-amt:n limit-order-max-sell-amt:n \
             sell-market-min-order-amt:n sell-market-max-order-amt:n buy-market-max-order-value:n api-trading:s tags:s"
                .to_owned(),
        ),
        (
            "/v2/settings/common/symbols",
            "status:s data:a ts:s full:n",
            "\"data\":[",
            "tags:s state:s wr:s sc:s p:a bcdn:s qcdn:s elr:0 tpp:n tap:n fp:n smlr:0 flr:0 whe:b cd:b te:b sp:s d:0 \
             bc:s qc:s toa:n ttp:n w:n lr:n dn:s"
                .to_owned(),
        ),
        (
            "/v1/settings/common/market-symbols?symbols=btcusdt",
            "status:s data:a ts:s full:n",
            "\"data\":[",
            "symbol:s state:s bc:s qc:s pp:n ap:n sp:s vp:n minoa:n maxoa:n minov:n lominoa:n lomaxoa:n lomaxba:n \
             lomaxsa:n smminoa:n blmlt:n slmgt:n smmaxoa:n bmmaxov:n msormlt:n mbormlt:n maxov:n at:s tags:s"
                .to_owned(),
        ),
        (
            "/v2/reference/currencies?currency=btc",
            "code:n data:a",
            "\"data\":[",
            "currency:s assetType:n chains:a instStatus:s".to_owned(),
        ),
    ] {
        let text = text(&mut asker, path);
        let first = keys(after(&text, marker).as_bytes());
        assert_eq!(first, expected, "{path}");
        let outer: Vec<String> = envelope.split(' ').map(str::to_owned).collect();
        let found = keys(text.as_bytes());
        let mut found: Vec<&str> = found.split(' ').collect();
        found.sort_unstable();
        let mut outer: Vec<&str> = outer.iter().map(String::as_str).collect();
        outer.sort_unstable();
        assert_eq!(found, outer, "{path}");
    }
    let merged = asker.json("/market/detail/merged?symbol=btcusdt");
    assert_eq!(merged["ch"], "market.btcusdt.detail.merged");
    assert_eq!(merged["tick"]["bid"].as_array().unwrap().len(), 2);
}

#[test]
fn numbers_are_bare_with_a_point_and_an_exponent_where_java_writes_one() {
    let mut asker = Asker::new(Exchange::HTX, 7);
    let tiny = text(&mut asker, "/market/detail/merged?symbol=pepeusdt");
    assert!(after(&tiny, "\"close\":").ends_with("E-5"), "{tiny}");
    assert!(after(&tiny, "\"amount\":").ends_with("E10"), "{tiny}");
    let usual = text(&mut asker, "/market/detail/merged?symbol=btcusdt");
    let close = after(&usual, "\"close\":");
    assert!(close.contains('.') && !close.contains('E') && !close.contains('"'));
    let trade = text(&mut asker, "/market/history/trade?symbol=btcusdt");
    let data = after(&trade, "\"data\":[");
    let id = after(after(data, "\"data\":["), "\"id\":");
    // Longer than 64 bits, and all of it digits.
    assert!(
        id.len() >= 24 && id.bytes().all(|b| b.is_ascii_digit()),
        "{id}"
    );
}

#[test]
fn htx_errors_are_200_with_a_code_and_a_text() {
    let mut asker = Asker::new(Exchange::HTX, 7);
    let symbol = "invalid-parameter: invalid symbol";
    let period = "invalid-parameter: invalid period";
    let size = "invalid-parameter: invalid size, valid range: [1,2000]";
    for (path, error) in [
        ("/market/detail/merged", symbol),
        ("/market/detail/merged?symbol=nope", symbol),
        ("/market/detail/merged?symbol=BTCUSDT", symbol),
        ("/market/detail?symbol=nope", symbol),
        ("/market/trade?symbol=nope", symbol),
        ("/market/history/trade?symbol=nope", symbol),
        ("/market/history/trade?symbol=btcusdt&size=0", size),
        ("/market/history/trade?symbol=btcusdt&size=2001", size),
        ("/market/history/kline?symbol=nope&period=1min", symbol),
        ("/market/history/kline?symbol=btcusdt", period),
        ("/market/history/kline?symbol=btcusdt&period=1hour", period),
        (
            "/market/history/kline?symbol=btcusdt&period=1min&size=x",
            size,
        ),
        ("/market/depth?symbol=nope&type=step0", symbol),
        (
            "/market/depth?symbol=btcusdt",
            "invalid-parameter: invalid type",
        ),
        (
            "/market/depth?symbol=btcusdt&type=step6",
            "invalid-parameter: invalid type",
        ),
        (
            "/market/depth?symbol=btcusdt&type=step0&depth=7",
            "invalid-parameter: invalid depth",
        ),
        ("/v1/settings/common/market-symbols?symbols=nope", symbol),
        (
            "/v1/account/accounts",
            "api-signature-not-valid: Signature not valid: Incorrect Access key",
        ),
        ("/v2/nonsense", "1001"),
        ("/v2/reference/currencies?currency=BTC", "2002"),
    ] {
        assert_eq!(asker.error(path), (200, error.to_owned()), "{path}");
    }
    assert_eq!(asker.reply("/market/nonsense").status, 404);
    assert_eq!(
        asker.reply("/market/detail?symbol=nope").body,
        r#"{"ts":1762820224123,"status":"error","err-code":"invalid-parameter","err-msg":"invalid symbol","data":null}"#
    );
}
