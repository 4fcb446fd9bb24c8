//! The test key, and whether a request is signed with it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use robust_market::Timestamp;
use sha2::Sha256;

/// The credentials that a simulated exchange accepts. They open nothing else, so they may be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TestKey {
    /// `KC-API-KEY`.
    pub key: &'static str,
    /// What requests are signed with.
    pub secret: &'static str,
    /// What `KC-API-PASSPHRASE` is made of.
    pub passphrase: &'static str,
}

impl TestKey {
    /// Credentials of your own, for a simulated exchange that is to accept others than its usual ones.
    #[must_use]
    pub const fn new(key: &'static str, secret: &'static str, passphrase: &'static str) -> Self {
        Self {
            key,
            secret,
            passphrase,
        }
    }
}

/// The key of the simulated KuCoin unless it is built with another, of version 2 and 3, with the permission General.
pub(crate) const TEST_KEY: TestKey = TestKey {
    key: "73696d756c617465646b6579",
    secret: "00000000-0000-4000-8000-73696d756c61",
    passphrase: "simulated",
};

/// How far `KC-API-TIMESTAMP` may be from the server's time (KuCoin: error 400002).
const WINDOW_MS: i64 = 5_000;

/// Why a private endpoint stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    HeaderMissing,
    Timestamp,
    Key,
    Passphrase,
    Signature,
}

fn header<'a>(request: &'a http::Request<Bytes>, name: &str) -> Option<&'a str> {
    let value = request.headers().get(name)?.to_str().ok()?;
    Some(value).filter(|value| !value.is_empty())
}

/// Whether the request names the test key, signed or not.
pub(crate) fn names_key(request: &http::Request<Bytes>, own: &TestKey) -> bool {
    header(request, "kc-api-key") == Some(own.key)
}

/// Checks the five headers in the order of their error codes.
pub(crate) fn check(
    request: &http::Request<Bytes>,
    own: &TestKey,
    now: Timestamp,
) -> Result<(), Denied> {
    let of = |name| header(request, name).ok_or(Denied::HeaderMissing);
    let key = of("kc-api-key")?;
    let sign = of("kc-api-sign")?;
    let timestamp = of("kc-api-timestamp")?;
    let passphrase = of("kc-api-passphrase")?;
    let apart = timestamp
        .parse::<i64>()
        .map_err(|_| Denied::Timestamp)?
        .saturating_sub(now.as_ms());
    if !(-WINDOW_MS..=WINDOW_MS).contains(&apart) {
        return Err(Denied::Timestamp);
    }
    // A key of version 1 sends its passphrase as it is; the test key is newer.
    let version = header(request, "kc-api-key-version");
    if key != own.key || !matches!(version, Some("2" | "3")) {
        return Err(Denied::Key);
    }
    if !proves(own.secret, own.passphrase.as_bytes(), passphrase) {
        return Err(Denied::Passphrase);
    }
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let mut text = format!("{timestamp}{}{target}", request.method()).into_bytes();
    text.extend_from_slice(request.body());
    if !proves(own.secret, &text, sign) {
        return Err(Denied::Signature);
    }
    Ok(())
}

/// Whether `claimed` is the base64 text of the HMAC-SHA256 of a text under a secret.
fn proves(secret: &str, text: &[u8], claimed: &str) -> bool {
    let Ok(claimed) = STANDARD.decode(claimed) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(text);
    mac.verify_slice(&claimed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_of_the_documentation_is_proven_and_no_other() {
        let secret = "f03a5284-5c39-4aaa-9b20-dea10bdcf8e3";
        let text = b"1547015186532POST/api/v1/deposit-addresses{\"currency\":\"BTC\"}";
        let sign = "7QP/oM0ykidMdrfNEUmng8eZjg/ZvPafjIqmxiVfYu4=";
        assert!(proves(secret, text, sign));
        assert!(!proves(TEST_KEY.secret, text, sign));
        assert!(!proves(secret, &text[1..], sign));
        for claimed in ["", "7QP/", "no base64", &sign[..43], &sign.to_lowercase()] {
            assert!(!proves(secret, text, claimed), "{claimed}");
        }
    }
}
