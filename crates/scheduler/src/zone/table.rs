//! The clock changes of one zone, found by day steps and bisection over its offsets.

use std::sync::OnceLock;

use chrono::{DateTime, Datelike as _, NaiveDate, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;

/// The years with a table of their own; before and after them the offset is that of the edge.
const FIRST_YEAR: i32 = 1970;
const YEARS: usize = 131;

/// Steps of the search. Two changes within half a day that cancel each other do not occur.
const STEP: i64 = 43_200;

/// A stretch of time in which the offset of a zone is constant, in seconds since 1970.
///
/// The turn of a year ends a stretch too, which is harmless: the offset on both sides is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Its first second.
    pub(crate) from: i64,
    /// The first second after it.
    pub(crate) to: i64,
    /// Wall time less universal time.
    pub(crate) offset: i64,
    /// The offset just before it.
    pub(crate) before: i64,
    /// The offset just after it.
    pub(crate) after: i64,
}

impl Segment {
    /// Whether the table ends with it.
    pub(crate) const fn is_last(&self) -> bool {
        self.to == i64::MAX
    }
}

/// A change: from this second on, this offset holds.
#[derive(Debug, Clone, Copy)]
struct Change {
    at: i64,
    offset: i64,
}

/// The changes of a zone by the year that they fall in (in universal time).
#[derive(Debug)]
pub(super) struct Table {
    zone: Tz,
    years: Box<[OnceLock<Year>]>,
}

/// One year: the offset that it begins with, and its changes in order.
#[derive(Debug)]
struct Year {
    from: i64,
    to: i64,
    /// The offsets just before it, at its beginning and just after it.
    before: i64,
    offset: i64,
    after: i64,
    changes: Box<[Change]>,
}

impl Table {
    pub(super) fn new(zone: Tz) -> Self {
        Self {
            zone,
            years: std::iter::repeat_with(OnceLock::new).take(YEARS).collect(),
        }
    }

    pub(super) fn zone(&self) -> Tz {
        self.zone
    }

    fn offset(&self, second: i64) -> i64 {
        let moment = DateTime::from_timestamp(second, 0).unwrap_or_default();
        let offset = self.zone.offset_from_utc_datetime(&moment.naive_utc());
        i64::from(offset.fix().local_minus_utc())
    }

    pub(super) fn segment(&self, second: i64) -> Segment {
        let index = DateTime::<Utc>::from_timestamp(second, 0)
            .map(|moment| moment.year() - FIRST_YEAR)
            .and_then(|year| usize::try_from(year).ok());
        let year = index.and_then(|index| Some((index, self.years.get(index)?)));
        let Some((index, year)) = year else {
            return self.outside(second);
        };
        let year = year.get_or_init(|| self.search(index));
        let next = year.changes.partition_point(|change| change.at <= second);
        let current = next.checked_sub(1).and_then(|last| year.changes.get(last));
        let previous = next.checked_sub(2).and_then(|last| year.changes.get(last));
        let following = year.changes.get(next);
        let from = current.map_or(year.from, |change| change.at);
        let offset = current.map_or(year.offset, |change| change.offset);
        Segment {
            from,
            to: following.map_or(year.to, |change| change.at),
            offset,
            before: match (previous, current) {
                (Some(previous), _) => previous.offset,
                (None, Some(_)) => year.offset,
                (None, None) => year.before,
            },
            after: following.map_or(year.after, |change| change.offset),
        }
    }

    /// Before the first year and after the last one.
    fn outside(&self, second: i64) -> Segment {
        let end = first_second(YEARS);
        let offset = self.offset(if second < 0 { -1 } else { end });
        let (from, to) = if second < 0 {
            (i64::MIN, 0)
        } else {
            (end, i64::MAX)
        };
        Segment {
            from,
            to,
            offset,
            before: if second < 0 {
                offset
            } else {
                self.offset(end - 1)
            },
            after: if second < 0 { self.offset(0) } else { offset },
        }
    }

    fn search(&self, index: usize) -> Year {
        let (from, to) = (first_second(index), first_second(index + 1));
        let first = self.offset(from);
        let (mut at, mut offset, mut changes) = (from, first, Vec::new());
        while at < to {
            let next = (at + STEP).min(to);
            let later = self.offset(next);
            // A change at the very turn of the year belongs to the next one, which begins with it.
            if later != offset {
                let change = self.bisect(at, next, offset);
                if change < to {
                    changes.push(Change {
                        at: change,
                        offset: later,
                    });
                }
            }
            (at, offset) = (next, later);
        }
        Year {
            from,
            to,
            before: self.offset(from - 1),
            offset: first,
            after: self.offset(to),
            changes: changes.into_boxed_slice(),
        }
    }

    /// The first second after `same` whose offset is not `offset`; `other` has another one.
    fn bisect(&self, mut same: i64, mut other: i64, offset: i64) -> i64 {
        while other - same > 1 {
            let middle = same + (other - same) / 2;
            if self.offset(middle) == offset {
                same = middle;
            } else {
                other = middle;
            }
        }
        other
    }
}

fn first_second(index: usize) -> i64 {
    let year = i32::try_from(index).map_or(i32::MAX, |index| FIRST_YEAR + index);
    NaiveDate::from_ymd_opt(year, 1, 1)
        .and_then(|day| day.and_hms_opt(0, 0, 0))
        .map_or(i64::MAX, |moment| moment.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_agrees_with_the_database_at_both_ends() {
        for name in [
            "America/New_York",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
            "Antarctica/Troll",
            "UTC",
            "Asia/Kathmandu",
        ] {
            let table = Table::new(name.parse().unwrap());
            let (mut at, end) = (first_second(50), first_second(60));
            while at < end {
                let segment = table.segment(at);
                assert!(segment.from == at && segment.to > at, "{name} {segment:?}");
                for second in [
                    segment.from,
                    (segment.from + segment.to) / 2,
                    segment.to - 1,
                ] {
                    assert_eq!(table.offset(second), segment.offset, "{name} {second}");
                    assert_eq!(table.segment(second), segment);
                }
                assert_eq!(table.offset(segment.from - 1), segment.before);
                assert_eq!(table.offset(segment.to), segment.after);
                at = segment.to;
            }
        }
    }

    #[test]
    fn outside_the_table_the_offset_of_its_edge_holds() {
        let table = Table::new(chrono_tz::Europe::Amsterdam);
        let early = table.segment(-1_000_000);
        assert_eq!((early.to, early.after), (0, 3_600));
        let late = table.segment(first_second(YEARS) + 1);
        assert!(late.is_last());
        assert_eq!(late.offset, table.offset(first_second(YEARS)));
    }
}
