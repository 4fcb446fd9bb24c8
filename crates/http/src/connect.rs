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
use crate::pins::Pins;
use crate::resolve::Resolver;

/// TCP, encrypted or not.
pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A connection whose peer acknowledges nothing for this long is dead, though no deadline may be waiting for it.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// When to ask an idle peer whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

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
    resolver: Resolver,
    pins: Pins,
    timeout: Duration,
}

impl Dialler {
    pub(crate) fn new(
        (tls, pins): (ClientConfig, Pins),
        timeout: Duration,
        local_address: Option<IpAddr>,
        resolver: Resolver,
    ) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver.clone());
        tcp.set_nodelay(true);
        // of this time each address of a host gets its share, so that a dead first address leaves time for the next
        tcp.set_connect_timeout(Some(timeout));
        tcp.enforce_http(false);
        tcp.set_local_address(local_address);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let connector = HttpsConnector::from((tcp, tls)).map_err(
            |error: Box<dyn std::error::Error + Send + Sync>| Error::from_connect(&*error),
        );
        Self {
            connector: BoxCloneSyncService::new(connector),
            resolver,
            pins,
            timeout,
        }
    }

    /// Opens a stream.
    ///
    /// # Cancel safety
    ///
    /// A dropped future closes whatever was open.
    pub(crate) async fn dial(&self, uri: &Uri) -> Result<Dialled, Error> {
        let name = uri.host().unwrap_or_default();
        let dialling = self.connector.clone().oneshot(uri.clone());
        let result = match timeout(self.timeout, dialling).await {
            Ok(result) => result,
            Err(_elapsed) => Err(Error::unsent(Kind::ConnectTimeout)),
        };
        let stream = match result {
            Ok(stream) => stream,
            Err(error) => {
                if matches!(error.kind(), Kind::Connect | Kind::ConnectTimeout) {
                    self.resolver.failed(name);
                }
                return Err(error);
            }
        };
        self.pins.check(name, &stream)?;
        let connected = stream.connected();
        let mut extras = Extensions::new();
        connected.get_extras(&mut extras);
        let peer = extras.get::<HttpInfo>().map(|info| info.remote_addr().ip());
        if let Some(peer) = peer {
            self.resolver.worked(name, peer);
        }
        Ok(Dialled {
            http2: connected.is_negotiated_h2(),
            loopback: peer.is_some_and(|peer| peer.is_loopback()),
            stream,
        })
    }
}
