//! A bound on concurrency as a tower layer.

use std::sync::Arc;

use tower_layer::Layer;

use super::gate::Gate;
use super::{Backpressure, Concurrency, Plain};

/// Lets calls wait for a slot. From [`Bulkhead::layer`](super::Bulkhead::layer) and
/// [`Adaptive::layer`](super::Adaptive::layer); every service made by it or its clones shares that
/// bound.
///
/// `M` reads from an outcome what it says about the load ([`Measure`](super::Measure)); a bulkhead does
/// not care.
#[derive(Debug, Clone)]
pub struct ConcurrencyLayer<M = Plain> {
    gate: Arc<Gate>,
    measure: M,
}

impl<M> ConcurrencyLayer<M> {
    pub(crate) const fn new(gate: Arc<Gate>, measure: M) -> Self {
        Self { gate, measure }
    }

    /// Reads by `measure` what an outcome says about the server's load.
    #[must_use]
    pub fn measure<N>(self, measure: N) -> ConcurrencyLayer<N> {
        ConcurrencyLayer {
            gate: self.gate,
            measure,
        }
    }

    /// Takes the slot in `poll_ready`, for `tower::load_shed`, `tower::buffer` and `tower::balance`
    /// above, which ask there whether a service is busy.
    ///
    /// The price is tower's: a clone that was readied and left alone holds its slot. Nobody is sent
    /// away, since a rejection in `poll_ready` would end the service: those who wait are as many as
    /// there are clones.
    #[must_use]
    pub fn backpressure(self) -> BackpressureLayer<M> {
        BackpressureLayer {
            gate: self.gate,
            measure: self.measure,
        }
    }
}

impl<S, M: Clone> Layer<S> for ConcurrencyLayer<M> {
    type Service = Concurrency<S, M>;

    fn layer(&self, inner: S) -> Self::Service {
        Concurrency::new(inner, Arc::clone(&self.gate), self.measure.clone())
    }
}

/// Lets readiness wait for a slot. From [`ConcurrencyLayer::backpressure`].
#[derive(Debug, Clone)]
pub struct BackpressureLayer<M = Plain> {
    gate: Arc<Gate>,
    measure: M,
}

impl<S, M: Clone> Layer<S> for BackpressureLayer<M> {
    type Service = Backpressure<S, M>;

    fn layer(&self, inner: S) -> Self::Service {
        Backpressure::new(inner, Arc::clone(&self.gate), self.measure.clone())
    }
}
