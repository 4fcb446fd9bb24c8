//! The cell of a breaker that is gone serves the next one, and nobody notices.

use std::{
    collections::HashSet,
    pin::pin,
    sync::mpsc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::advance;
use tower::{BoxError, Layer, Service, service_fn};

use crate::{Breaker, ErrorsAreFailures, Outcome, State, Ticket};

const SECOND: Duration = Duration::from_secs(1);

/// Opens after two failures, for 60 s; two probes.
fn breaker(name: &str) -> Breaker {
    Breaker::builder(name)
        .consecutive_failures(2)
        .half_open_permits(2)
        .build()
}

/// What `prepare` makes of a breaker that is gone, and the breaker that has its cell now.
fn reused<T>(prepare: impl Fn(&Breaker) -> T) -> (T, Breaker) {
    for _ in 0..1_000 {
        let former = breaker("former");
        let (cell, prepared) = (former.cell, prepare(&former));
        drop(former);
        let next = breaker("next");
        if std::ptr::eq(next.cell, cell) {
            return (prepared, next);
        }
        // Another thread has been quicker.
    }
    panic!("the cell that was given back last is not the next one to be taken");
}

/// Tickets of a breaker that is gone, of two calls and of two probes; and the next owner of its cell.
fn every_kind() -> (Vec<Ticket>, Breaker) {
    reused(|former| {
        let mut tickets: Vec<_> = (0..3).map(|_| former.admit().unwrap()).collect();
        tickets.pop().unwrap().record(Outcome::Trip {
            open_for: Duration::ZERO,
        });
        tickets.extend([former.admit().unwrap(), former.admit().unwrap()]);
        let probes = tickets.iter().filter(|ticket| ticket.is_probe());
        assert_eq!((tickets.len(), probes.count()), (4, 2));
        tickets
    })
}

fn end(tickets: Vec<Ticket>, outcome: Option<Outcome>) {
    for ticket in tickets {
        assert!(!ticket.is_current(), "the generation is over");
        match outcome {
            Some(outcome) => ticket.record(outcome),
            None => drop(ticket),
        }
    }
}

fn outcomes() -> [Option<Outcome>; 6] {
    [
        Some(Outcome::Success),
        Some(Outcome::Slow),
        Some(Outcome::FAILURE),
        Some(Outcome::Trip { open_for: SECOND }),
        Some(Outcome::Ignore),
        None,
    ]
}

#[tokio::test(start_paused = true)]
async fn a_reused_cell_ignores_the_tickets_of_its_former_owner() {
    for outcome in outcomes() {
        // One failure has been counted, so there is something that a success would clear, and something
        // that a failure would complete.
        let (tickets, next) = every_kind();
        next.admit().unwrap().record(Outcome::FAILURE);
        let (before, word) = (next.snapshot(), next.cell.word.load());
        assert_eq!((before.generation, before.consecutive_failures), (0, 1));
        end(tickets, outcome);
        assert_eq!(next.snapshot(), before, "closed, {outcome:?}");
        assert_eq!(next.cell.word.load(), word);

        // One probe is out, whose permit has the number of an earlier owner's.
        let (tickets, next) = every_kind();
        next.admit()
            .unwrap()
            .record(Outcome::Trip { open_for: SECOND });
        advance(SECOND).await;
        let probe = next.admit().unwrap();
        let before = next.snapshot();
        assert_eq!((before.state, before.probes_out), (State::HalfOpen, 1));
        end(tickets, outcome);
        assert_eq!(next.snapshot(), before, "half-open, {outcome:?}");
        probe.record(Outcome::Success);
        next.admit().unwrap().record(Outcome::Success);
        assert_eq!(next.state(), State::Closed);
    }
}

/// The way to the breaker is looked up after the last handle is gone, but before the cell is reused.
#[tokio::test(start_paused = true)]
async fn a_ticket_without_a_breaker_ends_in_peace() {
    for outcome in outcomes() {
        let former = breaker("former");
        let ticket = former.admit().unwrap();
        assert!(format!("{ticket:?}").contains("former"));
        drop(former);
        assert_eq!(format!("{ticket:?}"), "Ticket { probe: false, .. }");
        end(vec![ticket], outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlives_its_breaker_says_nothing_to_the_next() {
    let (mut call, next) = reused(|former| {
        let mut service = former
            .admit_layer(ErrorsAreFailures)
            .layer(service_fn(|()| async {
                tokio::task::yield_now().await;
                Err::<(), BoxError>("broken".into())
            }));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut cx).is_ready());
        let mut call = Box::pin(service.call(()));
        assert!(call.as_mut().poll(&mut cx).is_pending(), "under way");
        call
    });
    next.admit().unwrap().record(Outcome::FAILURE);
    let before = next.snapshot();
    let ended = pin!(&mut call).poll(&mut Context::from_waker(Waker::noop()));
    assert!(
        matches!(ended, Poll::Ready(Err(_))),
        "the caller has its answer"
    );
    assert_eq!(next.snapshot(), before);
}

/// Nothing of the earlier owner is to be seen, neither in what is shown nor in what is told.
#[tokio::test(start_paused = true)]
async fn a_reused_cell_shows_nothing_of_its_former_owner() {
    let shown = |breaker: &Breaker| {
        let mut shown = vec![format!("{breaker:?}"), format!("{:?}", breaker.watch())];
        shown.push(format!("{:?}", breaker.admit().unwrap()));
        breaker.force_open("test", None);
        shown.push(format!("{breaker:?} {:?}", breaker.admit().unwrap_err()));
        breaker.force_close();
        shown.push(format!("{:?}", breaker.snapshot()));
        shown
    };
    let first = shown(&breaker("next"));
    let ((), next) = reused(|former| (0..10).for_each(|_| former.force_close()));
    assert!(
        next.cell.word.load().generation >= 10,
        "the cell has not forgotten"
    );
    assert_eq!(shown(&next), first);
}

/// Other tests may build breakers meanwhile, but not thousands at a time.
#[test]
fn breakers_that_come_and_go_share_a_few_cells() {
    let mut cells = HashSet::new();
    for _ in 0..10_000 {
        let breaker = breaker("brief");
        let ticket = breaker.admit().unwrap();
        cells.insert(std::ptr::from_ref(breaker.cell).addr());
        drop(breaker);
        ticket.record(Outcome::FAILURE);
    }
    assert!(cells.len() <= 200, "{} cells", cells.len());

    let alive: Vec<_> = (0..100).map(|_| breaker("alive")).collect();
    let cells: HashSet<_> = alive
        .iter()
        .map(|breaker| std::ptr::from_ref(breaker.cell).addr())
        .collect();
    assert_eq!(cells.len(), alive.len(), "each has its own");
}

/// One thread makes breakers and drops them, another reports to them at the same time.
#[test]
fn late_failures_of_other_threads_open_no_breaker_that_follows() {
    let (send, late) = mpsc::sync_channel::<Ticket>(4);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            late.iter()
                .for_each(|ticket| ticket.record(Outcome::FAILURE))
        });
        for _ in 0..10_000 {
            let breaker = breaker("brief");
            // One failure of its own may count; any other would open it.
            send.send(breaker.admit().unwrap()).unwrap();
            let snapshot = breaker.snapshot();
            assert!(snapshot.consecutive_failures <= 1, "{snapshot:?}");
            assert_eq!((snapshot.state, snapshot.generation), (State::Closed, 0));
        }
        drop(send);
    });
}
