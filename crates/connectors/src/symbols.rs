//! Which pairs an exchange lists, and under which names.

use std::collections::HashMap;

use robust_market::{Exchange, Instrument, Symbol};

use crate::EncodeError;

/// One listed pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The unified name.
    pub symbol: Symbol,
    /// The exchange's own name, as requests carry it.
    pub id: Box<str>,
}

/// The pairs that an exchange lists, found by unified name or by any of the exchange's own names.
#[derive(Debug, Clone, Default)]
pub struct SymbolTable {
    listings: Vec<Listing>,
    by_symbol: HashMap<Symbol, usize>,
    by_id: HashMap<Box<str>, usize>,
}

impl SymbolTable {
    /// A table of listed instruments; their aliases find them too.
    ///
    /// Where two have one name, the one that trades keeps it: an exchange that renames a pair goes on listing the old one.
    #[must_use]
    pub fn from_instruments<'a>(instruments: impl IntoIterator<Item = &'a Instrument>) -> Self {
        let mut table = Self::default();
        let (trading, idle): (Vec<_>, Vec<_>) = instruments
            .into_iter()
            .partition(|instrument| instrument.active != Some(false));
        let listed: Vec<_> = trading.into_iter().chain(idle).collect();
        for instrument in &listed {
            table.insert(&instrument.symbol, &instrument.id, []);
        }
        // After all ids: what one pair is also called may be what another one is called.
        for (index, instrument) in listed.iter().enumerate() {
            for alias in &instrument.aliases {
                table.by_id.entry(alias.clone()).or_insert(index);
            }
        }
        table
    }

    /// Lists one pair. The first listing of a name keeps it.
    pub fn insert<'a>(
        &mut self,
        symbol: &Symbol,
        id: &'a str,
        aliases: impl IntoIterator<Item = &'a str>,
    ) {
        let index = self.listings.len();
        self.listings.push(Listing {
            symbol: symbol.clone(),
            id: id.into(),
        });
        self.by_symbol.entry(symbol.clone()).or_insert(index);
        for name in std::iter::once(id).chain(aliases) {
            self.by_id.entry(name.into()).or_insert(index);
        }
    }

    /// Finds a pair by its unified name.
    #[must_use]
    pub fn get(&self, symbol: &Symbol) -> Option<&Listing> {
        self.by_symbol
            .get(symbol)
            .and_then(|index| self.listings.get(*index))
    }

    /// Finds a pair that a request needs.
    ///
    /// # Errors
    ///
    /// [`EncodeError::UnknownSymbol`] names the nearest listed pair.
    pub fn require(&self, exchange: &Exchange, symbol: &Symbol) -> Result<&Listing, EncodeError> {
        self.get(symbol).ok_or_else(|| EncodeError::UnknownSymbol {
            exchange: exchange.clone(),
            symbol: symbol.clone(),
            nearest: self.nearest(symbol).cloned(),
        })
    }

    /// Finds a pair by any name that the exchange uses for it.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Listing> {
        self.by_id
            .get(id)
            .and_then(|index| self.listings.get(*index))
    }

    /// The listed pair whose name is nearest to `symbol`; `None` when nothing is near.
    ///
    /// The same base first, then the most similar name (`BTC/USD` finds `BTC/USDT`); of equally similar ones the one that is
    /// listed first, because exchanges list their main pairs first.
    #[must_use]
    pub fn nearest(&self, symbol: &Symbol) -> Option<&Symbol> {
        let wanted = symbol.as_str().to_uppercase();
        self.listings
            .iter()
            .map(|listing| {
                let name = listing.symbol.as_str().to_uppercase();
                let same_base = listing.symbol.base().eq_ignore_ascii_case(symbol.base());
                let closeness = strsim::jaro_winkler(&wanted, &name);
                (same_base, closeness, &listing.symbol)
            })
            .filter(|(same_base, closeness, _)| *same_base || *closeness >= 0.75)
            // The last of equal maxima is taken, hence from the end.
            .rev()
            .max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
            .map(|(.., symbol)| symbol)
    }

    /// Every listed pair, in the order of listing.
    pub fn iter(&self) -> impl Iterator<Item = &Listing> {
        self.listings.iter()
    }

    /// Number of listed pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.listings.len()
    }

    /// Whether no pair is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listings.is_empty()
    }
}
