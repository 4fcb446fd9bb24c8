//! Whom to trust and how to encrypt.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::h2::ALPN;

/// rustls with the ring provider, handed over explicitly: a library must not install a process-wide default.
///
/// Trusts Mozilla's roots as packaged by webpki-roots (no file of the machine is read, so a bare container works), or
/// only the `private` ones where there are any.
pub(crate) fn client_config(
    private: &[Vec<u8>],
    http2: bool,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = trusting(private)?;
    if http2 {
        config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    }
    Ok(config)
}

fn trusting(private: &[Vec<u8>]) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    if private.is_empty() {
        return Ok(builder.with_webpki_roots().with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    for certificate in private {
        roots.add(CertificateDer::from(certificate.as_slice()))?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
