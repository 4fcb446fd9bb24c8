//! From a target to an open stream: name, TCP, TLS, under one timeout.

use std::net::IpAddr;
use std::time::Duration;

use http::{Extensions, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connection as _, HttpConnector, HttpInfo};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::error::{Error, Kind};
use crate::resolve::Resolver;

/// TCP, encrypted or not.
pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// An open stream and what is known of its other end.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) stream: Stream,
    pub(crate) loopback: bool,
    /// The peer chose HTTP/2 by ALPN.
    pub(crate) http2: bool,
}

/// Opens streams.
#[derive(Debug, Clone)]
pub(crate) struct Dialler {
    connector: BoxCloneSyncService<Uri, Stream, Error>,
    timeout: Duration,
}

impl Dialler {
    pub(crate) fn new(tls: ClientConfig, timeout: Duration, local_address: Option<IpAddr>) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new());
        tcp.set_nodelay(true);
        // of this time each address of a host gets its share, so that a dead first address leaves time for the next
        tcp.set_connect_timeout(Some(timeout));
        tcp.enforce_http(false);
        tcp.set_local_address(local_address);
        let connector = HttpsConnector::from((tcp, tls)).map_err(
            |error: Box<dyn std::error::Error + Send + Sync>| Error::from_connect(&*error),
        );
        Self {
            connector: BoxCloneSyncService::new(connector),
            timeout,
        }
    }

    /// Opens a stream.
    ///
    /// # Cancel safety
    ///
    /// A dropped future closes whatever was open.
    pub(crate) async fn dial(&self, uri: Uri) -> Result<Dialled, Error> {
        let stream = match timeout(self.timeout, self.connector.clone().oneshot(uri)).await {
            Ok(result) => result?,
            Err(_elapsed) => return Err(Error::unsent(Kind::ConnectTimeout)),
        };
        let connected = stream.connected();
        let mut extras = Extensions::new();
        connected.get_extras(&mut extras);
        let loopback = extras
            .get::<HttpInfo>()
            .is_some_and(|info| info.remote_addr().ip().is_loopback());
        Ok(Dialled {
            http2: connected.is_negotiated_h2(),
            loopback,
            stream,
        })
    }
}
