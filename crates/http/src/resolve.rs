//! From a host name to addresses.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// The name has no address. A type of its own, so that it can be told from a refused connection.
#[derive(Debug, thiserror::Error)]
#[error("the name could not be resolved")]
pub(crate) struct LookupError(#[source] pub(crate) io::Error);

/// The system's resolver, with the two special names of RFC 6761 answered without asking it.
///
/// `localhost` is always loopback (§6.3), whatever a hosts file or a search domain says: plain text is allowed to it
/// because of that. `.invalid` never exists (§6.4).
#[derive(Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
}

impl Resolver {
    pub(crate) fn new() -> Self {
        Self {
            system: GaiResolver::new(),
        }
    }
}

type Addresses = vec::IntoIter<SocketAddr>;

impl Service<Name> for Resolver {
    type Response = Addresses;
    type Error = LookupError;
    type Future = Pin<Box<dyn Future<Output = Result<Addresses, LookupError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LookupError>> {
        self.system.poll_ready(cx).map_err(LookupError)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        // the connector fills in the port
        if is_localhost(name.as_str()) {
            let loopback = vec![
                (Ipv4Addr::LOCALHOST, 0).into(),
                (Ipv6Addr::LOCALHOST, 0).into(),
            ];
            return Box::pin(async move { Ok(loopback.into_iter()) });
        }
        if ends_with_label(name.as_str(), "invalid") {
            return Box::pin(async { Err(LookupError(io::ErrorKind::NotFound.into())) });
        }
        let lookup = self.system.call(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup.await.map_err(LookupError)?.collect();
            if found.is_empty() {
                return Err(LookupError(io::ErrorKind::NotFound.into()));
            }
            Ok(found.into_iter())
        })
    }
}

/// Whether the name is `localhost` or a name below it.
pub(crate) fn is_localhost(name: &str) -> bool {
    ends_with_label(name, "localhost")
}

fn ends_with_label(name: &str, label: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_a_whole_label() {
        for (name, expected) in [
            ("localhost", true),
            ("LocalHost.", true),
            ("api.localhost", true),
            ("notlocalhost", false),
            ("localhost.example.com", false),
            ("", false),
        ] {
            assert_eq!(is_localhost(name), expected, "{name:?}");
        }
    }

    #[tokio::test]
    async fn special_names_are_answered_without_the_system() {
        let mut resolver = Resolver::new();
        let addresses: Vec<_> = resolver
            .call("a.localhost".parse().unwrap())
            .await
            .unwrap()
            .collect();
        assert!(
            !addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback())
        );
        assert!(resolver.call("api.invalid".parse().unwrap()).await.is_err());
    }
}
