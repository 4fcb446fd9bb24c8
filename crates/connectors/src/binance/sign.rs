//! Signing private requests with HMAC keys.
//!
//! `signature` is the last parameter: HMAC-SHA256 in hex over the percent-encoded query and the body, as they are sent (rest-api.md,
//! "SIGNED endpoint security"). A request without a `timestamp` gets the time in milliseconds; without `recvWindow` Binance takes
//! 5,000 ms. Keys of the kinds RSA and Ed25519 sign differently and are not supported.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use http::uri::PathAndQuery;
use robust_market::{Exchange, Timestamp};

use crate::signature::{hex, hmac_sha256, sensitive, too_long};
use crate::{Credentials, EncodeError, WireRequest};

/// Appends timestamp and signature to the query, and puts the key into the headers.
pub(super) fn sign(
    mut request: WireRequest,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<WireRequest, EncodeError> {
    let mut query = request.target.query().unwrap_or_default().to_owned();
    if !has_timestamp(query.as_bytes()) && !has_timestamp(&request.body) {
        let separator = if query.is_empty() { "" } else { "&" };
        query = format!("{query}{separator}timestamp={}", now.as_ms());
    }
    let parts: [&[u8]; 2] = [query.as_bytes(), &request.body];
    let signature = hmac_sha256(Exchange::BINANCE, credentials.secret().as_bytes(), &parts)?;
    let separator = if query.is_empty() { "" } else { "&" };
    let target = format!(
        "{}?{query}{separator}signature={}",
        request.target.path(),
        hex(&signature)
    );
    request.target = PathAndQuery::try_from(target).map_err(|_| too_long(Exchange::BINANCE))?;
    request.headers.insert(
        "x-mbx-apikey",
        sensitive(Exchange::BINANCE, "key", credentials.key())?,
    );
    Ok(request)
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

    fn signed(query: &str, body: &'static str) -> String {
        let target = PathAndQuery::try_from(format!("/api/v3/order?{query}")).unwrap();
        let mut request = WireRequest::get(target);
        request.body = body.as_bytes().into();
        let credentials = Credentials::new("key".into(), SECRET.into());
        let signed = sign(request, &credentials, Timestamp::EPOCH).unwrap();
        signed.target.query().unwrap().to_owned()
    }

    #[test]
    fn the_published_examples_are_reproduced() {
        let all = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
        let signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
        assert_eq!(signed(all, ""), format!("{all}&signature={signature}"));
        // Of query and body together, without anything between them.
        let query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC";
        let body = "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
        let signature = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77";
        assert_eq!(
            signed(query, body),
            format!("{query}&signature={signature}")
        );
    }

    #[test]
    fn a_request_without_a_timestamp_gets_one() {
        assert!(signed("a=1", "").starts_with("a=1&timestamp=0&signature="));
    }
}
