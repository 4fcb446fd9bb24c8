//! The listed pairs that a source knows at this moment.

use std::sync::{Arc, PoisonError, RwLock};

use robust_connectors::SymbolTable;

/// The table of listed pairs, replaced as a whole when the exchange is asked for its instruments.
#[derive(Debug, Clone, Default)]
pub(crate) struct SymbolCell(Arc<RwLock<Arc<SymbolTable>>>);

impl SymbolCell {
    pub(crate) fn new(table: SymbolTable) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(table))))
    }

    pub(crate) fn get(&self) -> Arc<SymbolTable> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, table: SymbolTable) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }
}
