//! How a client is made.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use tokio::sync::Semaphore;

use crate::body::Terms;
use crate::client::{Client, Settings};
use crate::connect::Dialler;
use crate::connection::Heads;
use crate::dns::Names;
use crate::gate::Gate;
use crate::pace::Pace;
use crate::pins::Pins;
use crate::pool::Pool;
use crate::reach::{Hosts, Reach};
use crate::resolve::{Resolve, Resolver, System};
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
    reach: Reach,
    hosts: Option<Vec<String>>,
    max_header_bytes: usize,
    max_headers: usize,
    max_expansion: usize,
    min_throughput: usize,
    throughput_window: Duration,
    head_timeout: Duration,
    close_delimited: bool,
    retry_closed: bool,
    max_connection_age: Duration,
    dns_lifetime: Duration,
    dns_stale: Duration,
    resolve: Option<Arc<dyn Resolve>>,
    seed: u64,
    trusted: Vec<Vec<u8>>,
    pins: Pins,
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
    /// An entry of a list of hosts is not a host or `host:port`.
    #[error("allow_hosts: {entry:?} is not a host or host:port")]
    #[non_exhaustive]
    Host {
        /// What was written, without what stands before an `@`.
        entry: String,
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
            reach: Reach::default(),
            hosts: None,
            max_header_bytes: 64 << 10,
            max_headers: 100,
            max_expansion: 100,
            min_throughput: 1_000,
            throughput_window: Duration::from_secs(2),
            head_timeout: Duration::from_secs(60),
            close_delimited: false,
            retry_closed: true,
            max_connection_age: Duration::from_secs(300),
            dns_lifetime: Duration::from_secs(60),
            dns_stale: Duration::from_secs(600),
            resolve: None,
            seed: 0,
            trusted: Vec::new(),
            pins: Pins::default(),
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
        self.reach.plaintext = true;
        self
    }

    /// Allows only these hosts, exactly as addresses name them; `host:port` allows only that port. Repeated calls add; a list
    /// without entries allows nobody. Default: every host. Any other is `Forbidden` before its name is resolved.
    /// [`Client::for_hosts`] narrows the list further, for one part of a program.
    #[must_use]
    pub fn allow_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let hosts = hosts.into_iter().map(Into::into);
        self.hosts.get_or_insert_default().extend(hosts);
        self
    }

    /// Allows connections to addresses that are not public: private networks, link-local ones, this machine by a name
    /// that is not `localhost`. Default off: a name that leads there is `Forbidden`, whatever its DNS says at that
    /// moment. Loopback by its own name (`127.0.0.1`, `[::1]`, `localhost`) needs no permission.
    #[must_use]
    pub fn allow_private(mut self) -> Self {
        self.reach.private = true;
        self
    }

    /// Allows this one address that is not public, where a request names it as such (`https://10.0.0.5/`): a gateway in
    /// the own network. Names that lead there stay `Forbidden`. Repeated calls add.
    #[must_use]
    pub fn allow_address(mut self, address: IpAddr) -> Self {
        self.reach.addresses.push(address);
        self
    }

    /// Refuses loopback even by its own name: for a client that must not meet a simulator.
    #[must_use]
    pub fn refuse_loopback(mut self) -> Self {
        self.reach.no_loopback = true;
        self
    }

    /// The largest head of an answer, in bytes. With HTTP/1.1 interim answers count, and not a byte more is read; with HTTP/2 each
    /// head has this for itself. Default 64 KiB, at least 1 KiB.
    #[must_use]
    pub fn max_header_bytes(mut self, bytes: usize) -> Self {
        self.max_header_bytes = bytes;
        self
    }

    /// The most headers of an answer. Default 100; any other number costs an allocation for each answer. HTTP/2 bounds
    /// its headers by their bytes alone.
    #[must_use]
    pub fn max_headers(mut self, headers: usize) -> Self {
        self.max_headers = headers;
        self
    }

    /// The most decompressed bytes for each byte on the wire, for bodies of more than 1 MiB. Default 100: market data
    /// compresses 5 to 20 times, a bomb 1,000 times.
    #[must_use]
    pub fn max_expansion(mut self, times: usize) -> Self {
        self.max_expansion = times;
        self
    }

    /// The fewest bytes a second that an answer may come with, as a mean over the
    /// [`throughput_window`](Self::throughput_window). Default 1,000; 0 switches the rule off. Only time in which
    /// somebody waits for bytes counts. It holds for the head from its first byte on: the time until then is the
    /// deadline's.
    #[must_use]
    pub fn min_throughput(mut self, bytes_per_second: usize) -> Self {
        self.min_throughput = bytes_per_second;
        self
    }

    /// Over how long [`min_throughput`](Self::min_throughput) is measured, and so how long a silence may be.
    /// Default 2 s.
    #[must_use]
    pub fn throughput_window(mut self, window: Duration) -> Self {
        self.throughput_window = window;
        self
    }

    /// How long the head of an answer may take after the request. Default 60 s: a bound for calls without a deadline.
    #[must_use]
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.head_timeout = timeout;
        self
    }

    /// Accepts bodies whose end is not announced and that end with their connection. Default off: a truncated one looks
    /// complete, so it is `NoLength`.
    #[must_use]
    pub fn allow_close_delimited(mut self) -> Self {
        self.close_delimited = true;
        self
    }

    /// Whether a GET or HEAD without a body is sent once more, on a fresh connection, when a connection that had served
    /// before is closed without a single byte of an answer. Default on: servers close idle connections, and a request
    /// that leaves at that moment would fail for nothing.
    ///
    /// The server may then have seen the request twice: `times_sent` of the answer or of the error says so, `Stats`
    /// counts it, and [`MayResend`](crate::MayResend) asks first. A request that never left is always sent on another
    /// connection, and any other one is never sent twice.
    #[must_use]
    pub fn retry_closed(mut self, retry: bool) -> Self {
        self.retry_closed = retry;
        self
    }

    /// How old a connection may become before it is not used again. Default 5 min, of which up to a tenth is taken off
    /// by chance. So a host that moves is followed, and connections that were opened together do not end together.
    #[must_use]
    pub fn max_connection_age(mut self, age: Duration) -> Self {
        self.max_connection_age = age;
        self
    }

    /// For how long the addresses of a name are used without asking again. Default 1 min: the system's resolver does not
    /// tell their lifetime.
    #[must_use]
    pub fn dns_lifetime(mut self, lifetime: Duration) -> Self {
        self.dns_lifetime = lifetime;
        self
    }

    /// For how long after that the last good addresses stand in when the resolver fails. Default 10 min.
    #[must_use]
    pub fn dns_stale(mut self, time: Duration) -> Self {
        self.dns_stale = time;
        self
    }

    /// Who is asked for addresses. Default: the system.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolve = Some(Arc::new(resolver));
        self
    }

    /// The seed of the jitter of [`max_connection_age`](Self::max_connection_age). Default 0: repeatable, and the same in
    /// every process. Whoever runs several processes against one host hands in a seed that differs, or their connections
    /// end at the same times.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Trusts this certificate authority (DER) instead of Mozilla's list: for a private gateway. Repeated calls add.
    #[must_use]
    pub fn trust_only(mut self, certificate: impl Into<Vec<u8>>) -> Self {
        self.trusted.push(certificate.into());
        self
    }

    /// Requires this public key of a host, beside a certificate that is trusted: `sha256` is the digest of the `SubjectPublicKeyInfo` (DER)
    /// of the server's own certificate, as in RFC 7469. Repeated calls add keys, any of which will do: pin the next one before the
    /// server changes to it. A host with a pin is never spoken to unencrypted. Other keys are [`Kind::Tls`](crate::Kind::Tls).
    #[must_use]
    pub fn pin(mut self, host: impl AsRef<str>, sha256: [u8; 32]) -> Self {
        self.pins.add(host.as_ref(), sha256);
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
        let pool = Pool::new(
            gate,
            self.max_per_host,
            self.pool_idle_timeout,
            self.max_connection_age,
            self.seed,
        );
        let reach = Arc::new(Reach {
            hosts: self.hosts.map(Hosts::read).transpose()?,
            ..self.reach
        });
        let resolver = Resolver::new(
            self.resolve
                .unwrap_or_else(|| Arc::new(System(GaiResolver::new()))),
            Arc::clone(&reach),
            Names::new(self.dns_lifetime, self.dns_stale),
            self.connect_timeout,
            Arc::clone(&pool.counters),
        );
        let dialler = Dialler::new(
            (tls, self.pins),
            self.connect_timeout,
            self.local_address,
            resolver,
        );
        let window = self.throughput_window;
        let millis = usize::try_from(window.as_millis()).unwrap_or(usize::MAX);
        let pace = Pace {
            window,
            // rounded up: a rate that is set is never switched off by a short window
            least: self.min_throughput.saturating_mul(millis).div_ceil(1_000),
        };
        let settings = Settings {
            user_agent,
            reach,
            heads: Heads {
                bytes: self.max_header_bytes,
                count: self.max_headers,
                pace,
            },
            head_timeout: self.head_timeout,
            terms: Terms {
                limit: self.max_body,
                ratio: self.max_expansion,
                pace,
                deadline: None,
            },
            close_delimited: self.close_delimited,
            retry_closed: self.retry_closed,
            http2: self.http2,
            max_per_host: self.max_per_host,
        };
        Ok(Client::new(pool, dialler, settings))
    }

    fn check(&self) -> Result<(), BuildError> {
        for (setting, value) in [
            ("connect_timeout", self.connect_timeout),
            ("pool_idle_timeout", self.pool_idle_timeout),
            ("throughput_window", self.throughput_window),
            ("head_timeout", self.head_timeout),
            ("max_connection_age", self.max_connection_age),
            ("dns_lifetime", self.dns_lifetime),
        ] {
            if value.is_zero() || value > LONGEST {
                return Err(BuildError::OutOfRange {
                    setting,
                    range: "more than zero and at most a day",
                });
            }
        }
        if self.dns_stale > LONGEST {
            return Err(BuildError::OutOfRange {
                setting: "dns_stale",
                range: "at most a day",
            });
        }
        if self.max_header_bytes < 1_024 {
            return Err(BuildError::OutOfRange {
                setting: "max_header_bytes",
                range: "at least 1024",
            });
        }
        if !(1..=10_000).contains(&self.max_headers) {
            return Err(BuildError::OutOfRange {
                setting: "max_headers",
                range: "1 to 10000",
            });
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
            ("max_expansion", self.max_expansion),
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
            (
                builder().throughput_window(Duration::ZERO),
                "throughput_window",
            ),
            (builder().head_timeout(Duration::ZERO), "head_timeout"),
            (
                builder().max_connection_age(Duration::ZERO),
                "max_connection_age",
            ),
            (builder().dns_lifetime(Duration::ZERO), "dns_lifetime"),
            (builder().dns_stale(Duration::MAX), "dns_stale"),
            (builder().max_header_bytes(1_023), "max_header_bytes"),
            (builder().max_headers(0), "max_headers"),
            (builder().max_expansion(0), "max_expansion"),
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
        let listed = builder().allow_hosts(["api.example.com", "127.0.0.1:99999"]);
        let error = listed.build().expect_err("not a port").to_string();
        assert_eq!(
            error,
            "allow_hosts: \"127.0.0.1:99999\" is not a host or host:port"
        );
        assert!(matches!(
            builder().trust_only(*b"not a certificate").build(),
            Err(BuildError::Tls(_))
        ));
    }
}
