//! Is the head of this answer one that its body can be read by?

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, SET_COOKIE, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::error::{Error, Kind};

/// Refuses what can be read in two ways, and writes the one coding that the decoder knows as it knows it.
pub(crate) fn check(head: &mut Parts) -> Result<(), Error> {
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(broken("a change of protocol that nobody asked for"));
    }
    framing(&head.headers)?;
    // RFC 9110 §8.4.1 allows any case and the old name
    if let Some(coding) = head.headers.get_mut(CONTENT_ENCODING)
        && is_coding(coding, &["gzip", "x-gzip"])
    {
        *coding = HeaderValue::from_static("gzip");
    }
    if let http::header::Entry::Occupied(mut cookies) = head.headers.entry(SET_COOKIE) {
        for cookie in cookies.iter_mut() {
            cookie.set_sensitive(true);
        }
    }
    Ok(())
}

/// A length beside chunks, or chunks around something else: whoever believes one of them reads another answer than
/// whoever believes the other (RFC 9112 §6.3).
fn framing(headers: &HeaderMap) -> Result<(), Error> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Ok(());
    };
    if headers.contains_key(CONTENT_LENGTH) {
        return Err(broken("both a length and a transfer coding"));
    }
    if codings.next().is_some() || !is_coding(coding, &["chunked"]) {
        return Err(broken("a transfer coding other than chunked"));
    }
    Ok(())
}

/// Whether the decoded body is in a coding that was not asked for.
pub(crate) fn is_undecoded(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| !is_coding(coding, &["identity"]))
}

/// Whether the end of the body is announced by its framing.
pub(crate) fn is_chunked(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
}

/// Whether the body is in the coding that was asked for.
pub(crate) fn is_gzip(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| coding == "gzip")
}

fn is_coding(value: &HeaderValue, names: &[&str]) -> bool {
    value.to_str().is_ok_and(|value| {
        names
            .iter()
            .any(|name| value.trim().eq_ignore_ascii_case(name))
    })
}

fn broken(why: &'static str) -> Error {
    Error::new(Kind::Protocol, true).detail(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &[(&'static str, &'static str)]) -> Parts {
        let mut response = http::Response::new(());
        for (name, value) in lines {
            response
                .headers_mut()
                .append(*name, HeaderValue::from_static(value));
        }
        response.into_parts().0
    }

    #[test]
    fn answers_that_can_be_read_in_two_ways_are_refused() {
        let (te, cl) = ("transfer-encoding", "content-length");
        for (lines, good) in [
            (&[(cl, "3")][..], true),
            (&[(te, "chunked")], true),
            (&[(te, "Chunked")], true),
            (&[], true),
            (&[(te, "chunked"), (cl, "3")], false),
            (&[(te, "gzip, chunked")], false),
            (&[(te, "identity")], false),
            (&[(te, "chunked"), (te, "chunked")], false),
        ] {
            let result = check(&mut head(lines));
            assert_eq!(result.is_ok(), good, "{lines:?}");
            if let Err(error) = result {
                assert_eq!(
                    (error.kind(), error.sent()),
                    (Kind::Protocol, true),
                    "{lines:?}"
                );
            }
        }
    }

    #[test]
    fn cookies_are_hidden_and_one_coding_has_one_name() {
        let mut head = head(&[
            ("set-cookie", "canary-1"),
            ("set-cookie", "canary-2"),
            ("content-encoding", "X-GZIP"),
        ]);
        check(&mut head).unwrap();
        assert!(!format!("{:?}", head.headers).contains("canary"));
        assert_eq!(head.headers["content-encoding"], "gzip");
        assert!(is_undecoded(&head.headers));
    }
}
