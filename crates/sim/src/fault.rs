//! The ways in which a simulated exchange misbehaves.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest injected latency: an hour.
const MAX_LATENCY: Duration = Duration::from_secs(3_600);
/// The rarest broken record.
const MAX_ONE_IN: u32 = 1_000_000;
/// The longest injected `Retry-After`: three days, the longest ban that Binance announces.
const MAX_RETRY_AFTER: u64 = 259_200;

/// One way of misbehaving.
///
/// A request is counted by the limits before its fault is chosen. The short form is what [`FromStr`] reads and
/// [`Display`](fmt::Display) prints:
///
/// ```
/// use std::time::Duration;
/// use robust_sim::Fault;
///
/// assert_eq!("latency:2s".parse::<Fault>()?, Fault::Latency { by: Duration::from_secs(2) });
/// assert_eq!("418:20".parse::<Fault>()?.to_string(), "418:20");
/// # Ok::<(), robust_sim::InvalidFault>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// `refuse`: nobody listens. Connections are refused and open ones are closed; nothing arrives, so nothing is counted.
    Refuse,
    /// `reset`: the request is read, then the connection is closed without a byte.
    Reset,
    /// `hang`: the request is read and never answered.
    Hang,
    /// `latency:2s`: the right answer, this much later.
    Latency {
        /// How much later.
        by: Duration,
    },
    /// `503`: this server error.
    Status {
        /// A status from 500 to 599.
        code: u16,
    },
    /// `429:5`: too many requests.
    RateLimited {
        /// What `Retry-After` says, in whole seconds.
        retry_after: Duration,
    },
    /// `418:20`: banned.
    Ban {
        /// What `Retry-After` says, in whole seconds.
        retry_after: Duration,
    },
    /// `truncated`: the head promises the whole body, half of it comes, then the connection closes.
    Truncated,
    /// `html`: status 200 and a web page.
    Html,
    /// `garbage`: status 200, JSON by its header, noise by its bytes.
    Garbage,
    /// `stale`: the same snapshot again and again, with its old times.
    Stale,
    /// `broken:10`: of bars and trades about one record in ten comes with a null where a price, or an amount, should be. It is the
    /// same records at each request; one that changes, as an open bar does, may come broken once and sound the next time.
    Broken {
        /// One record in so many.
        one_in: u32,
    },
}

/// A text that names no [`Fault`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault {value:?} is not known: {remedy}")]
pub struct InvalidFault {
    /// The text, shortened.
    pub value: String,
    /// What to write instead.
    pub remedy: Cow<'static, str>,
}

const FORMS: &str = "use refuse, reset, hang, latency:2s, 503, 429:5, 418:20, truncated, html, garbage, stale or broken:10";

impl Fault {
    fn read(text: &str) -> Result<Self, &'static str> {
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        match (name, argument) {
            ("refuse", None) => Ok(Self::Refuse),
            ("reset", None) => Ok(Self::Reset),
            ("hang", None) => Ok(Self::Hang),
            ("truncated", None) => Ok(Self::Truncated),
            ("html", None) => Ok(Self::Html),
            ("garbage", None) => Ok(Self::Garbage),
            ("stale", None) => Ok(Self::Stale),
            ("latency", Some(by)) => match humantime::parse_duration(by) {
                Ok(by) if by <= MAX_LATENCY => Ok(Self::Latency { by }),
                _ => Err("latency takes a duration up to 1h, such as latency:2s"),
            },
            ("broken", Some(one_in)) => match one_in.parse() {
                Ok(one_in @ 1..=MAX_ONE_IN) => Ok(Self::Broken { one_in }),
                _ => Err("broken takes one in how many records, 1 to 1000000, such as broken:10"),
            },
            ("429", Some(seconds)) => Ok(Self::RateLimited {
                retry_after: retry_after(seconds)?,
            }),
            ("418", Some(seconds)) => Ok(Self::Ban {
                retry_after: retry_after(seconds)?,
            }),
            (code, None) => match code.parse() {
                Ok(code @ 500..=599) => Ok(Self::Status { code }),
                _ => Err(FORMS),
            },
            _ => Err(FORMS),
        }
    }
}

fn retry_after(seconds: &str) -> Result<Duration, &'static str> {
    match seconds.parse() {
        Ok(seconds @ 1..=MAX_RETRY_AFTER) => Ok(Duration::from_secs(seconds)),
        _ => Err("write the seconds of Retry-After, 1 to 259200, such as 429:5"),
    }
}

impl FromStr for Fault {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text).map_err(|remedy| InvalidFault {
            value: text.chars().take(40).collect(),
            remedy: Cow::Borrowed(remedy),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Refuse => "refuse",
            Self::Reset => "reset",
            Self::Hang => "hang",
            Self::Truncated => "truncated",
            Self::Html => "html",
            Self::Garbage => "garbage",
            Self::Stale => "stale",
            Self::Latency { by } => {
                let by = humantime::format_duration(*by).to_string();
                return f.pad(&format!("latency:{}", by.replace(' ', "")));
            }
            Self::Status { code } => return f.pad(&code.to_string()),
            Self::RateLimited { retry_after } => {
                return f.pad(&format!("429:{}", retry_after.as_secs()));
            }
            Self::Ban { retry_after } => return f.pad(&format!("418:{}", retry_after.as_secs())),
            Self::Broken { one_in } => return f.pad(&format!("broken:{one_in}")),
        };
        f.pad(text)
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_short_form_prints_back_as_it_was_read() {
        for text in [
            "refuse",
            "reset",
            "hang",
            "latency:2s",
            "latency:1m30s",
            "latency:250ms",
            "500",
            "503",
            "599",
            "429:5",
            "418:20",
            "418:259200",
            "truncated",
            "html",
            "garbage",
            "stale",
            "broken:1",
            "broken:1000000",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_form_is_refused_with_value_and_remedy() {
        for text in [
            "",
            "hnag",
            "hang:2s",
            "latency",
            "latency:",
            "latency:-1s",
            "latency:2h",
            "404",
            "200",
            "600",
            "429",
            "429:0",
            "429:x",
            "418:-1",
            "418:259201",
            "refuse:",
            "5000",
            "503:1",
            "broken",
            "broken:0",
            "broken:1000001",
            "broken:-1",
        ] {
            let error = text.parse::<Fault>().unwrap_err();
            assert_eq!(error.value, text);
            assert!(error.to_string().contains(" is not known: "), "{error}");
        }
        assert!("x".repeat(900).parse::<Fault>().unwrap_err().value.len() <= 40);
    }
}
