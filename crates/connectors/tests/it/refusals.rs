//! Answers that are no data, and questions that cannot be asked.

use std::time::Duration;

use robust_connectors::{Binance, Class, Connector, EncodeError, Htx, Kraken, KuCoin};
use robust_market::{Kind, Request, Timestamp};

use crate::support::{Answer, CONNECTORS, book, candles, symbol, target, ticker, trades};

fn verdict(connector: &dyn Connector, answer: &Answer<'_>) -> robust_connectors::Verdict {
    answer
        .to(&Request::ServerTime, connector, &connector.symbols())
        .unwrap_err()
}

const HTML: &str = "<html><head><title>Just a moment...</title></head></html>";

#[test]
fn pages_garbage_and_cut_off_answers_are_told_apart_by_status() {
    for (connector, _) in CONNECTORS {
        for (status, body, class) in [
            (200, HTML, Class::UnexpectedContent),
            (200, "", Class::Malformed),
            (200, "garbage", Class::Malformed),
            (200, "null", Class::Malformed),
            (200, "[]", Class::Malformed),
            (200, "{}", Class::Malformed),
            (
                200,
                r#"{"error":[],"result":{"unixtime":17"#,
                Class::Malformed,
            ),
            (200, r#"{"error":[]}"#, Class::Malformed),
            (200, r#"{"serverTime":"soon"}"#, Class::Malformed),
            (302, "", Class::Redirect),
            (429, "error code: 1015", Class::RateLimited),
            (200, "error code: 1015", Class::RateLimited),
            (403, HTML, Class::RateLimited),
            (418, "", Class::Banned),
            (451, HTML, Class::Permanent),
            (404, HTML, Class::Permanent),
            (401, "", Class::Auth),
            (500, "", Class::Transient),
            (502, HTML, Class::Transient),
            (520, HTML, Class::Transient),
            (522, "garbage", Class::Transient),
        ] {
            let answer = Answer {
                status,
                ..Answer::ok(body)
            };
            let verdict = verdict(connector, &answer);
            assert_eq!(
                verdict.class,
                class,
                "{} {status} {body}",
                connector.exchange()
            );
            assert_eq!(verdict.status, status);
        }
        let not_text = Answer {
            body: &[0xff, 0xfe, 0x00],
            ..Answer::ok("")
        };
        assert_eq!(verdict(connector, &not_text).class, Class::Malformed);
    }
}

#[test]
fn every_kind_of_request_refuses_an_answer_of_another_shape() {
    for (connector, pair) in CONNECTORS {
        let mut requests = vec![ticker(pair), book(pair), candles(pair, "1m"), trades(pair)];
        requests.extend([Request::Instruments, Request::ServerTime, Request::Status]);
        requests.push(Request::Tickers { symbols: vec![] });
        let own: &[&str] = match connector.exchange().as_str() {
            "kucoin" => &[
                r#"{"code":"200000"}"#,
                r#"{"code":"200000","data":true}"#,
                r#"{"code":"200000","data":{}}"#,
                r#"{"code":null,"data":[]}"#,
            ],
            "htx" => &[
                r#"{"status":"ok"}"#,
                r#"{"status":"ok","data":null}"#,
                r#"{"status":"ok","data":true}"#,
                r#"{"status":"ok","tick":{}}"#,
                r#"{"status":"fine","data":[]}"#,
                r#"{"status":7,"data":[]}"#,
            ],
            _ => &[],
        };
        for request in &requests {
            let others = [
                HTML,
                "",
                "7",
                "true",
                "{}",
                r#"{"error":[]}"#,
                r#"{"error":[],"result":null}"#,
                r#"{"error":[],"result":7}"#,
                r#"{"error":{},"result":{}}"#,
                r#"{"error":[7],"result":{}}"#,
            ];
            for body in others.iter().chain(own) {
                let decoded = Answer::ok(body).to(request, connector, &connector.symbols());
                let verdict = decoded.unwrap_err();
                assert_eq!(
                    verdict.class,
                    if body.starts_with('<') {
                        Class::UnexpectedContent
                    } else {
                        Class::Malformed
                    },
                    "{request:?} {body}: {verdict}"
                );
            }
        }
    }
}

#[test]
fn an_error_of_binance_is_found_wherever_data_should_stand() {
    let body = r#"{"code":-1003,"msg":"Too much request weight used."}"#;
    let requests = [
        ticker("BTC/USDT"),
        book("BTC/USDT"),
        candles("BTC/USDT", "1m"),
        trades("BTC/USDT"),
        Request::Tickers { symbols: vec![] },
        Request::Instruments,
        Request::ServerTime,
        Request::Status,
    ];
    for request in requests {
        let decoded = Answer::ok(body).to(&request, &Binance, &Binance.symbols());
        let verdict = decoded.unwrap_err();
        assert_eq!(verdict.class, Class::RateLimited, "{request:?}");
        assert_eq!(verdict.code.as_deref(), Some("-1003"));
    }
}

#[test]
fn the_servers_word_on_waiting_is_kept() {
    let answer = Answer {
        status: 418,
        headers: &[("Retry-After", "120")],
        body: br#"{"code":-1003,"msg":"Way too much request weight used; IP banned until 1697000000000. Please use WebSocket Streams."}"#,
    };
    let ban = verdict(&Binance, &answer);
    assert_eq!(ban.class, Class::Banned);
    assert_eq!(ban.retry_after, Some(Duration::from_secs(120)));
    assert_eq!(ban.until, Timestamp::from_ms(1_697_000_000_000));
    let answer = Answer {
        status: 429,
        headers: &[
            ("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("Date", "Sun, 06 Nov 1994 08:49:07 GMT"),
        ],
        body: b"error code: 1015",
    };
    for (connector, _) in CONNECTORS {
        let limit = verdict(connector, &answer);
        assert_eq!(limit.class, Class::RateLimited);
        assert_eq!(limit.retry_after, Some(Duration::from_secs(30)));
    }
    let lockout = verdict(
        &Kraken,
        &Answer::ok(r#"{"error":["EGeneral:Temporary lockout"]}"#),
    );
    assert_eq!(lockout.class, Class::Banned);
    assert_eq!(lockout.retry_after, Some(Duration::from_secs(900)));
}

#[test]
fn a_message_is_escaped_and_short() {
    let long = format!("<html>\u{7}\n{}", "x".repeat(5_000));
    let answer = Answer {
        status: 502,
        ..Answer::ok(&long)
    };
    let shown = verdict(&Kraken, &answer).to_string();
    assert!(shown.len() < 400, "{shown}");
    assert!(!shown.contains(['\n', '\u{7}']), "{shown}");
}

#[test]
fn an_unlisted_pair_is_refused_with_the_nearest_one() {
    let refused = target(&Binance, &Binance.symbols(), &ticker("BTC/USD")).unwrap_err();
    let shown = refused.to_string();
    assert_eq!(
        shown,
        "symbol \"BTC/USD\" is not listed on binance; did you mean BTC/USDT?"
    );
    assert!(target(&Kraken, &Kraken.symbols(), &ticker("BTC/USD")).is_ok());
    let many = Request::Tickers {
        symbols: vec![symbol("BTC/USD"), symbol("QQQQ/ZZZZ")],
    };
    let refused = target(&Kraken, &Kraken.symbols(), &many).unwrap_err();
    assert!(
        matches!(refused, EncodeError::UnknownSymbol { nearest: None, .. }),
        "{refused}"
    );
}

#[test]
fn numbers_beyond_the_exchange_are_refused_before_anything_is_sent() {
    let with = |pair: &str, since: Option<i64>, number: u32| {
        let (symbol, since) = (symbol(pair), since.and_then(Timestamp::from_ms));
        let limit = Some(number);
        [
            Request::OrderBook {
                symbol: symbol.clone(),
                depth: limit,
            },
            Request::Candles {
                symbol: symbol.clone(),
                interval: "1m".parse().unwrap(),
                since,
                limit,
            },
            Request::Trades {
                symbol,
                since,
                limit,
            },
        ]
    };
    for (connector, pair, largest) in [
        (&Kraken as &dyn Connector, "BTC/USD", [500, 720, 1_000]),
        (&Binance, "BTC/USDT", [5_000, 1_000, 1_000]),
        (&KuCoin, "BTC/USDT", [u32::MAX, 1_500, 100]),
        (&Htx, "BTC/USDT", [150, 2_000, 2_000]),
    ] {
        let symbols = connector.symbols();
        for (index, largest) in largest.into_iter().enumerate() {
            let taken = target(connector, &symbols, &with(pair, None, largest)[index]);
            assert!(taken.is_ok(), "{taken:?}");
            let beyond = [Some(0), largest.checked_add(1)];
            for number in beyond.into_iter().flatten() {
                let refused = target(connector, &symbols, &with(pair, None, number)[index]);
                let shown = refused.unwrap_err().to_string();
                assert!(shown.contains(&format!("use 1 to {largest}")), "{shown}");
            }
        }
        for request in &with(pair, Some(-1), 10)[1..] {
            let refused = target(connector, &symbols, request).unwrap_err();
            assert!(refused.to_string().starts_with("since -1 "), "{refused}");
        }
    }
}

#[test]
fn intervals_that_an_exchange_does_not_have_are_refused() {
    for (connector, pair, have, lack) in [
        (
            &Kraken as &dyn Connector,
            "BTC/USD",
            ["1m", "60m", "15d"],
            ["1s", "3m", "2w", "1M"],
        ),
        (
            &Binance,
            "BTC/USDT",
            ["1s", "60m", "1M"],
            ["2m", "2w", "30d", "3M"],
        ),
        (
            &KuCoin,
            "BTC/USDT",
            ["3m", "60m", "1M"],
            ["1s", "2m", "3d", "2M"],
        ),
        (
            &Htx,
            "BTC/USDT",
            ["1m", "60m", "12M"],
            ["1s", "3m", "2h", "2M"],
        ),
    ] {
        let symbols = connector.symbols();
        for interval in have {
            assert!(
                target(connector, &symbols, &candles(pair, interval)).is_ok(),
                "{interval}"
            );
        }
        for interval in lack {
            let refused = target(connector, &symbols, &candles(pair, interval)).unwrap_err();
            assert!(
                matches!(refused, EncodeError::UnsupportedInterval { .. }),
                "{refused}"
            );
        }
    }
    let month = target(&Binance, &Binance.symbols(), &candles("BTC/USDT", "1M")).unwrap();
    assert!(month.contains("interval=1M"), "{month}");
}

#[test]
fn what_needs_a_key_is_not_supported() {
    assert!(!Binance.supports(Kind::Assets));
    let refused = target(&Binance, &Binance.symbols(), &Request::Assets).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "kind \"assets\" is not available from binance"
    );
}

#[test]
fn a_pair_is_named_once_and_not_too_many_are() {
    let twice = Request::Tickers {
        symbols: vec![symbol("BTC/USDT"), symbol("ETH/USDT"), symbol("BTC/USDT")],
    };
    let encoded = target(&Binance, &Binance.symbols(), &twice).unwrap();
    assert_eq!(
        encoded,
        "/api/v3/ticker/24hr?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D"
    );
    let mut table = Binance.symbols();
    let many: Vec<_> = (0..401).map(|n| symbol(&format!("A{n}/USDT"))).collect();
    for symbol in &many {
        table.insert(symbol, &symbol.as_str().replace('/', ""), []);
    }
    let refused = target(&Binance, &table, &Request::Tickers { symbols: many }).unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("symbols 401 is out of range"),
        "{refused}"
    );
}
