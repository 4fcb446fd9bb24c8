//! Signing private requests with HMAC keys.
//!
//! `signature` is the last parameter: HMAC-SHA256 in hex over the percent-encoded query and the body, as they are sent (rest-api.md,
//! "SIGNED endpoint security"). It stands in the form that a request sends as its body, and in the query of a request without a body. A
//! request without a `timestamp` gets the time in milliseconds; without `recvWindow` Binance takes 5,000 ms. Keys of the kinds RSA and
//! Ed25519 sign differently and are not supported.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::uri::PathAndQuery;
use robust_market::{Exchange, Timestamp};

use crate::signature::{hex, hmac_sha256, sensitive, too_long};
use crate::{Credentials, EncodeError, WireRequest};

/// Appends timestamp and signature to the form or the query, and puts the key into the headers.
pub(super) fn sign(
    mut request: WireRequest,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<WireRequest, EncodeError> {
    let query = request.target.query().unwrap_or_default();
    let in_form = !request.body.is_empty();
    let timed = has_timestamp(query.as_bytes()) || has_timestamp(&request.body);
    let mut signed = if in_form {
        request.body.to_vec()
    } else {
        query.as_bytes().to_vec()
    };
    if !timed {
        append(&mut signed, "timestamp", &now.as_ms().to_string());
    }
    let before: &[u8] = if in_form { query.as_bytes() } else { b"" };
    let secret = credentials.secret().as_bytes();
    let signature = hmac_sha256(Exchange::BINANCE, secret, &[before, &signed])?;
    append(&mut signed, "signature", &hex(&signature));
    if in_form {
        request.body = signed.into();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers.insert(CONTENT_TYPE, form);
    } else {
        let target = [request.target.path().as_bytes(), b"?", &signed].concat();
        let target = PathAndQuery::from_maybe_shared(target);
        request.target = target.map_err(|_| too_long(Exchange::BINANCE))?;
    }
    request.headers.insert(
        "x-mbx-apikey",
        sensitive(Exchange::BINANCE, "key", credentials.key())?,
    );
    Ok(request)
}

fn append(parameters: &mut Vec<u8>, name: &str, value: &str) {
    if !parameters.is_empty() {
        parameters.push(b'&');
    }
    parameters.extend(format!("{name}={value}").into_bytes());
}

fn has_timestamp(parameters: &[u8]) -> bool {
    parameters
        .split(|byte| *byte == b'&')
        .any(|parameter| parameter.starts_with(b"timestamp="))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

    fn signed(query: &str, body: &'static str) -> WireRequest {
        let target = PathAndQuery::try_from(format!("/api/v3/order?{query}")).unwrap();
        let mut request = WireRequest::get(target);
        request.body = body.as_bytes().into();
        let credentials = Credentials::new("key".into(), SECRET.into());
        sign(request, &credentials, Timestamp::EPOCH).unwrap()
    }

    /// The three examples of POST /api/v3/order: the parameters in the query, in the body, and in both.
    #[test]
    fn the_published_examples_are_reproduced() {
        let all = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
        let signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
        let in_query = signed(all, "");
        let expected = format!("{all}&signature={signature}");
        assert_eq!(in_query.target.query(), Some(&*expected));
        assert_eq!(in_query.headers.get(CONTENT_TYPE), None);
        let in_form = signed("", all);
        assert_eq!(in_form.body, expected);
        assert_eq!(in_form.target.query(), Some(""));
        // Of query and body together, without anything between them.
        let query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC";
        let body = "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
        let signature = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77";
        let in_both = signed(query, body);
        assert_eq!(in_both.target.query(), Some(query));
        assert_eq!(in_both.body, format!("{body}&signature={signature}"));
        for signed in [in_form, in_both] {
            let content = signed.headers.get(CONTENT_TYPE).unwrap();
            assert_eq!(content, "application/x-www-form-urlencoded");
        }
    }

    #[test]
    fn a_request_without_a_timestamp_gets_one() {
        let query = |query, body| signed(query, body).target.query().unwrap().to_owned();
        assert!(query("a=1", "").starts_with("a=1&timestamp=0&signature="));
        assert!(query("", "").starts_with("timestamp=0&signature="));
        let form = signed("a=1", "b=2").body;
        assert!(form.starts_with(b"b=2&timestamp=0&signature="), "{form:?}");
        let form = signed("timestamp=7", "b=2").body;
        assert!(form.starts_with(b"b=2&signature="), "{form:?}");
    }
}
