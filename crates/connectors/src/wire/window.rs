//! Which of an answer's rows were asked for.

use robust_market::Timestamp;

/// The rows that a request asks for, where the exchange sends more than that.
///
/// With `since`, the first `limit` rows from there; without, the newest `limit` rows, because who asks for the last ten
/// bars does not want the oldest ten of the reply. Rows outside are not part of the answer, so they are neither decoded nor counted
/// as excluded.
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

    /// Whether a row of this time is too early.
    pub(crate) fn is_before(&self, time: Timestamp) -> bool {
        self.since.is_some_and(|since| time < since)
    }

    /// The position of the first row to read of `len`, oldest first.
    pub(crate) fn first_of(&self, len: usize) -> usize {
        match (self.since, self.limit) {
            (None, Some(limit)) => len.saturating_sub(limit),
            _ => 0,
        }
    }

    /// Whether `read` rows are all that were asked for.
    pub(crate) fn is_full(&self, read: usize) -> bool {
        self.limit.is_some_and(|limit| read >= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_since_the_newest_are_read_and_with_since_the_first() {
        let read = |since: Option<i64>, limit| {
            let window = Window::new(since.map(Timestamp::from_ns), limit);
            let mut read = Vec::new();
            for row in (1..=4).skip(window.first_of(4)) {
                if !window.is_before(Timestamp::from_ns(row)) && !window.is_full(read.len()) {
                    read.push(row);
                }
            }
            read
        };
        assert_eq!(read(None, Some(2)), [3, 4]);
        assert_eq!(read(Some(2), Some(2)), [2, 3]);
        assert_eq!(read(Some(3), None), [3, 4]);
        assert_eq!(read(None, None), [1, 2, 3, 4]);
        assert_eq!(read(None, Some(9)), [1, 2, 3, 4]);
    }
}
