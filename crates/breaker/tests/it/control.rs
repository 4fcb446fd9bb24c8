//! By hand, and what the listener hears.

use std::sync::{Arc, Mutex};

use robust_breaker::{Breaker, Cause, Event, EventKind, Listener, Outcome, State};
use tokio::time::{Instant, advance};

use crate::backend::{FAILURE, SECOND, breaker};

#[tokio::test(start_paused = true)]
async fn disabled_it_lets_everything_through_and_counts_nothing() {
    let breaker = breaker(1);
    breaker.force_open("maintenance", None);
    assert_eq!(
        breaker.snapshot().last_cause,
        Cause::ForcedOpen("maintenance")
    );
    advance(86_400 * 365 * SECOND).await;
    assert!(breaker.check().is_err(), "open until someone closes it");

    breaker.disable();
    for _ in 0..100 {
        breaker.admit().unwrap().record(FAILURE);
        breaker
            .admit()
            .unwrap()
            .record(Outcome::Trip { open_for: SECOND });
    }
    let snapshot = breaker.snapshot();
    assert_eq!(
        (snapshot.state, snapshot.consecutive_failures),
        (State::Disabled, 0)
    );

    let late = breaker.admit().unwrap();
    breaker.force_close();
    late.record(FAILURE);
    assert_eq!(breaker.state(), State::Closed);
    breaker.admit().unwrap().record(FAILURE);
    assert!(breaker.check().is_err(), "on again");
}

#[tokio::test(start_paused = true)]
async fn only_measuring_it_counts_what_would_have_opened_and_opens_nothing() {
    let breaker = Breaker::builder("measured").consecutive_failures(3).build();
    breaker.metrics_only();
    for failures in 1..=7 {
        breaker.admit().unwrap().record(FAILURE);
        assert_eq!(breaker.snapshot().would_have_opened, failures / 3);
    }
    assert_eq!(breaker.state(), State::MetricsOnly);
    assert_eq!(breaker.snapshot().consecutive_failures, 1);
    breaker
        .admit()
        .unwrap()
        .record(Outcome::Trip { open_for: SECOND });
    assert_eq!(breaker.snapshot().would_have_opened, 3);
    breaker.reset();
    assert_eq!(breaker.snapshot().would_have_opened, 0);
}

/// A listener that is compiled out.
struct Deaf;

impl Listener for Deaf {
    const ENABLED: bool = false;

    fn on(&self, event: &Event<'_>) {
        panic!("{event:?}");
    }
}

/// Everything that a listener can be told of.
async fn live_through_everything<L: Listener>(breaker: &Breaker<L>) {
    breaker.admit().unwrap().record(FAILURE);
    assert!(breaker.admit().is_err());
    advance(60 * SECOND).await;
    drop(breaker.admit().unwrap());
    breaker.admit().unwrap().record(Outcome::Success);
    breaker.metrics_only();
    breaker.admit().unwrap().record(FAILURE);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_to_a_listener_that_is_switched_off() {
    let breaker = Breaker::builder("unheard")
        .consecutive_failures(1)
        .listener(Deaf)
        .build();
    live_through_everything(&breaker).await;
    assert_eq!(breaker.snapshot().would_have_opened, 1);
}

/// What the listener hears, and whether it may look at the breaker meanwhile.
#[tokio::test(start_paused = true)]
async fn the_listener_hears_everything_outside_of_any_lock() {
    type Heard = Arc<Mutex<Vec<EventKind>>>;
    type Look = Box<dyn Fn() + Send>;
    let heard = Heard::default();
    let handle: Arc<Mutex<Option<Look>>> = Arc::default();
    let breaker = Breaker::builder("heard")
        .consecutive_failures(1)
        .listener({
            let (heard, handle) = (Arc::clone(&heard), Arc::clone(&handle));
            move |event: &Event<'_>| {
                assert_eq!(event.name, "heard");
                heard.lock().unwrap().push(event.kind);
                // Taking a snapshot needs the breaker's lock; it would hang here.
                if let Some(look) = &*handle.lock().unwrap() {
                    look();
                }
            }
        })
        .build();
    let looked_at = breaker.clone();
    *handle.lock().unwrap() = Some(Box::new(move || drop(looked_at.snapshot())));

    live_through_everything(&breaker).await;

    let told: Vec<String> = heard
        .lock()
        .unwrap()
        .iter()
        .map(|kind| match kind {
            EventKind::Admitted { permit, generation } => format!("admitted {permit} {generation}"),
            EventKind::Refused {
                retry_in,
                generation,
            } => format!("refused {retry_in:?} {generation}"),
            EventKind::Ended {
                outcome,
                generation,
            } => format!("ended {} {generation}", outcome.is_some()),
            EventKind::Changed(change) => {
                format!("{} {} {}", change.generation, change.to, change.cause)
            }
            EventKind::WouldOpen(cause) => format!("would open: {cause}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            "admitted false 0",
            "1 open 1 failures in a row",
            "ended true 0",
            "refused 60s 1",
            "2 half_open open time over",
            "admitted true 2",
            "ended false 2",
            "admitted true 2",
            "3 closed probes succeeded",
            "ended true 2",
            "4 metrics_only only measuring",
            "admitted false 4",
            "would open: 1 failures in a row",
            "ended true 4",
        ]
    );
    *handle.lock().unwrap() = None;
}

#[tokio::test(start_paused = true)]
async fn a_forced_opening_can_be_made_longer_and_shorter() {
    let breaker = breaker(1);
    for seconds in [600, 60, 3] {
        breaker.force_open("test", Instant::now() + seconds * SECOND);
        assert_eq!(breaker.check().unwrap_err().retry_in, seconds * SECOND);
    }
}
