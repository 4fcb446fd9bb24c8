//! Many pairs in few requests, and each pair's value in its own place.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use robust_connectors::EncodeError;
use robust_market::{Decoded, Defect, Exchange, Kind, Payload, Request, Symbol, Ticker};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::jobs::Terms;
use crate::load::Bounds;
use crate::query::QueryService;
use crate::{DataError, Priority, Query};

/// What a job over many pairs asks, run by run.
#[derive(Debug, Clone)]
pub(crate) struct Many {
    exchange: Exchange,
    kind: Kind,
    chunks: Arc<[Vec<Symbol>]>,
    priority: Priority,
    /// What the job says of its queries.
    pub(crate) terms: Terms,
}

impl Many {
    /// Divides the pairs into requests of at most `max` each; `None` puts all in one.
    pub(crate) fn new(
        exchange: Exchange,
        kind: Kind,
        mut symbols: Vec<Symbol>,
        max: Option<u32>,
        priority: Priority,
    ) -> Self {
        symbols.sort_unstable();
        symbols.dedup();
        let size = max
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(symbols.len());
        Self {
            exchange,
            kind,
            chunks: symbols.chunks(size.max(1)).map(<[_]>::to_vec).collect(),
            priority,
            terms: Terms::default(),
        }
    }

    fn request(&self, symbols: &[Symbol]) -> Option<Request> {
        Some(match (self.kind, symbols) {
            (_, []) => return None,
            (Kind::Ticker, [symbol, ..]) => Request::Ticker {
                symbol: symbol.clone(),
            },
            (Kind::BidsAsks, _) => Request::BidsAsks {
                symbols: symbols.to_vec(),
            },
            _ => Request::Tickers {
                symbols: symbols.to_vec(),
            },
        })
    }

    fn query(&self, symbols: &[Symbol], ends: Ends) -> Option<Query> {
        let request = self.request(symbols)?;
        let query = Query::new(self.exchange.clone(), request).priority(self.priority);
        Some(ends.apply(self.terms.apply(query)))
    }

    /// How many requests a run takes.
    pub(crate) fn requests(&self) -> usize {
        self.chunks.len()
    }

    /// The requests of a run.
    pub(crate) fn each(&self) -> Vec<Request> {
        let requests = self.chunks.iter().map(|symbols| self.request(symbols));
        requests.flatten().collect()
    }
}

/// When a run and what it fetches end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    /// The end of the wait.
    pub(crate) reader: Option<Instant>,
    /// The end of the fetches.
    pub(crate) bounds: Bounds,
}

impl Ends {
    pub(crate) const fn apply(self, mut query: Query) -> Query {
        query.deadline = self.reader;
        query.bounds = self.bounds;
        query
    }
}

/// One run: all requests at once, as the budget lets them. The first failure is the run's, after all had their chance. Gives the
/// number of attempts.
pub(crate) async fn run(service: QueryService, many: Many, ends: Ends) -> Result<u32, DataError> {
    let reads = many
        .chunks
        .iter()
        .map(|symbols| chunk(&service, &many, symbols.clone(), ends));
    join_all(reads).await.into_iter().sum()
}

/// One request. A pair that is not listed is left out, and the others are asked for all the same.
async fn chunk(
    service: &QueryService,
    many: &Many,
    mut symbols: Vec<Symbol>,
    ends: Ends,
) -> Result<u32, DataError> {
    let (mut unlisted, mut attempts) = (None, 0);
    while let Some(query) = many.query(&symbols, ends) {
        let error = match service.clone().oneshot(query).await {
            Ok(sample) => {
                attempts = sample.meta.attempts;
                break;
            }
            Err(error) => error,
        };
        let DataError::Unanswerable(EncodeError::UnknownSymbol { symbol, .. }) = &error else {
            return Err(error);
        };
        let before = symbols.len();
        symbols.retain(|known| known != symbol);
        if symbols.len() == before {
            return Err(error);
        }
        unlisted.get_or_insert(error);
    }
    unlisted.map_or(Ok(attempts), Err)
}

/// The answers to the same question about each pair alone, which an answer about many pairs holds; `together` is how the exchange
/// answers many questions about tickers at once.
///
/// A pair that is there twice has no answer: nobody knows which record is right.
pub(crate) fn parts(
    request: &Request,
    decoded: &Decoded<Payload>,
    together: Option<Kind>,
) -> Vec<(Request, Decoded<Payload>)> {
    let Payload::Tickers(rows) = &decoded.value else {
        return Vec::new();
    };
    let part: fn(&Ticker) -> (Request, Payload) = match request {
        Request::Tickers { symbols } if !symbols.is_empty() && together == Some(Kind::Tickers) => {
            |ticker| {
                let symbol = ticker.symbol.clone();
                (Request::Ticker { symbol }, Payload::Ticker(ticker.clone()))
            }
        }
        // A request for one pair is already in its place.
        Request::BidsAsks { symbols } if symbols.len() > 1 => |ticker| {
            let symbols = vec![ticker.symbol.clone()];
            (
                Request::BidsAsks { symbols },
                Payload::Tickers(vec![ticker.clone()]),
            )
        },
        _ => return Vec::new(),
    };
    let mut times: HashMap<&Symbol, usize> = HashMap::with_capacity(rows.len());
    for ticker in rows {
        *times.entry(&ticker.symbol).or_default() += 1;
    }
    let mut broken: HashMap<usize, Vec<&Defect>> = HashMap::new();
    for defect in &decoded.defects {
        if let Some(index) = defect.index {
            broken.entry(index).or_default().push(defect);
        }
    }
    rows.iter()
        .zip(positions(&decoded.excluded))
        .filter(|(ticker, _)| times.get(&ticker.symbol) == Some(&1))
        .map(|(ticker, index)| {
            let (request, payload) = part(ticker);
            let mut alone = Decoded::clean(payload);
            for defect in broken.get(&index).into_iter().flatten() {
                let mut defect = Defect::clone(defect);
                defect.index = Some(0);
                alone.note(defect);
            }
            (request, alone)
        })
        .collect()
}

/// The positions on the wire of the records that were not left out.
fn positions(excluded: &[usize]) -> impl Iterator<Item = usize> {
    let mut excluded = excluded.iter().peekable();
    (0..).filter(move |index| excluded.next_if_eq(&index).is_none())
}

#[cfg(test)]
mod tests {
    use robust_market::DefectKind;

    use super::*;

    fn symbols(names: &[&str]) -> Vec<Symbol> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn each_pair_gets_its_own_defects_and_a_pair_that_is_there_twice_gets_nothing() {
        let names = symbols(&["A/USD", "B/USD", "C/USD", "C/USD"]);
        let rows = names.iter().cloned().map(Ticker::new).collect();
        let mut decoded = Decoded::clean(Payload::Tickers(rows));
        decoded.excluded = vec![1];
        // The record at 1 is not there, so B stands at 2.
        decoded.note(Defect::new(Some(1), "last", DefectKind::Missing, None));
        decoded.note(Defect::new(Some(2), "bid", DefectKind::Null, None));
        let request = Request::Tickers { symbols: names };
        let found = parts(&request, &decoded, Some(Kind::Tickers));
        let shown: Vec<_> = found
            .iter()
            .map(|(request, decoded)| {
                let fields: Vec<&str> = decoded.defects.iter().map(|d| &*d.field).collect();
                (request.symbol().unwrap().as_str(), fields)
            })
            .collect();
        assert_eq!(shown, [("A/USD", vec![]), ("B/USD", vec!["bid"])]);
        assert!(parts(&request, &decoded, None).is_empty());
    }

    #[test]
    fn pairs_are_divided_once_each() {
        let many = |max| {
            let names = symbols(&["A/USD", "B/USD", "A/USD", "C/USD"]);
            Many::new(
                Exchange::KRAKEN,
                Kind::Tickers,
                names,
                max,
                Priority::Medium,
            )
            .chunks
            .iter()
            .map(Vec::len)
            .collect::<Vec<_>>()
        };
        assert_eq!(many(None), [3]);
        assert_eq!(many(Some(2)), [2, 1]);
        assert_eq!(many(Some(1)), [1, 1, 1]);
    }
}
