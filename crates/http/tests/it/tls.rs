//! TLS: rustls with ring, roots of our choice, and errors that tell trust from transport.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use robust_http::{Client, Kind};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::server::{Server, Step, client, get, ok_bytes, raw, what, within};

/// A private authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.0.der().to_vec()
    }

    /// What a server of this name needs, offering these protocols.
    pub(crate) fn acceptor(&self, name: &str, alpn: &[&[u8]]) -> TlsAcceptor {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        self.acceptor_with(&params, alpn)
    }

    /// The same with a certificate whose validity is over.
    pub(crate) fn expired(&self, name: &str) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        self.acceptor_with(&params, &[])
    }

    fn acceptor_with(&self, params: &CertificateParams, alpn: &[&[u8]]) -> TlsAcceptor {
        self.acceptor_of(&KeyPair::generate().unwrap(), params, alpn)
    }

    fn acceptor_of(
        &self,
        key: &KeyPair,
        params: &CertificateParams,
        alpn: &[&[u8]],
    ) -> TlsAcceptor {
        let certificate = params.signed_by(key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

pub(crate) async fn encrypted(acceptor: TlsAcceptor) -> Server {
    Server::serve(move |_, stream, seen| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut head = Vec::new();
            while let Ok(byte) = stream.read_u8().await {
                head.push(byte);
                if head.ends_with(b"\r\n\r\n") {
                    seen.record(String::from_utf8(std::mem::take(&mut head)).unwrap());
                    stream.write_all(&ok_bytes(b"secret")).await.unwrap();
                    stream.flush().await.unwrap();
                }
            }
        }
    })
    .await
}

#[tokio::test]
pub(crate) async fn encrypted_exchange_reuses_its_connection() {
    let authority = Authority::new();
    let server = encrypted(authority.acceptor("localhost", &[])).await;
    let client = Client::builder()
        .trust_only(authority.der())
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/", server.address.port());

    for _ in 0..3 {
        let answer = within("an answer", client.fetch(get(&url), None))
            .await
            .unwrap();
        assert_eq!(answer.body, "secret");
        assert!(answer.loopback);
    }
    assert_eq!(
        (server.seen.accepted(), server.seen.requests().len()),
        (1, 3)
    );
}

#[tokio::test]
async fn certificate_of_an_unknown_authority_is_refused() {
    let server = encrypted(Authority::new().acceptor("localhost", &[])).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let other = Client::builder()
        .trust_only(Authority::new().der())
        .build()
        .unwrap();

    // Mozilla's roots, and a private one that signed something else
    for client in [client(), other] {
        assert_eq!(
            what(within("an error", client.fetch(get(&url), None)).await),
            (Kind::Tls, false)
        );
    }
    assert!(server.seen.requests().is_empty());
}

#[tokio::test]
async fn a_trusted_certificate_with_another_key_than_the_pinned_one_is_refused() {
    use rcgen::PublicKeyData;
    use sha2::{Digest, Sha256};

    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let server = encrypted(authority.acceptor_of(&key, &params, &[])).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let digest: [u8; 32] = Sha256::digest(key.subject_public_key_info()).into();
    let client = || Client::builder().trust_only(authority.der());

    let wrong = client().pin("localhost", [7; 32]).build().unwrap();
    let result = within("an error", wrong.fetch(get(&url), None)).await;
    let error = result.as_ref().unwrap_err();
    assert!(std::error::Error::source(error).is_some(), "{error:?}");
    assert_eq!(what(result), (Kind::Tls, false));
    assert!(server.seen.requests().is_empty(), "nothing was sent");

    // The next key beside the present one, a name in capitals, and pins of other hosts.
    let right = client()
        .pin("LocalHost", [7; 32])
        .pin("localhost", digest)
        .pin("exchange.example", [7; 32])
        .build()
        .unwrap();
    assert!(
        within("an answer", right.fetch(get(&url), None))
            .await
            .is_ok()
    );
    let other = client().pin("exchange.example", [7; 32]).build().unwrap();
    assert!(
        within("an answer", other.fetch(get(&url), None))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_host_with_a_pin_is_never_spoken_to_unencrypted() {
    let server = Server::scripted([
        Step::Request,
        raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ])
    .await;
    let host = server.address.ip().to_string();
    let client = Client::builder().pin(host, [7; 32]).build().unwrap();
    let url = format!("http://{}/", server.address);
    let result = within("an error", client.fetch(get(&url), None)).await;
    assert_eq!(what(result), (Kind::Tls, false));
    assert!(server.seen.requests().is_empty());
}

#[tokio::test]
async fn certificate_of_another_host_is_refused() {
    let authority = Authority::new();
    let server = encrypted(authority.acceptor("exchange.example", &[])).await;
    let client = Client::builder()
        .trust_only(authority.der())
        .build()
        .unwrap();

    let result = within(
        "an error",
        client.fetch(get(&format!("https://{}/", server.address)), None),
    )
    .await;

    assert_eq!(what(result), (Kind::Tls, false));
    assert!(server.seen.requests().is_empty());
}

#[tokio::test]
async fn peer_that_does_not_speak_tls_is_a_tls_error() {
    let server = Server::scripted([
        raw("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"),
        Step::Hang,
    ])
    .await;

    let result = within(
        "an error",
        client().fetch(get(&format!("https://{}/", server.address)), None),
    )
    .await;

    assert_eq!(what(result), (Kind::Tls, false));
}

/// Worth another attempt, unlike a certificate that is not trusted.
#[tokio::test]
async fn close_in_the_handshake_is_a_failed_connection() {
    let server = Server::scripted(Vec::new()).await;

    let result = within(
        "an error",
        client().fetch(get(&format!("https://{}/", server.address)), None),
    )
    .await;

    assert_eq!(what(result), (Kind::Connect, false));
}

#[tokio::test]
async fn no_process_wide_crypto_provider_is_installed() {
    let _client = client();

    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}
