//! What a call takes from which budgets.

use smallvec::SmallVec;

/// Units taken from one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Charge {
    /// The window, by its place in the builder's order.
    pub window: usize,
    /// Whose budget it is in a keyed window; 0 and ignored in any other.
    pub key: u64,
    /// How many units.
    pub units: u32,
}

impl Charge {
    /// Takes `units` from an unkeyed window.
    #[must_use]
    pub const fn new(window: usize, units: u32) -> Self {
        Self {
            window,
            key: 0,
            units,
        }
    }

    /// Takes `units` from the budget of `key` in a keyed window.
    #[must_use]
    pub const fn keyed(window: usize, key: u64, units: u32) -> Self {
        Self { window, key, units }
    }
}

/// Everything that a call takes: granted all together or not at all.
///
/// Two charges on one window and key add up; an empty cost waits for pauses only.
pub type Cost = SmallVec<[Charge; 4]>;

impl From<Charge> for Cost {
    fn from(charge: Charge) -> Self {
        let mut cost = Self::new();
        cost.push(charge);
        cost
    }
}
