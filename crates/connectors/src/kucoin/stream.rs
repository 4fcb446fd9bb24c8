//! The way into KuCoin's streams: `{"token", "instanceServers": [{"endpoint", "pingInterval", "pingTimeout"}]}`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use robust_market::DefectKind;
use secrecy::SecretString;
use serde::Deserialize;

use super::envelope::{open_exactly, wrong_data};
use crate::wire::{Object, Raw};
use crate::{Reply, Verdict};

/// Where a WebSocket connection to KuCoin goes, and the token that lets it in.
///
/// A token is for one connection: who connects again asks for a new one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StreamAccess {
    /// Opens the connection, so it is treated as a secret.
    pub token: SecretString,
    /// The servers, best first.
    pub servers: Vec<StreamServer>,
}

/// One server of KuCoin's streams.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamServer {
    /// Its address, such as `wss://ws-api-spot.kucoin.com/`.
    pub endpoint: Box<str>,
    /// How often the client has to send a ping message.
    pub ping_interval: Duration,
    /// How long the answer to a ping may take.
    pub ping_timeout: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessWire<'a> {
    #[serde(borrow, default)]
    token: Raw<'a>,
    #[serde(borrow)]
    instance_servers: Vec<Object<ServerWire<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerWire<'a> {
    #[serde(borrow, default)]
    endpoint: Raw<'a>,
    #[serde(borrow, default)]
    ping_interval: Raw<'a>,
    #[serde(borrow, default)]
    ping_timeout: Raw<'a>,
}

pub(super) fn access(reply: &Reply<'_>) -> Result<StreamAccess, Verdict> {
    let wire = open_exactly::<Object<AccessWire<'_>>>(reply)?;
    read(&wire).map_err(|_| wrong_data(reply))
}

fn read(wire: &AccessWire<'_>) -> Result<StreamAccess, DefectKind> {
    let token = wire.token.text()?;
    let servers = wire.instance_servers.iter().map(|server| {
        Ok(StreamServer {
            endpoint: server.endpoint.text()?.into(),
            ping_interval: Duration::from_millis(server.ping_interval.count()?),
            ping_timeout: Duration::from_millis(server.ping_timeout.count()?),
        })
    });
    Ok(StreamAccess {
        token: token.as_ref().into(),
        servers: servers.collect::<Result<_, DefectKind>>()?,
    })
}
