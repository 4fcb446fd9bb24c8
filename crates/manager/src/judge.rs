//! Each fetched payload is judged and told once.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use robust_market::{Decoded, Kind, Payload, Request, Timestamp};
use robust_source::Answer;
use tower::{Layer, Service};

use crate::event::QualityEvent;
use crate::judges::{Seen, Verdict};
use crate::load::Load;
use crate::many;
use crate::shared::Shared;
use crate::stored::{Came, Stored};
use crate::{DataError, Event};

/// Judges what was fetched before it is stored, and tells it to the listeners: once for each payload, however many readers wait.
#[derive(Debug, Clone)]
pub(crate) struct JudgeLayer {
    shared: Arc<Shared>,
}

impl JudgeLayer {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
        }
    }
}

/// A fetched value with its verdict, and the answers about single pairs that it holds.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) stored: Arc<Stored>,
    pub(crate) parts: Vec<(Arc<Request>, Arc<Stored>)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Judge<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Layer<S> for JudgeLayer {
    type Service = Judge<S>;

    fn layer(&self, inner: S) -> Judge<S> {
        Judge {
            inner,
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S> Service<Load> for Judge<S>
where
    S: Service<Load, Response = Answer, Error = DataError>,
    S::Future: Send + 'static,
{
    type Response = Judged;
    type Error = DataError;
    type Future = BoxFuture<'static, Result<Judged, DataError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DataError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, load: Load) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        let (exchange, request, id) = (load.exchange.clone(), Arc::clone(&load.request), load.id);
        let fetch = self.inner.call(load);
        Box::pin(async move {
            let answer = fetch.await?;
            let now = shared.clock.now();
            let connector = shared.venue(&exchange)?.source.connector();
            let seen = Seen {
                exchange: &exchange,
                kind: request.kind(),
                origin: Some(answer.origin),
                received: answer.received,
                now,
                calendar: Some(connector.calendar()),
            };
            let judge = |request: &Request, decoded: &Decoded<Payload>| {
                shared.judges.judge(&seen, request, decoded)
            };
            let store = |verdict: Option<&Verdict>, decoded: Decoded<Payload>| {
                Arc::new(Stored {
                    unreadable: Some(decoded.excluded)
                        .filter(|excluded| !excluded.is_empty())
                        .map(Arc::from),
                    report: verdict.map(|verdict| Arc::clone(&verdict.report)),
                    exchange: exchange.clone(),
                    origin: answer.origin,
                    received: answer.received,
                    first_byte: answer.first_byte,
                    attempts: answer.attempts,
                    id,
                    payload: Arc::new(decoded.value),
                })
            };
            let together = connector.many(Kind::Ticker).map(|many| many.kind);
            let mut told = Vec::new();
            let turn = shared.judges.in_turn();
            let parts: Vec<_> = many::parts(&request, &answer.decoded, together)
                .into_iter()
                .map(|(request, decoded)| {
                    let verdict = judge(&request, &decoded);
                    let request = Arc::new(request);
                    let stored = store(verdict.as_ref(), decoded);
                    told.extend(change(&shared, &request, &stored, verdict, now, false));
                    (request, stored)
                })
                .collect();
            let verdict = judge(&request, &answer.decoded);
            let stored = store(verdict.as_ref(), answer.decoded);
            told.extend(change(&shared, &request, &stored, verdict, now, true));
            drop(turn);
            let whole = std::iter::once((&request, &stored));
            let each = parts.iter().map(|(request, stored)| (request, stored));
            shared.latest.note(whole.chain(each));
            let came = Came::Fetched { joined: false };
            let sample = stored.sample(&request, came, &*shared.clock, shared.judges.rules());
            shared.hub.tell(Event::Data(sample));
            for event in told {
                shared.hub.tell(Event::Quality(event));
            }
            Ok(Judged { stored, parts })
        })
    }
}

/// Notes a verdict, and gives the word about it where it is worth one.
fn change(
    shared: &Shared,
    request: &Arc<Request>,
    stored: &Arc<Stored>,
    verdict: Option<Verdict>,
    now: Timestamp,
    whole: bool,
) -> Option<QualityEvent> {
    let verdict = verdict?;
    let noted = shared.judges.note(request, stored, &verdict, now, whole);
    let show = |(request, stored): &(Arc<Request>, Arc<Stored>)| {
        stored.sample(request, Came::Cached, &*shared.clock, shared.judges.rules())
    };
    let event = QualityEvent {
        exchange: stored.exchange.clone(),
        kind: request.kind(),
        symbol: request.symbol().cloned(),
        before: noted.before,
        report: verdict.report,
        released: noted.released.iter().map(show).collect(),
        id: stored.id,
    };
    event.matters().then_some(event)
}
