//! How a client is made.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::Semaphore;

use crate::client::Client;
use crate::connect::Dialler;
use crate::gate::Gate;
use crate::pool::Pool;
use crate::tls;

/// Longest duration that a setting takes: a day, far from any overflow of the clock.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Settings of a [`Client`].
///
/// The defaults are those of the system that this one replaces where it had one (20 connections per host, 100 in all,
/// as aiohttp counts them), and otherwise what a client of exchanges needs.
#[derive(Debug, Clone)]
pub struct Builder {
    connect_timeout: Duration,
    max_body: usize,
    max_per_host: usize,
    max_total: usize,
    max_waiting: usize,
    pool_idle_timeout: Duration,
    user_agent: String,
    local_address: Option<IpAddr>,
    allow_plaintext: bool,
    trusted: Vec<Vec<u8>>,
    http2: bool,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting is outside of its range.
    #[error("{setting} must be {range}")]
    OutOfRange {
        /// The name of the setting, as the builder's method is called.
        setting: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// The user agent holds bytes that a header cannot.
    #[error("user_agent is not a header value")]
    UserAgent,
    /// TLS cannot be set up, for example because a trusted certificate cannot be read.
    #[error("tls could not be set up")]
    Tls(#[from] rustls::Error),
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            max_body: 16 << 20,
            max_per_host: 20,
            max_total: 100,
            max_waiting: 1_024,
            pool_idle_timeout: Duration::from_secs(30),
            user_agent: concat!("robust-http/", env!("CARGO_PKG_VERSION")).to_owned(),
            local_address: None,
            allow_plaintext: false,
            trusted: Vec::new(),
            http2: false,
        }
    }
}

impl Builder {
    /// How long name, TCP and TLS may take together. Default 5 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The largest body, in bytes, counted on the wire and again decompressed. Default 16 MiB.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// The most requests in flight to one host, and so the most connections to it. Default 20.
    #[must_use]
    pub fn max_per_host(mut self, requests: usize) -> Self {
        self.max_per_host = requests;
        self
    }

    /// The most requests in flight in all. Default 100.
    #[must_use]
    pub fn max_total(mut self, requests: usize) -> Self {
        self.max_total = requests;
        self
    }

    /// The most requests that may wait for a place; one more is refused with `PoolFull`. Default 1,024.
    #[must_use]
    pub fn max_waiting(mut self, requests: usize) -> Self {
        self.max_waiting = requests;
        self
    }

    /// How long a connection may wait for its next request. Default 30 s, below the idle timeouts of common servers.
    #[must_use]
    pub fn pool_idle_timeout(mut self, timeout: Duration) -> Self {
        self.pool_idle_timeout = timeout;
        self
    }

    /// The `User-Agent` of requests that name none. Default `robust-http/<version>`.
    #[must_use]
    pub fn user_agent(mut self, agent: impl Into<String>) -> Self {
        self.user_agent = agent.into();
        self
    }

    /// The address of this machine that connections leave from. Default: what the system picks.
    ///
    /// Exchanges count by address: a machine that has several has a budget for each. An address that this machine does not have
    /// makes every connection fail with `Connect`, and so does one of another family than the server's.
    #[must_use]
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.local_address = Some(address);
        self
    }

    /// Allows plain `http` to hosts that are not loopback. Whoever sits between sees and changes everything.
    #[must_use]
    pub fn allow_plaintext(mut self) -> Self {
        self.allow_plaintext = true;
        self
    }

    /// Trusts this certificate authority (DER) instead of Mozilla's list: for a private gateway. Repeated calls add.
    #[must_use]
    pub fn trust_only(mut self, certificate: impl Into<Vec<u8>>) -> Self {
        self.trusted.push(certificate.into());
        self
    }

    /// Offers HTTP/2 to TLS servers. Default off: one lost packet stalls all streams of a connection.
    #[cfg(feature = "http2")]
    #[must_use]
    pub fn http2(mut self, offer: bool) -> Self {
        self.http2 = offer;
        self
    }

    /// Makes the client. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When a setting is out of range or TLS cannot be set up; each variant names the setting.
    pub fn build(self) -> Result<Client, BuildError> {
        self.check()?;
        let user_agent =
            HeaderValue::from_str(&self.user_agent).map_err(|_| BuildError::UserAgent)?;
        let tls = tls::client_config(&self.trusted, self.http2)?;
        let gate = Gate::new(self.max_total, self.max_waiting);
        let pool = Pool::new(gate, self.max_per_host, self.pool_idle_timeout);
        let dialler = Dialler::new(tls, self.connect_timeout, self.local_address);
        Ok(Client::new(
            pool,
            dialler,
            user_agent,
            self.max_body,
            self.allow_plaintext,
            self.http2,
        ))
    }

    fn check(&self) -> Result<(), BuildError> {
        for (setting, value) in [
            ("connect_timeout", self.connect_timeout),
            ("pool_idle_timeout", self.pool_idle_timeout),
        ] {
            if value.is_zero() || value > LONGEST {
                return Err(BuildError::OutOfRange {
                    setting,
                    range: "more than zero and at most a day",
                });
            }
        }
        if self
            .local_address
            .is_some_and(|address| address.is_unspecified() || address.is_multicast())
        {
            return Err(BuildError::OutOfRange {
                setting: "local_address",
                range: "an address of this machine",
            });
        }
        for (setting, value) in [
            ("max_per_host", self.max_per_host),
            ("max_total", self.max_total),
        ] {
            if value == 0 || value > Semaphore::MAX_PERMITS {
                return Err(BuildError::OutOfRange {
                    setting,
                    range: "at least 1",
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_settings_are_refused_by_name() {
        let builder = Client::builder;
        for (broken, name) in [
            (builder().connect_timeout(Duration::ZERO), "connect_timeout"),
            (builder().connect_timeout(Duration::MAX), "connect_timeout"),
            (
                builder().pool_idle_timeout(Duration::ZERO),
                "pool_idle_timeout",
            ),
            (builder().max_per_host(0), "max_per_host"),
            (builder().max_total(0), "max_total"),
            (builder().max_total(usize::MAX), "max_total"),
            (builder().user_agent("two\r\nlines"), "user_agent"),
            (
                builder().local_address("0.0.0.0".parse().unwrap()),
                "local_address",
            ),
            (
                builder().local_address("ff02::1".parse().unwrap()),
                "local_address",
            ),
        ] {
            let error = broken.build().expect_err(name);
            assert!(error.to_string().starts_with(name), "{error}");
        }
        assert!(matches!(
            builder().trust_only(*b"not a certificate").build(),
            Err(BuildError::Tls(_))
        ));
    }
}
