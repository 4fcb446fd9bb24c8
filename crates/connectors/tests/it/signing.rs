//! Signed requests: what they need, and that nothing of the credentials is ever shown.

use bytes::Bytes;
use http::Method;
use http::uri::PathAndQuery;
use robust_connectors::{
    Binance, Connector, Context, Credentials, EncodeError, Htx, Kraken, KuCoin, WireRequest,
};
use robust_market::{Kind, Timestamp};

use crate::support::{CONNECTORS, NOW_MS};

/// What must never be seen; as base64, because Kraken's secrets are.
const CANARIES: [&str; 3] = [
    "Q0FOQVJZLWtleQ==",
    "Q0FOQVJZLXNlY3JldA==",
    "Q0FOQVJZLXBhc3M=",
];

fn credentials() -> Credentials {
    let [key, secret, passphrase] = CANARIES;
    Credentials::new(key.into(), secret.into()).with_passphrase(passphrase.into())
}

fn private(method: Method, body: &'static str) -> WireRequest {
    let mut request = WireRequest::get(PathAndQuery::from_static("/private/thing?a=1"));
    request.method = method;
    request.body = Bytes::from_static(body.as_bytes());
    request
}

fn sign(
    connector: &dyn Connector,
    request: WireRequest,
    credentials: &Credentials,
) -> Result<WireRequest, EncodeError> {
    let symbols = connector.symbols();
    let context = Context::new(&symbols, Timestamp::from_ms(NOW_MS).unwrap());
    connector.sign(request, credentials, &context.signing())
}

#[test]
fn nothing_of_the_credentials_is_shown() {
    let credentials = credentials();
    let mut shown = vec![format!("{credentials:?}"), format!("{credentials:#?}")];
    for (connector, _) in CONNECTORS {
        for (method, body) in [(Method::GET, ""), (Method::POST, "b=2")] {
            let signed = sign(connector, private(method, body), &credentials).unwrap();
            shown.push(format!("{signed:?}"));
            shown.push(format!("{signed:#?}"));
            // The signature is not shown either: who holds it can send the request.
            let query = signed.target.query().unwrap_or_default();
            let form = std::str::from_utf8(&signed.body).unwrap();
            let mut parameters = query.split('&').chain(form.split('&'));
            let signature = parameters.find_map(|part| {
                part.strip_prefix("signature=")
                    .or(part.strip_prefix("Signature="))
            });
            let headers = signed
                .headers
                .iter()
                .filter(|(_, value)| value.is_sensitive());
            let made: Vec<_> = headers
                .map(|(_, value)| value.to_str().unwrap())
                .chain(signature)
                .collect();
            assert!(
                !made.is_empty(),
                "{} makes a signature",
                connector.exchange()
            );
            for secret in made {
                assert!(!shown.last().unwrap().contains(secret), "{secret}");
            }
        }
    }
    // Neither in refusals: a secret that is no base64, a key that no header takes, a passphrase that is not there.
    for (connector, _) in CONNECTORS {
        let broken = Credentials::new("CANARY\n".into(), "CANARY!".into());
        let signed = sign(connector, private(Method::GET, ""), &broken);
        shown.push(format!(
            "{signed:?} {}",
            signed
                .as_ref()
                .map_or_else(ToString::to_string, |_| String::new())
        ));
    }
    for text in shown {
        assert!(!text.contains("CANARY"), "{text}");
        for canary in CANARIES {
            assert!(!text.contains(canary), "{text}");
            assert!(!text.contains(canary.trim_end_matches('=')), "{text}");
        }
    }
}

#[test]
fn unusable_credentials_say_which_part_and_why() {
    let refused = |connector: &dyn Connector, credentials: &Credentials| {
        sign(connector, private(Method::GET, ""), credentials)
            .unwrap_err()
            .to_string()
    };
    let plain = Credentials::new("key".into(), "not base64!".into());
    assert_eq!(
        refused(&Kraken, &plain),
        "the secret for kraken is not base64"
    );
    assert_eq!(
        refused(&KuCoin, &plain),
        "the passphrase for kucoin is missing"
    );
    let broken = Credentials::new("ke\ny".into(), "c2VjcmV0".into());
    for connector in [&Kraken as &dyn Connector, &Binance] {
        assert_eq!(
            refused(connector, &broken),
            format!(
                "the key for {} holds characters that no header takes",
                connector.exchange()
            )
        );
    }
}

#[test]
fn each_attempt_is_signed_anew() {
    for (connector, _) in CONNECTORS {
        let symbols = connector.symbols();
        let at = |ms| {
            let now = Timestamp::from_ms(ms).unwrap();
            let context = Context::new(&symbols, now).signing();
            connector
                .sign(private(Method::GET, ""), &credentials(), &context)
                .unwrap()
        };
        assert_eq!(at(NOW_MS), at(NOW_MS), "{} is pure", connector.exchange());
        assert_ne!(at(NOW_MS), at(NOW_MS + 1_000), "{}", connector.exchange());
    }
}

#[test]
fn htx_signs_for_the_host_that_is_asked() {
    let symbols = Htx.symbols();
    let context = Context::new(&symbols, Timestamp::EPOCH).signing();
    let signed = |context: &Context<'_>| {
        Htx.sign(private(Method::GET, ""), &credentials(), context)
            .unwrap()
            .target
    };
    assert_eq!(signed(&context), signed(&context.to("api.huobi.pro")));
    assert_ne!(signed(&context), signed(&context.to("api-aws.huobi.pro")));
}

#[test]
fn mirrors_test_hosts_and_many_pairs_are_known() {
    for (connector, _) in CONNECTORS {
        let urls = connector.base_urls();
        assert_eq!(urls.first(), Some(&connector.base_url()));
        for url in urls {
            let host = url.strip_prefix("https://").unwrap();
            assert!(!connector.is_test_host(host), "{host}");
        }
    }
    for (connector, host) in [
        (&Binance as &dyn Connector, "testnet.binance.vision"),
        (&Binance, "TESTNET.binance.vision"),
        (&KuCoin, "openapi-sandbox.kucoin.com"),
        (&Htx, "api.testnet.huobi.pro"),
    ] {
        assert!(connector.is_test_host(host), "{host}");
        assert!(!connector.is_test_host(&format!("{host}.example.com")));
    }
    assert_eq!(Binance.base_urls().len(), 7);
    let most =
        |connector: &dyn Connector| connector.many(Kind::Ticker).map(|many| many.max_symbols);
    assert_eq!(most(&Kraken), Some(Some(400)));
    assert_eq!(most(&Binance), Some(Some(100)));
    assert_eq!((most(&KuCoin), most(&Htx)), (Some(None), Some(None)));
    for (connector, _) in CONNECTORS {
        assert_eq!(connector.many(Kind::Candles), None);
    }
}
