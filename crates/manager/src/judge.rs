//! Each fetched payload is judged and told once.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use robust_market::{Payload, Report, Request, Severity};
use robust_source::Answer;
use tower::{Layer, Service};

use crate::load::Load;
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
    type Response = Arc<Stored>;
    type Error = DataError;
    type Future = BoxFuture<'static, Result<Arc<Stored>, DataError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DataError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, load: Load) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        let (exchange, request, id) = (load.exchange.clone(), Arc::clone(&load.request), load.id);
        let fetch = self.inner.call(load);
        Box::pin(async move {
            let answer = fetch.await?;
            let report = shared
                .judges
                .judge(&exchange, &request, &answer, shared.clock.now())
                .map(Arc::new);
            let stored = Arc::new(Stored {
                report,
                exchange,
                origin: answer.origin,
                received: answer.received,
                first_byte: answer.first_byte,
                attempts: answer.attempts,
                id,
                payload: Arc::<Payload>::new(answer.decoded.value),
            });
            shared.latest.note([(&request, &stored)]);
            tell(&shared, &request, &stored);
            Ok(stored)
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
