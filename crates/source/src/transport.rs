//! How bytes get to an exchange and back.

use bytes::Bytes;
use http::header::{HeaderValue, USER_AGENT};
use robust_http::{Client, Error, Fetched};
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder, ServiceExt};

/// Sends one HTTP request and collects the answer: the hardened client, or a stand-in without sockets.
///
/// It sends nothing before its future is polled, as an `async` block does not: an attempt that is dropped before its first poll gets its
/// charge at the rate limit back.
pub type Transport = BoxCloneSyncService<http::Request<Bytes>, Fetched, Error>;

/// The transport that a client is.
///
/// It goes wherever the client goes: [`Client::for_hosts`] first makes of it one that goes to the hosts of one exchange alone.
#[must_use]
pub fn over(client: &Client) -> Transport {
    BoxCloneSyncService::new(client.clone())
}

/// The transport that any service in this process is, such as a simulator's in-memory door.
///
/// What it answers counts as coming from this machine, so every value made of it says that it is simulated. `failure` says
/// which failure of a connection each of the service's errors stands for.
#[must_use]
pub fn in_memory<S, F>(service: S, failure: F) -> Transport
where
    S: Service<http::Request<Bytes>, Response = http::Response<Bytes>>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    F: Fn(S::Error) -> Error + Clone + Send + Sync + 'static,
{
    let stack = ServiceBuilder::new()
        .map_request(|mut request: http::Request<Bytes>| {
            let agent =
                HeaderValue::from_static(concat!("robust-source/", env!("CARGO_PKG_VERSION")));
            request.headers_mut().entry(USER_AGENT).or_insert(agent);
            request
        })
        .service(service.map_err(failure).map_response(|response| {
            let (head, body) = response.into_parts();
            Fetched::new(head.status, head.headers, body, Instant::now(), true)
        }));
    BoxCloneSyncService::new(stack)
}
