//! Why something could not be had, in terms that outlive the error.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// The five kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Category {
    /// The way to the exchange failed, or is known to be down.
    Network,
    /// The exchange answered with an error.
    Api,
    /// The question or the value is not acceptable.
    Validation,
    /// No answer in time.
    Timeout,
    /// A limit: ours, or the exchange's.
    Limited,
}

/// What is left of an error in a report that outlives it: enough to branch on, to wait by and to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// Which of the five kinds it is.
    pub category: Category,
    /// The short name of the error, such as `circuit_open`.
    pub name: &'static str,
    /// The error in words; never a secret or a signed address.
    pub message: String,
    /// How long to wait before asking again makes sense, where that was known.
    #[serde(rename = "retry_in_ms", serialize_with = "whole_ms")]
    pub retry_in: Option<Duration>,
}

impl Failure {
    /// A failure that does not say when to ask again.
    #[must_use]
    pub fn new(category: Category, name: &'static str, message: impl Into<String>) -> Self {
        Self {
            category,
            name,
            message: message.into(),
            retry_in: None,
        }
    }

    /// The same with the time to wait.
    #[must_use]
    pub const fn retry_in(mut self, wait: Option<Duration>) -> Self {
        self.retry_in = wait;
        self
    }
}

/// Rounded up: who waits as long as it says is not early.
fn whole_ms<S: Serializer>(wait: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let ms =
        wait.map(|wait| u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX));
    ms.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_written_in_whole_milliseconds_and_never_too_short() {
        let failure = Failure::new(Category::Network, "circuit_open", "kraken: circuit open");
        let text = |failure: &Failure| serde_json::to_string(failure).unwrap();
        assert_eq!(
            text(
                &failure
                    .clone()
                    .retry_in(Some(Duration::from_nanos(1_000_001)))
            ),
            r#"{"category":"network","name":"circuit_open","message":"kraken: circuit open","retry_in_ms":2}"#
        );
        assert!(text(&failure).ends_with(r#""retry_in_ms":null}"#));
    }
}
