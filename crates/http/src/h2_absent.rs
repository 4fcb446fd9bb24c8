//! The place of HTTP/2 when the feature is off: a type without values, so that no other file needs a switch.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::connect::Dialled;
use crate::connection::{Fault, Heads};
use crate::error::{Error, Kind};

/// Nothing is offered by ALPN: HTTP/1.1 is what remains.
pub(crate) const ALPN: &[&[u8]] = &[];

/// Never made.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Infallible);

impl Shared {
    pub(crate) async fn open(_: Dialled, _: Heads, _: Duration, _: usize) -> Result<Self, Error> {
        Err(Error::unsent(Kind::Protocol).detail("http/2 was chosen but never offered"))
    }

    pub(crate) fn is_open(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn loopback(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn retires(&self) -> Instant {
        match self.0 {}
    }

    pub(crate) fn is_same(&self, _: &Self) -> bool {
        match self.0 {}
    }

    pub(crate) async fn exchange(
        &mut self,
        _: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Fault> {
        match self.0 {}
    }
}
