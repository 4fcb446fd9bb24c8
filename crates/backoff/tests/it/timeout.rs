//! The end of a call.

use std::convert::Infallible;
use std::future::{Future, pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use robust_backoff::{TimedOut, TimeoutLayer, until, within};
use tokio::time::{Instant, sleep};
use tokio_test::{assert_pending, task};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

const LIMIT: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_handed_on_and_a_late_one_is_an_error_that_names_the_limit() {
    let service = TimeoutLayer::new(LIMIT).layer(service_fn(|takes: Duration| async move {
        sleep(takes).await;
        Ok::<_, BoxError>(takes)
    }));
    let quick = Duration::from_millis(1_999);
    assert_eq!(service.clone().oneshot(quick).await.unwrap(), quick);
    let begun = Instant::now();
    let error = service.oneshot(LIMIT * 2).await.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&TimedOut { after: LIMIT }));
    assert_eq!(error.to_string(), "no answer within 2s");
    assert_eq!(begun.elapsed(), LIMIT);
}

/// No runtime here: arming a timer would panic.
#[test]
fn an_answer_that_is_there_at_once_needs_no_timer() {
    let mut at_once = task::spawn(within(LIMIT, ready(7)));
    assert_eq!(at_once.poll(), std::task::Poll::Ready(Some(7)));
    let mut service =
        TimeoutLayer::new(LIMIT).layer(service_fn(|n: u8| ready(Ok::<_, BoxError>(n))));
    let mut call = task::spawn(service.call(7));
    assert!(matches!(call.poll(), std::task::Poll::Ready(Ok(7))));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_counts_however_late_it_is_looked_at() {
    let mut waiting = task::spawn(until(Instant::now() + LIMIT, sleep(LIMIT / 2)));
    assert_pending!(waiting.poll());
    tokio::time::advance(LIMIT * 2).await;
    assert_eq!(waiting.poll(), std::task::Poll::Ready(Some(())));
    assert_eq!(until(Instant::now(), pending::<Infallible>()).await, None);
}

/// Counts the calls that are inside, and is inside for five steps of 300 ms, or for ever.
#[derive(Clone)]
struct Steps {
    ready_in: Duration,
    ends: bool,
    inside: Arc<AtomicUsize>,
    called: Arc<AtomicUsize>,
}

struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Steps {
    fn new(ready_in: Duration, ends: bool) -> Self {
        let (inside, called) = (Arc::default(), Arc::default());
        Self {
            ready_in,
            ends,
            inside,
            called,
        }
    }

    /// One whole call: readiness, which takes its time, and the answer.
    async fn call(self) -> Result<u8, BoxError> {
        sleep(self.ready_in).await;
        let mut service = TimeoutLayer::new(LIMIT).layer(service_fn(|()| {
            self.inside.fetch_add(1, SeqCst);
            self.called.fetch_add(1, SeqCst);
            let guard = Inside(Arc::clone(&self.inside));
            let ends = self.ends;
            async move {
                let _guard = guard;
                for _ in 0..5 {
                    sleep(Duration::from_millis(300)).await;
                }
                if !ends {
                    pending::<()>().await;
                }
                Ok(7)
            }
        }));
        service.ready().await?.call(()).await
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Between any two polls: the inner call is gone with the outer one, and so is the timer, which wakes nobody any more.
#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_neither_the_call_nor_the_timer_is_left() {
    for (ready_in, ends, whole) in [(0, true, 6), (0, false, 7), (100, true, 7), (100, false, 8)] {
        let mut polls = 0;
        loop {
            let steps = Steps::new(Duration::from_millis(ready_in), ends);
            let (inside, called) = (Arc::clone(&steps.inside), Arc::clone(&steps.called));
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let mut call = Box::pin(steps.call());
            let mut answer = None;
            for _ in 0..polls {
                if let Poll::Ready(ended) = call.as_mut().poll(&mut Context::from_waker(&waker)) {
                    answer = Some(ended);
                    break;
                }
                let before = woken.0.load(SeqCst);
                while woken.0.load(SeqCst) == before {
                    tokio::time::advance(Duration::from_millis(50)).await;
                }
            }
            assert!(inside.load(SeqCst) <= 1 && inside.load(SeqCst) <= called.load(SeqCst));
            drop(call);
            assert_eq!(inside.load(SeqCst), 0, "after {polls} polls");
            let before = woken.0.load(SeqCst);
            sleep(LIMIT * 3).await;
            assert_eq!(
                woken.0.load(SeqCst),
                before,
                "a timer is left after {polls} polls"
            );
            if let Some(answer) = answer {
                assert_eq!(polls, whole, "polls of a whole call");
                match answer {
                    Ok(answer) => assert!(ends && answer == 7),
                    Err(late) => {
                        assert!(!ends && late.downcast_ref() == Some(&TimedOut { after: LIMIT }))
                    }
                }
                break;
            }
            polls += 1;
        }
    }
}
