//! Signing private requests.
//!
//! `KC-API-SIGN` is base64 of HMAC-SHA256 over time in milliseconds, method, path with query, and body. The passphrase is sent as such a
//! hash of itself, for keys of version 2 and 3 (kucoin-api-docs, "Signing a Message"). Keys of version 1, which sent it in plain text, are not
//! supported. Path and query are signed as they read before they were percent-encoded (docs-new, "Authentication": "the URL must use the content
//! that has not been URL-encoded to participate in the signature").

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode_str;
use robust_market::{Exchange, Timestamp};

use crate::signature::{base64, hmac_sha256, sensitive};
use crate::{Credentials, EncodeError, WireRequest};

/// Puts key, time, passphrase and signature into the headers.
pub(super) fn sign(
    mut request: WireRequest,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<WireRequest, EncodeError> {
    if !(2..=3).contains(&credentials.key_version()) {
        return Err(EncodeError::Credentials {
            exchange: Exchange::KUCOIN,
            part: "version of the key",
            fault: "is neither 2 nor 3",
        });
    }
    let time = now.as_ms().to_string();
    let target: Vec<u8> = percent_decode_str(request.target.as_str()).collect();
    let parts: [&[u8]; 4] = [
        time.as_bytes(),
        request.method.as_str().as_bytes(),
        &target,
        &request.body,
    ];
    let signature = hashed(credentials, &parts)?;
    let passphrase = credentials.passphrase(Exchange::KUCOIN)?;
    let passphrase = hashed(credentials, &[passphrase.as_bytes()])?;
    for (name, part, value) in [
        ("kc-api-key", "key", credentials.key()),
        ("kc-api-sign", "secret", &signature),
        ("kc-api-passphrase", "passphrase", &passphrase),
    ] {
        let value = sensitive(Exchange::KUCOIN, part, value)?;
        request.headers.insert(name, value);
    }
    let version = u16::from(credentials.key_version());
    request
        .headers
        .insert("kc-api-key-version", HeaderValue::from(version));
    request
        .headers
        .insert("kc-api-timestamp", HeaderValue::from(now.as_ms()));
    if !request.body.is_empty() {
        request
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(request)
}

fn hashed(credentials: &Credentials, parts: &[&[u8]]) -> Result<String, EncodeError> {
    let secret = credentials.secret().as_bytes();
    hmac_sha256(Exchange::KUCOIN, secret, parts).map(|hash| base64(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use http::uri::PathAndQuery;

    const SECRET: &str = "f03a5284-5c39-4aaa-9b20-dea10bdcf8e3";

    fn credentials() -> Credentials {
        Credentials::new("key".into(), SECRET.into()).with_passphrase("passphrase".into())
    }

    fn request() -> WireRequest {
        let mut request = WireRequest::get(PathAndQuery::from_static("/api/v1/deposit-addresses"));
        request.method = Method::POST;
        request.body = r#"{"currency":"BTC"}"#.into();
        request
    }

    #[test]
    fn the_published_example_is_reproduced() {
        let now = Timestamp::from_ms(1_547_015_186_532).unwrap();
        let signed = sign(request(), &credentials().with_key_version(3), now).unwrap();
        let header = |name: &str| {
            signed
                .headers
                .get(name)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            header("KC-API-SIGN"),
            "7QP/oM0ykidMdrfNEUmng8eZjg/ZvPafjIqmxiVfYu4="
        );
        assert_eq!(
            header("KC-API-PASSPHRASE"),
            "NXjkqeSaGJLLPRk+P/r5N0YW7PPfRQGsVppp7lYqJdQ="
        );
        assert_eq!(header("KC-API-TIMESTAMP"), "1547015186532");
        assert_eq!(header("KC-API-KEY-VERSION"), "3");
    }

    #[test]
    fn a_query_is_signed_as_it_reads_before_it_is_encoded() {
        let signature = |target: &'static str| {
            let request = WireRequest::get(PathAndQuery::from_static(target));
            let now = Timestamp::from_ms(1_547_015_186_532).unwrap();
            let signed = sign(request, &credentials(), now).unwrap();
            assert_eq!(signed.target, target, "it is sent encoded");
            let signature = signed.headers.get("kc-api-sign").unwrap();
            signature.to_str().unwrap().to_owned()
        };
        let expected = |target: &str| {
            let text = format!("1547015186532GET{target}");
            hashed(&credentials(), &[text.as_bytes()]).unwrap()
        };
        assert_eq!(
            signature("/api/v1/deposits?remark=two%20words"),
            expected("/api/v1/deposits?remark=two words")
        );
        // The example of the documentation.
        assert_eq!(
            signature("/api/v1/sub/api-key?apiKey=67b3&subName=test&passphrase=abc%21%40%2311"),
            expected("/api/v1/sub/api-key?apiKey=67b3&subName=test&passphrase=abc!@#11")
        );
        assert_eq!(
            signature("/api/v1/a?b=c%2Bd+e"),
            expected("/api/v1/a?b=c+d+e")
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        let without = Credentials::new("key".into(), SECRET.into());
        let error = sign(request(), &without, Timestamp::EPOCH).unwrap_err();
        assert_eq!(error.to_string(), "the passphrase for kucoin is missing");
        let first = credentials().with_key_version(1);
        let error = sign(request(), &first, Timestamp::EPOCH).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the version of the key for kucoin is neither 2 nor 3"
        );
    }
}
