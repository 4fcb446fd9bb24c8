//! How many calls may be under way at once.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_limiter::{
    Bid, Class, ClassCell, Cost, Limiter, Pause, Permit, Rejected, Verdict, Window,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::acquire::{SECOND, spend, units};
use crate::layer::TestError;
use crate::queue::all;

/// A limiter with room for everyone in its window, and `slots`.
fn limiter(slots: usize) -> Limiter {
    Limiter::builder("test")
        .window(Window::sliding("w", 1_000, SECOND).guard(Duration::ZERO))
        .max_in_flight(slots)
        .build()
}

type Log = Arc<Mutex<Vec<(&'static str, Duration)>>>;

/// A call in a task of its own, which takes `takes` once it is admitted; it notes its name when it begins.
async fn call(
    limiter: &Limiter,
    log: &Log,
    (name, class): (&'static str, impl Into<ClassCell>),
    takes: Duration,
) -> JoinHandle<()> {
    let (limiter, log, class) = (limiter.clone(), Arc::clone(log), class.into());
    let task = tokio::spawn(async move {
        let begun = Instant::now();
        let spent = limiter
            .acquire(&units(1), class, None)
            .await
            .unwrap()
            .commit();
        log.lock().unwrap().push((name, begun.elapsed()));
        sleep(takes).await;
        drop(spent);
    });
    tokio::task::yield_now().await;
    task
}

#[tokio::test(start_paused = true)]
async fn the_next_slot_goes_to_the_most_important_who_waits() {
    let (limiter, log) = (limiter(2), Log::default());
    let mut tasks = Vec::new();
    for name in ["low 1", "low 2", "low 3", "low 4", "low 5"] {
        tasks.push(call(&limiter, &log, (name, Class::Low), 2 * SECOND).await);
    }
    tasks.push(call(&limiter, &log, ("high", Class::High), 2 * SECOND).await);
    tasks.push(call(&limiter, &log, ("critical", Class::Critical), 2 * SECOND).await);
    let seen = limiter.snapshot();
    assert_eq!((seen.in_flight, seen.max_in_flight), (2, Some(2)));
    assert_eq!(seen.queued, [3, 0, 1, 1]);
    all(tasks).await;
    let expected = [
        ("low 1", 0),
        ("low 2", 0),
        ("critical", 2),
        ("high", 2),
        ("low 3", 4),
        ("low 4", 4),
        ("low 5", 6),
    ];
    let expected = expected.map(|(name, seconds)| (name, seconds * SECOND));
    assert_eq!(*log.lock().unwrap(), expected);
    assert_eq!(limiter.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_class_raised_while_it_waits_for_a_slot_takes_the_next() {
    let (limiter, log) = (limiter(1), Log::default());
    let cell = ClassCell::new(Class::Low);
    let tasks = vec![
        call(&limiter, &log, ("holder", Class::Low), SECOND).await,
        call(&limiter, &log, ("medium", Class::Medium), SECOND).await,
        call(&limiter, &log, ("raised", &cell), SECOND).await,
    ];
    cell.raise(Class::Critical);
    all(tasks).await;
    let names: Vec<_> = log.lock().unwrap().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["holder", "raised", "medium"]);
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_slot_until_its_deadline_is_told_then() {
    let limiter = limiter(1);
    let holder = limiter.try_acquire(&units(1), Class::Low).unwrap();
    let busy = Rejected::Busy {
        in_flight: 1,
        retry_in: Duration::from_millis(100),
    };
    assert_eq!(
        limiter.try_acquire(&units(1), Class::Critical).unwrap_err(),
        busy
    );
    let guess = limiter.estimate(&units(1), Class::Critical);
    assert_eq!(guess, Duration::from_millis(100));
    let start = Instant::now();
    let deadline = start + SECOND;
    let refused = limiter
        .acquire(&units(1), Class::Critical, Some(deadline))
        .await
        .unwrap_err();
    assert_eq!(refused, busy);
    assert!(refused.retry_in().is_some());
    let late = start.elapsed().checked_sub(SECOND).unwrap();
    assert!(late <= Duration::from_millis(2), "told {late:?} after it");
    drop(holder);
    assert_eq!(limiter.estimate(&units(1), Class::Low), Duration::ZERO);
    assert_eq!(limiter.snapshot().windows[0].used, 0);
}

#[tokio::test(start_paused = true)]
async fn the_longest_wait_holds_for_slots_as_well() {
    let limiter = Limiter::builder("test")
        .max_in_flight(1)
        .max_wait(Some(SECOND))
        .build();
    let _holder = limiter.try_acquire(&Cost::new(), Class::Low).unwrap();
    let start = Instant::now();
    let refused = limiter.acquire(&Cost::new(), Class::Low, None).await;
    assert!(matches!(refused, Err(Rejected::Busy { .. })));
    assert!(start.elapsed() <= SECOND + Duration::from_millis(2));
}

#[tokio::test(start_paused = true)]
async fn where_the_window_decides_a_refusal_comes_at_once_as_ever() {
    let limiter = Limiter::builder("test")
        .window(Window::sliding("w", 1, 10 * SECOND).guard(Duration::ZERO))
        .max_in_flight(1)
        .build();
    let spent = limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let start = Instant::now();
    let deadline = Some(start + SECOND);
    let refused = limiter.acquire(&units(1), Class::Low, deadline).await;
    assert!(matches!(refused, Err(Rejected::TooLate { retry_in, .. }) if retry_in == 10 * SECOND));
    assert_eq!(start.elapsed(), Duration::ZERO);
    // The window is free at 10 s, the slot at 12 s: both are needed.
    let waiting = tokio::spawn(limiter.acquire(&units(1), Class::Low, None));
    sleep(12 * SECOND).await;
    assert!(!waiting.is_finished());
    drop(spent);
    waiting.await.unwrap().unwrap().commit();
    assert_eq!(start.elapsed(), 12 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_window_holds_no_slot() {
    let limiter = Limiter::builder("test")
        .window(Window::sliding("pair", 1, 10 * SECOND).guard(Duration::ZERO))
        .max_in_flight(2)
        .build();
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let waiting: Vec<_> = (0..2)
        .map(|_| tokio::spawn(limiter.acquire(&units(1), Class::Critical, None)))
        .collect();
    tokio::task::yield_now().await;
    let first = limiter.try_acquire(&Cost::new(), Class::Low).unwrap();
    let _second = limiter.try_acquire(&Cost::new(), Class::Low).unwrap();
    assert!(limiter.try_acquire(&Cost::new(), Class::Low).is_err());
    // From the moment on at which its window has room, the next slot is its own.
    sleep(11 * SECOND).await;
    let low = tokio::spawn(limiter.acquire(&Cost::new(), Class::Low, None));
    tokio::task::yield_now().await;
    assert_eq!(limiter.snapshot().queued, [1, 0, 0, 2]);
    drop(first);
    tokio::task::yield_now().await;
    assert_eq!(limiter.snapshot().queued, [1, 0, 0, 1]);
    low.abort();
    waiting.into_iter().for_each(|task| task.abort());
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_cannot_take_the_slot_of_who_was_there() {
    let limiter = limiter(1);
    let holder = limiter.try_acquire(&units(1), Class::Low).unwrap();
    let mut waiting = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
    assert!(waiting.poll().is_pending());
    drop(holder);
    assert!(waiting.is_woken());
    // It was granted in the same moment, though it has not yet been polled.
    assert!(limiter.try_acquire(&units(1), Class::Critical).is_err());
    assert_eq!(limiter.snapshot().in_flight, 1);
}

#[tokio::test(start_paused = true)]
async fn each_end_of_a_call_frees_its_slot() {
    type End = fn(Permit);
    let ends: [(&str, End); 7] = [
        ("dropped before the commit", |permit| drop(permit)),
        ("dropped after it", |permit| drop(permit.commit())),
        ("ignored after it", |permit| {
            permit.commit();
        }),
        ("refunded", |permit| permit.commit().refund()),
        ("applied in silence", |permit| {
            permit.commit().apply(&Verdict::sent());
        }),
        ("applied", |permit| {
            permit.commit().apply(&Verdict::sent().usage(0, 3));
        }),
        ("released twice", |permit| {
            let mut spent = permit.commit();
            spent.release_slot();
            spent.release_slot();
        }),
    ];
    for (name, end) in ends {
        let limiter = limiter(2);
        let other = limiter.try_acquire(&units(1), Class::Low).unwrap();
        let permit = limiter.try_acquire(&units(1), Class::Low).unwrap();
        let mut waiting = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
        assert!(waiting.poll().is_pending(), "{name}");
        end(permit);
        assert!(waiting.is_woken(), "{name}");
        assert_eq!(limiter.snapshot().in_flight, 2, "{name}");
        drop(waiting);
        drop(other);
        assert_eq!(limiter.snapshot().in_flight, 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_settled_charge_keeps_its_slot_until_it_is_dropped() {
    let limiter = limiter(1);
    let mut spent = limiter.try_acquire(&units(5), Class::Low).unwrap().commit();
    spent.settle(&units(1));
    assert_eq!(limiter.snapshot().in_flight, 1);
    spent.release_slot();
    let seen = limiter.snapshot();
    assert_eq!((seen.in_flight, seen.windows[0].used), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_slot_freed_in_a_pause_goes_to_nobody_before_its_end() {
    let limiter = limiter(1);
    let start = Instant::now();
    let spent = limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let waiting = tokio::spawn(limiter.acquire(&units(1), Class::Low, None));
    tokio::task::yield_now().await;
    spent.apply(&Verdict::sent().pause(5 * SECOND));
    assert_eq!(limiter.snapshot().pause, Some(Pause::RetryAfter));
    let permit = waiting.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), 5 * SECOND);
    drop(permit);
    // A grant that was not fetched gives its slot back when a pause takes it.
    let holder = limiter.try_acquire(&units(1), Class::Low).unwrap();
    let mut waiting = tokio_test::task::spawn(limiter.acquire(&units(1), Class::Low, None));
    assert!(waiting.poll().is_pending());
    drop(holder);
    limiter.pause(Instant::now() + SECOND, Pause::Manual);
    assert_eq!(limiter.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_handle_without_slot_draws_on_the_same_budget_and_waits_for_no_slot() {
    let limiter = limiter(1);
    let _holder = limiter
        .try_acquire(&units(600), Class::Low)
        .unwrap()
        .commit();
    let apart = limiter.without_slot();
    let order = apart.try_acquire(&units(400), Class::Low).unwrap().commit();
    assert_eq!(limiter.snapshot().in_flight, 1);
    assert!(
        apart.try_acquire(&units(1), Class::Low).is_err(),
        "one budget"
    );
    drop(order);
    assert_eq!(limiter.snapshot().in_flight, 1);
    // Those who wait for a slot keep their units, from those as well who need none.
    sleep(SECOND).await;
    let first = tokio::spawn(limiter.acquire(&units(700), Class::Low, None));
    tokio::task::yield_now().await;
    apart.try_acquire(&units(300), Class::Low).unwrap().commit();
    assert!(apart.try_acquire(&units(1), Class::Low).is_err());
    apart.try_acquire(&units(1), Class::High).unwrap().commit();
    first.abort();
}

#[tokio::test(start_paused = true)]
async fn a_call_through_the_layer_holds_its_slot_until_its_answer() {
    let limiter = limiter(3);
    /// Counts as inside until it is dropped.
    struct Inside(Arc<Mutex<(usize, usize)>>);
    impl Drop for Inside {
        fn drop(&mut self) {
            self.0.lock().unwrap().0 -= 1;
        }
    }
    let most = Arc::new(Mutex::new((0_usize, 0_usize)));
    let inner = {
        let most = Arc::clone(&most);
        service_fn(move |turn: u64| {
            let most = Arc::clone(&most);
            async move {
                {
                    let mut counts = most.lock().unwrap();
                    counts.0 += 1;
                    counts.1 = counts.1.max(counts.0);
                }
                let _inside = Inside(most);
                sleep(Duration::from_millis(10 + turn % 7)).await;
                if turn.is_multiple_of(5) {
                    return Err(TestError::Refused);
                }
                Ok(())
            }
        })
    };
    let service = limiter
        .layer()
        .bid_with(|turn: &u64| {
            let class = Class::ALL[usize::try_from(turn % 4).unwrap()];
            Bid::new(units(1)).class(class)
        })
        .feedback(|result: Result<&(), &TestError>| match result {
            Ok(()) => Verdict::sent(),
            Err(_) => Verdict::not_sent(),
        })
        .layer(inner);
    let calls: Vec<_> = (0..60)
        .map(|turn| tokio::spawn(service.clone().oneshot(turn)))
        .collect();
    for (turn, call) in calls.into_iter().enumerate() {
        // Some are dropped, wherever they are by now.
        if turn % 3 == 0 {
            call.abort();
        } else {
            let _ = call.await.unwrap();
        }
        let counts = *most.lock().unwrap();
        assert!(counts.1 <= 3, "{counts:?}");
    }
    assert_eq!(most.lock().unwrap().1, 3);
    let seen = limiter.snapshot();
    assert_eq!((seen.in_flight, seen.queued), (0, [0; 4]));
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_in_flight_frees_its_slot_and_keeps_its_charge() {
    let limiter = limiter(1);
    let mut service = limiter
        .layer()
        .bid_with(|_: &()| Bid::new(units(1)))
        .layer(service_fn(|()| pending::<Result<(), TestError>>()));
    let mut flying = tokio_test::task::spawn(service.call(()));
    let mut waiting = tokio_test::task::spawn(service.call(()));
    assert!(flying.poll().is_pending() && waiting.poll().is_pending());
    assert_eq!(limiter.snapshot().queued, [0, 1, 0, 0]);
    drop(flying);
    assert!(waiting.is_woken() && waiting.poll().is_pending());
    let seen = limiter.snapshot();
    assert_eq!((seen.in_flight, seen.windows[0].used), (1, 2));
    drop(waiting);
    assert_eq!(limiter.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn no_slot_at_all_is_one() {
    let limiter = limiter(0);
    assert_eq!(limiter.snapshot().max_in_flight, Some(1));
    spend(&limiter, 1, Class::Low).await;
    spend(&limiter, 1, Class::Low).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_bound_nothing_is_counted() {
    let limiter = crate::acquire::limiter(1_000, SECOND);
    let held: Vec<_> = (0..100)
        .map(|_| limiter.try_acquire(&units(1), Class::Low).unwrap().commit())
        .collect();
    let seen = limiter.snapshot();
    assert_eq!((seen.in_flight, seen.max_in_flight), (0, None));
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_more_than_the_slots_on_many_threads() {
    let limiter = Limiter::builder("threads").max_in_flight(3).build();
    let inside = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let tasks: Vec<_> = (0..32_u64)
        .map(|seed| {
            let (limiter, inside) = (limiter.clone(), Arc::clone(&inside));
            tokio::spawn(async move {
                for turn in 0..50 {
                    let class = Class::ALL[usize::try_from((seed + turn) % 4).unwrap()];
                    let acquire = limiter.acquire(&Cost::new(), class, None);
                    let patience = Duration::from_millis(1 + seed % 9);
                    let Ok(permit) = tokio::time::timeout(patience, acquire).await else {
                        continue;
                    };
                    let spent = permit.unwrap().commit();
                    let before = inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    assert!(before < 3, "{before} were inside");
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    if turn % 2 == 0 {
                        spent.refund();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let seen = limiter.snapshot();
    assert_eq!(seen.in_flight, 0);
    assert_eq!(seen.asked, seen.granted + seen.rejected + seen.abandoned);
}
