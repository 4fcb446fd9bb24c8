//! The call that is measured: a number goes in and comes out.

use std::fmt;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::marker::PhantomData;
use std::rc::Rc;
use std::task::{Context, Poll};

use anyhow::Result;
use robust_backoff::Replay;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;
use tower::{Service, ServiceExt};

/// A request of the least size.
#[derive(Debug, Clone, Copy)]
pub struct Job(pub u32);

impl Replay for Job {
    fn replay(&self) -> Option<Self> {
        Some(*self)
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// A service that does nothing: what is measured above it is the layers.
pub struct Bare<E>(PhantomData<fn() -> E>);

impl<E> Bare<E> {
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> Clone for Bare<E> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<E> Service<Job> for Bare<E> {
    type Response = u32;
    type Error = E;
    type Future = Ready<Result<u32, E>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, job: Job) -> Self::Future {
        ready(Ok(job.0))
    }
}

/// Something that can be called any number of times.
pub struct Case {
    /// Who does what.
    pub name: &'static str,
    /// Makes so many calls.
    pub run: Box<dyn FnMut(u32)>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

impl Case {
    pub fn new(name: &'static str, run: impl FnMut(u32) + 'static) -> Self {
        Self {
            name,
            run: Box::new(run),
        }
    }

    /// A case that calls `service`, one call after the other, on `runtime`.
    pub fn service<S>(name: &'static str, runtime: &Rc<Runtime>, service: S) -> Self
    where
        S: Service<Job, Response = u32> + 'static,
        S::Error: fmt::Debug,
    {
        let runtime = Rc::clone(runtime);
        Self::new(name, calls(move |work| runtime.block_on(work), service))
    }
}

/// Calls `service` and looks at the answers.
///
/// # Panics
///
/// When a call fails: then the case is not set up for what it claims to measure.
pub fn calls<S>(
    block_on: impl Fn(std::pin::Pin<&mut dyn Future<Output = ()>>),
    mut service: S,
) -> impl FnMut(u32)
where
    S: Service<Job, Response = u32>,
    S::Error: fmt::Debug,
{
    move |calls| {
        let work = async {
            for number in 0..calls {
                let ready = service.ready().await.expect("a ready service");
                let answer = ready.call(black_box(Job(number))).await;
                black_box(answer.expect("an answer"));
            }
        };
        block_on(std::pin::pin!(work));
    }
}

/// The service without any layer.
pub fn bare(runtime: &Rc<Runtime>) -> Case {
    Case::service(
        "bare service",
        runtime,
        Bare::<std::convert::Infallible>::new(),
    )
}

/// One thread with timers.
pub fn runtime() -> Result<Rc<Runtime>> {
    Ok(Rc::new(
        Builder::new_current_thread().enable_time().build()?,
    ))
}
