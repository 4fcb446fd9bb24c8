//! The limiter as a tower layer.

use tower_layer::Layer;

use crate::{Admission, AskRequest, BackpressureLayer, Bid, Keep, Limiter, Listener, SameBid};

/// Lets requests wait for their budget. From [`Limiter::layer`]; every service made by it or by its
/// clones shares that limiter.
///
/// `D` finds out what a request asks for ([`Appraise`](crate::Appraise)), `F` reads from the
/// outcome what it says about the budget ([`Feedback`](crate::Feedback)).
#[derive(Debug)]
pub struct AdmissionLayer<D = AskRequest, F = Keep, L: Listener = ()> {
    limiter: Limiter<L>,
    demand: D,
    feedback: F,
}

impl<L: Listener> AdmissionLayer<AskRequest, Keep, L> {
    pub(crate) const fn new(limiter: Limiter<L>) -> Self {
        Self {
            limiter,
            demand: AskRequest,
            feedback: Keep,
        }
    }
}

impl<D, F, L: Listener> AdmissionLayer<D, F, L> {
    /// Asks `bid` for every request: the quickest way, for nothing is copied for a call that need not wait.
    ///
    /// A class that is raised is raised for all of them.
    #[must_use]
    pub fn bid(self, bid: Bid) -> AdmissionLayer<SameBid, F, L> {
        self.bid_with(SameBid(bid))
    }

    /// Finds out by `demand` what a request asks for, a function from `&Req` to
    /// [`Bid`](crate::Bid), instead of asking the request.
    #[must_use]
    pub fn bid_with<E>(self, demand: E) -> AdmissionLayer<E, F, L> {
        AdmissionLayer {
            limiter: self.limiter,
            demand,
            feedback: self.feedback,
        }
    }

    /// Reads by `feedback` from each outcome what it says about the budget.
    #[must_use]
    pub fn feedback<G>(self, feedback: G) -> AdmissionLayer<D, G, L> {
        AdmissionLayer {
            limiter: self.limiter,
            demand: self.demand,
            feedback,
        }
    }

    /// Reserves in `poll_ready`, and not in the call: for what decides by readiness, as tower's `load_shed` and `balance` do.
    ///
    /// Each request takes `bid`, because none is known yet; what it really costs goes into the feedback. Read
    /// [`Backpressure`](crate::Backpressure) before you use it.
    pub fn backpressure(self, bid: Bid) -> BackpressureLayer<F, L> {
        BackpressureLayer::new(self.limiter, bid, self.feedback)
    }
}

// Not derived: a listener need not be `Clone`.
impl<D: Clone, F: Clone, L: Listener> Clone for AdmissionLayer<D, F, L> {
    fn clone(&self) -> Self {
        Self {
            limiter: self.limiter.clone(),
            demand: self.demand.clone(),
            feedback: self.feedback.clone(),
        }
    }
}

impl<S, D: Clone, F: Clone, L: Listener> Layer<S> for AdmissionLayer<D, F, L> {
    type Service = Admission<S, D, F, L>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission::new(
            inner,
            self.limiter.clone(),
            self.demand.clone(),
            self.feedback.clone(),
        )
    }
}
