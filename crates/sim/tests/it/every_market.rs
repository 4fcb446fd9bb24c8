//! What holds of every exchange's market, in whatever words it tells it.

use robust_market::Exchange;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::ask::{Asker, decimal};

/// The prices of one side of a book, which has so many levels, each with a size.
pub(crate) fn prices(side: &Value, levels: usize) -> Vec<Decimal> {
    let side = side.as_array().unwrap();
    assert_eq!(side.len(), levels);
    let sizes = || side.iter().map(|level| decimal(&level[1]));
    assert!(sizes().all(|size| size > Decimal::ZERO));
    side.iter().map(|level| decimal(&level[0])).collect()
}

/// Both sides are sorted, the best price first, and do not cross.
pub(crate) fn assert_sorted_and_uncrossed(bids: &[Decimal], asks: &[Decimal]) {
    assert!(bids.windows(2).all(|pair| pair[0] > pair[1]));
    assert!(asks.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(bids[0] < asks[0]);
}

/// The newest book with its number: numbers never fall, and the same number is the same book.
#[derive(Default)]
pub(crate) struct Numbered {
    newest: Option<(u64, Value)>,
    /// How often the number rose.
    pub(crate) changes: u32,
}

impl Numbered {
    pub(crate) fn next(&mut self, number: u64, book: Value) {
        if let Some((before, old)) = &self.newest {
            assert!(number >= *before);
            assert_eq!(number == *before, *old == book, "{number}");
            self.changes += u32::from(number > *before);
        }
        self.newest = Some((number, book));
    }
}

/// The same seed gives the same answers, and another seed gives others, to each of these questions.
pub(crate) fn assert_a_seed_is_one_market(exchange: &Exchange, questions: [&str; 4]) {
    let answers = |seed| {
        let mut asker = Asker::new(exchange.clone(), seed);
        questions.map(|path| asker.reply(path).body)
    };
    let (first, again, other) = (answers(7), answers(7), answers(8));
    assert_eq!(first, again);
    for (one, two) in first.iter().zip(&other) {
        assert_ne!(one, two);
    }
}
