//! A committed cost, packed: it travels with every call that is under way, and what is small is moved quickly.

use crate::{Charge, Cost};

/// How many charges have room: as many as a [`Cost`] holds without an allocation.
const FEW: usize = 4;

/// A committed cost.
#[derive(Debug)]
pub(crate) enum Owed {
    Few {
        keys: [u64; FEW],
        units: [u32; FEW],
        windows: [u8; FEW],
        len: u8,
    },
    Many(Box<[Charge]>),
}

impl Owed {
    #[inline]
    pub(crate) fn new(cost: &[Charge]) -> Self {
        let mut keys = [0; FEW];
        let mut units = [0; FEW];
        let mut windows = [0; FEW];
        let mut len = 0;
        let places = keys.iter_mut().zip(&mut units).zip(&mut windows);
        for (charge, ((key, units), window)) in cost.iter().zip(places) {
            let Ok(index) = u8::try_from(charge.window) else {
                return Self::Many(cost.into());
            };
            (*key, *units, *window) = (charge.key, charge.units, index);
            len += 1;
        }
        if cost.len() > FEW {
            return Self::Many(cost.into());
        }
        Self::Few {
            keys,
            units,
            windows,
            len,
        }
    }

    /// Unpacked.
    pub(crate) fn cost(&self) -> Cost {
        match self {
            Self::Few {
                keys,
                units,
                windows,
                len,
            } => {
                let charges = keys.iter().zip(units).zip(windows);
                charges
                    .take(usize::from(*len))
                    .map(|((key, units), window)| Charge::keyed(usize::from(*window), *key, *units))
                    .collect()
            }
            Self::Many(charges) => charges.iter().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_what_is_unpacked() {
        let charges: Vec<Charge> = (0..6)
            .map(|n| Charge::keyed(n, u64::MAX - n as u64, u32::MAX - n as u32))
            .collect();
        for len in 0..=charges.len() {
            let cost: Cost = charges.iter().take(len).copied().collect();
            let owed = Owed::new(&cost);
            assert_eq!(owed.cost(), cost);
            assert_eq!(matches!(owed, Owed::Few { .. }), len <= FEW);
        }
        let far: Cost = [Charge::new(255, 1), Charge::new(256, 2)]
            .into_iter()
            .collect();
        assert_eq!(Owed::new(&far).cost(), far);
    }

    #[test]
    fn it_is_half_as_large_as_a_cost() {
        assert!(2 * size_of::<Owed>() <= size_of::<Cost>() + 8);
    }
}
