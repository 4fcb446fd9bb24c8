//! Which way a list runs.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The first row is the oldest.
    OldestFirst,
    /// The first row is the newest.
    NewestFirst,
}

impl Order {
    /// The way that more of the steps from row to row go, by the rows' times or numbers; `documented` where as many go either way: no
    /// row, one row, rows that are all alike.
    ///
    /// One row with a broken time does not turn a list around: it takes part in two steps at most, and a row whose time is not
    /// readable is stepped over.
    pub(crate) fn of<K: PartialOrd>(
        keys: impl IntoIterator<Item = Option<K>>,
        documented: Self,
    ) -> Self {
        let mut keys = keys.into_iter().flatten();
        let Some(mut last) = keys.next() else {
            return documented;
        };
        let (mut forward, mut back) = (0_usize, 0_usize);
        for key in keys {
            forward += usize::from(last < key);
            back += usize::from(last > key);
            last = key;
        }
        match forward.cmp(&back) {
            std::cmp::Ordering::Greater => Self::OldestFirst,
            std::cmp::Ordering::Less => Self::NewestFirst,
            std::cmp::Ordering::Equal => documented,
        }
    }

    /// Rows from the oldest to the newest, by the time or number of each; `self` is the documented order.
    pub(crate) fn oldest_first<T, K: PartialOrd>(
        self,
        mut rows: Vec<T>,
        key: impl Fn(&T) -> Option<K>,
    ) -> Vec<T> {
        if Self::of(rows.iter().map(key), self) == Self::NewestFirst {
            rows.reverse();
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::Order::{self, NewestFirst, OldestFirst};

    #[test]
    fn most_steps_decide_and_one_broken_row_does_not() {
        for (keys, order) in [
            (vec![Some(1), Some(2), Some(3)], OldestFirst),
            (vec![Some(3), Some(2), Some(1)], NewestFirst),
            (vec![Some(9), Some(2), Some(3), Some(4)], OldestFirst),
            (vec![Some(1), Some(9), Some(3), Some(4)], OldestFirst),
            (vec![Some(1), Some(2), Some(3), Some(0)], OldestFirst),
            (vec![Some(0), Some(3), Some(2), Some(1)], NewestFirst),
            (vec![None, Some(3), None, Some(2)], NewestFirst),
        ] {
            for documented in [OldestFirst, NewestFirst] {
                assert_eq!(Order::of(keys.clone(), documented), order, "{keys:?}");
            }
        }
    }

    #[test]
    fn without_a_majority_the_order_is_the_documented_one() {
        for keys in [
            vec![],
            vec![None, None],
            vec![Some(7)],
            vec![Some(7), Some(7), Some(7)],
            vec![Some(1), Some(2), Some(1)],
        ] {
            for documented in [OldestFirst, NewestFirst] {
                assert_eq!(Order::of(keys.clone(), documented), documented, "{keys:?}");
            }
        }
    }
}
