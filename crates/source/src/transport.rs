//! How bytes get to an exchange and back.

use bytes::Bytes;
use robust_http::{Client, Error, Fetched};
use tower::util::BoxCloneSyncService;

/// Sends one HTTP request and collects the answer: the hardened client, or a simulator's in-memory door.
pub type Transport = BoxCloneSyncService<http::Request<Bytes>, Fetched, Error>;

/// The transport that a client is.
#[must_use]
pub fn over(client: &Client) -> Transport {
    BoxCloneSyncService::new(client.clone())
}
