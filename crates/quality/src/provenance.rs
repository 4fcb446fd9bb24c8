//! Where an answer comes from: evidence that statistics cannot give.

use robust_market::{Dimension, Origin, Severity};

use crate::rules::{A_EXPIRED, A_PROVENANCE, A_TEST_HOST, A_UNLABELLED};
use crate::tally::Tally;

/// Words in the name of a host that belongs to a test system, as a label or a part of one set off by `-`.
const TEST_WORDS: [&str; 7] = [
    "test", "testnet", "sandbox", "demo", "mock", "staging", "uat",
];

/// What is known of the way that an answer came.
///
/// A context without it is not asked about it, as for a file; one that has it must say where the value was born.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Provenance<'a> {
    /// Where the value was born; `None` is a fault: a value of unknown birth must not be used.
    pub origin: Option<Origin>,
    /// The host that was asked, where there was one.
    pub host: Option<&'a str>,
    /// Whether only the real market will do.
    pub production: bool,
    /// Whether it is presented as live while its time in the cache was over.
    pub expired: bool,
    /// Whether the value was computed (filled, resampled) rather than received. Its origin must then say so.
    pub computed: bool,
}

impl<'a> Provenance<'a> {
    /// A value of this origin, for real use.
    #[must_use]
    pub const fn of(origin: Origin) -> Self {
        Self {
            origin: Some(origin),
            host: None,
            production: true,
            expired: false,
            computed: false,
        }
    }

    /// Whether the host belongs to a test system by its name, or is this machine.
    #[must_use]
    pub fn is_test_host(&self) -> bool {
        self.host.is_some_and(|host| {
            let name = host.split(':').next().unwrap_or(host);
            let local =
                name == "localhost" || name.starts_with("127.") || host.starts_with("[::1]");
            local
                || name.split(['.', '-']).any(|part| {
                    TEST_WORDS
                        .iter()
                        .any(|word| part.eq_ignore_ascii_case(word))
                })
        })
    }

    /// Whether the value came as a push message.
    pub(crate) fn is_stream(&self) -> bool {
        self.origin == Some(Origin::Stream)
    }
}

/// Objects to a value that is not what it passes for.
pub(crate) fn judge(tally: &mut Tally, provenance: Option<Provenance<'_>>, symbol: Option<&str>) {
    let Some(provenance) = provenance else {
        return;
    };
    tally.checked(Dimension::Accuracy, 0);
    let mut object = |rule, severity, message: &str| {
        tally.measured(rule, severity, None, || message.to_owned());
    };
    if provenance.origin.is_none() {
        object(
            &A_PROVENANCE,
            Severity::Critical,
            "nobody says where the value was born",
        );
    }
    if provenance.production {
        let simulated = provenance.origin == Some(Origin::Simulated);
        // Bitfinex lists a pair TESTBTC:TESTUSD among the real ones.
        let test_pair = symbol.is_some_and(|symbol| {
            symbol
                .split('/')
                .all(|leg| leg.len() > 4 && leg.starts_with("TEST"))
        });
        if simulated || provenance.is_test_host() || test_pair {
            object(
                &A_TEST_HOST,
                Severity::Critical,
                "a test system's value where only the real market will do",
            );
        }
    }
    if provenance.computed && provenance.origin != Some(Origin::Derived) {
        object(
            &A_UNLABELLED,
            Severity::Critical,
            "a computed value that passes for a received one",
        );
    }
    if provenance.expired {
        object(
            &A_EXPIRED,
            Severity::Error,
            "a cached value past its time, presented as live",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_hosts_are_known_by_their_names() {
        let mut provenance = Provenance::of(Origin::Rest);
        for (host, test) in [
            ("api.kraken.com", false),
            ("api.binance.com:443", false),
            ("testnet.binance.vision", true),
            ("openapi-sandbox.kucoin.com", true),
            ("127.0.0.1:8080", true),
            ("localhost", true),
            ("[::1]:80", true),
            ("fastest.example.com", false),
            ("demo-futures.kraken.com", true),
        ] {
            provenance.host = Some(host);
            assert_eq!(provenance.is_test_host(), test, "{host}");
        }
    }
}
