//! Which keys certain hosts must have, beyond being trusted.

use std::collections::BTreeMap;

use hyper_rustls::MaybeHttpsStream;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error as Tls};
use sha2::{Digest, Sha256};

use crate::connect::Stream;
use crate::error::Error;

/// Digests of public keys by host.
///
/// Looked at when the handshake is over and the chain was found to be trusted, before a byte of a request is written. Of the chain only the
/// server's own certificate counts: what else a server sends along proves nothing by itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pins(BTreeMap<String, Vec<[u8; 32]>>);

impl Pins {
    pub(crate) fn add(&mut self, host: &str, sha256: [u8; 32]) {
        let host = host.to_ascii_lowercase();
        self.0.entry(host).or_default().push(sha256);
    }

    /// A host without pins passes; one with pins passes by one of them, and never unencrypted.
    pub(crate) fn check(&self, host: &str, stream: &Stream) -> Result<(), Error> {
        let Some(pins) = self.pins(host) else {
            return Ok(());
        };
        let digest = match stream {
            MaybeHttpsStream::Https(stream) => {
                let (_, session) = stream.inner().get_ref();
                let chain = session.peer_certificates().unwrap_or_default();
                chain.first().and_then(|certificate| {
                    let key = ParsedCertificate::try_from(certificate).ok()?;
                    let key = key.subject_public_key_info();
                    Some(<[u8; 32]>::from(Sha256::digest(key.as_ref())))
                })
            }
            MaybeHttpsStream::Http(_) => None,
        };
        if digest.is_some_and(|digest| pins.contains(&digest)) {
            return Ok(());
        }
        let reason = CertificateError::ApplicationVerificationFailure;
        Err(Error::untrusted(Tls::InvalidCertificate(reason)))
    }

    fn pins(&self, host: &str) -> Option<&[[u8; 32]]> {
        if self.0.is_empty() {
            return None;
        }
        let pins = self.0.get(&host.to_ascii_lowercase());
        pins.map(Vec::as_slice)
    }
}
