//! Answers about many pairs: which of the pairs that were asked for are there.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::HashSet;

use robust_market::{Defect, DefectKind, Kind, Symbol, Ticker};

use crate::SymbolTable;
use crate::wire::Notes;

/// What of a ticker a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything.
    Whole,
    /// The best quotes.
    Quotes,
    /// The last price.
    Last,
}

impl Part {
    pub(crate) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::BidsAsks => Self::Quotes,
            Kind::LastPrices => Self::Last,
            _ => Self::Whole,
        }
    }

    pub(crate) const fn has_quotes(self) -> bool {
        matches!(self, Self::Whole | Self::Quotes)
    }

    pub(crate) const fn has_last(self) -> bool {
        matches!(self, Self::Whole | Self::Last)
    }
}

/// The pairs that an answer is about.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    symbols: &'a [Symbol],
    set: HashSet<&'a Symbol>,
}

impl<'a> Asked<'a> {
    /// The pairs of a request; none means all.
    pub(crate) fn new(symbols: &'a [Symbol]) -> Self {
        Self {
            symbols,
            set: symbols.iter().collect(),
        }
    }

    /// Whether a pair is asked for. Records of others are not part of the answer.
    pub(crate) fn has(&self, symbol: &Symbol) -> bool {
        self.set.is_empty() || self.set.contains(symbol)
    }

    /// Whether a record of an answer about the whole market is of a pair that nobody asked for: what is asked for is listed, and
    /// this is under no name that is known. An exchange lists pairs before its new table is read.
    pub(crate) fn leaves_out(&self, id: &str, listed: &SymbolTable) -> bool {
        !self.set.is_empty() && listed.by_id(id).is_none()
    }

    /// Notes every pair that was asked for and is in no record.
    pub(crate) fn note_absent(&self, notes: &mut Notes, tickers: &[Ticker]) {
        if self.set.is_empty() {
            return;
        }
        let there: HashSet<&Symbol> = tickers.iter().map(|ticker| &ticker.symbol).collect();
        for symbol in self.symbols.iter().filter(|symbol| !there.contains(symbol)) {
            notes.note(Defect::new(
                None,
                "symbol",
                DefectKind::Missing,
                Some(symbol.as_str()),
            ));
        }
    }
}

/// The exchange's names of the pairs that a request is about, each once, in the order of the request.
pub(crate) fn distinct<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}
