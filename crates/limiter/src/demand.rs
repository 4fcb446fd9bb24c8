//! What a request asks of the limiter.

use tokio::time::Instant;

use crate::{Charge, Class, ClassCell, Cost};

/// A request that knows what it costs, how important it is and when it is too late.
///
/// For a request type that is not yours, hand a function to
/// [`AdmissionLayer::bid_with`](crate::AdmissionLayer::bid_with) instead.
pub trait Demand {
    /// What the request takes from which windows.
    fn cost(&self) -> Cost;

    /// How important it is; the queue reads it again at each grant.
    fn class(&self) -> ClassCell {
        ClassCell::fixed(Class::default())
    }

    /// When a grant is of no use any more.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The same three without a copy, for a request that stores its cost: what goes at once is admitted by this look, and only
    /// what has to wait is asked for the rest. The default says that there is nothing to look at.
    fn bid_ref(&self) -> Option<BidRef<'_>> {
        None
    }

    /// The present time, if who made the request has looked at the clock in this very turn: it saves the limiter a look of its own
    /// where the call goes at once. The charge counts from then, so nothing may lie between the look and the call that can wait.
    fn now(&self) -> Option<Instant> {
        None
    }

    /// Hears that the request does not go at once: what it knows of the time will be old when it does.
    fn waits(&mut self) {}
}

/// What a request asks for, lent: the class as it is now, and the cost where it stands.
#[derive(Clone, Copy, Debug)]
pub struct BidRef<'a> {
    /// What it takes from which windows.
    pub cost: &'a [Charge],
    /// How important it is now.
    pub class: Class,
    /// When a grant is of no use any more.
    pub deadline: Option<Instant>,
}

/// What a request asks for, as a value.
#[derive(Clone, Debug)]
pub struct Bid {
    /// What it takes from which windows.
    pub cost: Cost,
    /// How important it is.
    pub class: ClassCell,
    /// When a grant is of no use any more.
    pub deadline: Option<Instant>,
}

impl Bid {
    /// Asks for `cost` with the default class and no deadline.
    #[must_use]
    pub fn new(cost: Cost) -> Self {
        Self {
            cost,
            class: ClassCell::fixed(Class::default()),
            deadline: None,
        }
    }

    /// Sets the class.
    #[must_use]
    pub fn class(mut self, class: impl Into<ClassCell>) -> Self {
        self.class = class.into();
        self
    }

    /// Sets the deadline.
    #[must_use]
    pub const fn deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// A look at it.
    #[must_use]
    #[inline]
    pub fn lend(&self) -> BidRef<'_> {
        BidRef {
            cost: &self.cost,
            class: self.class.get(),
            deadline: self.deadline,
        }
    }
}

/// Finds out what a request asks for. Implemented by functions from `&Req` to [`Bid`].
pub trait Appraise<Req> {
    /// What `request` asks for.
    fn bid(&self, request: &Req) -> Bid;

    /// The same without a copy, see [`Demand::bid_ref`].
    fn bid_ref<'a>(&'a self, _request: &'a Req) -> Option<BidRef<'a>> {
        None
    }

    /// The present time, if who made the request has looked at the clock in this very turn; see [`Demand::now`].
    fn now(&self, _request: &Req) -> Option<Instant> {
        None
    }

    /// Hears that the request does not go at once: what it knows of the time will be old when it does.
    fn waits(&self, _request: &mut Req) {}
}

impl<Req, F: Fn(&Req) -> Bid> Appraise<Req> for F {
    fn bid(&self, request: &Req) -> Bid {
        self(request)
    }
}

/// Asks the same for every request. From [`AdmissionLayer::bid`](crate::AdmissionLayer::bid).
#[derive(Clone, Debug)]
pub struct SameBid(pub Bid);

impl<Req> Appraise<Req> for SameBid {
    fn bid(&self, _: &Req) -> Bid {
        self.0.clone()
    }

    fn bid_ref<'a>(&'a self, _: &'a Req) -> Option<BidRef<'a>> {
        Some(self.0.lend())
    }
}

/// Asks the request itself, through [`Demand`]. The layer's default.
#[derive(Clone, Copy, Debug, Default)]
pub struct AskRequest;

impl<Req: Demand> Appraise<Req> for AskRequest {
    fn bid(&self, request: &Req) -> Bid {
        Bid {
            cost: request.cost(),
            class: request.class(),
            deadline: request.deadline(),
        }
    }

    fn bid_ref<'a>(&'a self, request: &'a Req) -> Option<BidRef<'a>> {
        request.bid_ref()
    }

    fn now(&self, request: &Req) -> Option<Instant> {
        request.now()
    }

    fn waits(&self, request: &mut Req) {
        request.waits();
    }
}
