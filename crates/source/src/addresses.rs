//! The addresses of one exchange, and which of them is asked.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Uri;
use http::uri::{Authority, Scheme};
use robust_http::{Error, Kind, Phase};

use crate::BuildError;

/// One address of an exchange.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
}

/// Every address of one exchange. They share one limit and one breaker; at any time one of them is asked.
#[derive(Debug)]
pub(crate) struct Addresses {
    first: Address,
    others: Vec<Address>,
    turn: AtomicUsize,
}

impl Addresses {
    /// Reads the addresses, the first of which is asked first.
    pub(crate) fn new<'a>(
        first: &str,
        others: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            first: base(first)?,
            others: others.into_iter().map(base).collect::<Result<_, _>>()?,
            turn: AtomicUsize::new(0),
        })
    }

    /// Refuses to take a key over the network unencrypted: `https` everywhere but on this machine.
    pub(crate) fn keep_secrets(&self) -> Result<(), BuildError> {
        let open = |address: &&Address| {
            let host = address.authority.host();
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let here = bare.eq_ignore_ascii_case("localhost")
                || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
            address.scheme == Scheme::HTTP && !here
        };
        match std::iter::once(&self.first).chain(&self.others).find(open) {
            None => Ok(()),
            Some(address) => Err(BuildError {
                field: "base_url",
                value: robust_market::quote(&format!("http://{}", address.authority)),
                remedy: "use https: there are credentials, which http would show to the network"
                    .to_owned(),
            }),
        }
    }

    /// The address that is asked now, and its turn for [`failed`](Self::failed).
    pub(crate) fn now(&self) -> (usize, &Address) {
        let turn = self.turn.load(Ordering::Relaxed);
        let place = turn % (self.others.len() + 1);
        let other = place.checked_sub(1).and_then(|at| self.others.get(at));
        (turn, other.unwrap_or(&self.first))
    }

    /// Passes the turn on when no connection to the address could be made. Of many attempts that fail in the same turn, one does.
    pub(crate) fn failed(&self, turn: usize, error: &Error) {
        let unreachable = match error.kind() {
            Kind::Dns | Kind::Connect | Kind::ConnectTimeout => true,
            Kind::Timeout { phase } => phase == Phase::Connect,
            _ => false,
        };
        if unreachable && !error.sent() && !self.others.is_empty() {
            let next = turn.wrapping_add(1);
            // Another attempt may have passed it on already.
            let _ = self
                .turn
                .compare_exchange(turn, next, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

fn base(url: &str) -> Result<Address, BuildError> {
    let invalid = |remedy: &str| BuildError {
        field: "base_url",
        value: robust_market::quote_url(url),
        remedy: remedy.to_owned(),
    };
    let parts = url
        .parse::<Uri>()
        .map_err(|_| invalid("write https://HOST or http://127.0.0.1:PORT"))?
        .into_parts();
    let plain = parts
        .path_and_query
        .as_ref()
        .is_none_or(|path| path.as_str() == "/");
    match (parts.scheme, parts.authority) {
        _ if !plain => Err(invalid("leave the path away")),
        (_, Some(authority)) if authority.as_str().contains('@') => {
            Err(invalid("leave user and password away"))
        }
        (Some(scheme), Some(authority)) if scheme == Scheme::HTTP || scheme == Scheme::HTTPS => {
            Ok(Address { scheme, authority })
        }
        _ => Err(invalid("write https://HOST or http://127.0.0.1:PORT")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_over_the_network_by_https_alone() {
        let keeps = |first: &str, other: &'static str| {
            let addresses = Addresses::new(first, [other]).unwrap();
            addresses.keep_secrets().map_err(|error| error.to_string())
        };
        for here in ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost"] {
            assert_eq!(keeps(here, "https://a"), Ok(()));
        }
        let error = keeps("https://a", "http://b:80").unwrap_err();
        assert!(
            error.starts_with("base_url \"http://b:80\" is not valid: use https"),
            "{error}"
        );
    }

    #[test]
    fn only_what_was_never_sent_passes_the_turn_on_and_only_once() {
        let addresses = Addresses::new("https://a", ["https://b", "https://c"]).unwrap();
        let host = || addresses.now().1.authority.as_str().to_owned();
        for (error, next) in [
            (Error::new(Kind::Reset, true), "a"),
            (Error::new(Kind::PoolFull, false), "a"),
            (Error::new(Kind::Tls, false), "a"),
            (Error::new(Kind::Connect, false), "b"),
            (Error::new(Kind::Dns, false), "c"),
            (Error::new(Kind::ConnectTimeout, false), "a"),
        ] {
            let turn = addresses.now().0;
            addresses.failed(turn, &error);
            addresses.failed(turn, &error);
            assert_eq!(host(), next, "{error}");
        }
        let alone = Addresses::new("https://a", []).unwrap();
        alone.failed(0, &Error::new(Kind::Connect, false));
        assert_eq!(alone.now().0, 0);
    }
}
