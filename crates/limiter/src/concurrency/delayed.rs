//! A call that has to wait before it is made.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::made::Made;
use super::{Acquire, Slot};
use crate::Rejected;

pin_project! {
    /// Waits for its slot, then for the inner service; makes the call when both are there.
    pub(super) struct Delayed<S, Req> {
        // `None` when the slot is there.
        #[pin]
        acquire: Option<Acquire>,
        slot: Option<Slot>,
        // Whom to call with what; `None` once that is done.
        next: Option<(S, Req)>,
    }
}

impl<S, Req> Delayed<S, Req> {
    pub(super) const fn new(acquire: Acquire, inner: S, request: Req) -> Self {
        Self {
            acquire: Some(acquire),
            slot: None,
            next: Some((inner, request)),
        }
    }

    /// Whether it has its slot.
    pub(super) const fn is_granted(&self) -> bool {
        self.slot.is_some()
    }

    /// Makes the call when its turn has come. Not polled again after it was ready.
    pub(super) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Made<S::Future>, S::Error>>
    where
        S: Service<Req>,
        S::Error: From<Rejected>,
    {
        let mut this = self.project();
        if let Some(acquire) = this.acquire.as_mut().as_pin_mut() {
            let granted = ready!(acquire.poll(cx));
            this.acquire.set(None);
            *this.slot = Some(granted?);
        }
        let Some((inner, _)) = this.next else {
            return Poll::Pending;
        };
        ready!(inner.poll_ready(cx))?;
        let (Some((mut inner, request)), Some(mut slot)) = (this.next.take(), this.slot.take())
        else {
            return Poll::Pending;
        };
        slot.sent();
        let future = inner.call(request);
        Poll::Ready(Ok(Made::Measured { future, slot }))
    }
}
