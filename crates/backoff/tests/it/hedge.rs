//! A second request helps against a slow first one, and costs no more than agreed.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use robust_backoff::{
    Budget, Replay,
    hedge::{Hedge, HedgeService},
};
use tokio::time::{Instant, advance, sleep};
use tower::{Layer, Service, ServiceExt};

const MS: Duration = Duration::from_millis(1);

/// What happens to one request: how long it takes, and whether it succeeds.
type Fate = (Duration, Result<usize, &'static str>);

/// Asks the nth request for its fate.
type Script = Arc<dyn Fn(usize) -> Fate + Send + Sync>;

#[derive(Clone)]
struct Library {
    script: Script,
    calls: Arc<AtomicUsize>,
    in_flight: Arc<AtomicUsize>,
    ready: Arc<Mutex<bool>>,
}

impl Library {
    fn new(script: impl Fn(usize) -> Fate + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            calls: Arc::default(),
            in_flight: Arc::default(),
            ready: Arc::new(Mutex::new(true)),
        }
    }

    fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }
}

struct Leave(Arc<AtomicUsize>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Service<Book> for Library {
    type Response = usize;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Result<usize, &'static str>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if *self.ready.lock().unwrap() {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn call(&mut self, _: Book) -> Self::Future {
        let (time, outcome) = (self.script)(self.calls.fetch_add(1, SeqCst));
        self.in_flight.fetch_add(1, SeqCst);
        let leave = Leave(Arc::clone(&self.in_flight));
        Box::pin(async move {
            let _leave = leave;
            sleep(time).await;
            outcome
        })
    }
}

#[derive(Debug, Clone, Default)]
struct Book {
    returned: bool,
    once: bool,
    deadline: Option<Instant>,
    copies: Arc<AtomicUsize>,
}

impl Replay for Book {
    fn replay(&self) -> Option<Self> {
        self.copies.fetch_add(1, SeqCst);
        (!self.once).then(|| self.clone())
    }

    fn idempotent(&self) -> bool {
        !self.returned
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// So many requests that take 10 ms each.
const CALM: usize = 40;

/// A library that knows its latency: `CALM` requests of 10 ms, then what `script` says.
async fn settled(
    hedge: &Hedge,
    script: impl Fn(usize) -> Fate + Send + Sync + 'static,
) -> (HedgeService<Library>, Library) {
    let library = Library::new(move |number| match number.checked_sub(CALM) {
        None => (10 * MS, Ok(number)),
        Some(number) => script(number),
    });
    let service = hedge.layer().layer(library.clone());
    for _ in 0..CALM {
        service.clone().oneshot(Book::default()).await.unwrap();
    }
    (service, library)
}

fn plenty() -> Hedge {
    Hedge::builder(Budget::unlimited()).build()
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_is_overtaken_and_cancelled() {
    let hedge = plenty();
    let (service, library) = settled(&hedge, |number| match number {
        0 => (5_000 * MS, Ok(0)),
        _ => (10 * MS, Ok(number)),
    })
    .await;
    let begin = Instant::now();
    assert_eq!(
        service.oneshot(Book::default()).await,
        Ok(1),
        "the answer of the second"
    );
    let delay = hedge.snapshot().delay.unwrap();
    assert!((10 * MS..11 * MS).contains(&delay), "{delay:?}");
    assert!(begin.elapsed() <= delay + 12 * MS, "{:?}", begin.elapsed());
    assert_eq!(library.calls(), CALM + 2);
    assert_eq!(library.in_flight.load(SeqCst), 0, "the loser is cancelled");
    assert_eq!((hedge.snapshot().sent, hedge.snapshot().won), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_first_may_still_win_and_then_the_second_is_cancelled() {
    let hedge = plenty();
    let (service, library) =
        settled(&hedge, |number| (15 * MS * (number as u32 + 1), Ok(number))).await;
    assert_eq!(service.oneshot(Book::default()).await, Ok(0));
    assert_eq!(
        (library.calls(), library.in_flight.load(SeqCst)),
        (CALM + 2, 0)
    );
    assert_eq!((hedge.snapshot().sent, hedge.snapshot().won), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_hedged_before_enough_is_known() {
    let hedge = Hedge::builder(Budget::unlimited()).min_samples(30).build();
    let library = Library::new(|number| {
        (
            if number % 2 == 0 { 10 * MS } else { 1_000 * MS },
            Ok(number),
        )
    });
    let service = hedge.layer().layer(library.clone());
    for _ in 0..30 {
        assert_eq!(hedge.snapshot().delay, None);
        service.clone().oneshot(Book::default()).await.unwrap();
    }
    assert_eq!(library.calls(), 30);
    assert!(hedge.snapshot().delay.is_some());
}

#[tokio::test(start_paused = true)]
async fn floor_and_cap_bound_the_delay() {
    for (floor, cap, expected) in [(50, 10_000, 50), (1, 5, 5), (20, 5, 20)] {
        let hedge = Hedge::builder(Budget::unlimited())
            .floor(floor * MS)
            .cap(cap * MS)
            .build();
        settled(&hedge, |number| (MS, Ok(number))).await;
        assert_eq!(hedge.snapshot().delay, Some(expected * MS));
    }
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_sent_twice_is_not_hedged() {
    let hedge = plenty();
    let (service, library) = settled(&hedge, |number| (1_000 * MS, Ok(number))).await;
    let soon = Some(Instant::now() + 5 * MS);
    for book in [
        Book {
            returned: true,
            ..Book::default()
        },
        Book {
            once: true,
            ..Book::default()
        },
        Book {
            deadline: soon,
            ..Book::default()
        },
    ] {
        let before = library.calls();
        service.clone().oneshot(book.clone()).await.unwrap();
        assert_eq!(library.calls(), before + 1, "{book:?}");
    }
    assert_eq!(hedge.snapshot().sent, 0);
}

/// A server that became slow altogether gets a tenth more, not twice as much.
#[tokio::test(start_paused = true)]
async fn hedges_stay_within_the_budget() {
    let budget = Budget::new(0.1, 0.0);
    let hedge = Hedge::builder(budget.clone())
        .fills_budget(true)
        .memory(Duration::from_secs(3_600))
        .quantile(0.5)
        .build();
    let (service, library) = settled(&hedge, |number| {
        (if number % 2 == 0 { 10 * MS } else { 200 * MS }, Ok(number))
    })
    .await;
    let requests = 4_000;
    for _ in 0..requests {
        service.clone().oneshot(Book::default()).await.unwrap();
    }
    let sent = hedge.snapshot().sent;
    let share = sent as f64 / (requests + CALM) as f64;
    assert!((0.099..=0.101).contains(&share), "{sent} of {requests}");
    assert_eq!(library.calls() as u64, (requests + CALM) as u64 + sent);
    assert_eq!(budget.stats().deposited, (requests + CALM) as u64);
    assert!(hedge.snapshot().refused > 0);
}

/// Retries and hedges to one server draw on one purse.
#[tokio::test(start_paused = true)]
async fn retries_that_used_up_the_budget_leave_nothing_for_hedges() {
    let budget = Budget::new(0.0, 0.001);
    let hedge = Hedge::builder(budget.clone()).build();
    let (service, library) = settled(&hedge, |number| (1_000 * MS, Ok(number))).await;
    budget.withdraw().unwrap().commit();
    service.oneshot(Book::default()).await.unwrap();
    assert_eq!((library.calls(), hedge.snapshot().refused), (CALM + 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_closed_gate_hedges_nothing_and_costs_nothing() {
    let budget = Budget::new(0.0, 1.0);
    let hedge = Hedge::builder(budget.clone()).only_if(|| false).build();
    let (service, library) = settled(&hedge, |number| (1_000 * MS, Ok(number))).await;
    service.oneshot(Book::default()).await.unwrap();
    assert_eq!((library.calls(), budget.stats().withdrawn), (CALM + 1, 0));
}

/// In tower's the time of an overtaken request is not counted: each hedge makes the quantile shorter.
#[tokio::test(start_paused = true)]
async fn hedging_does_not_make_itself_more_frequent() {
    let hedge = Hedge::builder(Budget::unlimited())
        .memory(Duration::from_secs(5))
        .build();
    // Nine in ten between 10 and 50 ms, the tenth 2 s: the quantile lies in the slow part.
    let (service, _) = settled(&hedge, |number| {
        let slow = number % 10 == 7;
        let time = if slow {
            2_000
        } else {
            10 + (number * 7 % 41) as u32
        };
        (time * MS, Ok(number))
    })
    .await;
    let mut rates = Vec::new();
    for _ in 0..10 {
        let before = hedge.snapshot().sent;
        for _ in 0..1_000 {
            service.clone().oneshot(Book::default()).await.unwrap();
        }
        rates.push(hedge.snapshot().sent - before);
    }
    assert!(
        rates.iter().all(|rate| *rate <= 130),
        "hedges in a thousand: {rates:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_waits_for_the_other_one_and_the_first_error_counts() {
    for (first, second, expected) in [
        ((30, Err("first")), (50, Ok(2)), Ok(2)),
        ((60, Err("first")), (20, Err("second")), Err("first")),
        ((30, Err("first")), (50, Err("second")), Err("first")),
        ((60, Ok(1)), (20, Err("second")), Ok(1)),
        // Before the second is sent an error is final here: to try again is a retry's business.
        ((5, Err("first")), (50, Ok(2)), Err("first")),
    ] {
        let hedge = plenty();
        let (service, library) = settled(&hedge, move |number| {
            let (millis, outcome) = if number == 0 { first } else { second };
            (millis * MS, outcome)
        })
        .await;
        assert_eq!(
            service.oneshot(Book::default()).await,
            expected,
            "{first:?} {second:?}"
        );
        assert_eq!(library.in_flight.load(SeqCst), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_request_waits_for_readiness_and_is_free_if_it_never_comes() {
    let budget = Budget::new(0.0, 0.001);
    let hedge = Hedge::builder(budget.clone()).build();
    let (mut service, library) = settled(&hedge, |number| (1_000 * MS, Ok(number))).await;
    let call = service.ready().await.unwrap().call(Book::default());
    *library.ready.lock().unwrap() = false;
    assert_eq!(call.await, Ok(0));
    assert_eq!(library.calls(), CALM + 1);
    let stats = budget.stats();
    assert_eq!((stats.withdrawn, stats.refunded), (1, 1));
    assert_eq!(hedge.snapshot().sent, 0);
}

/// Drops a call after each possible number of polls.
#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_nothing_is_in_flight_and_what_was_sent_is_paid() {
    for polls in 0..20 {
        let budget = Budget::new(0.0, 0.001);
        let hedge = Hedge::builder(budget.clone()).build();
        let (service, library) = settled(&hedge, |number| (30 * MS, Ok(number))).await;
        {
            let mut call = pin!(service.oneshot(Book::default()));
            for _ in 0..polls {
                if poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await {
                    break;
                }
                advance(3 * MS).await;
            }
        }
        let second = library.calls().saturating_sub(CALM + 1) as u64;
        let stats = budget.stats();
        assert_eq!(stats.withdrawn - stats.refunded, second, "{polls} polls");
        assert_eq!(
            (hedge.snapshot().sent, library.in_flight.load(SeqCst)),
            (second, 0)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_copies_counts_and_measures_nothing() {
    let budget = Budget::new(1.0, 1.0);
    let hedge = Hedge::builder(budget.clone())
        .fills_budget(true)
        .enabled(false)
        .build();
    let (service, library) = settled(&hedge, |number| (1_000 * MS, Ok(number))).await;
    let book = Book::default();
    service.oneshot(book.clone()).await.unwrap();
    assert_eq!(library.calls(), CALM + 1);
    assert_eq!((book.copies.load(SeqCst), budget.stats().deposited), (0, 0));
    assert_eq!(hedge.snapshot().delay, None);
}
