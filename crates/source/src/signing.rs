//! Signed requests: what goes out with them, and that nothing of it comes back in words.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::uri::PathAndQuery;
use robust_connectors::{
    Connector, Context, Credentials, EncodeError, Traces, Verdict, WireRequest,
};
use robust_market::{Defect, Timestamp};

/// What a signature added to one request: signatures and hashes that open an account for as long as they are valid.
#[derive(Default)]
pub(crate) struct Sent(Vec<String>);

impl Sent {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sent")
    }
}

/// The least that two signatures of one key are apart: exchanges sign milliseconds, and Kraken wants each to be greater.
const APART: Duration = Duration::from_millis(1);
/// A lead beyond this is a clock that was set back; its new time holds.
const LEAD_MAX: Duration = Duration::from_secs(1);

/// The times of signatures: the wall clock's, each at least a millisecond after the one before.
#[derive(Debug, Default)]
pub(crate) struct Moments(Mutex<Option<Timestamp>>);

impl Moments {
    /// The time of the next signature.
    pub(crate) fn after(&self, now: Timestamp) -> Timestamp {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = last.map_or(now, |last| last.saturating_add(APART).max(now));
        let next = if next.since(now) > LEAD_MAX {
            now
        } else {
            next
        };
        *last = Some(next);
        next
    }
}

/// Finds what the signature added: headers that are marked as sensitive, and parameters that were not there before.
pub(crate) fn sent(plain: &PathAndQuery, signed: &WireRequest) -> Sent {
    let headers = signed.headers.values().filter(|value| value.is_sensitive());
    let headers = headers.filter_map(|value| value.to_str().ok());
    let parameters = |target: &PathAndQuery| -> Vec<String> {
        let all = target.query().unwrap_or_default().split('&');
        all.map(str::to_owned).collect()
    };
    let before = parameters(plain);
    let added = parameters(&signed.target)
        .into_iter()
        .filter(|parameter| !before.contains(parameter))
        .filter_map(|parameter| Some(parameter.split_once('=')?.1.to_owned()));
    Sent(headers.map(str::to_owned).chain(added).collect())
}

/// Signs a request that is never sent, to find out whether the credentials can be used at all.
///
/// # Errors
///
/// [`EncodeError`]: the connector signs nothing, or a part of the credentials is missing or unreadable.
pub(crate) fn try_out(
    connector: &dyn Connector,
    credentials: &Credentials,
) -> Result<(), EncodeError> {
    let symbols = connector.symbols();
    let context = Context::new(&symbols, Timestamp::EPOCH).signing();
    let request = WireRequest::get(PathAndQuery::from_static("/"));
    connector.sign(request, credentials, &context).map(drop)
}

/// The verdict without what the exchange repeats of the credentials in its words.
pub(crate) fn hide_in_verdict(mut verdict: Verdict, traces: &Traces) -> Verdict {
    verdict.message = hidden(verdict.message, traces);
    verdict.code = verdict.code.map(|code| hidden(code, traces));
    verdict
}

/// The same for the texts of broken fields.
pub(crate) fn hide_in_defects(defects: &mut [Defect], traces: &Traces) {
    for defect in defects {
        defect.text = defect.text.take().map(|text| hidden(text, traces));
    }
}

fn hidden(text: Box<str>, traces: &Traces) -> Box<str> {
    match traces.hidden(&text) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(hidden) => hidden.into_boxed_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_signatures_carry_the_same_millisecond_and_a_clock_set_back_is_followed() {
        let at = |ms| Timestamp::from_ms(ms).unwrap();
        let moments = Moments::default();
        assert_eq!(moments.after(at(50_000)), at(50_000));
        assert_eq!(moments.after(at(50_000)), at(50_001));
        assert_eq!(moments.after(at(50_000)), at(50_002));
        assert_eq!(moments.after(at(50_010)), at(50_010));
        assert_eq!(moments.after(at(49_900)), at(50_011));
        assert_eq!(moments.after(at(40_000)), at(40_000));
    }
}
