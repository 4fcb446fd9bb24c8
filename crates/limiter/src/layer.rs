//! The limiter as a tower layer.

use tower_layer::Layer;

use crate::{Admission, AskRequest, Keep, Limiter};

/// Lets requests wait for their budget. From [`Limiter::layer`]; every service made by it or by its
/// clones shares that limiter.
///
/// `D` finds out what a request asks for ([`Appraise`](crate::Appraise)), `F` reads from the
/// outcome what it says about the budget ([`Feedback`](crate::Feedback)).
#[derive(Clone, Debug)]
pub struct AdmissionLayer<D = AskRequest, F = Keep> {
    limiter: Limiter,
    demand: D,
    feedback: F,
}

impl AdmissionLayer {
    pub(crate) const fn new(limiter: Limiter) -> Self {
        Self {
            limiter,
            demand: AskRequest,
            feedback: Keep,
        }
    }
}

impl<D, F> AdmissionLayer<D, F> {
    /// Finds out by `demand` what a request asks for, a function from `&Req` to
    /// [`Bid`](crate::Bid), instead of asking the request.
    #[must_use]
    pub fn bid_with<E>(self, demand: E) -> AdmissionLayer<E, F> {
        AdmissionLayer {
            limiter: self.limiter,
            demand,
            feedback: self.feedback,
        }
    }

    /// Reads by `feedback` from each outcome what it says about the budget.
    #[must_use]
    pub fn feedback<G>(self, feedback: G) -> AdmissionLayer<D, G> {
        AdmissionLayer {
            limiter: self.limiter,
            demand: self.demand,
            feedback,
        }
    }
}

impl<S, D: Clone, F: Clone> Layer<S> for AdmissionLayer<D, F> {
    type Service = Admission<S, D, F>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission::new(
            inner,
            self.limiter.clone(),
            self.demand.clone(),
            self.feedback.clone(),
        )
    }
}
