//! What a refused or unreadable answer means.

use std::time::Duration;

use robust_market::{Timestamp, escape};

/// What kind of refusal an answer is; decides whether to try again, and how soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// Too many requests. Wait, then ask again; not a sign that the exchange is ill.
    RateLimited,
    /// Shut out for a while. Ask nothing at all until it ends.
    Banned,
    /// The exchange cannot answer now; it may be able to in a moment.
    Transient,
    /// The exchange will never answer this question.
    Permanent,
    /// The key, the signature or the permission is wrong.
    Auth,
    /// What came is no answer of this exchange: cut-off JSON, another shape. The same question over the same connection gets the same;
    /// over a new one it is worth one more try.
    Malformed,
    /// A page for people where data should be: a captcha, a notice of maintenance. Worth another try, but not soon.
    UnexpectedContent,
    /// It says that the data is somewhere else. Nobody goes there: the address is configured, and a key belongs to no other host.
    Redirect,
}

impl Class {
    /// The class's name, as reports write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Banned => "banned",
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Auth => "auth",
            Self::Malformed => "malformed",
            Self::UnexpectedContent => "unexpected_content",
            Self::Redirect => "redirect",
        }
    }
}

/// The verdict on one attempt whose answer is no data.
///
/// Made once, by the connector, from status, headers and body together; every layer above acts on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}", class.as_str(), own_code(code.as_deref(), message))]
#[non_exhaustive]
pub struct Verdict {
    /// What kind of refusal it is.
    pub class: Class,
    /// The HTTP status.
    pub status: u16,
    /// The exchange's own code, such as `-1121` or `EQuery:Unknown asset pair`.
    pub code: Option<Box<str>>,
    /// The exchange's own words, or what was found instead of an answer; escaped and cut to 200 characters.
    pub message: Box<str>,
    /// The server's word on how long to wait (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// The server's word on when a ban ends.
    pub until: Option<Timestamp>,
}

/// The exchange's code, where its words do not begin with it anyway.
fn own_code(code: Option<&str>, message: &str) -> String {
    let code = code.filter(|code| !message.starts_with(&escape(code)));
    code.map(|code| format!(" {code}")).unwrap_or_default()
}

impl Verdict {
    /// A verdict; the message is escaped and cut.
    #[must_use]
    pub fn new(class: Class, status: u16, code: Option<&str>, message: &str) -> Self {
        let cut: String = message.chars().take(200).collect();
        Self {
            class,
            status,
            code: code.map(Into::into),
            message: escape(&cut).into_boxed_str(),
            retry_after: None,
            until: None,
        }
    }

    /// The same verdict with the server's word on how long to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The same verdict with the server's word on when a ban ends.
    #[must_use]
    pub fn with_until(mut self, end: Option<Timestamp>) -> Self {
        self.until = end;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_escaped_and_stay_readable() {
        let words = "not kucoin's envelope: {\"a\": 1}\n\u{1b}[31m\u{202e}";
        let verdict = Verdict::new(Class::Malformed, 200, None, words);
        assert_eq!(
            verdict.to_string(),
            "malformed: not kucoin's envelope: {\"a\": 1}\\n\\u{1b}[31m\\u{202e}"
        );
    }

    #[test]
    fn a_code_that_is_the_words_is_said_once() {
        let words = "EGeneral:Too many requests";
        let verdict = Verdict::new(Class::RateLimited, 200, Some(words), words);
        assert_eq!(
            verdict.to_string(),
            "rate_limited: EGeneral:Too many requests"
        );
        assert_eq!(verdict.code.as_deref(), Some(words));
        let verdict = Verdict::new(Class::Permanent, 400, Some("-1121"), "Invalid symbol.");
        assert_eq!(verdict.to_string(), "permanent -1121: Invalid symbol.");
    }
}
