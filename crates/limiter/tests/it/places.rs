//! Places that are kept for calls that are yet to come.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use robust_limiter::{Class, Limiter, Window};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, advance, sleep};

use crate::acquire::{SECOND, limiter, units};

const KEEP: Duration = Duration::from_millis(100);
const SOON: Duration = Duration::from_millis(20);

type Log = Arc<Mutex<Vec<(&'static str, Duration)>>>;

/// Lets a call wait in a task of its own; it notes its name and when it was served.
async fn wait(
    limiter: &Limiter,
    log: &Log,
    begin: Instant,
    name: &'static str,
    class: Class,
) -> JoinHandle<()> {
    let (limiter, log) = (limiter.clone(), Arc::clone(log));
    let task = tokio::spawn(async move {
        let permit = limiter.acquire(&units(1), class, None).await.unwrap();
        permit.commit();
        log.lock().unwrap().push((name, begin.elapsed()));
    });
    yield_now().await;
    task
}

/// A limiter of one unit a second that is spent just now, and the wait for the next unit.
fn spent() -> (Limiter, Duration) {
    let limiter = limiter(1, SECOND);
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let next = limiter.estimate(&units(1), Class::Critical);
    (limiter, next)
}

#[tokio::test(start_paused = true)]
async fn who_waits_with_a_lower_class_is_not_served_in_the_stead_of_the_call_that_a_place_is_kept_for()
 {
    let ((limiter, next), log, begin) = (spent(), Log::default(), Instant::now());
    let low = wait(&limiter, &log, begin, "low", Class::Low).await;
    let mut place = limiter.reserve(&units(1), Class::High, KEEP).unwrap();
    assert_eq!(place.wait(), next);
    sleep(place.wait()).await;
    // Some other work comes first; nobody is served meanwhile.
    sleep(KEEP / 2).await;
    assert_eq!(place.renew(&units(1)).unwrap(), Duration::ZERO);
    place.call(SOON);
    let high = wait(&limiter, &log, begin, "high", Class::High).await;
    high.await.unwrap();
    low.await.unwrap();
    let seen = log.lock().unwrap().clone();
    assert_eq!((seen[0].0, seen[1].0), ("high", "low"));
    assert_eq!(seen[0].1, next + KEEP / 2);
    // The low one gets the very next unit.
    assert!(
        seen[1].1 <= seen[0].1 + next + Duration::from_millis(2),
        "{seen:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_place_stands_where_its_call_would_have_stood() {
    let ((limiter, next), log, begin) = (spent(), Log::default(), Instant::now());
    let mut tasks = vec![wait(&limiter, &log, begin, "before", Class::Medium).await];
    let mut place = limiter.reserve(&units(1), Class::Medium, KEEP).unwrap();
    tasks.push(wait(&limiter, &log, begin, "after", Class::Medium).await);
    tasks.push(wait(&limiter, &log, begin, "better", Class::High).await);
    assert!(place.renew(&units(1)).unwrap() > 2 * next);
    while place.renew(&units(1)).unwrap() > Duration::ZERO {
        sleep(place.wait()).await;
    }
    place.call(SOON);
    tasks.push(wait(&limiter, &log, begin, "the call", Class::Medium).await);
    for task in tasks {
        task.await.unwrap();
    }
    let names: Vec<_> = log.lock().unwrap().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["better", "before", "the call", "after"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_before_there_is_room_takes_its_place_and_waits_there() {
    let ((limiter, _), log, begin) = (spent(), Log::default(), Instant::now());
    let mut place = limiter.reserve(&units(1), Class::Medium, KEEP).unwrap();
    let after = wait(&limiter, &log, begin, "after", Class::Medium).await;
    place.call(SOON);
    let call = wait(&limiter, &log, begin, "the call", Class::Medium).await;
    // Its place was taken over: to give it up takes nothing from the call.
    place.give_up();
    call.await.unwrap();
    after.await.unwrap();
    let names: Vec<_> = log.lock().unwrap().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["the call", "after"]);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_nobody_takes_holds_the_others_up_no_longer_than_it_says() {
    for called in [false, true] {
        let ((limiter, next), log, begin) = (spent(), Log::default(), Instant::now());
        let low = wait(&limiter, &log, begin, "low", Class::Low).await;
        let mut place = limiter.reserve(&units(1), Class::High, KEEP).unwrap();
        let kept = if called {
            sleep(place.wait()).await;
            place.call(SOON);
            SOON
        } else {
            KEEP
        };
        low.await.unwrap();
        let at = log.lock().unwrap()[0].1;
        let grain = Duration::from_millis(2);
        assert!(
            at >= next + kept && at <= next + kept + grain,
            "{called}: {at:?}"
        );
        drop(place);
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_given_up_is_free_at_once() {
    let ((limiter, next), log, begin) = (spent(), Log::default(), Instant::now());
    let low = wait(&limiter, &log, begin, "low", Class::Low).await;
    let place = limiter.reserve(&units(1), Class::High, KEEP).unwrap();
    sleep(place.wait()).await;
    drop(place);
    low.await.unwrap();
    let at = log.lock().unwrap()[0].1;
    assert!(at <= next + Duration::from_millis(2), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_place_counts_as_no_call_and_fills_no_queue() {
    let limiter = Limiter::builder("api")
        .window(Window::sliding("requests", 1, SECOND))
        .max_queue(1)
        .build();
    limiter.try_acquire(&units(1), Class::Low).unwrap().commit();
    let before = limiter.snapshot();
    let places = [Class::Low, Class::High].map(|class| limiter.reserve(&units(1), class, KEEP));
    let (log, begin) = (Log::default(), Instant::now());
    let task = wait(&limiter, &log, begin, "one", Class::Low).await;
    assert_eq!(limiter.snapshot().queued, [1, 0, 0, 0]);
    drop(places);
    task.await.unwrap();
    let after = limiter.snapshot();
    assert_eq!(
        (after.asked, after.granted),
        (before.asked + 1, before.granted + 1)
    );
    assert_eq!((after.rejected, after.abandoned), (0, 0));
    assert!(
        limiter.reserve(&units(2), Class::High, KEEP).is_err(),
        "it can never fit"
    );
}

proptest! {
    /// Whatever is kept, called, taken over and given up: a window never holds more than its limit, everyone who waits is served,
    /// and the account closes.
    #[test]
    fn with_places_the_limit_is_held_and_nobody_is_forgotten(
        steps in prop::collection::vec((0..6_u8, 0..4_usize, 1..3_u32, 0..700_u64), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let limiter = Limiter::builder("api").window(Window::sliding("requests", 3, SECOND)).build();
            let (mut places, mut tasks) = (Vec::new(), Vec::new());
            let spent = Arc::new(Mutex::new(Vec::new()));
            for (step, class, cost, millis) in steps {
                let (class, cost) = (Class::ALL[class], units(cost));
                match step {
                    0 => places.push(limiter.reserve(&cost, class, KEEP).unwrap()),
                    1 => if let Some(place) = places.last_mut() { place.call(SOON); },
                    2 => if let Some(place) = places.first_mut() { place.renew(&cost).unwrap(); },
                    3 => drop(places.pop()),
                    4 => advance(Duration::from_millis(millis)).await,
                    _ => {
                        let (limiter, spent) = (limiter.clone(), Arc::clone(&spent));
                        tasks.push(tokio::spawn(async move {
                            let units: u32 = cost.iter().map(|charge| charge.units).sum();
                            let permit = limiter.acquire(&cost, class, None).await.unwrap();
                            let at = permit.commit().at();
                            spent.lock().unwrap().push((at, units));
                        }));
                        yield_now().await;
                    }
                }
            }
            drop(places);
            for task in tasks {
                tokio::time::timeout(60 * SECOND, task).await.unwrap().unwrap();
            }
            let spent = spent.lock().unwrap().clone();
            for (begin, _) in &spent {
                let within = spent.iter().filter(|(at, _)| *at >= *begin && *at - *begin < SECOND);
                let sum: u32 = within.map(|(_, units)| units).sum();
                assert!(sum <= 3, "{sum} in a second: {spent:?}");
            }
            let seen = limiter.snapshot();
            assert_eq!(seen.queued, [0; 4]);
            assert_eq!(seen.asked, spent.len() as u64);
            assert_eq!(seen.committed, spent.len() as u64);
        });
    }
}
