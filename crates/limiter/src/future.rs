//! The future of an admitted call.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use crate::delayed::Delayed;
use crate::permit::{Slot, Spent};
use crate::{Feedback, Listener, Rejected};

/// An answer of more bytes than this is left where it is; a smaller one is quicker in registers.
const LARGE: usize = 64;

pin_project! {
    /// Waits for the permit, then for the inner service, then for its answer.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the inner service is called, it gives place and grant back. Dropped later, which is at any time for
    /// a call that need not wait, since that is made before there is a future,
    /// the charge stays, because the server may have counted the request; unless it was never polled and
    /// [`Feedback::is_lazy`] says that then nothing was sent. Its slot is free again in either case.
    pub struct ResponseFuture<S, Req, F, L = ()>
    where
        S: Service<Req>,
        L: Listener,
    {
        // The call that was made, until it is over.
        #[pin]
        pub(crate) future: Option<S::Future>,
        // After the call: first that goes with all that it holds, then its slot.
        pub(crate) beside: Beside<S, Req, L>,
        pub(crate) feedback: F,
    }
}

/// What a call has beside itself.
pub(crate) enum Beside<S, Req, L: Listener> {
    /// It goes where it will, and when it is over nothing is left to do.
    Nothing,
    /// A slot.
    Slot { _taken: Slot<L> },
    /// What was paid for it, which its answer may change.
    Spent(Spent<L>),
    /// It is not made yet. Boxed, so that the call that need not wait, which most are, is small: a future is moved several times
    /// before it is polled.
    Waiting(Box<Delayed<S, Req, L>>),
}

impl<S: Service<Req>, Req, F, L: Listener> ResponseFuture<S, Req, F, L> {
    /// Has to wait, or to see whether it has to.
    pub(crate) const fn waiting(call: Box<Delayed<S, Req, L>>, feedback: F) -> Self {
        Self {
            future: None,
            beside: Beside::Waiting(call),
            feedback,
        }
    }

    /// The inner service is called, and nothing its answer says changes what was paid.
    #[inline]
    pub(crate) fn keeping(future: S::Future, slot: Option<Slot<L>>, feedback: F) -> Self {
        Self {
            future: Some(future),
            beside: slot.map_or(Beside::Nothing, |taken| Beside::Slot { _taken: taken }),
            feedback,
        }
    }
}

impl<S, Req, F, L> ResponseFuture<S, Req, F, L>
where
    S: Service<Req>,
    S::Error: From<Rejected>,
    L: Listener,
{
    /// Waits until the call can be made, and makes it.
    #[cold]
    #[inline(never)]
    fn wait(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let mut this = self.project();
        let Beside::Waiting(call) = this.beside else {
            // Polled after its end, which a future may answer as it likes.
            return Poll::Pending;
        };
        let made = ready!(call.poll(cx));
        *this.beside = Beside::Nothing;
        let (future, spent) = made?;
        *this.beside = Beside::Spent(spent);
        this.future.set(Some(future));
        Poll::Ready(Ok(()))
    }
}

impl<S, Req, F, L> ResponseFuture<S, Req, F, L>
where
    S: Service<Req>,
    L: Listener,
{
    /// Polls the call and settles it. The answer is one value all the way, with one way out: so it is made where it stays.
    #[inline(never)]
    fn poll_and_settle(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, S::Error>>
    where
        F: Feedback<S::Response, S::Error>,
    {
        let future = self.as_mut().project().future.as_pin_mut();
        let answer = future.map_or(Poll::Pending, |future| future.poll(cx));
        if let Poll::Ready(result) = &answer {
            self.settle(result.as_ref());
        }
        answer
    }

    /// Settles what was paid: first goes the call with all that it holds, then its slot.
    #[inline]
    fn settle(self: Pin<&mut Self>, result: Result<&S::Response, &S::Error>)
    where
        F: Feedback<S::Response, S::Error>,
    {
        let mut this = self.project();
        if let Beside::Spent(spent) = this.beside {
            let verdict = (!this.feedback.is_plain(result)).then(|| this.feedback.feedback(result));
            this.future.set(None);
            if let Some(verdict) = verdict {
                spent.end(&verdict);
            }
        } else {
            this.future.set(None);
        }
        *this.beside = Beside::Nothing;
    }
}

impl<S, Req, F, L> Future for ResponseFuture<S, Req, F, L>
where
    S: Service<Req>,
    S::Error: From<Rejected>,
    F: Feedback<S::Response, S::Error>,
    L: Listener,
{
    type Output = Result<S::Response, S::Error>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.future.is_none()
            && let Err(error) = ready!(self.as_mut().wait(cx))
        {
            return Poll::Ready(Err(error));
        }
        let this = self.as_mut().project();
        let settles = match this.beside {
            Beside::Nothing => false,
            Beside::Spent(spent) => {
                spent.send();
                true
            }
            _ => true,
        };
        let Some(future) = this.future.as_pin_mut() else {
            return Poll::Pending;
        };
        if !settles {
            return future.poll(cx);
        }
        if size_of::<Self::Output>() > LARGE {
            return self.poll_and_settle(cx);
        }
        // Taken apart and put together again: so the parts travel in registers.
        Poll::Ready(match ready!(future.poll(cx)) {
            Ok(response) => {
                if settles {
                    self.settle(Ok(&response));
                }
                Ok(response)
            }
            Err(error) => {
                if settles {
                    self.settle(Err(&error));
                }
                Err(error)
            }
        })
    }
}

impl<S: Service<Req>, Req, F, L: Listener> fmt::Debug for ResponseFuture<S, Req, F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match (&self.beside, &self.future) {
            (Beside::Waiting(call), _) if call.is_granted() => "readying",
            (Beside::Waiting(_), _) => "waiting",
            (_, Some(_)) => "calling",
            (_, None) => "done",
        };
        f.debug_struct("ResponseFuture")
            .field("step", &step)
            .finish_non_exhaustive()
    }
}
