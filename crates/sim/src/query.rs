//! The parameters of a request.

use percent_encoding::percent_decode_str;

/// The most parameters that are read; further ones are dropped.
const MAX_PARAMS: usize = 64;

/// The decoded parameters of a query, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(raw: &str) -> Self {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        Self(
            raw.split('&')
                .filter(|part| !part.is_empty())
                .take(MAX_PARAMS)
                .map(|part| {
                    let (name, value) = part.split_once('=').unwrap_or((part, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// The value of a parameter, `None` also when it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Every parameter with its value, in the order of their names.
    pub(crate) fn sorted(&self) -> Vec<(String, String)> {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_empty_ones_are_absent() {
        let query = Query::parse(
            "symbols=%5B%22BTCUSDT%22%5D&pair=XBTUSD%2CETHUSD&empty=&bare&&a=1&a=2&%ff=%ff",
        );
        assert_eq!(query.get("symbols"), Some("[\"BTCUSDT\"]"));
        assert_eq!(query.get("pair"), Some("XBTUSD,ETHUSD"));
        assert_eq!(query.get("empty"), None);
        assert_eq!(query.get("bare"), None);
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.len(), 7);
    }
}
