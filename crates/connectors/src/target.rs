//! Writing path and query of a request.

use std::fmt::Write as _;

use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// Everything but the characters that RFC 3986 leaves unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A text, percent-encoded for a query.
pub(crate) fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ENCODED)
}

/// A path with a growing query.
#[derive(Debug)]
pub(crate) struct Target {
    text: String,
    separator: char,
}

impl Target {
    pub(crate) fn new(path: &str) -> Self {
        Self {
            text: path.to_owned(),
            separator: '?',
        }
    }

    /// Adds one parameter, percent-encoded.
    pub(crate) fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let value = value.to_string();
        let value = encoded(&value);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{}{name}={value}", self.separator);
        self.separator = '&';
        self
    }

    /// Adds one parameter when there is a value for it.
    pub(crate) fn maybe(self, name: &str, value: Option<impl std::fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The finished target; `None` when it is longer than a URL can be.
    pub(crate) fn finish(self) -> Option<PathAndQuery> {
        PathAndQuery::try_from(self.text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_percent_encoded_and_absent_ones_left_out() {
        let target = Target::new("/p")
            .with("symbols", "[\"A\",\"é\"]")
            .maybe("limit", None::<u32>)
            .maybe("since", Some(5));
        assert_eq!(
            target.finish().unwrap().as_str(),
            "/p?symbols=%5B%22A%22%2C%22%C3%A9%22%5D&since=5"
        );
    }
}
