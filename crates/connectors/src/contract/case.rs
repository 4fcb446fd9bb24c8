//! An answer of the exchange, written down with what it means.

use robust_market::{Request, Timestamp};

use crate::Class;

/// One exchange of request and answer: what is asked, what goes over the wire, what comes back, what it means.
///
/// Write one for each endpoint from the exchange's documentation. The suite runs it as it is, and then with every value replaced, every
/// record broken and the text cut off. At least two records in a list show that one broken record does not cost the other.
///
/// ```
/// use robust_connectors::contract::{Case, Suite};
/// use robust_connectors::{Class, Kraken};
/// use robust_market::Request;
///
/// let cases = [
///     Case::new("clock", Request::ServerTime, r#"{"error":[],"result":{"unixtime":1716523348}}"#)
///         .target("/0/public/Time")
///         .yields(r#"{"time_ms":1716523348000}"#),
///     Case::new("busy", Request::ServerTime, r#"{"error":["EService:Busy"]}"#).refused(Class::Transient),
/// ];
/// let breaches = Suite::new(&Kraken).cases(cases).run();
/// assert!(breaches.is_empty(), "{breaches:#?}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Case {
    /// What a breach calls it.
    pub name: String,
    /// What is asked.
    pub request: Request,
    /// Path and parameters that the request is encoded to, in any order of the parameters; `None` is not looked at.
    pub target: Option<String>,
    /// The time of day.
    pub now: Timestamp,
    /// The answer's status.
    pub status: u16,
    /// The answer's headers.
    pub headers: Vec<(String, String)>,
    /// The answer's body.
    pub body: String,
    /// What the answer means.
    pub expect: Expect,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// Data without a defect, whatever it is.
    Data,
    /// Data that holds all of this JSON, in the format that `robust_market::Payload` is written in: decimals as text.
    Json(String),
    /// A refusal of this class.
    Refusal(Class),
}

impl Case {
    /// An answer with status 200 that holds data, at 2024-05-24T04:02:28Z.
    #[must_use]
    pub fn new(name: &str, request: Request, body: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            request,
            target: None,
            now: Timestamp::from_ns(1_716_523_348_000_000_000),
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            expect: Expect::Data,
        }
    }

    /// What the request is encoded to, such as `/api/v5/market/ticker?instId=BTC-USDT`.
    #[must_use]
    pub fn target(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    /// The time of day.
    #[must_use]
    pub const fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// The answer's status.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// One more header of the answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What must stand in the data, as JSON: members that are not named are not compared, lists are compared item by item.
    #[must_use]
    pub fn yields(mut self, json: &str) -> Self {
        self.expect = Expect::Json(json.to_owned());
        self
    }

    /// The answer is a refusal.
    #[must_use]
    pub fn refused(mut self, class: Class) -> Self {
        self.expect = Expect::Refusal(class);
        self
    }
}
