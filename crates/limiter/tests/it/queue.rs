//! Who is served first.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_limiter::{Charge, Class, ClassCell, Cost, Limiter, Rejected, Window};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};

use crate::acquire::{SECOND, limiter, units};

type Log = Arc<Mutex<Vec<&'static str>>>;

/// Lets a call wait in a task of its own; it notes its name when it is served.
async fn queue(
    limiter: &Limiter,
    log: &Log,
    name: &'static str,
    class: impl Into<ClassCell>,
    cost: Cost,
) -> JoinHandle<()> {
    let (limiter, log, class) = (limiter.clone(), Arc::clone(log), class.into());
    let task = tokio::spawn(async move {
        limiter.acquire(&cost, class, None).await.unwrap().commit();
        log.lock().unwrap().push(name);
    });
    tokio::task::yield_now().await;
    task
}

pub(crate) async fn all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn first_come_is_first_served_within_a_class() {
    let (limiter, log) = (limiter(1, SECOND), Log::default());
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let mut tasks = Vec::new();
    for name in ["a", "b", "c", "d"] {
        tasks.push(queue(&limiter, &log, name, Class::Medium, units(1)).await);
    }
    all(tasks).await;
    assert_eq!(*log.lock().unwrap(), ["a", "b", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn a_higher_class_overtakes() {
    let (limiter, log) = (limiter(1, SECOND), Log::default());
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let mut tasks = Vec::new();
    for (name, class) in [
        ("low", Class::Low),
        ("high", Class::High),
        ("medium", Class::Medium),
        ("critical", Class::Critical),
        ("high 2", Class::High),
    ] {
        tasks.push(queue(&limiter, &log, name, class, units(1)).await);
    }
    assert_eq!(limiter.snapshot().queued, [1, 1, 2, 1]);
    all(tasks).await;
    assert_eq!(
        *log.lock().unwrap(),
        ["critical", "high", "high 2", "medium", "low"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_class_raised_while_it_waits_overtakes_and_keeps_its_arrival() {
    let (limiter, log) = (limiter(1, SECOND), Log::default());
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let cell = ClassCell::new(Class::Low);
    let tasks = vec![
        queue(&limiter, &log, "raised", &cell, units(1)).await,
        queue(&limiter, &log, "medium", Class::Medium, units(1)).await,
        queue(&limiter, &log, "high", Class::High, units(1)).await,
    ];
    assert!(cell.raise(Class::High));
    assert_eq!(limiter.snapshot().queued, [0, 1, 2, 0]);
    all(tasks).await;
    assert_eq!(*log.lock().unwrap(), ["raised", "high", "medium"]);
}

#[tokio::test(start_paused = true)]
async fn a_raised_call_that_fits_is_served_at_the_raise() {
    let (limiter, log) = (limiter(10, SECOND), Log::default());
    limiter.try_acquire(&units(5), Class::Low).unwrap().commit();
    let big = queue(&limiter, &log, "big", Class::Medium, units(8)).await;
    let cell = ClassCell::new(Class::Low);
    let small = queue(&limiter, &log, "small", &cell, units(1)).await;
    let start = Instant::now();
    cell.raise(Class::Critical);
    small.await.unwrap();
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "not held by the less important one ahead"
    );
    big.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_cannot_barge() {
    let (limiter, log) = (limiter(10, SECOND), Log::default());
    limiter.try_acquire(&units(8), Class::Low).unwrap().commit();
    let waiting = queue(&limiter, &log, "waiting", Class::Medium, units(5)).await;
    // Two units are free, but whoever took one of them would delay the one who came first.
    for class in [Class::Low, Class::Medium] {
        let rejected = limiter.try_acquire(&units(1), class).unwrap_err();
        assert_eq!(rejected.retry_in(), Some(SECOND), "{class:?}");
    }
    // A more important one may.
    limiter
        .try_acquire(&units(1), Class::High)
        .unwrap()
        .commit();
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_another_budget_holds_nobody_up() {
    let limiter = Limiter::builder("two")
        .window(Window::sliding("orders", 1, 60 * SECOND).guard(Duration::ZERO))
        .window(Window::sliding("weight", 10, SECOND).guard(Duration::ZERO))
        .build();
    let log = Log::default();
    let order: Cost = [Charge::new(0, 1), Charge::new(1, 4)].into_iter().collect();
    limiter
        .try_acquire(&order, Class::Critical)
        .unwrap()
        .commit();
    advance(SECOND).await;
    let second = queue(&limiter, &log, "order", Class::Critical, order).await;
    // The order's four units of weight stay free for it; the other six are anyone's.
    let data = |units| Cost::from(Charge::new(1, units));
    limiter.try_acquire(&data(6), Class::Low).unwrap().commit();
    assert!(limiter.try_acquire(&data(1), Class::Low).is_err());
    second.abort();
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_and_says_when() {
    let window = Window::sliding("w", 1, SECOND).guard(Duration::ZERO);
    let limiter = Limiter::builder("test").window(window).max_queue(2).build();
    let log = Log::default();
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let tasks = vec![
        queue(&limiter, &log, "a", Class::Medium, units(1)).await,
        queue(&limiter, &log, "b", Class::Medium, units(1)).await,
    ];
    let rejected = limiter
        .acquire(&units(1), Class::Medium, None)
        .await
        .unwrap_err();
    assert_eq!(
        rejected,
        Rejected::Full {
            queued: 2,
            retry_in: 3 * SECOND
        }
    );
    all(tasks).await;
}

#[tokio::test(start_paused = true)]
async fn in_a_full_queue_the_least_important_and_last_gives_way() {
    let window = Window::sliding("w", 1, SECOND).guard(Duration::ZERO);
    let limiter = Limiter::builder("test").window(window).max_queue(2).build();
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let first = tokio::spawn(limiter.acquire(&units(1), Class::Low, None));
    tokio::task::yield_now().await;
    let second = tokio::spawn(limiter.acquire(&units(1), Class::Low, None));
    tokio::task::yield_now().await;
    let important = tokio::spawn(limiter.acquire(&units(1), Class::Critical, None));
    // An end for a limiter that is broken: it must fail here and not wait for what never comes.
    let soon = |call| tokio::time::timeout(10 * SECOND, call);
    let told = soon(second).await.expect("told within its window");
    let rejected = told.unwrap().unwrap_err();
    assert_eq!(
        rejected,
        Rejected::Full {
            queued: 2,
            retry_in: 2 * SECOND
        }
    );
    soon(important)
        .await
        .expect("served")
        .unwrap()
        .unwrap()
        .commit();
    soon(first)
        .await
        .expect("served")
        .unwrap()
        .unwrap()
        .commit();
}

#[tokio::test(start_paused = true)]
async fn who_is_overtaken_until_its_deadline_is_told_then() {
    let limiter = limiter(1, SECOND);
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let start = Instant::now();
    let deadline = start + Duration::from_millis(1_500);
    let low = tokio::spawn(limiter.acquire(&units(1), Class::Low, Some(deadline)));
    tokio::task::yield_now().await;
    let log = Log::default();
    let tasks = vec![
        queue(&limiter, &log, "a", Class::High, units(1)).await,
        queue(&limiter, &log, "b", Class::High, units(1)).await,
    ];
    let rejected = low.await.unwrap().unwrap_err();
    let late = start
        .elapsed()
        .checked_sub(Duration::from_millis(1_500))
        .unwrap();
    assert!(
        late <= Duration::from_millis(2),
        "told {late:?} after its deadline"
    );
    // Two more important ones at 1 s and 2 s: it would have been served at 3 s.
    assert_eq!(
        rejected,
        Rejected::TooLate {
            retry_in: 3 * SECOND - start.elapsed(),
            window: "w".into()
        }
    );
    all(tasks).await;
}

#[tokio::test(start_paused = true)]
async fn everything_due_in_one_tick_is_granted_in_it() {
    let (limiter, log) = (limiter(100, SECOND), Log::default());
    limiter
        .try_acquire(&units(100), Class::Low)
        .unwrap()
        .commit();
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..100 {
        tasks.push(queue(&limiter, &log, "x", Class::Low, units(1)).await);
    }
    all(tasks).await;
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn between_two_that_are_due_in_the_same_instant_the_class_decides() {
    let limiter = limiter(1, SECOND);
    // Half a millisecond off the timer's ticks, so that it has not yet served the one who waits.
    advance(Duration::from_micros(500)).await;
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let log = Log::default();
    let low = queue(&limiter, &log, "low", Class::Low, units(1)).await;
    advance(SECOND).await;
    limiter
        .try_acquire(&units(1), Class::High)
        .unwrap()
        .commit();
    assert!(
        log.lock().unwrap().is_empty(),
        "the less important one waits on"
    );
    low.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_timer_wakes_earlier_for_one_who_came_later() {
    let limiter = Limiter::builder("two")
        .window(Window::sliding("minute", 1, 60 * SECOND).guard(Duration::ZERO))
        .window(Window::sliding("second", 1, SECOND).guard(Duration::ZERO))
        .build();
    let log = Log::default();
    let (minute, second) = (Cost::from(Charge::new(0, 1)), Cost::from(Charge::new(1, 1)));
    limiter.try_acquire(&minute, Class::Low).unwrap().commit();
    limiter.try_acquire(&second, Class::Low).unwrap().commit();
    let start = Instant::now();
    let long = queue(&limiter, &log, "long", Class::High, minute).await;
    let short = queue(&limiter, &log, "short", Class::Low, second).await;
    short.await.unwrap();
    assert_eq!(start.elapsed(), SECOND);
    long.await.unwrap();
    assert_eq!(start.elapsed(), 60 * SECOND);
}
