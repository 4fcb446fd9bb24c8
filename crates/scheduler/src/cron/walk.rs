//! From wall times to moments: along the stretches of constant offset, by the policies at each change.

use super::preview::ClockChange;
use super::{Fold, Gap};
use crate::zone::{Segment, Zone};

/// A moment found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Seconds since 1970.
    pub(crate) second: i64,
    /// What a clock change did to it.
    pub(crate) change: Option<ClockChange>,
}

/// The first moment after `after` whose wall time is scheduled. `next_wall` gives the first scheduled
/// wall time after a wall time.
pub(super) fn next(
    zone: &Zone,
    gap: Gap,
    fold: Fold,
    next_wall: impl Fn(i64) -> Option<i64>,
    after: i64,
) -> Option<Hit> {
    let mut segment = zone.segment(after);
    let mut after = after;
    loop {
        let hit = within(&segment, fold, &next_wall, after);
        if let Found::At(hit) = hit {
            return Some(hit);
        }
        if segment.is_last() {
            return None;
        }
        // What the change leaves out: wall times from the old clock's reading to the new one's.
        let (old, new) = (segment.to + segment.offset, segment.to + segment.after);
        if gap == Gap::Shift && old < new && next_wall(old - 1)? < new {
            return Some(Hit {
                second: segment.to,
                change: Some(ClockChange::Shifted),
            });
        }
        let next = zone.segment(segment.to);
        after = next.from - 1;
        // Nothing is scheduled before `wall`, so no stretch that ends days before it has anything;
        // but the next one may repeat what lies before.
        let repeats = next.before > next.offset;
        segment = match hit {
            Found::Later(wall) if !repeats && wall - 3 * 86_400 > next.to + next.offset => {
                let far = zone.segment(wall - 2 * 86_400);
                after = far.from - 1;
                far
            }
            Found::At(_) | Found::Later(_) => next,
            Found::Never if repeats => next,
            Found::Never => return None,
        };
    }
}

/// What a stretch has.
enum Found {
    At(Hit),
    /// Not here; this is the next wall time, by this stretch's clock.
    Later(i64),
    Never,
}

/// The first moment of a stretch after `after`, which may lie just before the stretch.
fn within(
    segment: &Segment,
    fold: Fold,
    next_wall: impl Fn(i64) -> Option<i64>,
    after: i64,
) -> Found {
    // Wall times below this were shown before, above the second were not and will be shown again.
    let shown_before = segment.from.saturating_add(segment.before);
    let shown_again = segment.to.saturating_add(segment.after);
    let mut wall = after.max(segment.from.saturating_sub(1)) + segment.offset;
    if fold == Fold::First && shown_before > segment.from.saturating_add(segment.offset) {
        wall = wall.max(shown_before - 1);
    }
    let Some(wall) = next_wall(wall) else {
        return Found::Never;
    };
    let second = wall - segment.offset;
    let (is_second, is_first) = (wall < shown_before, wall >= shown_again);
    if second >= segment.to || (fold == Fold::Second && is_first) {
        return Found::Later(wall);
    }
    Found::At(Hit {
        second,
        change: (is_first || is_second).then_some(ClockChange::Doubled),
    })
}
