//! Showing a request without what opens an account.

use http::uri::PathAndQuery;

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

#[cfg(test)]
mod tests {
    use super::*;

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
