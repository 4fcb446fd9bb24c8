//! Bulkhead: never more than the limit, first come first served, and everything comes back.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use robust_limiter::concurrency::Bulkhead;
use robust_limiter::{Error, Rejected};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep};
use tokio_test::{assert_pending, assert_ready, task};
use tower::balance::p2c::Balance;
use tower::steer::Steer;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};
use tower_layer::Layer;

const SECOND: Duration = Duration::from_secs(1);

/// A service that takes as long as the request says, and how many it has at the same time, now and
/// at most.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crowd {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Crowd {
    pub(crate) fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

impl Service<Duration> for Crowd {
    type Response = Duration;
    type Error = Error<Infallible>;
    type Future = Pin<Box<dyn Future<Output = Result<Duration, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, time: Duration) -> Self::Future {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let leave = Leave(Arc::clone(&self.now));
        Box::pin(async move {
            let _leave = leave;
            sleep(time).await;
            Ok(time)
        })
    }
}

struct Leave(Arc<AtomicUsize>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn stack<L: Layer<Crowd>>(layer: &L, crowd: &Crowd) -> L::Service {
    layer.layer(crowd.clone())
}

#[tokio::test(start_paused = true)]
async fn never_more_than_the_limit_and_all_are_served() {
    let (bulkhead, crowd) = (Bulkhead::new(3), Crowd::default());
    let service = stack(&bulkhead.layer(), &crowd);
    let begin = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..12 {
        calls.spawn(service.clone().oneshot(SECOND));
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap().unwrap();
    }
    assert_eq!((crowd.most(), begin.elapsed()), (3, 4 * SECOND));
    let seen = bulkhead.snapshot();
    assert_eq!(
        (seen.in_flight, seen.queued, seen.granted, seen.rejected),
        (0, 0, 12, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn who_comes_first_is_served_first_and_a_newcomer_does_not_barge() {
    let bulkhead = Bulkhead::new(1);
    let held = bulkhead.try_acquire().unwrap();
    let mut waiting: Vec<_> = (0..5)
        .map(|_| task::spawn(bulkhead.acquire(None)))
        .collect();
    for waiter in &mut waiting {
        assert_pending!(waiter.poll());
    }
    drop(held);
    for turn in 0..5 {
        assert!(
            bulkhead.try_acquire().is_err(),
            "a newcomer is not before those who wait"
        );
        let mut newcomer = task::spawn(bulkhead.acquire(None));
        assert_pending!(newcomer.poll());
        drop(newcomer);
        for later in &mut waiting[turn + 1..] {
            assert_pending!(later.poll());
        }
        assert!(waiting[turn].is_woken());
        drop(assert_ready!(waiting[turn].poll()).unwrap());
    }
    assert_eq!(bulkhead.snapshot().in_flight, 0);
}

/// tower's `ConcurrencyLimit` takes its permit in `poll_ready`: a clone that was readied and left
/// alone keeps the only one for ever.
#[tokio::test(start_paused = true)]
async fn a_clone_that_was_readied_and_left_alone_starves_nobody() {
    let (bulkhead, crowd) = (Bulkhead::new(1), Crowd::default());
    let mut idle = stack(&bulkhead.layer(), &crowd);
    let active = idle.clone();
    poll_fn(|cx| Service::<Duration>::poll_ready(&mut idle, cx))
        .await
        .unwrap();
    assert_eq!(bulkhead.snapshot().in_flight, 0);
    assert_eq!(active.oneshot(SECOND).await, Ok(SECOND));
    assert_eq!(idle.call(SECOND).await, Ok(SECOND), "and it can still call");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_sends_away_and_says_how_many_wait() {
    let crowd = Crowd::default();
    let bulkhead = Bulkhead::builder(1).max_queue(2).build();
    let service = stack(&bulkhead.layer(), &crowd);
    let calls: Vec<_> = (0..3)
        .map(|_| tokio::spawn(service.clone().oneshot(SECOND)))
        .collect();
    tokio::task::yield_now().await;
    let refused = service.clone().oneshot(SECOND).await.unwrap_err();
    assert!(
        matches!(refused, Error::Rejected(Rejected::Full { queued: 2, .. })),
        "{refused:?}"
    );
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(SECOND));
    }
    assert_eq!(bulkhead.snapshot().rejected, 1);

    let bulkhead = Bulkhead::builder(2).max_queue(0).build();
    let held = [
        bulkhead.try_acquire().unwrap(),
        bulkhead.try_acquire().unwrap(),
    ];
    let refused = bulkhead.acquire(None).await.unwrap_err();
    assert!(
        matches!(refused, Rejected::Busy { in_flight: 2, .. }),
        "{refused:?}"
    );
    drop(held);
    assert!(bulkhead.acquire(None).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_allowed() {
    let ms = Duration::from_millis;
    let bulkhead = Bulkhead::builder(1).max_wait(ms(500)).build();
    for (deadline, waited) in [(None, 500), (Some(200), 200), (Some(900), 500)] {
        let held = bulkhead.try_acquire().unwrap();
        let begin = Instant::now();
        let deadline = deadline.map(|millis| begin + ms(millis));
        let refused = bulkhead.acquire(deadline).await.unwrap_err();
        assert!(
            matches!(refused, Rejected::Busy { in_flight: 1, .. }),
            "{refused:?}"
        );
        assert_eq!(begin.elapsed(), ms(waited));
        assert_eq!(bulkhead.snapshot().queued, 0, "who is gone does not wait");
        drop(held);
        assert!(bulkhead.acquire(None).await.is_ok(), "and holds nothing");
    }
}

/// Called up in the very moment in which its time is over: the slot is taken, not lost.
#[tokio::test(start_paused = true)]
async fn a_slot_granted_at_the_last_moment_is_not_lost() {
    let bulkhead = Bulkhead::builder(1).max_wait(SECOND).build();
    let held = bulkhead.try_acquire().unwrap();
    let mut waiter = task::spawn(bulkhead.acquire(None));
    assert_pending!(waiter.poll());
    advance(2 * SECOND).await;
    drop(held);
    drop(assert_ready!(waiter.poll()).expect("it was called up"));
    assert_eq!(bulkhead.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_limit_can_change_while_calls_wait() {
    let bulkhead = Bulkhead::new(1);
    let held = bulkhead.try_acquire().unwrap();
    let mut waiting: Vec<_> = (0..4)
        .map(|_| task::spawn(bulkhead.acquire(None)))
        .collect();
    for waiter in &mut waiting {
        assert_pending!(waiter.poll());
    }
    bulkhead.set_limit(3);
    let second = assert_ready!(waiting[0].poll()).unwrap();
    let third = assert_ready!(waiting[1].poll()).unwrap();
    assert_pending!(waiting[2].poll());
    bulkhead.set_limit(1);
    drop((held, second));
    assert_pending!(waiting[2].poll());
    drop(third);
    drop(assert_ready!(waiting[2].poll()).unwrap());
    bulkhead.set_limit(0);
    assert_eq!(bulkhead.snapshot().limit, 1, "never none");
    drop(assert_ready!(waiting[3].poll()).unwrap());
}

/// Drops a call after each possible number of polls, while others are before and behind it: the slot
/// is free again, its place in the line too, and the one behind is served.
#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_every_counter_is_where_it_was() {
    for others in [0, 1] {
        for polls in 0..12 {
            let (bulkhead, crowd) = (Bulkhead::new(1), Crowd::default());
            let service = stack(&bulkhead.layer(), &crowd);
            let before: Vec<_> = (0..others)
                .map(|_| tokio::spawn(service.clone().oneshot(SECOND)))
                .collect();
            tokio::task::yield_now().await;
            {
                let mut call = pin!(service.clone().oneshot(SECOND));
                for _ in 0..polls {
                    if poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await {
                        break;
                    }
                    advance(SECOND / 4).await;
                    tokio::task::yield_now().await;
                }
            }
            for call in before {
                call.await.unwrap().unwrap();
            }
            let seen = bulkhead.snapshot();
            assert_eq!(
                (seen.in_flight, seen.queued, crowd.now()),
                (0, 0, 0),
                "{others}, {polls} polls"
            );
            let behind = tokio::time::timeout(2 * SECOND, service.oneshot(SECOND));
            assert_eq!(behind.await.expect("served at once"), Ok(SECOND));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_inner_service_that_fails_or_panics_frees_its_slot() {
    let bulkhead = Bulkhead::new(1);
    let service =
        ServiceBuilder::new()
            .layer(bulkhead.layer())
            .service_fn(|how: &'static str| async move {
                match how {
                    "fail" => Err::<(), BoxError>("failed".into()),
                    _ => panic!("as asked"),
                }
            });
    assert!(service.clone().oneshot("fail").await.is_err());
    assert_eq!(bulkhead.snapshot().in_flight, 0);
    assert!(
        tokio::spawn(service.clone().oneshot("panic"))
            .await
            .is_err()
    );
    assert_eq!(bulkhead.snapshot().in_flight, 0);
}

/// The variant for layers that ask in `poll_ready` whether there is room.
#[tokio::test(start_paused = true)]
async fn load_shed_above_the_backpressure_variant_sheds_what_has_no_room() {
    let (bulkhead, crowd) = (Bulkhead::new(2), Crowd::default());
    let inner = stack(&bulkhead.layer().backpressure(), &crowd);
    let service = ServiceBuilder::new().load_shed().service(inner);
    let calls: Vec<_> = (0..5)
        .map(|_| tokio::spawn(service.clone().oneshot(SECOND)))
        .collect();
    let mut outcomes = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => outcomes.0 += 1,
            Err(error) => {
                assert!(error.is::<tower::load_shed::error::Overloaded>(), "{error}");
                outcomes.1 += 1;
            }
        }
    }
    assert_eq!((outcomes, crowd.most()), ((2, 3), 2));
    let seen = bulkhead.snapshot();
    assert_eq!(
        (seen.in_flight, seen.queued),
        (0, 0),
        "who was shed waits no longer"
    );
}

#[tokio::test(start_paused = true)]
async fn a_buffer_above_either_variant_serves_all() {
    let bulkhead = Bulkhead::new(2);
    let crowd = Crowd::default();
    let begin = Instant::now();
    let reserving = ServiceBuilder::new()
        .buffer(16)
        .service(stack(&bulkhead.layer().backpressure(), &crowd));
    let waiting = ServiceBuilder::new()
        .buffer(16)
        .service(stack(&bulkhead.layer(), &crowd));
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        calls.spawn(reserving.clone().oneshot(SECOND));
        calls.spawn(waiting.clone().oneshot(SECOND));
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap().unwrap();
    }
    assert_eq!((crowd.most(), begin.elapsed()), (2, 4 * SECOND));
}

/// What the variant says about itself, and why it is not the default.
#[tokio::test(start_paused = true)]
async fn the_backpressure_variant_holds_its_slot_from_readiness_to_the_end() {
    let (bulkhead, crowd) = (Bulkhead::new(1), Crowd::default());
    let mut first = stack(&bulkhead.layer().backpressure(), &crowd);
    let mut second = first.clone();
    poll_fn(|cx| Service::<Duration>::poll_ready(&mut first, cx))
        .await
        .unwrap();
    let mut readying = task::spawn(poll_fn(|cx| {
        Service::<Duration>::poll_ready(&mut second, cx)
    }));
    assert_pending!(readying.poll());
    drop(first);
    assert!(readying.is_woken());
    assert!(assert_ready!(readying.poll()).is_ok());
    drop(readying);
    assert_eq!(second.call(SECOND).await, Ok(SECOND));
    assert_eq!(bulkhead.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn two_layers_of_one_bulkhead_share_its_slots() {
    let (bulkhead, crowd) = (Bulkhead::new(1), Crowd::default());
    let services = [
        stack(&bulkhead.layer(), &crowd),
        stack(&bulkhead.clone().layer(), &crowd),
    ];
    let begin = Instant::now();
    let calls: Vec<_> = services
        .map(|service| tokio::spawn(service.oneshot(SECOND)))
        .into();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!((crowd.most(), begin.elapsed()), (1, 2 * SECOND));
}

#[test]
fn never_more_than_the_slots_on_many_threads() {
    let bulkhead = Bulkhead::new(3);
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let slot = tokio_test::block_on(bulkhead.acquire(None)).unwrap();
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::hint::spin_loop();
                    now.fetch_sub(1, Ordering::SeqCst);
                    drop(slot);
                }
            });
        }
    });
    assert!(most.load(Ordering::SeqCst) <= 3, "{most:?}");
    let seen = bulkhead.snapshot();
    assert_eq!((seen.in_flight, seen.queued, seen.granted), (0, 0, 16_000));
}

/// tower's power of two choices asks in `poll_ready` who has room: a full one gets nothing.
#[tokio::test(start_paused = true)]
async fn balance_above_the_backpressure_variant_goes_where_there_is_room() {
    let small = (Bulkhead::new(1), Crowd::default());
    let large = (Bulkhead::new(3), Crowd::default());
    let services = [&small, &large].map(|(bulkhead, crowd)| {
        tower::load::Constant::new(stack(&bulkhead.layer().backpressure(), crowd), 1)
    });
    let mut balance = Balance::new(tower::discover::ServiceList::new(services));
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let ready = balance.ready().await.unwrap();
        calls.spawn(ready.call(SECOND));
        tokio::task::yield_now().await;
    }
    assert_eq!((small.1.now(), large.1.now()), (1, 3), "all four are in");
    let mut fifth = task::spawn(poll_fn(|cx| {
        Service::<Duration>::poll_ready(&mut balance, cx)
    }));
    assert_pending!(fifth.poll());
    calls.join_next().await.unwrap().unwrap().unwrap();
    assert!(fifth.is_woken(), "a slot that is free again is told");
    assert!(assert_ready!(fifth.poll()).is_ok());
    drop(fifth);
    while calls.join_next().await.is_some() {}
    drop(balance);
    for (bulkhead, crowd) in [small, large] {
        let seen = bulkhead.snapshot();
        assert_eq!((seen.in_flight, seen.queued, crowd.now()), (0, 0, 0));
    }
}

/// tower's steer is ready when all of its services are: with this variant it holds a slot of each.
#[tokio::test(start_paused = true)]
async fn steer_above_the_backpressure_variant_holds_a_slot_of_each_and_gives_them_back() {
    let rooms = [Bulkhead::new(1), Bulkhead::new(1)];
    let crowd = Crowd::default();
    let services = rooms
        .each_ref()
        .map(|room| stack(&room.layer().backpressure(), &crowd));
    let long_goes_second = |time: &Duration, _: &[_]| usize::from(*time > SECOND);
    let mut steer = Steer::new(services, long_goes_second);
    let first = steer.ready().await.unwrap().call(SECOND);
    let in_flight = || rooms.each_ref().map(|room| room.snapshot().in_flight);
    assert_eq!(in_flight(), [1, 1], "one calls, the other one is ready");
    {
        let mut next = task::spawn(poll_fn(|cx| {
            Service::<Duration>::poll_ready(&mut steer, cx)
        }));
        assert_pending!(next.poll(), "the first room is taken");
        assert_eq!(first.await, Ok(SECOND));
        assert!(next.is_woken());
        assert!(assert_ready!(next.poll()).is_ok());
    }
    assert_eq!(steer.call(2 * SECOND).await, Ok(2 * SECOND));
    assert_eq!(in_flight(), [1, 0], "the first is ready still");
    drop(steer);
    assert_eq!(in_flight(), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_slot_keeps_nothing_of_the_inner_service() {
    let (bulkhead, crowd) = (Bulkhead::new(1), Crowd::default());
    let inner = tower::limit::ConcurrencyLimit::new(crowd, 2);
    let mut others = inner.clone();
    let mut service = bulkhead.layer().layer(inner);
    let mut call = || task::spawn(service.call(SECOND));
    let (mut first, mut second) = (call(), call());
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    // The inner service has two places: one of the call under way, and one for whoever asks it directly.
    let mut ready = task::spawn(poll_fn(|cx| {
        Service::<Duration>::poll_ready(&mut others, cx)
    }));
    assert!(assert_ready!(ready.poll()).is_ok());
    drop((first, second));
    assert_eq!(bulkhead.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_need_not_wait_is_under_way_when_it_is_made() {
    let (bulkhead, crowd) = (Bulkhead::new(1), Crowd::default());
    let mut service = stack(&bulkhead.layer(), &crowd);
    let call = service.call(SECOND);
    assert_eq!((bulkhead.snapshot().in_flight, crowd.now()), (1, 1));
    drop(call);
    assert_eq!((bulkhead.snapshot().in_flight, crowd.now()), (0, 0));
    assert_eq!(bulkhead.snapshot().granted, 1);
}
