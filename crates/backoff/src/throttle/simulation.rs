//! Which client-side throttle is better: Google's ratio or the CUBIC token bucket of smithy-rs' adaptive
//! retry mode? Ten clients, one server of 100 requests a second that pays a fifth of a request's work for
//! each one that it turns away. `cargo test -p robust-backoff simulation -- --nocapture` prints the table.

use std::time::Duration;

use tokio::time::Instant;

use super::{K, MOST, WINDOW as MEMORY, ratio::Ratio};

const CLIENTS: usize = 10;
/// Requests a second that the server can do.
const CAPACITY: f64 = 100.0;
/// What turning a request away costs the server, in requests.
const REFUSAL: f64 = 0.2;
/// How long a caller waits for a token before it gives up.
const PATIENCE: f64 = 1.0;
const TICK: f64 = 0.01;

/// One client's decision, in seconds since the start.
trait Throttle {
    /// Sends at this time, or never.
    fn send_at(&mut self, now: f64, rng: &mut fastrand::Rng) -> Option<f64>;
    fn outcome(&mut self, now: f64, accepted: bool);
}

struct Nothing;

impl Throttle for Nothing {
    fn send_at(&mut self, now: f64, _: &mut fastrand::Rng) -> Option<f64> {
        Some(now)
    }

    fn outcome(&mut self, _: f64, _: bool) {}
}

struct Google {
    ratio: Ratio,
    start: Instant,
}

impl Google {
    fn new(k: f64, most: f64, window: Duration) -> Self {
        Self {
            ratio: Ratio::new(k, most, window),
            start: Instant::now(),
        }
    }

    fn at(&self, now: f64) -> Instant {
        self.start + Duration::from_secs_f64(now)
    }
}

impl Throttle for Google {
    fn send_at(&mut self, now: f64, rng: &mut fastrand::Rng) -> Option<f64> {
        let at = self.at(now);
        let rejected = rng.f64() < self.ratio.reject(at);
        self.ratio.request(at);
        (!rejected).then_some(now)
    }

    fn outcome(&mut self, now: f64, accepted: bool) {
        if accepted {
            self.ratio.accept(self.at(now));
        }
    }
}

/// The `ClientRateLimiter` of smithy-rs, with its constants.
#[derive(Default)]
struct Cubic {
    enabled: bool,
    capacity: f64,
    max_capacity: f64,
    fill_rate: f64,
    filled: f64,
    measured: f64,
    requests: f64,
    bucket: f64,
    last_max: f64,
    throttled: f64,
    window: f64,
}

impl Cubic {
    const MIN_FILL: f64 = 0.5;
    const MIN_CAPACITY: f64 = 1.0;
    const SMOOTH: f64 = 0.8;
    const BETA: f64 = 0.7;
    const SCALE: f64 = 0.4;

    fn refill(&mut self, now: f64) {
        self.capacity =
            (self.capacity + (now - self.filled) * self.fill_rate).min(self.max_capacity);
        self.filled = now;
    }
}

impl Throttle for Cubic {
    fn send_at(&mut self, now: f64, _: &mut fastrand::Rng) -> Option<f64> {
        if !self.enabled {
            return Some(now);
        }
        self.refill(now);
        let wait = ((1.0 - self.capacity) / self.fill_rate).max(0.0);
        if wait > PATIENCE {
            return None;
        }
        self.capacity -= 1.0;
        Some(now + wait)
    }

    fn outcome(&mut self, now: f64, accepted: bool) {
        self.requests += 1.0;
        let bucket = (now * 2.0).floor() / 2.0;
        if bucket > self.bucket {
            let rate = self.requests / (bucket - self.bucket);
            self.measured = rate * Self::SMOOTH + self.measured * (1.0 - Self::SMOOTH);
            (self.requests, self.bucket) = (0.0, bucket);
        }
        let window = |last_max: f64| (last_max * (1.0 - Self::BETA) / Self::SCALE).cbrt();
        let rate = if accepted {
            self.window = window(self.last_max);
            Self::SCALE * (now - self.throttled - self.window).powi(3) + self.last_max
        } else {
            let rate = if self.enabled {
                self.measured.min(self.fill_rate)
            } else {
                self.measured
            };
            self.last_max = rate;
            self.window = window(rate);
            self.throttled = now;
            self.enabled = true;
            rate * Self::BETA
        };
        self.refill(now);
        let rate = rate.min(2.0 * self.measured);
        self.fill_rate = rate.max(Self::MIN_FILL);
        self.max_capacity = rate.max(Self::MIN_CAPACITY);
        self.capacity = self.capacity.min(self.max_capacity);
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Second {
    offered: f64,
    sent: f64,
    accepted: f64,
}

/// What happens in each second when the clients together offer `load(second)` and the server does
/// `able(second)` of its capacity.
fn run(
    mut make: impl FnMut() -> Box<dyn Throttle>,
    seconds: usize,
    load: impl Fn(usize) -> f64,
    able: impl Fn(usize) -> f64,
) -> Vec<Second> {
    let mut rng = fastrand::Rng::with_seed(20);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| make()).collect();
    let mut on_their_way: Vec<(f64, usize)> = Vec::new();
    let mut history = vec![Second::default(); seconds];
    // Work that the server can do now; it saves up a tenth of a second.
    let mut work = 0.0_f64;
    for tick in 0..(seconds as f64 / TICK) as usize {
        let now = tick as f64 * TICK;
        let second = now as usize;
        let capacity = CAPACITY * able(second);
        work = (work + capacity * TICK).min(capacity * 0.1);
        let chance = load(second) * TICK / CLIENTS as f64;
        for (index, client) in clients.iter_mut().enumerate() {
            if rng.f64() < chance {
                history[second].offered += 1.0;
                if let Some(at) = client.send_at(now, &mut rng) {
                    on_their_way.push((at, index));
                }
            }
        }
        rng.shuffle(&mut on_their_way);
        on_their_way.retain(|&(at, index)| {
            if at > now {
                return true;
            }
            history[second].sent += 1.0;
            let accepted = work >= 1.0;
            work = (work - if accepted { 1.0 } else { REFUSAL }).max(-capacity);
            history[second].accepted += f64::from(u8::from(accepted));
            clients[index].outcome(now, accepted);
            false
        });
    }
    history
}

fn sum(seconds: &[Second]) -> Second {
    seconds
        .iter()
        .fold(Second::default(), |sum, second| Second {
            offered: sum.offered + second.offered,
            sent: sum.sent + second.sent,
            accepted: sum.accepted + second.accepted,
        })
}

fn back_after(seconds: &[Second]) -> usize {
    seconds
        .windows(5)
        .position(|five| sum(five).accepted >= 0.95 * sum(five).offered)
        .unwrap_or(seconds.len())
}

#[derive(Debug)]
#[allow(dead_code, reason = "the table prints what the test does not judge")]
struct Marks {
    /// Accepted of what an ideal server would have done in the overload.
    goodput: f64,
    /// Turned away by the server, of what was sent to it in the overload.
    wasted: f64,
    /// Accepted of what was offered in the first two windows (20 s) after it.
    after_overload: f64,
    /// The same after a minute in which the server took nothing.
    after_outage: f64,
    /// Seconds after the overload, and after the outage, until 95 % are accepted for five seconds.
    back_after: (usize, usize),
}

const MINUTE: usize = 60;
/// The time in which things are judged to be well again.
const WINDOW: usize = 10;

fn marks(mut make: impl FnMut() -> Box<dyn Throttle>) -> Marks {
    let half = CAPACITY * 0.5;
    let load = |second| {
        if (MINUTE..3 * MINUTE).contains(&second) {
            3.0 * CAPACITY
        } else {
            half
        }
    };
    let overload = run(&mut make, 5 * MINUTE, load, |_| 1.0);
    let during = sum(&overload[MINUTE..3 * MINUTE]);
    let after = sum(&overload[3 * MINUTE..3 * MINUTE + 2 * WINDOW]);
    let up = |second| f64::from(u8::from(!(MINUTE..2 * MINUTE).contains(&second)));
    let outage = run(&mut make, 6 * MINUTE, |_| half, up);
    let back = &outage[2 * MINUTE..];
    let after_outage = sum(&back[..2 * WINDOW]);
    Marks {
        goodput: during.accepted / (CAPACITY * 2.0 * MINUTE as f64),
        wasted: 1.0 - during.accepted / during.sent,
        after_overload: after.accepted / after.offered,
        after_outage: after_outage.accepted / after_outage.offered,
        back_after: (back_after(&overload[3 * MINUTE..]), back_after(back)),
    }
}

#[test]
fn googles_ratio_keeps_more_of_an_overloaded_server_than_cubic_and_is_well_again_within_two_windows()
 {
    let nothing = marks(|| Box::new(Nothing));
    let cubic = marks(|| Box::<Cubic>::default());
    let book = marks(|| Box::new(Google::new(2.0, 1.0, Duration::from_secs(120))));
    let ours = marks(|| Box::new(Google::new(K, MOST, MEMORY)));
    for (name, marks) in [
        ("no throttle", &nothing),
        ("cubic", &cubic),
        ("the book's", &book),
        ("ours", &ours),
    ] {
        println!("{name:12} {marks:.3?}");
    }
    assert!(ours.goodput > cubic.goodput + 0.2, "{ours:?} {cubic:?}");
    assert!(ours.goodput > nothing.goodput + 0.2, "{ours:?} {nothing:?}");
    assert!(ours.wasted < nothing.wasted, "{ours:?} {nothing:?}");
    let two_windows = 2 * MEMORY.as_secs() as usize;
    assert!(
        ours.back_after.0 <= two_windows,
        "95 % after the overload: {ours:?}"
    );
    assert!(
        ours.back_after.1 <= two_windows,
        "95 % after the outage: {ours:?}"
    );
    // Where it is worse: it sends more that is turned away, being the price of finding out quickly.
    assert!(cubic.wasted < ours.wasted, "{ours:?} {cubic:?}");
}
