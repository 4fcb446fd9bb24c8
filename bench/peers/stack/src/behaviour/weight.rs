//! A budget of 6,000 in any minute, as the server counts it. Virtual time.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, FakeRelativeClock, Reference as _};
use governor::{Quota, RateLimiter};
use robust_limiter::{Charge, Class, Cost, Limiter, Window};
use tokio::time::{Instant, sleep_until};
use tower::{Layer, Service, ServiceExt as _, service_fn};
use tower_resilience::ratelimiter::{RateLimiterLayer, WindowType};

use super::{Counts, OURS};

pub const NOTE: &str = "limit 6,000 in 60 s, requests of 250; the worst of: 30 at once, one and 30 more 55 s later, 100 at once; \
    the most that arrived in any 60 s. Peers without weights count 24 calls";

/// The server's limit.
pub const LIMIT: f64 = 6_000.0;

const WEIGHT: u32 = 250;
const CALLS: u32 = 24;
const MINUTE: Duration = Duration::from_secs(60);

/// When which number of requests is asked for.
const DEMANDS: [&[(u64, u32)]; 3] = [&[(0, 30)], &[(0, 1), (55, 30)], &[(0, 100)]];

pub async fn probe() -> Counts {
    vec![
        (OURS, worst(ours).await),
        (
            "governor",
            DEMANDS
                .iter()
                .map(|demand| governor(demand))
                .fold(0.0, f64::max),
        ),
        ("leaky-bucket", worst(leaky_bucket).await),
        ("tower rate_limit", worst(tower_rate_limit).await),
        (
            "tower-resilience fixed",
            worst(|d| resilience(d, WindowType::Fixed)).await,
        ),
        (
            "tower-resilience counter",
            worst(|d| resilience(d, WindowType::SlidingCounter)).await,
        ),
        (
            "tower-resilience log",
            worst(|d| resilience(d, WindowType::SlidingLog)).await,
        ),
    ]
}

/// The most of all demands.
async fn worst<F>(limiter: impl Fn(&'static [(u64, u32)]) -> F) -> f64
where
    F: Future<Output = Vec<Duration>>,
{
    let mut most = 0.0_f64;
    for demand in DEMANDS {
        most = most.max(most_in_a_minute(&limiter(demand).await));
    }
    most
}

/// Server's side: the most weight in any minute; a request on its first instant counts, one on its last does not.
fn most_in_a_minute(arrivals: &[Duration]) -> f64 {
    let in_minute = |from: &Duration| {
        let minute = *from..*from + MINUTE;
        arrivals.iter().filter(|time| minute.contains(time)).count()
    };
    arrivals.iter().map(in_minute).max().unwrap_or_default() as f64 * f64::from(WEIGHT)
}

/// Asks one after the other, as soon as the limiter lets it, and notes when.
async fn arrivals(demand: &[(u64, u32)], mut grant: impl AsyncFnMut()) -> Vec<Duration> {
    let begun = Instant::now();
    let mut times = Vec::new();
    for (second, number) in demand {
        sleep_until(begun + Duration::from_secs(*second)).await;
        for _ in 0..*number {
            grant().await;
            times.push(begun.elapsed());
        }
    }
    times
}

async fn ours(demand: &[(u64, u32)]) -> Vec<Duration> {
    let window = Window::sliding("weight", LIMIT as u32, MINUTE);
    let limiter = Limiter::builder("exchange").window(window).build();
    let cost = Cost::from(Charge::new(0, WEIGHT));
    arrivals(demand, async || {
        let permit = limiter.acquire(&cost, Class::Medium, None).await;
        drop(permit.expect("a grant in the end").commit());
    })
    .await
}

/// governor's own clock, which goes on by what it says is to be waited.
fn governor(demand: &[(u64, u32)]) -> f64 {
    let minute = NonZeroU32::new(LIMIT as u32).unwrap_or(NonZeroU32::MIN);
    let weight = NonZeroU32::new(WEIGHT).unwrap_or(NonZeroU32::MIN);
    let clock = FakeRelativeClock::default();
    let begun = clock.now();
    let limiter = RateLimiter::direct_with_clock(Quota::per_minute(minute), clock.clone());
    let elapsed = || Duration::from(clock.now().duration_since(begun));
    let mut times = Vec::new();
    for (second, number) in demand {
        clock.advance(Duration::from_secs(*second).saturating_sub(elapsed()));
        for _ in 0..*number {
            while let Err(later) = limiter.check_n(weight).expect("less than the burst") {
                let wait = later.wait_time_from(clock.now());
                clock.advance(wait.max(Duration::from_nanos(1)));
            }
            times.push(elapsed());
        }
    }
    most_in_a_minute(&times)
}

async fn leaky_bucket(demand: &[(u64, u32)]) -> Vec<Duration> {
    let bucket = leaky_bucket::RateLimiter::builder()
        .max(LIMIT as usize)
        .initial(LIMIT as usize)
        .refill(100)
        .interval(Duration::from_secs(1))
        .build();
    arrivals(demand, async || bucket.acquire(WEIGHT as usize).await).await
}

async fn tower_rate_limit(demand: &[(u64, u32)]) -> Vec<Duration> {
    let idle = service_fn(|()| async { Ok::<_, Infallible>(()) });
    let mut service = tower::limit::RateLimitLayer::new(u64::from(CALLS), MINUTE).layer(idle);
    arrivals(demand, async || {
        let ready = service.ready().await.expect("a service that cannot fail");
        let _ = ready.call(()).await;
    })
    .await
}

async fn resilience(demand: &[(u64, u32)], window: WindowType) -> Vec<Duration> {
    let idle = service_fn(|()| async { Ok::<_, Infallible>(()) });
    let layer = RateLimiterLayer::builder()
        .limit_for_period(CALLS as usize)
        .refresh_period(MINUTE)
        .timeout_duration(Duration::from_secs(3_600))
        .window_type(window)
        .build()
        .expect("a valid limiter");
    let mut service = layer.layer(idle);
    arrivals(demand, async || {
        let ready = service.ready().await.expect("a service that cannot fail");
        ready.call(()).await.expect("a grant within an hour");
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_holds_its_first_instant_and_not_its_last() {
        let seconds = |times: &[u64]| {
            times
                .iter()
                .map(|t| Duration::from_secs(*t))
                .collect::<Vec<_>>()
        };
        assert_eq!(most_in_a_minute(&seconds(&[0, 60])), 250.0);
        assert_eq!(most_in_a_minute(&seconds(&[0, 59, 60, 61])), 750.0);
    }
}
