//! Is this request fit to be sent, and to whom?

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;

use crate::error::{Error, Kind, NOT_PUBLIC};
use crate::reach::Reach;
use crate::resolve::is_localhost;

/// Headers whose values are no secret. Whatever else a caller sets may be a key or a signature.
const PLAIN: [HeaderName; 8] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    CACHE_CONTROL,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    USER_AGENT,
];

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

    /// Host and port.
    pub(crate) fn place(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

/// Where a request goes. The same for all requests to one authority, so it is made once.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    /// Host, and port when the address named one: what errors may print.
    pub(crate) label: Arc<str>,
    /// Scheme and authority only: what the connector may see.
    pub(crate) dial: Uri,
    host_header: HeaderValue,
}

/// Scheme and authority of an address: all that decides where it leads.
pub(crate) fn destination(uri: &Uri) -> Result<(bool, &Authority), Error> {
    let authority = uri
        .authority()
        .ok_or_else(|| invalid("the address is not absolute"))?;
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => Ok((true, authority)),
        Some(scheme) if *scheme == Scheme::HTTP => Ok((false, authority)),
        _ => Err(invalid("the scheme is neither https nor http")),
    }
}

impl Target {
    /// Takes the destination of a request, if this client may go there.
    pub(crate) fn of(https: bool, authority: &Authority, reach: &Reach) -> Result<Self, Error> {
        if authority.as_str().contains('@') {
            return Err(invalid("the address holds user information; use a header"));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(invalid("the address has no host"));
        }
        let label: Arc<str> = authority.as_str().into();
        let default_port = if https { 443 } else { 80 };
        let port = port_of(authority, default_port).map_err(|error| error.at(&label))?;
        if is_odd_ipv4(host) {
            return Err(invalid("an IPv4 address is written as four decimal numbers").at(&label));
        }
        may_go(https, host, port, reach).map_err(|error| error.at(&label))?;

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

    /// Checks what the caller wrote, apart from the destination.
    pub(crate) fn check(&self, request: &Request<Bytes>) -> Result<(), Error> {
        let named = request.headers().get(HOST);
        if named.is_some_and(|named| *named != self.host_header) {
            return Err(invalid("the host header names another host"));
        }
        check_message(request)
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
        hide(headers);
        // what can be decoded is this client's business
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
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

/// What is needed to send a request a second time. Kept for requests that may be: idempotent and without content.
#[derive(Debug)]
pub(crate) struct Spare {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Spare {
    pub(crate) fn of(request: &Request<Bytes>) -> Option<Self> {
        let idempotent = *request.method() == Method::GET || *request.method() == Method::HEAD;
        // mostly the caller sets no headers, and then nothing is allocated here
        (idempotent && request.body().is_empty()).then(|| Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        })
    }

    pub(crate) fn request(self) -> Request<Bytes> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

/// Keeps values out of `Debug`, and out of the compression tables of HTTP/2.
fn hide(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        if !PLAIN.contains(name) {
            value.set_sensitive(true);
        }
    }
}

/// Whether this client may go there, as far as the address alone tells.
fn may_go(https: bool, host: &str, port: u16, reach: &Reach) -> Result<(), Error> {
    if !https && !reach.plaintext && !is_loopback(host) {
        return Err(invalid("plain http is only allowed to loopback hosts"));
    }
    if !reach.lists(host, port) {
        return Err(not_listed());
    }
    // an address needs no resolver, so it is judged here
    match literal(host) {
        Some(address) if !reach.allows(address, true) => {
            Err(Error::unsent(Kind::Forbidden).detail(NOT_PUBLIC))
        }
        _ => Ok(()),
    }
}

pub(crate) fn not_listed() -> Error {
    Error::unsent(Kind::Forbidden).detail("the host is not on the list")
}

/// Whether this is an IPv4 address to some readers and a name to others: `2130706433`, `127.1`, `0x7f.1` and `127.0.0.1.` are this machine
/// to a browser and to many resolvers. The URL standard's rule: no name ends in a number.
pub(crate) fn is_odd_ipv4(host: &str) -> bool {
    let bare = host.strip_suffix('.').unwrap_or(host);
    let last = bare.rsplit('.').next().unwrap_or(bare);
    let number = |digits: &str, radix| digits.chars().all(|digit| digit.is_digit(radix));
    let hex = last
        .strip_prefix("0x")
        .or_else(|| last.strip_prefix("0X"))
        .is_some_and(|digits| number(digits, 16));
    let numeric = hex || (!last.is_empty() && number(last, 10));
    numeric && host.parse::<Ipv4Addr>().is_err()
}

fn literal(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse().ok()
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

pub(crate) fn port_of(authority: &Authority, default: u16) -> Result<u16, Error> {
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
    literal(host).map_or_else(|| is_localhost(host), |address| address.is_loopback())
}

fn invalid(why: &'static str) -> Error {
    Error::unsent(Kind::InvalidRequest).detail(why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reach::Hosts;

    proptest! {
        /// Whatever the address: no panic, and an error repeats neither path nor query.
        #[test]
        fn any_address_is_taken_or_refused(
            scheme in "(https?|ftp|[a-z]{1,5})",
            authority in "[-a-zA-Z0-9.:@\\[\\]]{0,24}",
            rest in "[a-z]{0,6}",
        ) {
            if let Ok(request) = Request::get(format!("{scheme}://{authority}/canary{rest}?canary=1")).body(Bytes::new()) {
                match target_of(&request, &Reach::default()) {
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

    fn target_of(request: &Request<Bytes>, reach: &Reach) -> Result<Target, Error> {
        let (https, authority) = destination(request.uri())?;
        let target = Target::of(https, authority, reach)?;
        target.check(request)?;
        Ok(target)
    }

    fn target(uri: &str) -> Result<Target, Error> {
        target_of(
            &Request::get(uri).body(Bytes::new()).unwrap(),
            &Reach::default(),
        )
    }

    #[test]
    fn an_address_has_one_spelling() {
        for host in [
            "2130706433",
            "127.1",
            "127.0.1",
            "0x7f.1",
            "0X7F000001",
            "0x",
            "0",
            "0177.0.0.1",
            "127.0.0.1.",
            "127.0.0.256",
            "1.2.3.4.5",
            "api.example.1",
        ] {
            for url in [format!("https://{host}/"), format!("http://{host}:8080/")] {
                let error = target(&url).expect_err(&url);
                assert_eq!(
                    (error.kind(), error.sent()),
                    (Kind::InvalidRequest, false),
                    "{url}"
                );
            }
        }
        for host in [
            "8.8.8.8",
            "127.0.0.1",
            "1inch.io",
            "a.0xy",
            "x127.1x",
            "cafe.beef",
            "[::1]",
        ] {
            assert!(target(&format!("https://{host}/")).is_ok(), "{host}");
        }
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
            let open = Reach {
                plaintext: true,
                ..Reach::default()
            };
            let error = target_of(&request, &open).expect_err(uri);
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
            ("host", "elsewhere.example"),
        ] {
            let request = Request::post("http://127.0.0.1/")
                .header(name, value)
                .body(Bytes::from("abc"))
                .unwrap();
            assert_eq!(
                target_of(&request, &Reach::default())
                    .map(|_| ())
                    .unwrap_err()
                    .kind(),
                Kind::InvalidRequest,
                "{name}"
            );
        }
        let request = Request::post("http://127.0.0.1/")
            .header("content-length", "3")
            .body(Bytes::from("abc"));
        assert!(target_of(&request.unwrap(), &Reach::default()).is_ok());
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
            let sent = target_of(&request, &Reach::default())
                .unwrap()
                .prepare(request, &agent);
            assert_eq!(sent.headers()[HOST], host);
            assert_eq!(origin_form(sent.uri()).to_string(), "/x");
        }
    }

    #[test]
    fn addresses_that_are_not_public_are_forbidden() {
        for uri in [
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[fd00:ec2::254]/",
            "https://[::ffff:192.168.0.1]/",
            "https://0.0.0.0/",
        ] {
            let error = target(uri).expect_err(uri);
            assert_eq!(
                (error.kind(), error.sent()),
                (Kind::Forbidden, false),
                "{uri}"
            );
        }
        assert!(target("https://8.8.8.8/").is_ok());
    }

    #[test]
    fn address_that_is_allowed_is_reached_by_itself_alone() {
        let reach = Reach {
            addresses: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
            ..Reach::default()
        };
        let at = |uri: &str| target_of(&Request::get(uri).body(Bytes::new()).unwrap(), &reach);
        assert!(at("https://10.0.0.1/x").is_ok() && at("https://[fd00::1]:8443/").is_ok());
        // still not in plain text, and not its neighbours
        assert_eq!(
            at("http://10.0.0.1/").unwrap_err().kind(),
            Kind::InvalidRequest
        );
        assert_eq!(at("https://10.0.0.2/").unwrap_err().kind(), Kind::Forbidden);
        // a name that resolves to it
        assert!(!reach.allows("10.0.0.1".parse().unwrap(), false));
    }

    #[test]
    fn hosts_that_are_not_listed_are_forbidden() {
        let reach = Reach {
            hosts: Some(Hosts::read(["api.example.com".to_owned()]).unwrap()),
            ..Reach::default()
        };
        let at = |uri: &str| target_of(&Request::get(uri).body(Bytes::new()).unwrap(), &reach);
        assert!(at("https://API.example.com/x").is_ok());
        for uri in [
            "https://example.com/",
            "https://api.example.com.evil.net/",
            "http://127.0.0.1/",
        ] {
            assert_eq!(at(uri).unwrap_err().kind(), Kind::Forbidden, "{uri}");
        }
    }

    /// Whatever the name of a header: what is not known to be harmless is not shown.
    #[test]
    fn values_of_headers_are_hidden_unless_they_are_known_to_be_harmless() {
        let request = Request::get("https://api.example.com/x")
            .header("x-mbx-apikey", "canary")
            .header("authorization", "canary")
            .header("cookie", "canary")
            .header("accept", "shown")
            .body(Bytes::new())
            .unwrap();
        let target = target("https://api.example.com/").unwrap();
        let sent = target.prepare(request, &HeaderValue::from_static("agent"));
        let text = format!("{:?}", sent.headers());
        assert!(!text.contains("canary") && text.contains("shown"), "{text}");
        assert_eq!(sent.headers()["cookie"], "canary");
    }
}
