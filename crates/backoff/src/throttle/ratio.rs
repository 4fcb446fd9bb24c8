//! Whom to send away so that an overloaded server need not do it.
//!
//! Pure: no async, no clock, no lock. The formula of *Site Reliability Engineering* (Beyer and others,
//! 2016), chapter 21, "Client-Side Throttling": a request is sent away with the probability
//! `max(0, (requests − K · accepts) / (requests + 1))`, where both are counted over the recent past, those
//! requests included that are sent away here. Unlike in the book the probability is bounded: after an
//! outage nearly nothing would be sent, and without an answer nothing is learned.

use std::time::Duration;

use tokio::time::Instant;

/// The past is counted in so many parts, of which the oldest is forgotten at once.
const PARTS: usize = 20;

/// Requests and accepts of the recent past.
#[derive(Debug)]
pub(crate) struct Ratio {
    k: f64,
    most: f64,
    part: Duration,
    parts: [Part; PARTS],
    /// Where the present is counted, and when that began.
    current: usize,
    began: Option<Instant>,
    requests: u64,
    accepts: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    requests: u64,
    accepts: u64,
}

impl Ratio {
    pub(crate) fn new(k: f64, most: f64, window: Duration) -> Self {
        Self {
            // Not infinite, which times no accept would be no number.
            k: if k.is_nan() { 1.0 } else { k.clamp(1.0, 1e6) },
            most: if most.is_nan() {
                0.0
            } else {
                most.clamp(0.0, 1.0)
            },
            part: (window / PARTS as u32).max(Duration::from_nanos(1)),
            parts: [Part::default(); PARTS],
            current: 0,
            began: None,
            requests: 0,
            accepts: 0,
        }
    }

    /// The probability with which a request is sent away at `now`.
    pub(crate) fn reject(&mut self, now: Instant) -> f64 {
        self.go_on(now);
        let (requests, accepts) = (self.requests as f64, self.accepts as f64);
        ((requests - self.k * accepts) / (requests + 1.0)).clamp(0.0, self.most)
    }

    /// A request was made, whether it is sent or not.
    pub(crate) fn request(&mut self, now: Instant) {
        self.go_on(now);
        self.requests += 1;
        if let Some(part) = self.parts.get_mut(self.current) {
            part.requests += 1;
        }
    }

    /// The server took a request.
    pub(crate) fn accept(&mut self, now: Instant) {
        self.go_on(now);
        // An answer to a request that is forgotten already must not count more than the requests do.
        if self.accepts < self.requests {
            self.accepts += 1;
            if let Some(part) = self.parts.get_mut(self.current) {
                part.accepts += 1;
            }
        }
    }

    /// A request ended in a way that says nothing: as if it had never been made.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.go_on(now);
        if let Some(part) = self.parts.get_mut(self.current)
            && part.requests > 0
        {
            part.requests -= 1;
            self.requests -= 1;
        }
    }

    pub(crate) const fn counted(&self) -> (u64, u64) {
        (self.requests, self.accepts)
    }

    fn go_on(&mut self, now: Instant) {
        let mut began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began).as_nanos() / self.part.as_nanos();
        for _ in 0..passed.min(PARTS as u128) {
            self.current = (self.current + 1) % PARTS;
            if let Some(part) = self.parts.get_mut(self.current) {
                self.requests -= part.requests;
                self.accepts -= part.accepts;
                *part = Part::default();
            }
        }
        if passed > 0 {
            let step = u32::try_from(passed)
                .ok()
                .and_then(|passed| self.part.checked_mul(passed));
            began = step.and_then(|step| began.checked_add(step)).unwrap_or(now);
            self.began = Some(began);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    #[test]
    fn the_probability_is_that_of_the_book() {
        for (requests, accepts, k, expected) in [
            (0, 0, 2.0, 0.0),
            (10, 10, 2.0, 0.0),
            (10, 5, 2.0, 0.0),
            (10, 4, 2.0, 2.0 / 11.0),
            (99, 0, 2.0, 0.99),
            (100, 50, 1.1, 45.0 / 101.0),
        ] {
            let now = Instant::now();
            let mut ratio = Ratio::new(k, 1.0, WINDOW);
            (0..requests).for_each(|_| ratio.request(now));
            (0..accepts).for_each(|_| ratio.accept(now));
            let found = ratio.reject(now);
            assert!(
                (found - expected).abs() < 1e-9,
                "{requests} {accepts}: {found}"
            );
        }
    }

    #[test]
    fn the_past_is_forgotten_after_the_window() {
        let start = Instant::now();
        let mut ratio = Ratio::new(2.0, 0.8, WINDOW);
        (0..100).for_each(|_| ratio.request(start));
        assert_eq!(ratio.reject(start + WINDOW * 9 / 10), 0.8);
        assert_eq!(ratio.reject(start + WINDOW), 0.0);
        assert_eq!(ratio.counted(), (0, 0));
    }

    #[test]
    fn parameters_that_make_no_sense_have_a_meaning() {
        let now = Instant::now();
        for number in [f64::NAN, -1.0, f64::INFINITY, f64::NEG_INFINITY] {
            let mut ratio = Ratio::new(number, number, Duration::ZERO);
            ratio.request(now);
            assert!((0.0..=1.0).contains(&ratio.reject(now)), "{number}");
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Wait(u64),
        Request,
        Accept,
        Forget,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_u64..4_000).prop_map(Step::Wait),
            Just(Step::Request),
            Just(Step::Request),
            Just(Step::Accept),
            Just(Step::Forget),
        ]
    }

    proptest! {
        /// The sums are those of the parts, nothing overflows, and there are never more accepts than
        /// requests remembered, whatever the order of the answers.
        #[test]
        fn any_history_keeps_its_sums(steps in prop::collection::vec(step(), 1..300)) {
            let mut now = Instant::now();
            let mut ratio = Ratio::new(2.0, 0.8, WINDOW);
            for step in steps {
                match step {
                    Step::Wait(millis) => now += Duration::from_millis(millis),
                    Step::Request => ratio.request(now),
                    Step::Accept => ratio.accept(now),
                    Step::Forget => ratio.forget(now),
                }
                let probability = ratio.reject(now);
                prop_assert!((0.0..=0.8).contains(&probability));
                let (requests, accepts) = ratio.counted();
                prop_assert_eq!(requests, ratio.parts.iter().map(|part| part.requests).sum::<u64>());
                prop_assert_eq!(accepts, ratio.parts.iter().map(|part| part.accepts).sum::<u64>());
            }
        }
    }
}
