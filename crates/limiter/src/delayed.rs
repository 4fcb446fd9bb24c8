//! A call that has to wait before it is made.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use crate::acquire::Acquire;
use crate::permit::{Permit, Spent};
use crate::{Listener, Rejected};

/// The call that was made, and what was paid for it.
pub(crate) type Made<F, E, L> = Result<(F, Spent<L>), E>;

/// A call that waits for its permit, then for the inner service, and then for the end of a pause that has begun meanwhile.
pub(crate) struct Delayed<S, Req, L: Listener> {
    admission: Stage<L>,
    /// Whom to call with what; `None` once that is done.
    next: Option<(S, Req)>,
    deadline: Option<Instant>,
    pause: Option<Pin<Box<Sleep>>>,
}

enum Stage<L: Listener> {
    Acquiring(Acquire<L>),
    Granted(Permit<L>),
}

impl<S, Req, L: Listener> Delayed<S, Req, L> {
    pub(crate) const fn new(
        acquire: Acquire<L>,
        deadline: Option<Instant>,
        inner: S,
        request: Req,
    ) -> Self {
        Self {
            admission: Stage::Acquiring(acquire),
            next: Some((inner, request)),
            deadline,
            pause: None,
        }
    }

    /// Whether it has its permit.
    pub(crate) const fn is_granted(&self) -> bool {
        matches!(self.admission, Stage::Granted(_))
    }

    /// Makes the call when its time has come.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Made<S::Future, S::Error, L>>
    where
        S: Service<Req>,
        S::Error: From<Rejected>,
    {
        loop {
            let permit = match &mut self.admission {
                Stage::Acquiring(acquire) => {
                    let permit = ready!(Pin::new(acquire).poll(cx))?;
                    self.admission = Stage::Granted(permit);
                    continue;
                }
                Stage::Granted(permit) => permit,
            };
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            let Some((inner, _)) = &mut self.next else {
                return Poll::Pending;
            };
            ready!(inner.poll_ready(cx))?;
            match permit.commit_unless_paused() {
                Ok(spent) => {
                    let Some((mut inner, request)) = self.next.take() else {
                        return Poll::Pending;
                    };
                    return Poll::Ready(Ok((inner.call(request), spent)));
                }
                // It keeps its grant and sends after the pause.
                Err(until) if self.deadline.is_none_or(|deadline| until <= deadline) => {
                    self.pause = Some(Box::pin(sleep_until(until)));
                }
                Err(until) => {
                    let retry_in = until.saturating_duration_since(Instant::now());
                    return Poll::Ready(Err(Rejected::Paused { retry_in }.into()));
                }
            }
        }
    }
}
