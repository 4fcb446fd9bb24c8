//! The keyed hashes that exchanges sign with, and headers that are never shown.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use http::HeaderValue;
use robust_market::Exchange;
use sha2::{Sha256, Sha512};

use crate::EncodeError;

/// HMAC-SHA256 over the parts, one after the other.
pub(crate) fn hmac_sha256(
    exchange: Exchange,
    secret: &[u8],
    parts: &[&[u8]],
) -> Result<Vec<u8>, EncodeError> {
    let mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| unusable(exchange))?;
    Ok(hashed(mac, parts))
}

/// HMAC-SHA512 over the parts, one after the other.
pub(crate) fn hmac_sha512(
    exchange: Exchange,
    secret: &[u8],
    parts: &[&[u8]],
) -> Result<Vec<u8>, EncodeError> {
    let mac = Hmac::<Sha512>::new_from_slice(secret).map_err(|_| unusable(exchange))?;
    Ok(hashed(mac, parts))
}

fn hashed<M: Mac>(mut mac: M, parts: &[&[u8]]) -> Vec<u8> {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

const fn unusable(exchange: Exchange) -> EncodeError {
    EncodeError::Credentials {
        exchange,
        part: "secret",
        fault: "cannot be used",
    }
}

/// A URL that the signature makes longer than URLs can be.
pub(crate) const fn too_long(exchange: Exchange) -> EncodeError {
    EncodeError::Credentials {
        exchange,
        part: "signature",
        fault: "does not fit into a URL",
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a secret that is written as base64.
pub(crate) fn secret_of_base64(exchange: Exchange, secret: &str) -> Result<Vec<u8>, EncodeError> {
    STANDARD
        .decode(secret.trim())
        .map_err(|_| EncodeError::Credentials {
            exchange,
            part: "secret",
            fault: "is not base64",
        })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A header's value that is made of credentials: `Debug` does not show it.
pub(crate) fn sensitive(
    exchange: Exchange,
    part: &'static str,
    text: &str,
) -> Result<HeaderValue, EncodeError> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| EncodeError::Credentials {
        exchange,
        part,
        fault: "holds characters that no header takes",
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_hashes_are_those_of_rfc_4231() {
        let parts: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
        let short = hmac_sha256(Exchange::KRAKEN, b"Jefe", &parts).unwrap();
        assert_eq!(
            hex(&short),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let long = hmac_sha512(Exchange::KRAKEN, b"Jefe", &parts).unwrap();
        assert!(hex(&long).starts_with("164b7a7bfcf819e2e395fbe73b56e0a3"));
    }
}
