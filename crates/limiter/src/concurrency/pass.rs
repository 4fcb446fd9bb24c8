//! A place inside, and nothing else.

use std::sync::Arc;

use super::gate::Gate;

/// A place among those in flight, given back when dropped. All that a fixed limit needs: one word, which is
/// moved in a register, while a [`Slot`](super::Slot) is moved through memory.
#[derive(Debug)]
pub(super) struct Pass {
    /// `None` when it became a slot.
    gate: Option<Arc<Gate>>,
}

impl Pass {
    #[inline]
    pub(super) const fn new(gate: Arc<Gate>) -> Self {
        Self { gate: Some(gate) }
    }

    /// Whose place it is, to be given back by somebody else.
    #[inline]
    pub(super) fn take(mut self) -> Option<Arc<Gate>> {
        self.gate.take()
    }

    /// Whether times matter, and what the answers say: a slot has to be made of it.
    #[inline]
    pub(super) fn adapts(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.adapts())
    }
}

impl Drop for Pass {
    #[inline]
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take() {
            gate.exit(None, None);
        }
    }
}
