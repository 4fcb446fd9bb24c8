//! Where in a page the rows stand that could not be read.

use std::iter::{Copied, Peekable};
use std::slice::Iter;

/// Walks along a page beside its readable rows and counts those between them that could not be read.
#[derive(Debug)]
pub(super) struct LeftOut<'a> {
    excluded: Peekable<Copied<Iter<'a, usize>>>,
    position: usize,
}

impl<'a> LeftOut<'a> {
    /// `excluded` are the positions on the wire of what could not be read, ascending.
    pub(super) fn new(excluded: &'a [usize]) -> Self {
        Self {
            excluded: excluded.iter().copied().peekable(),
            position: 0,
        }
    }

    /// How many stand before the next readable row, which is passed.
    pub(super) fn before_next(&mut self) -> u64 {
        let mut count = 0;
        while self.excluded.next_if_eq(&self.position).is_some() {
            count += 1;
            self.position += 1;
        }
        self.position += 1;
        count
    }

    /// How many stand behind the rows that were passed.
    pub(super) fn rest(self) -> u64 {
        self.excluded.count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_counted_where_it_stands() {
        // On the wire: x row x x row row x.
        let mut left_out = LeftOut::new(&[0, 2, 3, 6]);
        let before: Vec<u64> = (0..3).map(|_| left_out.before_next()).collect();
        assert_eq!((before, left_out.rest()), (vec![1, 2, 0], 1));
        assert_eq!(LeftOut::new(&[]).before_next(), 0);
    }
}
