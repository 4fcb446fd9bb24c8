//! The way from a fetch to its source.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use robust_connectors::SymbolTable;
use robust_market::{Origin, Payload};
use robust_source::{Answer, Call, Source};
use tokio::time::Instant;
use tower::Service;

use crate::DataError;
use crate::config::Environment;
use crate::load::{Bounds, Load};
use crate::shared::Shared;

/// Puts a fetch to its source, with the source's own deadline.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    shared: Arc<Shared>,
}

impl Route {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
        }
    }
}

impl Service<Load> for Route {
    type Response = Answer;
    type Error = DataError;
    type Future = BoxFuture<'static, Result<Answer, DataError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), DataError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, load: Load) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let venue = shared.venue(&load.exchange)?;
            let (source, key) = (&venue.source, venue.key_of(&load.request));
            if let Some(key) = key {
                key.ask(Instant::now())?;
            }
            let longest = Instant::now() + source.config().max_timeout;
            let (deadline, patient) = match load.bounds {
                Bounds {
                    ends: Some(ends),
                    patient: true,
                } => (ends, true),
                Bounds { ends, .. } => (ends.map_or(longest, |ends| ends.min(longest)), false),
            };
            let mut call =
                Call::new(load.request, load.urgency.0, deadline, load.id).admit_by(load.admit_by);
            call.retries = load.retries;
            call.patient = patient;
            let answer = source.call(call).await.map_err(|error| {
                shared.alarm(&load.exchange, venue, &error);
                DataError::from_source(load.exchange.clone(), error)
            });
            if let Some(key) = key {
                key.note(answer.as_ref(), Instant::now(), shared.clock.now());
            }
            let answer = answer?;
            venue.calm();
            if answer.origin == Origin::Simulated && shared.environment == Environment::Live {
                return Err(DataError::Simulated {
                    exchange: load.exchange,
                });
            }
            if let Payload::Instruments(rows) = &answer.decoded.value {
                let whole = answer.decoded.defects.is_empty();
                list(source, SymbolTable::from_instruments(rows), whole);
            }
            Ok(answer)
        })
    }
}

/// Takes a new list of pairs over. One that may lack some, because rows of it were broken or most of the known pairs are gone,
/// adds to what is known and takes nothing away.
fn list(source: &Source, mut table: SymbolTable, whole: bool) {
    let known = source.symbols();
    if !whole || table.len() < known.len() / 2 {
        for old in known.iter() {
            if table.get(&old.symbol).is_none() {
                table.insert(&old.symbol, &old.id, []);
            }
        }
    }
    source.set_symbols(table);
}
