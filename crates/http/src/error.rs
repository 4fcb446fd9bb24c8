//! Why there is no response, and whether the server may have seen the request.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::resolve::LookupError;

/// Why an address is refused.
pub(crate) const NOT_PUBLIC: &str = "the address is not public";

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The host name could not be resolved. Never sent.
    Dns,
    /// No connection could be made: refused, unreachable, or closed before it was usable. Never sent.
    Connect,
    /// No usable connection within the connect timeout (name, TCP and TLS together). Never sent.
    ConnectTimeout,
    /// TLS failed: no common version, an untrusted certificate, a peer that does not speak TLS. Trying again does not
    /// help.
    Tls,
    /// The deadline of the call passed.
    Timeout {
        /// What the call was waiting for at that moment.
        phase: Phase,
    },
    /// The peer reset the connection.
    Reset,
    /// The peer closed the connection before the response was complete.
    Closed,
    /// The body is larger than the cap, on the wire or decompressed. The connection is dropped, not drained.
    BodyTooLarge {
        /// The cap, in bytes.
        limit: usize,
    },
    /// The body is in a content coding that this client did not ask for, or does not decompress.
    Decompression,
    /// The peer does not speak HTTP as the RFCs write it.
    Protocol,
    /// The head of the response is larger, or has more headers, than the caps allow; interim answers (1xx) count.
    HeadersTooLarge,
    /// The peer sent, but more slowly than the minimum throughput.
    TooSlow {
        /// What came so slowly: the headers or the body.
        phase: Phase,
    },
    /// The body decompresses to too many times its size on the wire: a bomb, ended before it reaches the cap.
    Expansion {
        /// The largest ratio allowed.
        limit: usize,
    },
    /// The body has no announced end: it would end where the connection does, and a truncated one would look complete.
    NoLength,
    /// This client may not go there: the host is not on its list, or the address behind it is not public. Never sent.
    Forbidden,
    /// The request cannot be sent as it stands; nothing was tried. Never sent.
    InvalidRequest,
    /// Too many requests already wait for a connection; nothing was tried. Never sent.
    PoolFull,
}

/// What a call was waiting for when its deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// A free place under the caps.
    Queue,
    /// Name resolution, the TCP connection or the TLS handshake.
    Connect,
    /// The head of the response.
    Headers,
    /// The body of the response.
    Body,
}

impl Kind {
    /// One of each kind, for tables that must not forget any.
    pub const EACH: [Self; 21] = [
        Self::Dns,
        Self::Connect,
        Self::ConnectTimeout,
        Self::Tls,
        Self::Timeout {
            phase: Phase::Queue,
        },
        Self::Timeout {
            phase: Phase::Connect,
        },
        Self::Timeout {
            phase: Phase::Headers,
        },
        Self::Timeout { phase: Phase::Body },
        Self::Reset,
        Self::Closed,
        Self::BodyTooLarge { limit: 1 },
        Self::Decompression,
        Self::Protocol,
        Self::HeadersTooLarge,
        Self::TooSlow {
            phase: Phase::Headers,
        },
        Self::TooSlow { phase: Phase::Body },
        Self::Expansion { limit: 1 },
        Self::NoLength,
        Self::Forbidden,
        Self::InvalidRequest,
        Self::PoolFull,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns => f.write_str("the host name could not be resolved"),
            Self::Connect => f.write_str("no connection could be made"),
            Self::ConnectTimeout => f.write_str("no connection within the connect timeout"),
            Self::Tls => f.write_str("tls failed"),
            Self::Timeout { phase } => write!(f, "the deadline passed while {phase}"),
            Self::Reset => f.write_str("the connection was reset"),
            Self::Closed => {
                f.write_str("the connection was closed before the response was complete")
            }
            Self::BodyTooLarge { limit } => {
                write!(f, "the response body is larger than {limit} bytes")
            }
            Self::Decompression => f.write_str("the response body could not be decoded"),
            Self::Protocol => f.write_str("the peer broke the http protocol"),
            Self::HeadersTooLarge => f.write_str("the response headers are too large"),
            Self::TooSlow { phase } => write!(f, "too few bytes came while {phase}"),
            Self::Expansion { limit } => {
                write!(
                    f,
                    "the response body decompresses to more than {limit} times its size"
                )
            }
            Self::NoLength => f.write_str("the end of the response body was not announced"),
            Self::Forbidden => f.write_str("this client may not connect there"),
            Self::InvalidRequest => f.write_str("the request is not valid"),
            Self::PoolFull => f.write_str("too many requests wait for a connection"),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "waiting for a free connection",
            Self::Connect => "connecting",
            Self::Headers => "waiting for the response headers",
            Self::Body => "reading the response body",
        })
    }
}

/// Why a request produced no usable response.
///
/// Cheap to clone. Neither `Display`, `Debug` nor the source chain holds the path, the query or a header value of the
/// request: the host is the only part of the address that is kept.
#[derive(Clone)]
pub struct Error {
    kind: Kind,
    times_sent: u32,
    host: Option<Arc<str>>,
    detail: Option<&'static str>,
    cause: Option<Arc<Cause>>,
}

/// The lower error, kept as a type of our own: hyper's errors and boxed ones may carry texts that we do not control.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Cause {
    Io(io::Error),
    Tls(rustls::Error),
    Http(Http),
}

/// One level of a hyper error: its fixed description.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Http(String);

impl Error {
    /// An error of this kind; `sent` says whether the server may have seen the request.
    ///
    /// For stand-ins of the client: in-memory transports and the tests of a classifier.
    #[must_use]
    pub fn new(kind: Kind, sent: bool) -> Self {
        Self {
            kind,
            times_sent: u32::from(sent),
            host: None,
            detail: None,
            cause: None,
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the server may have seen the request.
    ///
    /// `false` is a promise: not a byte of the request left this process. `true` is not: the bytes were handed to a
    /// connection, and what became of them is unknown. It stays `true` when a second attempt on a fresh connection
    /// failed before it was written.
    #[must_use]
    pub fn sent(&self) -> bool {
        self.times_sent > 0
    }

    /// How often the request was handed to a connection: 0, 1, or 2 after a retry on a fresh connection (see
    /// [`Builder::retry_closed`](crate::Builder::retry_closed)). Whoever counts requests counts this many.
    #[must_use]
    pub fn times_sent(&self) -> u32 {
        self.times_sent
    }

    /// The host (and port, when the address named one) that was asked.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    pub(crate) fn unsent(kind: Kind) -> Self {
        Self::new(kind, false)
    }

    pub(crate) fn timeout(phase: Phase, sent: bool) -> Self {
        Self::new(Kind::Timeout { phase }, sent)
    }

    pub(crate) fn detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// The request had been sent this often before the attempt that failed with this error.
    pub(crate) fn after(mut self, times_sent: u32) -> Self {
        self.times_sent += times_sent;
        self
    }

    pub(crate) fn at(mut self, host: &Arc<str>) -> Self {
        self.host.get_or_insert_with(|| Arc::clone(host));
        self
    }

    fn caused_by(mut self, cause: Cause) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// An I/O error on a connection that may already carry a request.
    /// The peer is not who it should be; nothing was sent.
    pub(crate) fn untrusted(error: rustls::Error) -> Self {
        Self::unsent(Kind::Tls).caused_by(Cause::Tls(error))
    }

    fn from_io(error: &io::Error, sent: bool) -> Self {
        if let Some(tls) = find_tls(error) {
            return Self::new(Kind::Tls, sent).caused_by(Cause::Tls(tls));
        }
        let error = plain(error);
        let kind = match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Kind::Reset,
            // hyper reports a broken chunk and a broken length as invalid input or data
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Kind::Protocol,
            _ => Kind::Closed,
        };
        Self::new(kind, sent).caused_by(Cause::Io(error))
    }

    /// An error while connecting: nothing was sent.
    pub(crate) fn from_connect(error: &(dyn std::error::Error + 'static)) -> Self {
        match find::<LookupError>(error) {
            Some(LookupError::Failed(error)) => {
                return Self::unsent(Kind::Dns).caused_by(Cause::Io(plain(error)));
            }
            Some(LookupError::Refused) => {
                return Self::unsent(Kind::Forbidden).detail(NOT_PUBLIC);
            }
            None => {}
        }
        let Some(io) = find::<io::Error>(error) else {
            return Self::unsent(Kind::Connect);
        };
        if let Some(tls) = find_tls(io) {
            return Self::untrusted(tls);
        }
        let io = plain(io);
        let kind = match io.kind() {
            io::ErrorKind::TimedOut => Kind::ConnectTimeout,
            _ => Kind::Connect,
        };
        Self::unsent(kind).caused_by(Cause::Io(io))
    }

    /// hyper's word on an exchange that was under way.
    pub(crate) fn from_hyper(error: &hyper::Error, sent: bool) -> Self {
        if let Some(io) = find::<io::Error>(error) {
            return Self::from_io(io, sent);
        }
        if error.is_canceled() {
            // a cancelled request carries the connection's own error, when it had one
            let own =
                std::error::Error::source(error).and_then(|own| own.downcast_ref::<hyper::Error>());
            return own.map_or_else(
                || Self::new(Kind::Closed, sent),
                |own| Self::from_hyper(own, sent),
            );
        }
        let kind = if error.is_parse_too_large() {
            Kind::HeadersTooLarge
        } else if error.is_incomplete_message() || error.is_closed() {
            Kind::Closed
        } else {
            Kind::Protocol
        };
        Self::new(kind, sent).caused_by(Cause::Http(Http(error.to_string())))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}: ")?;
        }
        self.kind.fmt(f)?;
        match self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("times_sent", &self.times_sent)
            .field("host", &self.host)
            .field("detail", &self.detail)
            .field("cause", &self.cause)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| match cause {
            Cause::Io(error) => error as &(dyn std::error::Error + 'static),
            Cause::Tls(error) => error,
            Cause::Http(error) => error,
        })
    }
}

/// The first error of this type in a chain, the head included.
fn find<'a, E: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a E> {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        link = error.source();
    }
    None
}

/// The TLS error inside an I/O error. `io::Error::source` skips the error that it wraps, so this looks at both.
fn find_tls(error: &io::Error) -> Option<rustls::Error> {
    let inner = error.get_ref()?;
    if let Some(tls) = find::<rustls::Error>(inner) {
        return Some(tls.clone());
    }
    find::<io::Error>(inner).and_then(find_tls)
}

/// The same error without whatever it wraps (which is not `Clone` and not ours).
fn plain(error: &io::Error) -> io::Error {
    let error = innermost(error);
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::from(error.kind()),
    }
}

/// `io::Error::other(io::Error)` hides the kind that matters.
fn innermost(error: &io::Error) -> &io::Error {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<io::Error>())
    {
        Some(inner) => innermost(inner),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_kinds_map_to_kinds() {
        for (io, kind) in [
            (io::ErrorKind::ConnectionReset, Kind::Reset),
            (io::ErrorKind::BrokenPipe, Kind::Reset),
            (io::ErrorKind::UnexpectedEof, Kind::Closed),
            (io::ErrorKind::InvalidInput, Kind::Protocol),
            (io::ErrorKind::InvalidData, Kind::Protocol),
        ] {
            assert_eq!(Error::from_io(&io.into(), true).kind(), kind, "{io:?}");
            let nested = io::Error::other(io::Error::from(io));
            assert_eq!(Error::from_io(&nested, true).kind(), kind, "nested {io:?}");
        }
    }

    /// Where each kind stands in the list. A new one does not compile until it has a place.
    fn place(kind: Kind) -> usize {
        match kind {
            Kind::Dns => 0,
            Kind::Connect => 1,
            Kind::ConnectTimeout => 2,
            Kind::Tls => 3,
            Kind::Timeout { phase } => match phase {
                Phase::Queue => 4,
                Phase::Connect => 5,
                Phase::Headers => 6,
                Phase::Body => 7,
            },
            Kind::Reset => 8,
            Kind::Closed => 9,
            Kind::BodyTooLarge { .. } => 10,
            Kind::Decompression => 11,
            Kind::Protocol => 12,
            Kind::HeadersTooLarge => 13,
            // Slowness has two phases.
            Kind::TooSlow { phase } => 14 + usize::from(phase == Phase::Body),
            Kind::Expansion { .. } => 16,
            Kind::NoLength => 17,
            Kind::Forbidden => 18,
            Kind::InvalidRequest => 19,
            Kind::PoolFull => 20,
        }
    }

    #[test]
    fn the_list_of_kinds_has_each_of_them_once() {
        let places: Vec<_> = Kind::EACH.into_iter().map(place).collect();
        assert!(places.into_iter().eq(0..Kind::EACH.len()));
    }

    #[test]
    fn connect_errors_are_never_sent() {
        for (error, kind) in [
            (io::ErrorKind::ConnectionRefused.into(), Kind::Connect),
            (io::ErrorKind::TimedOut.into(), Kind::ConnectTimeout),
            // an end in the handshake is worth another attempt; a certificate is not
            (
                io::Error::other(io::Error::from(io::ErrorKind::UnexpectedEof)),
                Kind::Connect,
            ),
            (
                io::Error::other(io::Error::new(
                    io::ErrorKind::InvalidData,
                    rustls::Error::DecryptError,
                )),
                Kind::Tls,
            ),
        ] {
            let mapped = Error::from_connect(&error);
            assert_eq!((mapped.kind(), mapped.sent()), (kind, false), "{error:?}");
        }
        let lookup = LookupError::Failed(Arc::new(io::ErrorKind::NotFound.into()));
        assert_eq!(Error::from_connect(&lookup).kind(), Kind::Dns);
        let refused = Error::from_connect(&LookupError::Refused);
        assert_eq!((refused.kind(), refused.sent()), (Kind::Forbidden, false));
    }

    #[test]
    fn texts_inside_lower_errors_are_not_kept() {
        let lower = io::Error::new(io::ErrorKind::ConnectionReset, "canary");
        let error = Error::from_io(&io::Error::other(lower), true);
        assert!(!format!("{error:?}").contains("canary"));
        assert!(std::error::Error::source(&error).is_some());
    }
}
