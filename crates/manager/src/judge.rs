//! Each fetched payload is judged and told once.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use robust_market::{Decoded, Kind, Payload, Report, Request, Severity};
use robust_source::Answer;
use tower::{Layer, Service};

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
            let kind = request.kind();
            let times = (answer.received, shared.clock.now());
            let judge = |request: &Request, decoded: &Decoded<Payload>| {
                let report =
                    shared
                        .judges
                        .judge(&exchange, request, kind, decoded, answer.origin, times);
                report.map(Arc::new)
            };
            let store = |report, payload| {
                Arc::new(Stored {
                    report,
                    exchange: exchange.clone(),
                    origin: answer.origin,
                    received: answer.received,
                    first_byte: answer.first_byte,
                    attempts: answer.attempts,
                    id,
                    payload: Arc::<Payload>::new(payload),
                })
            };
            let connector = shared.venue(&exchange)?.source.connector();
            let together = connector.many(Kind::Ticker).map(|many| many.kind);
            let parts: Vec<_> = many::parts(&request, &answer.decoded, together)
                .into_iter()
                .map(|(request, decoded)| {
                    let report = judge(&request, &decoded);
                    (Arc::new(request), store(report, decoded.value))
                })
                .collect();
            let stored = store(judge(&request, &answer.decoded), answer.decoded.value);
            let whole = std::iter::once((&request, &stored));
            let each = parts.iter().map(|(request, stored)| (request, stored));
            shared.latest.note(whole.chain(each));
            tell(&shared, &request, &stored);
            Ok(Judged { stored, parts })
        })
    }
}

fn tell(shared: &Shared, request: &Request, stored: &Stored) {
    shared.hub.tell(Event::Data(stored.sample(
        request,
        Came::Fetched { joined: false },
        &*shared.clock,
    )));
    let objects = |report: &Report| {
        report
            .issues
            .iter()
            .any(|issue| issue.severity >= Severity::Warning)
    };
    if let Some(report) = stored.report.as_ref().filter(|report| objects(report)) {
        shared.hub.tell(Event::Quality {
            exchange: stored.exchange.clone(),
            kind: request.kind(),
            symbol: request.symbol().cloned(),
            report: Arc::clone(report),
            id: stored.id,
        });
    }
}
