//! Which of an answer's rows were asked for.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Candle, Timestamp, Trade};
use serde::Deserialize;

use super::{Fields, Notes, Rows};

/// A record that stands somewhere in time.
pub(crate) trait Timed {
    fn time(&self) -> Timestamp;
}

impl Timed for Candle {
    fn time(&self) -> Timestamp {
        self.time
    }
}

impl Timed for Trade {
    fn time(&self) -> Timestamp {
        self.time
    }
}

/// A record, or the time of one that cannot be made, where at least that is readable.
pub(crate) type Reading<T> = Result<T, Option<Timestamp>>;

/// The rows that a request asks for, where the exchange sends more than that.
///
/// With `since`, the first `limit` rows from there; without, the newest `limit` rows, because who asks for the last ten
/// bars does not want the oldest ten of the reply. Rows outside are not part of the answer: what is broken in them is not noted,
/// and positions of defects and exclusions count from the first row inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    since: Option<Timestamp>,
    limit: Option<usize>,
}

impl Window {
    pub(crate) fn new(since: Option<Timestamp>, limit: Option<u32>) -> Self {
        Self {
            since,
            limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        }
    }

    /// Reads the rows that were asked for, oldest first as they came. `read` gets each with its position on the wire.
    pub(crate) fn read<'a, R: Deserialize<'a>, T: Timed>(
        self,
        rows: Rows<'a, R>,
        notes: &mut Notes,
        mut read: impl FnMut(usize, R, &mut Fields<'_>) -> Reading<T>,
    ) -> Vec<T> {
        let first = self.first_of(rows.len());
        let mut inside = Notes::clean(());
        let mut records = Vec::with_capacity(rows.len() - first);
        rows.for_each(|index, row| {
            let position = records.len() + inside.excluded.len();
            if index < first || self.is_full(position) {
                return;
            }
            let mut noted = Notes::clean(());
            let mut fields = Fields::new(&mut noted, Some(position));
            let row = match row {
                Ok(row) => read(index, row, &mut fields),
                Err(raw) => {
                    fields.not_a_record("rows", raw);
                    Err(None)
                }
            };
            let time = match &row {
                Ok(record) => Some(record.time()),
                Err(time) => *time,
            };
            if time.is_some_and(|time| self.is_before(time)) {
                // Rows come oldest first: one without a readable time that stands before this one is too early as well.
                if records.is_empty() {
                    inside = Notes::clean(());
                }
                return;
            }
            match row {
                Ok(record) => records.push(record),
                Err(_) => fields.exclude(),
            }
            append(&mut inside, noted);
        });
        append(notes, inside);
        records
    }

    /// The records that were asked for, of all that an answer holds, oldest first.
    pub(crate) fn cut<T: Timed>(self, mut records: Vec<T>) -> Vec<T> {
        if self.since.is_some() {
            records.retain(|record| !self.is_before(record.time()));
        }
        records.drain(..self.first_of(records.len()));
        records.truncate(self.limit.unwrap_or(usize::MAX));
        records
    }

    /// Whether a row of this time is too early.
    fn is_before(&self, time: Timestamp) -> bool {
        self.since.is_some_and(|since| time < since)
    }

    /// The position of the first row to read of `len`, oldest first.
    fn first_of(&self, len: usize) -> usize {
        match (self.since, self.limit) {
            (None, Some(limit)) => len.saturating_sub(limit),
            _ => 0,
        }
    }

    /// Whether `read` rows are all that were asked for.
    fn is_full(&self, read: usize) -> bool {
        self.limit.is_some_and(|limit| read >= limit)
    }
}

fn append(notes: &mut Notes, more: Notes) {
    for defect in more.defects {
        notes.note(defect);
    }
    notes.defects_dropped += more.defects_dropped;
    notes.excluded.extend(more.excluded);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Cells, Raw};

    struct Second(Timestamp);

    impl Timed for Second {
        fn time(&self) -> Timestamp {
            self.0
        }
    }

    /// The seconds that are read of `[[second, number], …]`, the positions left out, and those of the defects.
    fn read(
        json: &str,
        since: Option<i64>,
        limit: Option<u32>,
    ) -> (Vec<i64>, Vec<usize>, Vec<Option<usize>>) {
        let window = Window::new(since.and_then(Timestamp::from_secs), limit);
        let rows = Rows::<Cells<'_, 2>>::of(json).unwrap();
        let mut notes = Notes::clean(());
        let records = window.read(rows, &mut notes, |_, Cells([time, number]), fields| {
            let time = fields.need("time", time, Raw::seconds);
            let number = fields.need("number", number, Raw::decimal);
            match (time, number) {
                (Some(time), Some(_)) => Ok(Second(time)),
                _ => Err(time),
            }
        });
        let records = records.iter().map(|record| record.0.as_secs()).collect();
        let defects = notes.defects.iter().map(|defect| defect.index).collect();
        (records, notes.excluded, defects)
    }

    #[test]
    fn without_since_the_newest_are_read_and_with_since_the_first() {
        let rows = "[[1,0],[2,0],[3,0],[4,0]]";
        let read = |since, limit| read(rows, since, limit).0;
        assert_eq!(read(None, Some(2)), [3, 4]);
        assert_eq!(read(Some(2), Some(2)), [2, 3]);
        assert_eq!(read(Some(3), None), [3, 4]);
        assert_eq!(read(None, None), [1, 2, 3, 4]);
        assert_eq!(read(None, Some(9)), [1, 2, 3, 4]);
    }

    #[test]
    fn records_are_cut_to_the_same_window_as_rows() {
        let rows = "[[3,0],[1,0],[2,0],[4,0],[2,0]]";
        for since in [None, Some(0), Some(2), Some(3), Some(9)] {
            for limit in [None, Some(1), Some(2), Some(9)] {
                let records =
                    [3, 1, 2, 4, 2].map(|secs| Second(Timestamp::from_secs(secs).unwrap()));
                let window = Window::new(since.and_then(Timestamp::from_secs), limit);
                let cut = window.cut(records.into()).into_iter();
                let cut: Vec<_> = cut.map(|record| record.0.as_secs()).collect();
                assert_eq!(cut, read(rows, since, limit).0, "{since:?} {limit:?}");
            }
        }
    }

    #[test]
    fn positions_count_from_the_first_row_that_was_asked_for() {
        let broken_third = "[[1,0],[2,0],[3,null],[4,0]]";
        assert_eq!(
            read(broken_third, None, None),
            (vec![1, 2, 4], vec![2], vec![Some(2)])
        );
        assert_eq!(
            read(broken_third, None, Some(2)),
            (vec![4], vec![0], vec![Some(0)])
        );
        assert_eq!(
            read(broken_third, Some(2), None),
            (vec![2, 4], vec![1], vec![Some(1)])
        );
    }

    #[test]
    fn what_is_broken_outside_of_what_was_asked_for_is_not_noted() {
        let nothing = (vec![4], vec![], vec![]);
        // By its time, by its neighbours, by the limit.
        assert_eq!(read("[[2,null],[4,0]]", Some(3), None), nothing);
        assert_eq!(read("[null,[2,0],[4,0]]", Some(3), None), nothing);
        assert_eq!(read("[[2,null],[4,0]]", None, Some(1)), nothing);
        assert_eq!(read("[[4,0],[5,null]]", Some(3), Some(1)), nothing);
        // Without a time and without a neighbour before the start it may have been asked for.
        assert_eq!(
            read("[null,[4,0]]", Some(3), None),
            (vec![4], vec![0], vec![Some(0)])
        );
    }
}
