//! Waiting for a slot of the call's key.

use std::fmt;
use std::hash::Hash;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::service::place;
use super::{ConcurrencyFuture, Measure, Plain, Registry};
use crate::Rejected;

/// Lets each call wait for a slot of its key; from [`Registry::layer`].
pub struct KeyedLayer<K, F, M = Plain> {
    registry: Registry<K>,
    key: F,
    measure: M,
}

impl<K, F, M> KeyedLayer<K, F, M> {
    pub(super) const fn new(registry: Registry<K>, key: F, measure: M) -> Self {
        Self {
            registry,
            key,
            measure,
        }
    }

    /// Reads by `measure` what an outcome says about the server's load.
    #[must_use]
    pub fn measure<N>(self, measure: N) -> KeyedLayer<K, F, N> {
        KeyedLayer::new(self.registry, self.key, measure)
    }
}

impl<K, F: Clone, M: Clone> Clone for KeyedLayer<K, F, M> {
    fn clone(&self) -> Self {
        Self::new(
            self.registry.clone(),
            self.key.clone(),
            self.measure.clone(),
        )
    }
}

impl<S, K, F: Clone, M: Clone> Layer<S> for KeyedLayer<K, F, M> {
    type Service = Keyed<S, K, F, M>;

    fn layer(&self, inner: S) -> Self::Service {
        Keyed {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`KeyedLayer`].
///
/// Always ready; a call does as in [`Concurrency`](super::Concurrency), at the limit of its key.
pub struct Keyed<S, K, F, M = Plain> {
    inner: S,
    layer: KeyedLayer<K, F, M>,
}

impl<S: Clone, K, F: Clone, M: Clone> Clone for Keyed<S, K, F, M> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S, Req, K, F, M> Service<Req> for Keyed<S, K, F, M>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejected>,
    K: Hash + Eq + Clone,
    F: Fn(&Req) -> K,
    M: Measure<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ConcurrencyFuture<S, Req, M>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let gate = self.layer.registry.gate(&(self.layer.key)(&request));
        place(&mut self.inner, gate, request, &self.layer.measure)
    }
}

impl<K, F, M> fmt::Debug for KeyedLayer<K, F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedLayer")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

impl<S, K, F, M> fmt::Debug for Keyed<S, K, F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("registry", &self.layer.registry)
            .finish_non_exhaustive()
    }
}
