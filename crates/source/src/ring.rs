//! The newest attempts, noted without a lock.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

use tokio::time::Instant;

use crate::Attempted;

/// The newest attempts, one over the other.
///
/// Who looks while one is noted does not see that one yet, nor the one whose place it takes. A thread that sleeps between two words of
/// one for as long as all the others take to go round leaves its own time beside another's end; nothing but a statistic is off then.
#[derive(Debug)]
pub(crate) struct Ring<const ROOM: usize> {
    birth: Instant,
    /// How many there were, the forgotten ones included.
    count: AtomicU64,
    /// When the last ended that did not fail: [`shown`].
    good: AtomicU64,
    places: Box<[Place]>,
}

/// One attempt, in nanoseconds since the ring's birth.
#[derive(Debug, Default)]
struct Place {
    /// When it ended ([`shown`]), and in the lowest bit whether it failed. 0 while there is none, or while one is written.
    ended: AtomicU64,
    /// How long it took ([`shown`]).
    took: AtomicU64,
}

impl<const ROOM: usize> Ring<ROOM> {
    /// An empty one, whose times count from `birth`.
    pub(crate) fn new(birth: Instant) -> Self {
        Self {
            birth,
            count: AtomicU64::new(0),
            good: AtomicU64::new(0),
            places: (0..ROOM).map(|_| Place::default()).collect(),
        }
    }

    /// Notes one.
    #[inline]
    pub(crate) fn push(&self, attempted: Attempted) {
        let ended = shown(Some(attempted.ended.saturating_duration_since(self.birth)));
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if !attempted.failed {
            self.good.store(ended, Ordering::Relaxed);
        }
        let Some(place) = self.place(number) else {
            return;
        };
        place.ended.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        place.took.store(shown(attempted.took), Ordering::Relaxed);
        let word = ended << 1 | u64::from(attempted.failed);
        place.ended.store(word, Ordering::Release);
    }

    /// All that are kept, oldest first.
    pub(crate) fn all(&self) -> Vec<Attempted> {
        let count = self.count();
        let oldest = count.saturating_sub(ROOM as u64);
        let kept = (oldest..count).filter_map(|number| self.read(self.place(number)?));
        let mut kept: Vec<Attempted> = kept.collect();
        // Of two that ended together in two threads, either may have been the first to take its place.
        kept.sort_by_key(|attempted| attempted.ended);
        kept
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// When the last ended that did not fail.
    pub(crate) fn last_good(&self) -> Option<Instant> {
        self.at(self.good.load(Ordering::Relaxed))
    }

    #[inline]
    fn place(&self, number: u64) -> Option<&Place> {
        let place = number.checked_rem(const { ROOM as u64 })?;
        self.places.get(usize::try_from(place).ok()?)
    }

    fn read(&self, place: &Place) -> Option<Attempted> {
        let word = place.ended.load(Ordering::Acquire);
        let took = place.took.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let whole = place.ended.load(Ordering::Relaxed) == word;
        let ended = self.at(word >> 1).filter(|_| whole)?;
        Some(Attempted::new(ended, meant(took), word & 1 == 1))
    }

    fn at(&self, shown: u64) -> Option<Instant> {
        self.birth.checked_add(meant(shown)?)
    }
}

/// A time as it is kept: one nanosecond more, for 0 is none. After 146 years it stands still.
#[inline]
fn shown(time: Option<Duration>) -> u64 {
    const LAST: u64 = u64::MAX >> 2;
    time.map_or(0, |time| {
        u64::try_from(time.as_nanos()).map_or(LAST, |nanos| nanos.min(LAST)) + 1
    })
}

/// The time that is kept as that.
fn meant(shown: u64) -> Option<Duration> {
    shown.checked_sub(1).map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempted(birth: Instant, number: u64) -> Attempted {
        let took = (!number.is_multiple_of(3)).then_some(Duration::from_nanos(number));
        let ended = birth + Duration::from_nanos(10 * number);
        Attempted::new(ended, took, number.is_multiple_of(2))
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_are_kept_as_they_were_and_in_their_order() {
        let birth = Instant::now();
        let ring = Ring::<4>::new(birth);
        assert_eq!((ring.all(), ring.last_good()), (Vec::new(), None));
        for number in 0..10 {
            ring.push(attempted(birth, number));
            let first = (number + 1).saturating_sub(4);
            let kept: Vec<_> = (first..=number).map(|n| attempted(birth, n)).collect();
            assert_eq!(ring.all(), kept);
            assert_eq!(ring.count(), number + 1);
        }
        assert_eq!(ring.last_good(), Some(attempted(birth, 9).ended));
    }

    #[test]
    fn what_is_seen_while_another_is_noted_is_whole() {
        let birth = Instant::now();
        let ring = Ring::<8>::new(birth);
        // What belongs together can be told from each part of it.
        let each = |number: u64| {
            let time = Duration::from_nanos(number);
            Attempted::new(birth + time, Some(time), number % 2 == 1)
        };
        std::thread::scope(|scope| {
            scope.spawn(|| (0..100_000).for_each(|number| ring.push(each(number))));
            for _ in 0..2_000 {
                for seen in ring.all() {
                    let took = seen.took.unwrap_or_default();
                    assert_eq!(seen, each(u64::try_from(took.as_nanos()).unwrap_or(0)));
                }
            }
        });
        assert_eq!(ring.count(), 100_000);
    }
}
