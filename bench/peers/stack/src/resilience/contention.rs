//! Two threads of the system that call one instance at the same time.

use std::convert::Infallible;
use std::fmt;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use robust_breaker::ErrorsAreFailures;
use robust_limiter::Class;
use robust_proof::bench::{bound, median};
use tower::{BoxError, Layer, Service};
use tower_resilience::ratelimiter::WindowType;

use super::clock::thread_time;
use super::subject::{Bare, Job, calls};
use super::{handles, ours, tower_resilience_layers as resilience};
use failsafe::futures::CircuitBreaker as _;

/// The time of a turn: short beside the time that the system gives a thread.
const SLICE_NS: f64 = 150e3;

/// A thread that had less than this share of its turn on a core was interrupted.
const UNDISTURBED: f64 = 0.97;

/// Turns that overlap less than this are no contention.
const OVERLAP: f64 = 0.7;

/// The peer's limiter that admits no more than its limit in any window, as ours.
pub const PEER_LOG: &str = "tower-resilience limiter, log";

type Calls = Box<dyn FnMut(u32)>;

/// A case: makes, in each thread, what calls the one instance.
pub struct Contender {
    /// Who.
    pub name: &'static str,
    make: Box<dyn Fn() -> Calls + Sync>,
}

/// What two threads came to.
#[derive(Debug, Clone)]
pub struct Contended {
    /// Who.
    pub name: &'static str,
    /// Nanoseconds of the wall for one call of a thread; `None` when no turn was undisturbed.
    pub ns: Option<f64>,
    /// Between which two the median lies with 95 %.
    pub bound: (f64, f64),
    /// Turns that count.
    pub kept: usize,
    /// All turns.
    pub turns: usize,
}

/// Every case.
pub fn contenders() -> Vec<Contender> {
    let breaker = ours::breaker().admit_layer(ErrorsAreFailures);
    let breaker = breaker.layer(Bare::<BoxError>::new());
    let limiter = ours::limiter();
    let admission = limiter.layer().bid_with(ours::bid);
    let admission = admission.layer(Bare::<BoxError>::new());
    let (handle, failsafe, recloser) = (ours::limiter(), handles::failsafe(), handles::recloser());
    let (governor, bucket) = (handles::governor(), handles::leaky_bucket());
    let peer_breaker = resilience::breaker().layer(Bare::<Infallible>::new());
    let peer_limiter = resilience::limiter(WindowType::Fixed).layer(Bare::<Infallible>::new());
    let peer_log = resilience::limiter(WindowType::SlidingLog).layer(Bare::<Infallible>::new());
    vec![
        Contender::service(ours::BREAKER, breaker),
        Contender::service(ours::LIMITER, admission),
        Contender::new(ours::LIMITER_HANDLE, move || {
            let (handle, cost) = (handle.clone(), ours::one());
            Box::new(move |calls| {
                for _ in 0..calls {
                    let permit = handle.try_acquire(&cost, Class::Medium);
                    drop(permit.expect("room in the window").commit());
                }
            })
        }),
        Contender::new("failsafe consecutive", move || {
            let (failsafe, runtime) = (failsafe.clone(), plain_runtime());
            Box::new(move |calls| {
                runtime.block_on(async {
                    for number in 0..calls {
                        let call = async { Ok::<_, Infallible>(black_box(number)) };
                        let _ = black_box(failsafe.call(call).await.is_ok());
                    }
                });
            })
        }),
        Contender::new("recloser count window", move || {
            let (recloser, runtime) = (recloser.clone(), plain_runtime());
            Box::new(move |calls| {
                runtime.block_on(async {
                    for number in 0..calls {
                        let call = async { Ok::<_, Infallible>(black_box(number)) };
                        let _ = black_box(recloser.call(call).await.is_ok());
                    }
                });
            })
        }),
        Contender::new("governor check", move || {
            let governor = governor.clone();
            Box::new(move |calls| {
                for _ in 0..calls {
                    assert!(black_box(governor.check()).is_ok());
                }
            })
        }),
        Contender::new("leaky-bucket try_acquire", move || {
            let (bucket, runtime) = (bucket.clone(), plain_runtime());
            Box::new(move |calls| {
                runtime.block_on(async {
                    for _ in 0..calls {
                        assert!(black_box(bucket.try_acquire(1)));
                    }
                });
            })
        }),
        Contender::service("tower-resilience limiter, fixed", peer_limiter),
        Contender::service(PEER_LOG, peer_log),
        Contender::service("tower-resilience breaker, consecutive", peer_breaker),
    ]
}

impl Contender {
    fn new(name: &'static str, make: impl Fn() -> Calls + Sync + 'static) -> Self {
        Self {
            name,
            make: Box::new(make),
        }
    }

    fn service<S>(name: &'static str, service: S) -> Self
    where
        S: Service<Job, Response = u32> + Clone + Send + 'static,
        S::Error: fmt::Debug,
    {
        // A service need not be shared between threads to be cloned for them.
        let service = std::sync::Mutex::new(service);
        Self::new(name, move || {
            let service = service.lock().expect("a lock that nobody broke").clone();
            let runtime = plain_runtime();
            Box::new(calls(move |work| runtime.block_on(work), service))
        })
    }
}

fn plain_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime of one thread")
}

/// One turn of one thread.
#[derive(Clone, Copy)]
struct Turn {
    began: Instant,
    ended: Instant,
    on_core: Duration,
}

/// Runs a case in two threads for about `budget`.
pub fn contend(contender: &Contender, budget: Duration) -> Result<Contended> {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    ensure!(cores >= 2, "two threads need two cores");
    let calls = {
        let mut alone = (contender.make)();
        alone(1_000);
        let before = thread_time();
        alone(10_000);
        // Contention makes a call several times as expensive as alone.
        let ns = (thread_time() - before).as_secs_f64() * 1e9 / 10_000.0;
        (SLICE_NS / ns / 3.0).clamp(100.0, 1e6) as u32
    };
    let gate = AtomicUsize::new(0);
    let until = Instant::now() + budget;
    let (first, second) = thread::scope(|scope| {
        let [first, second] =
            [(); 2].map(|()| scope.spawn(|| turns(contender, calls, &gate, until)));
        (first.join(), second.join())
    });
    let (Ok(first), Ok(second)) = (first, second) else {
        anyhow::bail!("{}: a thread failed", contender.name);
    };
    let turns = first.len().min(second.len());
    let mut kept: Vec<f64> = first
        .iter()
        .zip(&second)
        .filter(|(a, b)| undisturbed(a) && undisturbed(b) && overlap(a, b) >= OVERLAP)
        .map(|(a, b)| {
            let longer = (a.ended - a.began).max(b.ended - b.began);
            longer.as_secs_f64() * 1e9 / f64::from(calls)
        })
        .collect();
    Ok(Contended {
        name: contender.name,
        ns: (!kept.is_empty()).then(|| median(&mut kept)),
        bound: bound(&mut kept),
        kept: kept.len(),
        turns,
    })
}

/// The turns of one thread, each begun together with the other's.
fn turns(contender: &Contender, calls: u32, gate: &AtomicUsize, until: Instant) -> Vec<Turn> {
    let mut run = (contender.make)();
    run(1_000);
    let mut turns = Vec::new();
    loop {
        let number = turns.len();
        // The last turn is the same for both: whoever sees the end says so by running ahead.
        if Instant::now() >= until {
            gate.store(usize::MAX / 2, Ordering::Release);
        }
        if gate.fetch_add(1, Ordering::AcqRel) >= usize::MAX / 2 {
            return turns;
        }
        let both = 2 * (number + 1);
        while gate.load(Ordering::Acquire) < both {
            std::hint::spin_loop();
        }
        let (began, before) = (Instant::now(), thread_time());
        run(calls);
        turns.push(Turn {
            on_core: thread_time() - before,
            ended: Instant::now(),
            began,
        });
    }
}

fn undisturbed(turn: &Turn) -> bool {
    turn.on_core.as_secs_f64() >= UNDISTURBED * (turn.ended - turn.began).as_secs_f64()
}

/// The share of the longer turn in which both ran.
fn overlap(a: &Turn, b: &Turn) -> f64 {
    let together = a
        .ended
        .min(b.ended)
        .saturating_duration_since(a.began.max(b.began));
    let longer = (a.ended - a.began).max(b.ended - b.began);
    together.as_secs_f64() / longer.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_overlap_by_what_both_ran() {
        let start = Instant::now();
        let turn = |from, to| Turn {
            began: start + Duration::from_millis(from),
            ended: start + Duration::from_millis(to),
            on_core: Duration::from_millis(to - from),
        };
        assert_eq!(overlap(&turn(0, 10), &turn(0, 10)), 1.0);
        assert_eq!(overlap(&turn(0, 10), &turn(5, 10)), 0.5);
        assert_eq!(overlap(&turn(0, 10), &turn(20, 30)), 0.0);
        assert!(undisturbed(&turn(0, 10)));
    }
}
