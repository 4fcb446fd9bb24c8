//! Next to the call, with a breaker for each key.

use std::{
    fmt,
    hash::Hash,
    task::{Context, Poll, ready},
};

use tower_layer::Layer;
use tower_service::Service;

use crate::{AdmitFuture, Classify, Listener, Open, Registry, admit::Readying};

/// Admits each call at the breaker of its key; from [`Registry::admit_layer`].
pub struct KeyedLayer<K, F, C, L: Listener = ()> {
    registry: Registry<K, L>,
    key: F,
    classify: C,
}

impl<K, F, C, L: Listener> KeyedLayer<K, F, C, L> {
    pub(crate) fn new(registry: Registry<K, L>, key: F, classify: C) -> Self {
        Self {
            registry,
            key,
            classify,
        }
    }
}

impl<K, F: Clone, C: Clone, L: Listener> Clone for KeyedLayer<K, F, C, L> {
    fn clone(&self) -> Self {
        Self::new(
            self.registry.clone(),
            self.key.clone(),
            self.classify.clone(),
        )
    }
}

impl<S, K, F: Clone, C: Clone, L: Listener> Layer<S> for KeyedLayer<K, F, C, L> {
    type Service = Keyed<S, K, F, C, L>;

    fn layer(&self, inner: S) -> Self::Service {
        Keyed {
            inner,
            readied: false,
            layer: self.clone(),
        }
    }
}

/// The service of [`KeyedLayer`].
///
/// Which breaker is asked is known only with the request, so `poll_ready` is that of the inner service,
/// whatever is open; the refusal comes from the call's future.
pub struct Keyed<S, K, F, C, L: Listener = ()> {
    inner: S,
    /// `inner` is ready for a call.
    readied: bool,
    layer: KeyedLayer<K, F, C, L>,
}

impl<S: Clone, K, F: Clone, C: Clone, L: Listener> Clone for Keyed<S, K, F, C, L> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            // Readiness belongs to the instance that was polled.
            readied: false,
            layer: self.layer.clone(),
        }
    }
}

impl<S, Req, K, F, C, L> Service<Req> for Keyed<S, K, F, C, L>
where
    S: Service<Req> + Clone,
    S::Error: From<Open>,
    K: Hash + Eq + Clone + ToString,
    F: Fn(&Req) -> K,
    C: Classify<S::Response, S::Error> + Clone,
    L: Listener + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = AdmitFuture<S, C, Req, L>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.inner.poll_ready(cx))?;
        self.readied = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let breaker = self.layer.registry.get(&(self.layer.key)(&request));
        let classify = self.layer.classify.clone();
        if std::mem::replace(&mut self.readied, false) {
            match breaker.admit() {
                Ok(ticket) => AdmitFuture::called(ticket, classify, &mut self.inner, request),
                Err(open) => {
                    // Whatever the inner service reserved for this call must not stay with us.
                    self.inner = self.inner.clone();
                    AdmitFuture::refused(open)
                }
            }
        } else {
            match breaker.check() {
                Ok(()) => AdmitFuture::waiting(Readying::new(
                    self.inner.clone(),
                    request,
                    breaker,
                    classify,
                )),
                Err(open) => AdmitFuture::refused(open),
            }
        }
    }
}

impl<K, F, C, L: Listener> fmt::Debug for KeyedLayer<K, F, C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedLayer")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

impl<S, K, F, C, L: Listener> fmt::Debug for Keyed<S, K, F, C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("registry", &self.layer.registry)
            .field("readied", &self.readied)
            .finish_non_exhaustive()
    }
}
