//! The way to the exchange: what goes wrong on it, and what has gone through it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use robust_breaker::State;
use robust_http::{Error, Kind};
use robust_sim::{DoorError, Fault, Sim};
use robust_source::{Source, Transport};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use super::plan::{Plan, Trouble, trouble};

/// How long to stay away at least from an exchange that says that it was too much, and not until when.
const WITHOUT_TIME: Duration = Duration::from_secs(1);

/// The same of one that has shut us out.
const BANNED: Duration = Duration::from_secs(120);

/// The `Date` of the answers with a date to come back at: far from any clock here, which must not matter.
const DATE_SECONDS: u64 = 1_600_000_000;

/// What went through, as the other side sees it.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// When requests were handed over that went out; those of a refused connection did not.
    pub(super) sent: Vec<Instant>,
    /// Connections that were refused.
    pub(super) refused: u64,
    /// Requests that are under way.
    pub(super) under_way: usize,
    /// Of these, the ones that were let through as probes, by the breaker's generation.
    probes: (u64, usize),
    /// Nothing may be sent before then.
    stay_until: Option<Instant>,
    /// What must not have happened.
    pub(super) violations: Vec<String>,
}

/// What the door knows and keeps.
#[derive(Debug)]
pub(super) struct Door {
    sim: Sim,
    weather: Vec<(Duration, Trouble)>,
    travel: Duration,
    until: Duration,
    permits: usize,
    slots: usize,
    began: Instant,
    rng: Mutex<Rng>,
    log: Mutex<Log>,
    /// Known once it is built.
    pub(super) source: OnceLock<Source>,
}

impl Door {
    pub(super) fn new(plan: &Plan, sim: Sim) -> Arc<Self> {
        Arc::new(Self {
            sim,
            weather: plan.weather.clone(),
            travel: plan.travel,
            until: plan.until,
            permits: plan.config.half_open_permits as usize,
            slots: plan.config.concurrency.max(1),
            began: Instant::now(),
            rng: Mutex::new(Rng::with_seed(plan.seed)),
            log: Mutex::default(),
            source: OnceLock::new(),
        })
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rng(&self) -> MutexGuard<'_, Rng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The door as the client's stand-in.
    pub(super) fn transport(self: &Arc<Self>) -> Transport {
        let door = Arc::clone(self);
        let service = tower::service_fn(move |request| {
            // Here, and not at the first poll: this is the moment in which the stack let it through.
            let trouble = door.trouble();
            let passage = door.hand_over(trouble);
            let door = Arc::clone(&door);
            async move {
                let answer = door.carry(request, trouble).await;
                door.deliver(&answer, trouble);
                drop(passage);
                answer
            }
        });
        robust_source::in_memory(service, |error| match error {
            DoorError::Refused => Error::new(Kind::Connect, false),
            _ => Error::new(Kind::Closed, true),
        })
    }

    fn storm_is_over(&self) -> bool {
        self.began.elapsed() >= self.until
    }

    /// What goes wrong with a request that is handed over now.
    fn trouble(&self) -> Trouble {
        let elapsed = self.began.elapsed();
        if self.storm_is_over() {
            return Trouble::None;
        }
        let now = self.weather.iter().rev().find(|(from, _)| *from <= elapsed);
        match now {
            Some((_, Trouble::Mixed)) => trouble(&mut self.rng(), false),
            Some((_, trouble)) => *trouble,
            None => Trouble::None,
        }
    }

    /// Notes a request, and judges whether it may be there.
    fn hand_over(self: &Arc<Self>, trouble: Trouble) -> Passage {
        let now = Instant::now();
        let at = now.saturating_duration_since(self.began);
        let breaker = self.source.get().map(|source| source.breaker().snapshot());
        let mut log = self.log();
        let mut probe = None;
        match breaker
            .as_ref()
            .map(|breaker| (breaker.state, breaker.generation))
        {
            Some((State::Open { until }, _)) => {
                let left = until.saturating_duration_since(now);
                log.violations.push(format!(
                    "{at:?}: sent while the breaker is open for {left:?} more"
                ));
            }
            Some((State::HalfOpen, generation)) => {
                if log.probes.0 != generation {
                    log.probes = (generation, 0);
                }
                log.probes.1 += 1;
                probe = Some(generation);
                if log.probes.1 > self.permits {
                    let count = log.probes.1;
                    log.violations.push(format!(
                        "{at:?}: {count} probes at once, {} are allowed",
                        self.permits
                    ));
                }
            }
            _ => {}
        }
        if let Some(until) = log.stay_until.filter(|until| now < *until) {
            let left = until.saturating_duration_since(now);
            log.violations.push(format!(
                "{at:?}: sent {left:?} before the exchange wants to hear of us again"
            ));
        }
        log.under_way += 1;
        if log.under_way > self.slots {
            let count = log.under_way;
            log.violations.push(format!(
                "{at:?}: {count} under way, {} are allowed",
                self.slots
            ));
        }
        if trouble == Trouble::Sim(Fault::Refuse) {
            log.refused += 1;
        } else {
            log.sent.push(now);
        }
        Passage {
            door: Arc::clone(self),
            probe,
        }
    }

    async fn carry(
        &self,
        request: http::Request<Bytes>,
        trouble: Trouble,
    ) -> Result<Response<Bytes>, DoorError> {
        if trouble == Trouble::Sim(Fault::Refuse) {
            return Err(DoorError::Refused);
        }
        let longest = self.travel.as_millis();
        if longest > 0 && !self.storm_is_over() {
            let travel = self.rng().u64(..=u64::try_from(longest).unwrap_or(1_000));
            sleep(Duration::from_millis(travel)).await;
        }
        if let Trouble::Sim(fault) = trouble {
            self.sim.set_fault(Some(fault));
            return self.sim.service().oneshot(request).await;
        }
        self.sim.set_fault(None);
        match trouble {
            Trouble::Slow(longest) => {
                let longest = u64::try_from(longest.as_millis()).unwrap_or(1_000);
                let answer = self.sim.service().oneshot(request).await;
                let slow = self.rng().u64(..=longest);
                sleep(Duration::from_millis(slow)).await;
                answer
            }
            Trouble::LimitedWithoutTime | Trouble::LimitedUntil(_) | Trouble::LimitedNonsense => {
                self.spoilt(&request, StatusCode::TOO_MANY_REQUESTS, "", trouble)
            }
            Trouble::Busy(_) => self.spoilt(&request, StatusCode::SERVICE_UNAVAILABLE, "", trouble),
            Trouble::Maintenance => {
                let page = "<html><body>We are down for maintenance</body></html>";
                self.spoilt(&request, StatusCode::SERVICE_UNAVAILABLE, page, trouble)
            }
            _ => self.sim.service().oneshot(request).await,
        }
    }

    /// The exchange counts the request and says something else.
    fn spoilt(
        &self,
        request: &http::Request<Bytes>,
        status: StatusCode,
        body: &'static str,
        trouble: Trouble,
    ) -> Result<Response<Bytes>, DoorError> {
        let _counted = self.sim.handle(request, self.sim.now());
        let mut answer = Response::new(Bytes::from_static(body.as_bytes()));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        let date = |seconds: u64| {
            let then = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
            HeaderValue::from_str(&httpdate::fmt_http_date(then)).ok()
        };
        let retry_after = match trouble {
            Trouble::LimitedUntil(seconds) => {
                if let Some(date) = date(DATE_SECONDS) {
                    headers.insert(DATE, date);
                }
                date(DATE_SECONDS + u64::from(seconds))
            }
            Trouble::LimitedNonsense => Some(HeaderValue::from_static("when pigs fly")),
            Trouble::Busy(seconds) => Some(HeaderValue::from(seconds)),
            _ => None,
        };
        if let Some(retry_after) = retry_after {
            headers.insert(RETRY_AFTER, retry_after);
        }
        Ok(answer)
    }

    /// Notes what an answer that got through says on when to come back.
    fn deliver(&self, answer: &Result<Response<Bytes>, DoorError>, trouble: Trouble) {
        let Ok(answer) = answer else { return };
        let stay = match (answer.status().as_u16(), trouble) {
            (429, Trouble::LimitedUntil(seconds)) => Duration::from_secs(seconds.into()),
            (503, Trouble::Busy(seconds)) => Duration::from_secs(seconds.into()),
            (status @ (429 | 418), _) => {
                let named = answer.headers().get(RETRY_AFTER);
                let named = named.and_then(|value| value.to_str().ok()?.parse().ok());
                let least = if status == 418 { BANNED } else { WITHOUT_TIME };
                named.map_or(least, Duration::from_secs)
            }
            _ => return,
        };
        let until = Instant::now() + stay;
        let mut log = self.log();
        log.stay_until = log.stay_until.max(Some(until));
    }
}

/// A request under way; over when it is dropped, however that comes.
#[derive(Debug)]
struct Passage {
    door: Arc<Door>,
    probe: Option<u64>,
}

impl Drop for Passage {
    fn drop(&mut self) {
        let mut log = self.door.log();
        log.under_way -= 1;
        if self.probe == Some(log.probes.0) {
            log.probes.1 -= 1;
        }
    }
}
