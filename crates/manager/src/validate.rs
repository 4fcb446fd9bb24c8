//! The manager's judgement for answers that came another way: from a file, from another program.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use robust_connectors::{Class, Connector, Context, EncodeError, Reply, SymbolTable, Verdict};
use robust_market::{Decoded, Exchange, Payload, Report, Request, Symbol, Timestamp};

use crate::builder::{built_in, nearest_connector};
use crate::config::{ConfigError, QualitySettings};
use crate::judges::{Judges, Seen};

/// Judges answers of one exchange by the same rules, the same memory and the same settings as a
/// [`DataManager`](crate::DataManager), without asking anybody.
///
/// Answers are judged in the order of their coming: each is judged by what those before it have shown.
///
/// ```
/// use robust_data_manager::market::{Acceptance, Exchange, Request, Timestamp};
/// use robust_data_manager::{QualitySettings, Validator};
///
/// let validator = Validator::new(Exchange::KRAKEN, &QualitySettings::default())?;
/// let now = Timestamp::from_secs(1_762_795_434).ok_or("out of range")?;
/// let request = Request::OrderBook { symbol: "BTC/USD".parse()?, depth: None };
///
/// // What the exchange sent, with a bid above the ask.
/// let body = br#"{"error":[],"result":{"XXBTZUSD":{
///     "bids":[["105433.6","0.1",1762795433]],"asks":[["105433.5","0.2",1762795433]]}}}"#;
/// let decoded = validator.decode(&request, body, now)?;
/// let report = validator.judge(&request, &decoded, now, now).ok_or("not judged")?;
/// assert_eq!(report.acceptance, Acceptance::Reject);
/// assert_eq!(report.issues[0].rule, "K.crossed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Validator {
    exchange: Exchange,
    connector: Option<Arc<dyn Connector>>,
    symbols: SymbolTable,
    judges: Judges,
}

/// Why the bytes are no answer to the question.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No connector of this name is built in; only unified data can be judged.
    #[error("exchange \"{exchange}\" has no connector; {remedy}")]
    NoConnector {
        /// The exchange.
        exchange: Exchange,
        /// What to do.
        remedy: String,
    },
    /// The pair is none of those that are known without asking the exchange; see [`Validator::listed`].
    #[error(transparent)]
    Unlisted(#[from] EncodeError),
    /// The bytes are an answer, and it is not data: the exchange's own error, or something that is no answer of it at all.
    #[error("{0}")]
    Refused(Verdict),
}

impl DecodeError {
    /// Whether the bytes are no answer of this exchange at all: HTML, cut-off JSON, another shape.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        matches!(
            self,
            Self::Refused(verdict)
                if matches!(verdict.class, Class::Malformed | Class::UnexpectedContent)
        )
    }
}

impl Validator {
    /// A validator without memory.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the weights or thresholds of the settings cannot be used.
    pub fn new(exchange: Exchange, settings: &QualitySettings) -> Result<Self, ConfigError> {
        let connector = built_in()
            .into_iter()
            .find(|connector| connector.exchange() == exchange);
        let symbols = connector.as_ref().map(|connector| connector.symbols());
        Ok(Self {
            exchange,
            connector,
            symbols: symbols.unwrap_or_default(),
            judges: Judges::new(settings.rules()?, robust_quality::StatePool::default()),
        })
    }

    /// Tells the exchange's own name of a pair that is not among its best known ones.
    pub fn listed(&mut self, symbol: &Symbol, id: &str) {
        self.symbols.insert(symbol, id, []);
    }

    /// Reads what the exchange sent as the answer to `request`, at `now`: a bar that ends later is not closed yet.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when no connector can read it, the pair is not known, or it is no data.
    pub fn decode(
        &self,
        request: &Request,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Decoded<Payload>, DecodeError> {
        let connector = self
            .connector
            .as_ref()
            .ok_or_else(|| DecodeError::NoConnector {
                exchange: self.exchange.clone(),
                remedy: nearest_connector(&built_in(), &self.exchange),
            })?;
        for symbol in request.symbols() {
            self.symbols.require(&self.exchange, symbol)?;
        }
        let reply = Reply {
            status: StatusCode::OK,
            headers: &HeaderMap::new(),
            body,
        };
        connector
            .decode(request, &Context::new(&self.symbols, now), &reply)
            .map_err(DecodeError::Refused)
    }

    /// Judges an answer whose first byte came at `received`, by the ages of `now`; `None` for kinds that no rule judges.
    #[must_use]
    pub fn judge(
        &self,
        request: &Request,
        decoded: &Decoded<Payload>,
        received: Timestamp,
        now: Timestamp,
    ) -> Option<Arc<Report>> {
        let seen = Seen {
            exchange: &self.exchange,
            kind: request.kind(),
            origin: None,
            received,
            now,
            calendar: self.connector.as_ref().map(|one| one.calendar()),
        };
        let verdict = self.judges.judge(&seen, request, decoded)?;
        Some(verdict.report)
    }
}
