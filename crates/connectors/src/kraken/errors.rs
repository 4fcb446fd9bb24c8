//! Kraken's own errors.
//!
//! `{"error": ["<E|W><Category>:<text>[:extra]"]}` with HTTP 200. `W` is a warning beside a good result and no failure.
//! Sources: support.kraken.com article 360001491786, docs.kraken.com "errors".

use std::borrow::Cow;
use std::time::Duration;

use crate::{Class, Verdict};

/// What `EGeneral:Temporary lockout` lasts, as Kraken's support says: "about 15 minutes". The answer itself does not say.
const LOCKOUT: Duration = Duration::from_secs(15 * 60);

/// What an error means, by the longest start of it that is known. Where Kraken adds a cause (`EGeneral:Invalid arguments:pair`),
/// the start still decides.
const KNOWN: &[(&str, Class)] = &[
    ("EAPI:Rate limit exceeded", Class::RateLimited),
    ("EGeneral:Too many requests", Class::RateLimited),
    ("EOrder:Rate limit exceeded", Class::RateLimited),
    ("EGeneral:Temporary lockout", Class::Banned),
    ("EService:", Class::Transient),
    ("EGeneral:Internal error", Class::Transient),
    ("EDatabase:", Class::Transient),
    ("EAPI:Invalid key", Class::Auth),
    ("EAPI:Invalid signature", Class::Auth),
    ("EAPI:Invalid nonce", Class::Auth),
    ("EGeneral:Permission denied", Class::Auth),
    ("ESession:", Class::Auth),
    ("EAuth:", Class::Auth),
];

/// What one error text means. What is not known is permanent: asking the same again would bring the same answer.
pub(super) fn class_of(error: &str) -> Class {
    if error.contains("Rate limit exceeded") {
        return Class::RateLimited;
    }
    KNOWN
        .iter()
        .find(|(start, _)| error.starts_with(start))
        .map_or(Class::Permanent, |(_, class)| *class)
}

/// The verdict on a list of errors; `None` when all are warnings.
pub(super) fn verdict(status: u16, errors: &[Cow<'_, str>]) -> Option<Verdict> {
    let failure = errors
        .iter()
        .find(|error| !error.is_empty() && !error.starts_with('W'))?;
    // Whatever the words: 418 is how the servers before Kraken's shut somebody out.
    let class = if status == 418 {
        Class::Banned
    } else {
        class_of(failure)
    };
    let verdict = Verdict::new(class, status, Some(failure), &errors.join(", "));
    Some(match class {
        Class::Banned if status != 418 => verdict.with_retry_after(Some(LOCKOUT)),
        _ => verdict,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_418_is_a_ban_whatever_its_words_say() {
        let words = [Cow::Borrowed("EGeneral:Too many requests")];
        let banned = verdict(418, &words).expect("an error");
        assert_eq!((banned.class, banned.retry_after), (Class::Banned, None));
        assert_eq!(
            verdict(200, &words).map(|it| it.class),
            Some(Class::RateLimited)
        );
    }

    #[test]
    fn every_documented_error_has_its_class() {
        for (error, class) in [
            ("EAPI:Rate limit exceeded", Class::RateLimited),
            ("EGeneral:Too many requests", Class::RateLimited),
            ("EOrder:Rate limit exceeded", Class::RateLimited),
            ("EGeneral:Temporary lockout", Class::Banned),
            ("EService:Unavailable", Class::Transient),
            ("EService:Busy", Class::Transient),
            ("EService:Timeout", Class::Transient),
            ("EService:Deadline elapsed", Class::Transient),
            ("EService:Market in cancel_only mode", Class::Transient),
            ("EService:Market in post_only mode", Class::Transient),
            ("EGeneral:Internal error", Class::Transient),
            ("EDatabase:Internal error", Class::Transient),
            ("EQuery:Unknown asset pair", Class::Permanent),
            ("EQuery:Unknown asset", Class::Permanent),
            ("EQuery:Invalid asset pair", Class::Permanent),
            ("EGeneral:Invalid arguments", Class::Permanent),
            ("EGeneral:Invalid arguments:pair", Class::Permanent),
            ("EAPI:Invalid key", Class::Auth),
            ("EAPI:Invalid signature", Class::Auth),
            ("EAPI:Invalid nonce", Class::Auth),
            ("EGeneral:Permission denied", Class::Auth),
            ("ESession:Invalid session", Class::Auth),
            ("ENew:Never heard of", Class::Permanent),
        ] {
            let found = verdict(200, &[Cow::Borrowed(error)]).unwrap();
            assert_eq!(found.class, class, "{error}");
            assert_eq!(found.code.as_deref(), Some(error));
        }
    }

    #[test]
    fn a_warning_is_no_failure_and_does_not_hide_one() {
        let warning = Cow::Borrowed("WGeneral:Deprecated");
        assert_eq!(verdict(200, std::slice::from_ref(&warning)), None);
        let both = [warning, Cow::Borrowed("EService:Busy")];
        assert_eq!(verdict(200, &both).unwrap().class, Class::Transient);
    }

    #[test]
    fn a_lockout_says_how_long_to_keep_away() {
        let lockout = verdict(200, &[Cow::Borrowed("EGeneral:Temporary lockout")]).unwrap();
        assert_eq!(lockout.retry_after, Some(Duration::from_secs(900)));
    }
}
