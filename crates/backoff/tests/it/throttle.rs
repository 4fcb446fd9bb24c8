//! What an overloaded server would turn away is turned away here, and no more than that.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

use robust_backoff::throttle::{Judge, Taken, Throttle, Throttled};
use tokio::time::{advance, sleep};
use tower::{Service, ServiceBuilder, ServiceExt};

#[derive(Debug, PartialEq)]
enum Failure {
    Busy,
    Throttled,
}

impl From<Throttled> for Failure {
    fn from(_: Throttled) -> Self {
        Self::Throttled
    }
}

#[derive(Debug, Clone, Copy)]
struct Status;

impl Judge<(), Failure> for Status {
    fn taken(&self, outcome: Result<&(), &Failure>) -> Taken {
        match outcome {
            Ok(()) => Taken::Accepted,
            Err(Failure::Busy) => Taken::Refused,
            Err(Failure::Throttled) => Taken::Unknown,
        }
    }
}

/// Takes every request of which the number says so.
fn server(
    throttle: &Throttle,
    accepts: impl Fn(usize) -> bool + Clone + Send + 'static,
) -> (
    impl Service<(), Response = (), Error = Failure> + Clone,
    Arc<AtomicUsize>,
) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let service = ServiceBuilder::new()
        .layer(throttle.layer(Status))
        .service_fn(move |(): ()| {
            let accepted = accepts(counter.fetch_add(1, SeqCst));
            async move {
                sleep(Duration::from_millis(5)).await;
                accepted.then_some(()).ok_or(Failure::Busy)
            }
        });
    (service, asked)
}

#[tokio::test(start_paused = true)]
async fn a_healthy_server_gets_every_request() {
    let throttle = Throttle::builder().seed(1).build();
    let (service, asked) = server(&throttle, |number| number % 2 == 0);
    for _ in 0..2_000 {
        assert_ne!(service.clone().oneshot(()).await, Err(Failure::Throttled));
    }
    assert_eq!(
        asked.load(SeqCst),
        2_000,
        "half turned away is what K = 2 allows"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_one_in_ten_gets_about_twice_what_it_takes() {
    let throttle = Throttle::builder()
        .most(1.0)
        .window(Duration::from_secs(60))
        .seed(2)
        .build();
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    // Of a hundred requests that were made, sent or not, there is room for ten.
    let room = throttle.clone();
    let (service, asked) = server(&throttle, move |_| {
        let seen = room.snapshot();
        let accepted = seen.accepts * 10 < seen.requests;
        counter.fetch_add(usize::from(accepted), SeqCst);
        accepted
    });
    for _ in 0..4_000 {
        let _ = service.clone().oneshot(()).await;
    }
    let (asked, taken) = (asked.load(SeqCst), taken.load(SeqCst));
    let ratio = asked as f64 / taken as f64;
    assert!((1.8..2.4).contains(&ratio), "{asked} sent, {taken} taken");
}

#[tokio::test(start_paused = true)]
async fn some_are_sent_in_any_case_and_a_server_that_is_back_is_noticed() {
    let throttle = Throttle::builder().seed(3).build();
    let (service, asked) = server(&throttle, |number| number >= 500);
    let mut made = 0;
    while asked.load(SeqCst) < 500 {
        let _ = service.clone().oneshot(()).await;
        made += 1;
    }
    assert!(
        (1_500..4_000).contains(&made),
        "one in five is sent: {made}"
    );
    let back = tokio::time::timeout(Duration::from_secs(20), async {
        while throttle.snapshot().probability > 0.0 {
            let _ = service.clone().oneshot(()).await;
        }
    });
    assert!(back.await.is_ok(), "within two windows: {throttle:?}");
}

#[tokio::test(start_paused = true)]
async fn the_past_is_forgotten() {
    let throttle = Throttle::builder().seed(4).build();
    let (service, _) = server(&throttle, |_| false);
    for _ in 0..100 {
        let _ = service.clone().oneshot(()).await;
    }
    assert!(throttle.snapshot().probability > 0.7);
    advance(Duration::from_secs(10)).await;
    assert_eq!(throttle.snapshot().probability, 0.0);
}

/// Drops a call after each possible number of polls.
#[tokio::test(start_paused = true)]
async fn dropped_in_flight_a_request_counts_as_if_it_had_never_been_made() {
    for polls in 0..6 {
        let throttle = Throttle::builder().seed(5).build();
        let (service, _) = server(&throttle, |_| true);
        let finished = {
            let mut call = pin!(service.oneshot(()));
            let mut finished = false;
            for _ in 0..polls {
                finished = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
                if finished {
                    break;
                }
                advance(Duration::from_millis(2)).await;
            }
            finished
        };
        let seen = throttle.snapshot();
        let counted = u64::from(finished);
        assert_eq!(
            (seen.requests, seen.accepts),
            (counted, counted),
            "{polls} polls"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_choices_and_two_layers_share_one_throttle() {
    let mut series = Vec::new();
    for _ in 0..2 {
        let throttle = Throttle::builder().seed(6).build();
        let (one, _) = server(&throttle, |_| false);
        let (two, _) = server(&throttle, |_| false);
        let mut choices = Vec::new();
        for _ in 0..200 {
            choices.push(one.clone().oneshot(()).await == Err(Failure::Throttled));
            choices.push(two.clone().oneshot(()).await == Err(Failure::Throttled));
        }
        assert_eq!(throttle.snapshot().requests, 400);
        series.push(choices);
    }
    assert_eq!(series[0], series[1]);
    assert!(series[0].contains(&true) && series[0].contains(&false));
}
