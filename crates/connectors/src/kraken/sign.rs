//! Signing private requests.
//!
//! `API-Sign` is base64 of HMAC-SHA512, with the decoded secret, over the path and SHA-256 of nonce and form body (docs.kraken.com,
//! "Spot REST authentication"). The nonce must grow with every request of a key; it is the time in milliseconds, so
//! of two requests that one key signs in one millisecond Kraken refuses the second.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use robust_market::{Exchange, Timestamp};
use sha2::{Digest, Sha256};

use crate::signature::{base64, hmac_sha512, secret_of_base64, sensitive};
use crate::{Credentials, EncodeError, WireRequest};

/// Puts the nonce in front of the form body, and key and signature into the headers.
pub(super) fn sign(
    mut request: WireRequest,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<WireRequest, EncodeError> {
    let nonce = now.as_ms().to_string();
    let mut body = format!("nonce={nonce}").into_bytes();
    if !request.body.is_empty() {
        body.push(b'&');
        body.extend_from_slice(&request.body);
    }
    let path = request.target.path();
    let signature = signature(path, &nonce, &body, credentials.secret())?;
    let headers = &mut request.headers;
    headers.insert(
        "api-key",
        sensitive(Exchange::KRAKEN, "key", credentials.key())?,
    );
    headers.insert(
        "api-sign",
        sensitive(Exchange::KRAKEN, "secret", &signature)?,
    );
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    request.body = Bytes::from(body);
    Ok(request)
}

fn signature(path: &str, nonce: &str, body: &[u8], secret: &str) -> Result<String, EncodeError> {
    let secret = secret_of_base64(Exchange::KRAKEN, secret)?;
    let mut digest = Sha256::new();
    digest.update(nonce.as_bytes());
    digest.update(body);
    let digest = digest.finalize();
    let parts: [&[u8]; 2] = [path.as_bytes(), digest.as_ref()];
    hmac_sha512(Exchange::KRAKEN, &secret, &parts).map(|hash| base64(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_is_reproduced() {
        let secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
        let body =
            b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
        let signature = signature("/0/private/AddOrder", "1616492376594", body, secret);
        assert_eq!(
            signature.unwrap(),
            "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
        );
    }
}
