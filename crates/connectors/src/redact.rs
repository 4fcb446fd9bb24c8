//! Showing requests and answers without what opens an account.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::uri::PathAndQuery;
use robust_market::escape;

use crate::signature::hex;
use crate::target::encoded;

/// Parameters that carry a key or a signature.
const HIDDEN: &[&str] = &["signature", "accesskeyid"];

/// Path and query for a reader: keys and signatures in it are replaced.
pub(crate) fn target(target: &PathAndQuery) -> String {
    let Some(query) = target.query() else {
        return target.path().to_owned();
    };
    let shown: Vec<String> = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _))
                if HIDDEN
                    .iter()
                    .any(|hidden| name.eq_ignore_ascii_case(hidden)) =>
            {
                format!("{name}=[REDACTED]")
            }
            _ => parameter.to_owned(),
        })
        .collect();
    format!("{}?{}", target.path(), shown.join("&"))
}

/// A text that has so many bytes in common with a secret shows a part of it.
const PIECE: usize = 8;
/// At the end of a text, where it may have been cut off, so many are a part of it already.
const HEAD: usize = 3;
/// What is shorter is a word that any answer may hold, and no secret.
const SHORTEST: usize = 4;
const HIDDEN_TEXT: &str = "[REDACTED]";

/// Finds what an exchange repeats of a key, a secret or a signature, and hides it.
///
/// A server that was sent a key may write it into an error, whole or cut off, as it was or encoded. From
/// [`Credentials::traces`](crate::Credentials::traces). `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Traces {
    pieces: HashSet<Box<[u8]>>,
    lengths: Vec<usize>,
    /// How each form begins.
    heads: Vec<String>,
}

impl Traces {
    /// What is to be hidden: each text as it is, and as base64, hexadecimal, percent-encoded and escaped.
    pub(crate) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut traces = Self {
            pieces: HashSet::new(),
            lengths: Vec::new(),
            heads: Vec::new(),
        };
        for text in texts.into_iter().filter(|text| text.len() >= SHORTEST) {
            for form in [
                text.trim_end_matches('=').to_owned(),
                STANDARD_NO_PAD.encode(text),
                URL_SAFE_NO_PAD.encode(text),
                hex(text.as_bytes()),
                encoded(text).to_string(),
                text.escape_debug().to_string(),
                escape(text),
                text.replace('/', "\\/"),
            ] {
                traces.hide(&form);
            }
        }
        traces
    }

    fn hide(&mut self, form: &str) {
        let form = form.to_ascii_lowercase();
        let length = form.len().min(PIECE);
        if length < SHORTEST {
            return;
        }
        if !self.lengths.contains(&length) {
            self.lengths.push(length);
        }
        let pieces = form.as_bytes().windows(length);
        self.pieces.extend(pieces.map(Box::from));
        self.heads.push(form.chars().take(length).collect());
    }

    /// The text without any piece of what is to be hidden; borrowed where there is none in it.
    #[must_use]
    pub fn hidden<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let lower = text.to_ascii_lowercase();
        let mut shown = vec![true; lower.len()];
        for length in &self.lengths {
            for (at, piece) in lower.as_bytes().windows(*length).enumerate() {
                if self.pieces.contains(piece) {
                    shown
                        .iter_mut()
                        .skip(at)
                        .take(*length)
                        .for_each(|byte| *byte = false);
                }
            }
        }
        let cut = self.heads.iter().flat_map(|head| {
            let starts = head.char_indices().map(|(at, _)| at);
            let starts = starts.filter(|at| *at >= HEAD);
            starts.filter_map(|at| head.get(..at).filter(|start| lower.ends_with(start)))
        });
        if let Some(most) = cut.map(str::len).max() {
            shown
                .iter_mut()
                .rev()
                .take(most)
                .for_each(|byte| *byte = false);
        }
        if shown.iter().all(|byte| *byte) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut before = true;
        for (at, character) in text.char_indices() {
            let bytes = shown.iter().skip(at).take(character.len_utf8());
            let visible = bytes.copied().all(|byte| byte);
            match (visible, before) {
                (true, _) => out.push(character),
                (false, true) => out.push_str(HIDDEN_TEXT),
                (false, false) => {}
            }
            before = visible;
        }
        Cow::Owned(out)
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "c4n+ry/0f-a&s3cret=";

    #[test]
    fn a_secret_is_hidden_in_every_form_and_however_it_is_cut_off() {
        let traces = Traces::of([SECRET, "short"]);
        for form in [
            SECRET.to_owned(),
            SECRET.to_uppercase(),
            STANDARD_NO_PAD.encode(SECRET),
            URL_SAFE_NO_PAD.encode(SECRET),
            hex(SECRET.as_bytes()),
            encoded(SECRET).to_string(),
            SECRET.replace('/', "\\/"),
        ] {
            for cut in HEAD..=form.len() {
                let text = format!("no such key \"{}", &form[..cut]);
                let hidden = traces.hidden(&text);
                assert!(
                    hidden.starts_with("no such key \"[REDACTED]"),
                    "{text}: {hidden}"
                );
                let pieces = form.as_bytes()[..cut].windows(PIECE);
                for piece in pieces.map(|piece| std::str::from_utf8(piece).unwrap()) {
                    assert!(!hidden.contains(piece), "{text}: {hidden}");
                }
            }
        }
        assert_eq!(traces.hidden("a short word: é"), "a [REDACTED] word: é");
        assert!(matches!(
            traces.hidden("KC-API-KEY not exists"),
            Cow::Borrowed(_)
        ));
        assert_eq!(format!("{traces:?}"), "Traces");
    }

    #[test]
    fn letters_of_several_bytes_are_hidden_whole() {
        let traces = Traces::of(["pässwörter"]);
        assert_eq!(traces.hidden("→pässwörter←"), "→[REDACTED]←");
        assert_eq!(Traces::of(["", "abc"]).hidden("abc"), "abc");
    }

    #[test]
    fn keys_and_signatures_in_a_query_are_not_shown() {
        let shown = |text: &'static str| target(&PathAndQuery::from_static(text));
        assert_eq!(shown("/p?a=1&signature=abc"), "/p?a=1&signature=[REDACTED]");
        assert_eq!(
            shown("/p?AccessKeyId=k&Signature=s&b=2"),
            "/p?AccessKeyId=[REDACTED]&Signature=[REDACTED]&b=2"
        );
        assert_eq!(shown("/p"), "/p");
    }
}
