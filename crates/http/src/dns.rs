//! What is known of names: addresses with a lifetime, kept longer than that for the time when the resolver fails.
//!
//! The system's resolver does not tell the lifetime of an answer, so it is a setting. Pure: `now` is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// More names than this are not kept. As many as there may be origins.
const MAX_NAMES: usize = 256;

/// How long a resolver that failed is not asked for the same name again. Until then the last good answer stands in, or the failure stands.
pub(crate) const RESPITE: Duration = Duration::from_secs(1);

/// The names of one client.
#[derive(Debug)]
pub(crate) struct Names {
    known: HashMap<Box<str>, Known>,
    /// For how long an answer is used without asking again.
    fresh: Duration,
    /// For how long it is used when asking fails.
    stale: Duration,
}

#[derive(Debug)]
struct Known {
    /// In the order in which they are tried.
    addresses: Arc<[IpAddr]>,
    fresh_until: Instant,
    stale_until: Instant,
}

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Knowledge {
    /// Use these.
    Fresh(Arc<[IpAddr]>),
    /// Ask; if that fails, use these.
    Stale(Arc<[IpAddr]>),
    /// Ask.
    None,
}

impl Names {
    pub(crate) fn new(fresh: Duration, stale: Duration) -> Self {
        Self {
            known: HashMap::new(),
            fresh,
            stale,
        }
    }

    pub(crate) fn get(&self, name: &str, now: Instant) -> Knowledge {
        match self.known.get(name) {
            Some(known) if now < known.fresh_until => {
                Knowledge::Fresh(Arc::clone(&known.addresses))
            }
            Some(known) if now < known.stale_until => {
                Knowledge::Stale(Arc::clone(&known.addresses))
            }
            _ => Knowledge::None,
        }
    }

    /// The resolver answered.
    pub(crate) fn learn(&mut self, name: &str, addresses: Arc<[IpAddr]>, now: Instant) {
        if !self.known.contains_key(name) && self.known.len() >= MAX_NAMES {
            self.make_room(now);
        }
        let fresh_until = now + self.fresh;
        let known = Known {
            addresses,
            fresh_until,
            stale_until: fresh_until + self.stale,
        };
        self.known.insert(name.into(), known);
    }

    /// The resolver failed and the last good answer stands in: it is not asked again for a moment.
    pub(crate) fn excuse(&mut self, name: &str, now: Instant) {
        if let Some(known) = self.known.get_mut(name) {
            known.fresh_until = (now + RESPITE).min(known.stale_until);
        }
    }

    /// No address of this name could be reached: the next one who needs it asks.
    pub(crate) fn doubt(&mut self, name: &str, now: Instant) {
        if let Some(known) = self.known.get_mut(name) {
            known.fresh_until = known.fresh_until.min(now);
        }
    }

    /// This address of the name works: the next connection tries it first.
    pub(crate) fn prefer(&mut self, name: &str, address: IpAddr) {
        if let Some(known) = self.known.get_mut(name)
            && let Some(place) = known.addresses.iter().position(|other| *other == address)
            && place > 0
        {
            let mut addresses = known.addresses.to_vec();
            addresses.swap(0, place);
            known.addresses = addresses.into();
        }
    }

    fn make_room(&mut self, now: Instant) {
        self.known.retain(|_, known| now < known.stale_until);
        if self.known.len() >= MAX_NAMES {
            let oldest = self
                .known
                .iter()
                .min_by_key(|(_, known)| known.stale_until)
                .map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                self.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Duration = Duration::from_secs(60);
    const STALE: Duration = Duration::from_secs(600);

    fn addresses(last: u8) -> Arc<[IpAddr]> {
        Arc::from([IpAddr::from([1, 1, 1, last]), IpAddr::from([2, 2, 2, last])])
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_fresh_then_stale_then_gone() {
        let start = Instant::now();
        let mut names = Names::new(FRESH, STALE);
        assert_eq!(names.get("a", start), Knowledge::None);
        names.learn("a", addresses(1), start);
        for (after, expected) in [
            (Duration::ZERO, Knowledge::Fresh(addresses(1))),
            (
                FRESH - Duration::from_nanos(1),
                Knowledge::Fresh(addresses(1)),
            ),
            (FRESH, Knowledge::Stale(addresses(1))),
            (
                FRESH + STALE - Duration::from_nanos(1),
                Knowledge::Stale(addresses(1)),
            ),
            (FRESH + STALE, Knowledge::None),
        ] {
            assert_eq!(names.get("a", start + after), expected, "{after:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolver_that_failed_is_left_alone_for_a_moment_and_never_past_the_end() {
        let start = Instant::now();
        let mut names = Names::new(FRESH, STALE);
        names.learn("a", addresses(1), start);
        let later = start + FRESH;
        names.excuse("a", later);
        assert!(matches!(names.get("a", later), Knowledge::Fresh(_)));
        assert!(matches!(
            names.get("a", later + RESPITE),
            Knowledge::Stale(_)
        ));
        let end = start + FRESH + STALE;
        names.excuse("a", end - Duration::from_nanos(1));
        assert_eq!(names.get("a", end), Knowledge::None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_reached_is_asked_for_again_and_what_works_comes_first() {
        let now = Instant::now();
        let mut names = Names::new(FRESH, STALE);
        names.learn("a", addresses(1), now);
        names.prefer("a", IpAddr::from([2, 2, 2, 1]));
        names.prefer("a", IpAddr::from([9, 9, 9, 9]));
        let turned: Arc<[IpAddr]> = addresses(1).iter().rev().copied().collect();
        assert_eq!(names.get("a", now), Knowledge::Fresh(Arc::clone(&turned)));
        names.doubt("a", now);
        assert_eq!(names.get("a", now), Knowledge::Stale(turned));
    }

    #[tokio::test(start_paused = true)]
    async fn table_of_names_is_bounded_and_forgets_the_oldest() {
        let start = Instant::now();
        let mut names = Names::new(FRESH, STALE);
        for number in 0..2_000_u32 {
            let now = start + Duration::from_millis(number.into());
            names.learn(&number.to_string(), addresses(1), now);
            assert!(names.known.len() <= MAX_NAMES);
        }
        let now = start + Duration::from_secs(2);
        assert_eq!(names.get("0", now), Knowledge::None);
        assert!(matches!(names.get("1999", now), Knowledge::Fresh(_)));
    }
}
