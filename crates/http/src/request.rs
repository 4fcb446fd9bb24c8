//! Is this request fit to be sent, and to whom?

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;

use crate::error::{Error, Kind};
use crate::resolve::is_localhost;

/// Connections are shared by requests of one origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    https: bool,
    host: Arc<str>,
    port: u16,
}

impl Origin {
    pub(crate) fn is_https(&self) -> bool {
        self.https
    }
}

/// Where a request goes.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    /// Host, and port when the address named one: what errors may print.
    pub(crate) label: Arc<str>,
    /// Scheme and authority only: what the connector may see.
    pub(crate) dial: Uri,
    host_header: HeaderValue,
}

impl Target {
    /// Checks the request and takes its destination.
    pub(crate) fn of(request: &Request<Bytes>, allow_plaintext: bool) -> Result<Self, Error> {
        let authority = request
            .uri()
            .authority()
            .ok_or_else(|| invalid("the address is not absolute"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("the address holds user information; use a header"));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(invalid("the address has no host"));
        }
        let (https, default_port) = match request.uri().scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => (true, 443),
            Some(scheme) if *scheme == Scheme::HTTP => (false, 80),
            _ => return Err(invalid("the scheme is neither https nor http")),
        };
        let label: Arc<str> = authority.as_str().into();
        if !https && !allow_plaintext && !is_loopback(host) {
            return Err(invalid("plain http is only allowed to loopback hosts").at(&label));
        }
        check_message(request).map_err(|error| error.at(&label))?;

        let port = port_of(authority, default_port).map_err(|error| error.at(&label))?;
        let host_header = if port == default_port {
            host
        } else {
            authority.as_str()
        };
        let host_header = HeaderValue::from_str(host_header)
            .map_err(|_| invalid("the host is not a header value"))?;
        let mut dial = http::uri::Parts::default();
        dial.scheme = Some(if https { Scheme::HTTPS } else { Scheme::HTTP });
        dial.authority = Some(authority.clone());
        dial.path_and_query = Some(PathAndQuery::from_static("/"));
        let dial = Uri::from_parts(dial).map_err(|_| invalid("the address cannot be dialled"))?;
        let origin = Origin {
            https,
            host: host.to_ascii_lowercase().into(),
            port,
        };
        Ok(Self {
            origin,
            label,
            dial,
            host_header,
        })
    }

    /// The request as it goes on the wire, apart from what only HTTP/1.1 needs.
    pub(crate) fn prepare(
        &self,
        request: Request<Bytes>,
        user_agent: &HeaderValue,
    ) -> Request<Full<Bytes>> {
        // RFC 9110 §8.6: without it some servers answer 411; hyper writes it for bodies only
        let empty_content = request.body().is_empty()
            && [Method::POST, Method::PUT, Method::PATCH].contains(request.method());
        let mut request = request.map(Full::new);
        *request.version_mut() = http::Version::HTTP_11;
        let headers = request.headers_mut();
        // what can be decoded is this client's business; the decoder writes the header
        headers.remove(ACCEPT_ENCODING);
        if empty_content {
            headers
                .entry(CONTENT_LENGTH)
                .or_insert(HeaderValue::from_static("0"));
        }
        headers
            .entry(USER_AGENT)
            .or_insert_with(|| user_agent.clone());
        headers
            .entry(HOST)
            .or_insert_with(|| self.host_header.clone());
        request
    }
}

/// The address as HTTP/1.1 writes it: path and query, without scheme and authority.
pub(crate) fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query()
        .cloned()
        .map_or_else(Uri::default, Uri::from)
}

fn check_message(request: &Request<Bytes>) -> Result<(), Error> {
    if request.method() == Method::CONNECT {
        return Err(invalid("tunnels are not made here"));
    }
    let headers = request.headers();
    if headers.contains_key(TRANSFER_ENCODING) || headers.contains_key(UPGRADE) {
        return Err(invalid(
            "transfer-encoding and upgrade are not the caller's to set",
        ));
    }
    for value in headers.get_all(CONTENT_LENGTH) {
        // a length that does not match the body lets one request read as two
        let length = value
            .to_str()
            .ok()
            .and_then(|text| text.parse::<usize>().ok());
        if length != Some(request.body().len()) {
            return Err(invalid("content-length does not match the body"));
        }
    }
    Ok(())
}

fn port_of(authority: &Authority, default: u16) -> Result<u16, Error> {
    match authority.port() {
        Some(port) => Ok(port.as_u16()),
        // `host:` and `host:99999` have no port for http::uri, but they are not `host`
        None if authority.as_str().len() > authority.host().len() => {
            Err(invalid("the port is not a number"))
        }
        None => Ok(default),
    }
}

/// Loopback by the text of the address: an IP literal, or a name that resolves to loopback by RFC 6761.
fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => is_localhost(host),
    }
}

fn invalid(why: &'static str) -> Error {
    Error::unsent(Kind::InvalidRequest).detail(why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the address: no panic, and an error repeats neither path nor query.
        #[test]
        fn any_address_is_taken_or_refused(
            scheme in "(https?|ftp|[a-z]{1,5})",
            authority in "[-a-zA-Z0-9.:@\\[\\]]{0,24}",
            rest in "[a-z]{0,6}",
        ) {
            if let Ok(request) = Request::get(format!("{scheme}://{authority}/canary{rest}?canary=1")).body(Bytes::new()) {
                match Target::of(&request, false) {
                    Ok(target) => {
                        let sent = target.prepare(request, &HeaderValue::from_static("agent"));
                        prop_assert!(sent.headers().contains_key(HOST));
                        prop_assert!(!target.dial.to_string().contains("canary"));
                    }
                    Err(error) => {
                        prop_assert!(!error.sent());
                        let text = format!("{error} {error:?}");
                        prop_assert!(!text.contains("canary"));
                    }
                }
            }
        }
    }

    fn target(uri: &str) -> Result<Target, Error> {
        Target::of(&Request::get(uri).body(Bytes::new()).unwrap(), false)
    }

    #[test]
    fn plain_text_goes_to_loopback_only() {
        for (uri, allowed) in [
            ("http://127.0.0.1:8080/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]:8080/", true),
            ("http://localhost/", true),
            ("http://sim.localhost:1/", true),
            ("https://api.kraken.com/", true),
            ("http://api.kraken.com/", false),
            ("http://localhost.example.com/", false),
            ("http://127.0.0.1.example.com/", false),
            ("http://0.0.0.0/", false),
            ("http://10.0.0.1/", false),
            ("http://[::ffff:10.0.0.1]/", false),
        ] {
            let result = target(uri);
            assert_eq!(result.is_ok(), allowed, "{uri}");
            if let Err(error) = result {
                assert_eq!(
                    (error.kind(), error.sent()),
                    (Kind::InvalidRequest, false),
                    "{uri}"
                );
            }
        }
    }

    #[test]
    fn unusable_addresses_are_refused() {
        for uri in [
            "/relative",
            "ftp://127.0.0.1/",
            "https://user:secret@example.com/",
            "http://127.0.0.1:99999/",
        ] {
            let Ok(request) = Request::get(uri).body(Bytes::new()) else {
                continue;
            };
            let error = Target::of(&request, true).expect_err(uri);
            assert_eq!(error.kind(), Kind::InvalidRequest, "{uri}");
            assert!(
                !format!("{error} {error:?}").contains("secret"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn smuggling_headers_are_refused() {
        for (name, value) in [
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
        ] {
            let request = Request::post("http://127.0.0.1/")
                .header(name, value)
                .body(Bytes::from("abc"))
                .unwrap();
            assert_eq!(
                Target::of(&request, false).map(|_| ()).unwrap_err().kind(),
                Kind::InvalidRequest,
                "{name}"
            );
        }
        let request = Request::post("http://127.0.0.1/")
            .header("content-length", "3")
            .body(Bytes::from("abc"));
        assert!(Target::of(&request.unwrap(), false).is_ok());
    }

    #[test]
    fn origins_ignore_case_and_default_ports() {
        let plain = target("https://api.example.com/a?b").unwrap();
        assert_eq!(
            plain.origin,
            target("https://API.example.com:443/c").unwrap().origin
        );
        assert_ne!(
            plain.origin,
            target("https://api.example.com:444/").unwrap().origin
        );
        assert_eq!(plain.dial.to_string(), "https://api.example.com/");
    }

    #[test]
    fn host_header_names_an_unusual_port() {
        let agent = HeaderValue::from_static("test");
        for (uri, host) in [
            ("https://api.example.com/x", "api.example.com"),
            ("https://api.example.com:443/x", "api.example.com"),
            ("http://127.0.0.1:8080/x", "127.0.0.1:8080"),
        ] {
            let request = Request::get(uri).body(Bytes::new()).unwrap();
            let sent = Target::of(&request, false)
                .unwrap()
                .prepare(request, &agent);
            assert_eq!(sent.headers()[HOST], host);
            assert_eq!(origin_form(sent.uri()).to_string(), "/x");
        }
    }
}
