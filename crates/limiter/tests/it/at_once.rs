//! The call that need not wait: made in `call`, with what it stores lent, and never past who waits.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use robust_limiter::{
    Bid, BidRef, Charge, Class, ClassCell, Cost, Demand, Feedback, Limiter, MonotonicClock, Pause,
    Rejected, Verdict, Window,
};
use tokio::time::Instant;
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::acquire::{SECOND, limiter, units};
use crate::layer::{TestError, bid};

/// Answers with the time of the call, and counts its clones and calls.
#[derive(Debug, Default)]
struct Counted {
    clones: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, Ordering::Relaxed);
        Self {
            clones: Arc::clone(&self.clones),
            calls: Arc::clone(&self.calls),
        }
    }
}

impl<Req> Service<Req> for Counted {
    type Response = Instant;
    type Error = TestError;
    type Future = std::future::Ready<Result<Instant, TestError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Req) -> Self::Future {
        self.calls.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(Instant::now()))
    }
}

/// Stores its cost and lends it.
struct Lender {
    cost: Cost,
    class: ClassCell,
    deadline: Option<Instant>,
    copies: Arc<AtomicUsize>,
}

impl Demand for Lender {
    fn cost(&self) -> Cost {
        self.copies.fetch_add(1, Ordering::Relaxed);
        self.cost.clone()
    }

    fn class(&self) -> ClassCell {
        self.class.clone()
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn bid_ref(&self) -> Option<BidRef<'_>> {
        Some(BidRef {
            cost: &self.cost,
            class: self.class.get(),
            deadline: self.deadline,
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_need_not_wait_is_made_at_once_and_copies_nothing() {
    let (limiter, inner) = (limiter(2, SECOND), Counted::default());
    let mut service = limiter.layer().layer(inner.clone());
    inner.clones.store(0, Ordering::Relaxed);
    let copies = Arc::new(AtomicUsize::new(0));
    let lender = || Lender {
        cost: units(1),
        class: ClassCell::new(Class::High),
        deadline: Some(Instant::now() + 10 * SECOND),
        copies: Arc::clone(&copies),
    };
    let counts =
        || [&inner.calls, &inner.clones, &copies].map(|count| count.load(Ordering::Relaxed));
    let start = Instant::now();
    for turn in 1..=2 {
        let call = service.call(lender());
        assert_eq!(counts(), [turn, 0, 0], "before it is polled");
        assert_eq!(call.await.unwrap(), start);
    }
    // The third has to wait, and is asked for what it takes to wait.
    let call = service.call(lender());
    assert_eq!((counts()[0], counts()[2]), (2, 1));
    assert_eq!(call.await.unwrap() - start, SECOND);
    let seen = limiter.snapshot();
    assert_eq!((seen.asked, seen.committed, seen.rejected), (3, 3, 0));
    assert_eq!(seen.classes[Class::High.index()].granted, 3);
}

/// Ready takes a permit of the inner service: it goes back before the call waits for its budget.
#[tokio::test(start_paused = true)]
async fn what_readiness_reserved_goes_back_before_the_call_waits() {
    let limiter = limiter(1, SECOND);
    let inner = ConcurrencyLimit::new(Counted::default(), 1);
    let mut other = inner.clone();
    let mut service = limiter.layer().bid_with(|&(): &()| bid(1)).layer(inner);
    service.call(()).await.unwrap();
    let mut waits = tokio_test::task::spawn(service.call(()));
    assert!(waits.poll().is_pending());
    let mut ready = tokio_test::task::spawn(ServiceExt::<()>::ready(&mut other));
    assert!(ready.poll().is_ready(), "nobody holds the only permit");
}

/// And who is not ready asks by a clone: what was asked for at first is not left behind in the inner service's queue.
#[tokio::test(start_paused = true)]
async fn an_inner_service_that_is_not_ready_is_waited_for_by_a_clone_alone() {
    let limiter = limiter(9, SECOND);
    let inner = ConcurrencyLimit::new(Counted::default(), 1);
    let mut other = inner.clone();
    let mut service = limiter.layer().bid_with(|&(): &()| bid(1)).layer(inner);
    let _: &mut _ = ServiceExt::<()>::ready(&mut other).await.unwrap();
    let call = service.call(());
    assert_eq!(limiter.snapshot().committed, 0, "not sent, not charged");
    drop(other);
    call.await.unwrap();
    assert_eq!(limiter.snapshot().committed, 1);
    // The service is as usable as before.
    service.call(()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_is_refused_though_there_is_room() {
    let limiter = limiter(9, SECOND);
    let late = Instant::now();
    let mut service = limiter
        .layer()
        .bid_with(move |&(): &()| bid(1).deadline(Some(late)))
        .layer(Counted::default());
    service.call(()).await.unwrap();
    tokio::time::advance(Duration::from_nanos(1)).await;
    let error = service.call(()).await.unwrap_err();
    assert!(
        matches!(error, TestError::Rejected(Rejected::TooLate { .. })),
        "{error:?}"
    );
    assert_eq!(limiter.snapshot().committed, 1);
}

/// With a cell open as with none.
#[tokio::test(start_paused = true)]
async fn a_cost_that_makes_no_sense_is_refused_or_brought_into_form() {
    let window = Window::sliding("open", 1_000, SECOND);
    let limiter = Limiter::builder("w").window(window).build();
    let no_window = Err(Rejected::NoSuchWindow { window: 7 });
    for _ in 0..2 {
        let charge = Charge::new(7, 1);
        assert_eq!(limiter.try_spend(charge, Class::Low).map(drop), no_window);
        limiter.try_spend(Charge::new(0, 1), Class::Low).unwrap();
    }
    let service = |cost: Cost| {
        limiter
            .layer()
            .bid_with(move |&(): &()| Bid::new(cost.clone()))
            .feedback(|_: Result<&Instant, &TestError>| Verdict::not_sent())
            .layer(Counted::default())
    };
    let used = || limiter.snapshot().windows[0].used;
    assert_eq!(used(), 2);
    for cost in [
        vec![Charge::new(0, 1), Charge::new(0, 2)],
        vec![Charge::keyed(0, 5, 3)],
        vec![Charge::new(0, 0)],
        vec![],
    ] {
        service(cost.into()).oneshot(()).await.unwrap();
        assert_eq!(used(), 2, "all that was charged was given back");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_at_once_in_a_pause() {
    let limiter = limiter(9, SECOND);
    let mut service = limiter
        .layer()
        .bid_with(|&(): &()| bid(1))
        .layer(Counted::default());
    let start = Instant::now();
    service.call(()).await.unwrap();
    limiter.pause(start + SECOND, Pause::Manual);
    assert_eq!(service.call(()).await.unwrap() - start, SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_lower_limit_holds_for_the_next_call() {
    let window = Window::sliding("w", 1_000, SECOND);
    let limiter = Limiter::builder("w").window(window).build();
    let mut service = limiter
        .layer()
        .bid_with(|&(): &()| bid(1))
        .layer(Counted::default());
    for _ in 0..5 {
        service.call(()).await.unwrap();
    }
    limiter.set_limit(0, 6).unwrap();
    let start = Instant::now();
    assert_eq!(service.call(()).await.unwrap(), start);
    assert!(service.call(()).await.unwrap() > start);
}

/// A limiter of several windows and one slot, and what a call costs in each of them.
fn two_windows_and_a_slot() -> (Limiter, Cost) {
    let limiter = Limiter::builder("w")
        .window(Window::sliding("a", 10, SECOND))
        .window(Window::sliding("b", 1_000, SECOND).keyed())
        .max_in_flight(1)
        .build();
    let cost = [Charge::new(0, 4), Charge::keyed(1, 9, 5)]
        .into_iter()
        .collect();
    (limiter, cost)
}

/// Several windows, a slot and an answer that says what it really cost, all at once.
#[tokio::test(start_paused = true)]
async fn slots_and_answers_are_settled_as_ever() {
    let (limiter, cost) = two_windows_and_a_slot();
    let mut service = limiter
        .layer()
        .bid_with(move |&(): &()| Bid::new(cost.clone()))
        .feedback(|_: Result<&(), &TestError>| Verdict::sent().actual(Charge::new(0, 1).into()))
        .layer(service_fn(|()| async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok::<_, TestError>(())
        }));
    let call = service.call(());
    let used = || {
        limiter
            .snapshot()
            .windows
            .iter()
            .map(|w| w.used)
            .collect::<Vec<_>>()
    };
    assert_eq!((used(), limiter.snapshot().in_flight), (vec![4, 5], 1));
    call.await.unwrap();
    assert_eq!((used(), limiter.snapshot().in_flight), (vec![1, 0], 0));
    drop(service.call(()));
    assert_eq!(
        limiter.snapshot().in_flight,
        0,
        "dropped before it was polled"
    );
    assert_eq!(used(), vec![5, 5], "it was made, so it is charged");
}

/// Says that nothing is sent before the first poll.
#[derive(Debug, Clone)]
struct Lazy;

impl<Res, E> Feedback<Res, E> for Lazy {
    fn feedback(&self, _: Result<&Res, &E>) -> Verdict {
        Verdict::sent()
    }

    fn is_lazy(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_never_polled_gets_its_charge_back_where_nothing_is_sent_before() {
    let (limiter, cost) = two_windows_and_a_slot();
    let mut service = limiter
        .layer()
        .bid(Bid::new(cost))
        .feedback(Lazy)
        .layer(service_fn(|()| {
            std::future::pending::<Result<(), TestError>>()
        }));
    let seen = || {
        let seen = limiter.snapshot();
        let used: Vec<_> = seen.windows.iter().map(|window| window.used).collect();
        (used, seen.in_flight, seen.refunded)
    };
    for refunds in 1..4 {
        let call = service.call(());
        assert_eq!(seen(), (vec![4, 5], 1, refunds - 1));
        drop(call);
        assert_eq!(seen(), (vec![0, 0], 0, refunds));
    }
    let mut call = tokio_test::task::spawn(service.call(()));
    assert!(call.poll().is_pending());
    drop(call);
    assert_eq!(seen(), (vec![4, 5], 0, 3), "polled, it may have been sent");
}

/// Through the layer as through the handle: 5,000 a second are achieved, and no second has more.
#[tokio::test(start_paused = true)]
async fn five_thousand_a_second_are_achieved_through_the_layer() {
    let window = Window::sliding("fast", 5_000, SECOND).guard(Duration::ZERO);
    let promised = window.achieved();
    let limiter = Limiter::builder("rate").window(window).build();
    let start = Instant::now();
    let end = start + 5 * SECOND;
    let sent = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let sent = Arc::clone(&sent);
            let mut service = limiter
                .layer()
                .bid_with(move |&(): &()| bid(1).deadline(Some(end)))
                .layer(Counted::default());
            tokio::spawn(async move {
                while let Ok(at) = service.call(()).await {
                    sent.lock().unwrap().push(at - start);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut sent = sent.lock().unwrap().clone();
    sent.sort_unstable();
    for (index, begin) in sent.iter().enumerate() {
        let inside = sent.partition_point(|at| *at < *begin + SECOND) - index;
        assert!(inside <= 5_000, "{inside} from {begin:?}");
    }
    let later = sent.iter().filter(|at| **at >= SECOND / 2).count();
    let share = f64::from(u32::try_from(later).unwrap()) / (5_000.0 * 4.0);
    assert!(share >= 0.98 * promised, "{share}");
}

/// Threads that send at once, whenever that goes, beside one that waits for much: they do not pass it, and all together they
/// never have more than the window.
#[test]
fn who_waits_is_not_passed_by_calls_on_other_threads() {
    threads_beside_one_that_waits(MonotonicClock::tokio());
}

/// The same by the processor's counter, whose times lie between those of the system's clock.
#[test]
fn who_waits_is_not_passed_by_calls_on_other_threads_by_the_counter() {
    let clock = MonotonicClock::counter();
    // It is believed after some looks at both; until then it tells tokio's time.
    let begun = Instant::now();
    while !clock.is_counting() && begun.elapsed() < 10 * SECOND {
        let _ = clock.now();
        std::thread::yield_now();
    }
    let before = Instant::now();
    let told = clock.now();
    let after = Instant::now();
    let slack = Duration::from_millis(1);
    assert!(
        told + slack >= before && told <= after + slack,
        "{before:?} {told:?} {after:?}"
    );
    threads_beside_one_that_waits(clock);
}

fn threads_beside_one_that_waits(clock: MonotonicClock) {
    const LIMIT: u32 = 2_000;
    let per = Duration::from_millis(40);
    let window = Window::sliding("w", LIMIT, per).guard(Duration::ZERO);
    let limiter = Limiter::builder("threads")
        .window(window)
        .clock(clock)
        .build();
    let (stop, sent) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut starved = false;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut mine = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match limiter.try_spend(Charge::new(0, 1), Class::Medium) {
                        Ok(at) => mine.push((at, 1)),
                        Err(_) => std::thread::yield_now(),
                    }
                }
                sent.lock().unwrap().extend(mine);
            });
        }
        // No assertion in here: the threads would never be stopped. Needs the whole window: who passed it even once a window would starve it.
        for _ in 0..5 {
            let at = runtime.block_on(async {
                let patience = Some(Instant::now() + 60 * SECOND);
                let permit = limiter
                    .acquire(&units(LIMIT), Class::Medium, patience)
                    .await;
                permit.map(|permit| permit.commit().at())
            });
            starved |= at.is_err();
            sent.lock().unwrap().extend(at.map(|at| (at, LIMIT)));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(!starved, "it was passed");
    let seen = limiter.snapshot();
    let mut sent = sent.into_inner().unwrap();
    sent.sort_unstable();
    assert_eq!(seen.committed, u64::try_from(sent.len()).unwrap());
    assert_eq!((seen.violations, seen.held()), (0, 0));
    for (index, (begin, _)) in sent.iter().enumerate() {
        let inside = sent.iter().skip(index);
        let inside = inside.take_while(|(at, _)| *at < *begin + per);
        let units: u32 = inside.map(|(_, units)| units).sum();
        assert!(units <= LIMIT, "{units} from {begin:?}");
    }
}
