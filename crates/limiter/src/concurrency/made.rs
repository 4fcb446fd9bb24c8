//! A call that was made, and the place that it holds.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::pass::Pass;
use super::{Measure, Slot};

pin_project! {
    /// First goes the call with all that it holds, then its place: hence the order of the fields.
    #[project = MadeProj]
    pub(super) enum Made<Fut> {
        // Of a limit that learns nothing.
        Passing { #[pin] future: Fut, pass: Option<Pass> },
        Measured { #[pin] future: Fut, slot: Slot },
        // Its answer was handed out.
        Done,
    }
}

impl<Fut> Made<Fut> {
    /// Polled after its end, which a future may answer as it likes, it is pending.
    #[inline]
    pub(super) fn poll<M, T, E>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        measure: &M,
    ) -> Poll<Result<T, E>>
    where
        Fut: Future<Output = Result<T, E>>,
        M: Measure<T, E>,
    {
        let result = match self.as_mut().project() {
            MadeProj::Passing { future, .. } => ready!(future.poll(cx)),
            MadeProj::Measured { future, slot } => {
                let result = ready!(future.poll(cx));
                slot.note(measure.load(result.as_ref()));
                result
            }
            MadeProj::Done => return Poll::Pending,
        };
        self.set(Self::Done);
        Poll::Ready(result)
    }
}
