//! All windows of a limiter: taken together or not at all.
//!
//! Pure: no async, no clock, no lock.

use crate::keys::{Keys, Place};
use crate::log::{Log, Nanos, Shape};
use crate::snapshot::WindowSnapshot;
use crate::{Charge, Cost, Rejected, Window};

/// All windows of a limiter.
#[derive(Debug)]
pub(crate) struct Windows {
    lanes: Vec<Lane>,
    any_keyed: bool,
}

#[derive(Debug)]
struct Lane {
    window: Window,
    shape: Shape,
    book: Book,
}

#[derive(Debug)]
enum Book {
    One(Log),
    Keyed(Keys),
}

/// One log of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    Whole,
    Key(Place),
}

/// What was found to be used without having been granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surprise {
    /// Units that came as a surprise.
    pub(crate) units: u64,
    /// How many windows were found above their limit.
    pub(crate) violations: u64,
}

impl Windows {
    pub(crate) fn new(windows: Vec<Window>, max_keys: usize) -> Self {
        let lanes: Vec<Lane> = windows
            .into_iter()
            .map(|window| Lane {
                shape: Shape::of(&window),
                book: if window.keyed {
                    Book::Keyed(Keys::new(max_keys))
                } else {
                    Book::One(Log::default())
                },
                window,
            })
            .collect();
        let any_keyed = lanes.iter().any(|lane| lane.window.keyed);
        Self { lanes, any_keyed }
    }

    pub(crate) const fn len(&self) -> usize {
        self.lanes.len()
    }

    pub(crate) fn window(&self, index: usize) -> Option<&Window> {
        self.lanes.get(index).map(|lane| &lane.window)
    }

    pub(crate) fn shape(&self, index: usize) -> Option<Shape> {
        self.lanes.get(index).map(|lane| lane.shape)
    }

    /// Brings a cost into the form that everything here expects: one charge a window and key,
    /// none of zero units, no key where the window has none.
    ///
    /// # Errors
    ///
    /// When the cost names a window that is not there, or can never fit.
    pub(crate) fn check(&self, cost: &Cost) -> Result<Cost, Rejected> {
        let cost = self.merge(cost)?;
        for charge in &cost {
            if let Some(window) = self.window(charge.window)
                && charge.units > window.limit
            {
                return Err(Rejected::TooLarge {
                    window: window.name.clone(),
                    units: charge.units,
                    limit: window.limit,
                });
            }
        }
        Ok(cost)
    }

    fn merge(&self, cost: &Cost) -> Result<Cost, Rejected> {
        let mut merged = Cost::new();
        for &charge in cost {
            let window = self.window(charge.window).ok_or(Rejected::NoSuchWindow {
                window: charge.window,
            })?;
            let key = if window.keyed { charge.key } else { 0 };
            if charge.units == 0 {
                continue;
            }
            match merged
                .iter_mut()
                .find(|known| known.window == charge.window && known.key == key)
            {
                Some(known) => known.units = known.units.saturating_add(charge.units),
                None => merged.push(Charge { key, ..charge }),
            }
        }
        Ok(merged)
    }

    /// Holds `cost` if it fits with nothing forgotten, which needs no clock. Unkeyed windows only.
    pub(crate) fn hold_without_clock(&mut self, cost: &Cost) -> bool {
        if self.any_keyed {
            return false;
        }
        let fits = cost
            .iter()
            .all(|charge| match self.lanes.get(charge.window) {
                Some(Lane {
                    shape,
                    book: Book::One(log),
                    ..
                }) => log.used().saturating_add(u64::from(charge.units)) <= shape.limit,
                _ => false,
            });
        if fits {
            for charge in cost {
                if let Some(Lane {
                    book: Book::One(log),
                    ..
                }) = self.lanes.get_mut(charge.window)
                {
                    log.hold(u64::from(charge.units));
                }
            }
        }
        fits
    }

    /// Holds `cost` in all its windows, or changes nothing and says `false`.
    pub(crate) fn hold(&mut self, now: Nanos, cost: &Cost) -> bool {
        for (index, charge) in cost.iter().enumerate() {
            if !self.hold_one(now, charge) {
                for held in cost.iter().take(index) {
                    self.release_one(now, held);
                }
                return false;
            }
        }
        true
    }

    fn hold_one(&mut self, now: Nanos, charge: &Charge) -> bool {
        let Some(Lane { shape, book, .. }) = self.lanes.get_mut(charge.window) else {
            return false;
        };
        let (shape, units) = (*shape, u64::from(charge.units));
        let hold = |log: &mut Log| {
            log.expire(now, shape);
            let fits = log.used().saturating_add(units) <= shape.limit;
            if fits {
                log.hold(units);
            }
            fits
        };
        match book {
            Book::One(log) => hold(log),
            Book::Keyed(keys) => {
                let place = keys.place(charge.key, now, shape);
                let fits = keys.change(place, now, shape, hold);
                if fits && place == Place::Overflow {
                    keys.count_overflow();
                }
                fits
            }
        }
    }

    fn release_one(&mut self, now: Nanos, charge: &Charge) {
        self.change(now, charge.window, charge.key, |log, _| {
            log.release(u64::from(charge.units))
        });
    }

    /// Gives held units back.
    pub(crate) fn release(&mut self, now: Nanos, cost: &Cost) {
        for charge in cost {
            self.release_one(now, charge);
        }
    }

    /// Stamps held units with `now`, the time of their dispatch.
    pub(crate) fn commit(&mut self, now: Nanos, cost: &Cost) {
        for charge in cost {
            self.change(now, charge.window, charge.key, |log, shape| {
                log.commit(now, u64::from(charge.units), shape);
            });
        }
    }

    /// Takes back what was committed at `at`.
    pub(crate) fn refund(&mut self, now: Nanos, at: Nanos, cost: &Cost) {
        for charge in cost {
            self.change(now, charge.window, charge.key, |log, _| {
                log.give_back(at, u64::from(charge.units))
            });
        }
    }

    /// Replaces what was committed at `at` by what it really cost; the windows that `actual` does
    /// not name, or that are not there, cost nothing.
    pub(crate) fn settle(
        &mut self,
        now: Nanos,
        at: Nanos,
        charged: &mut Cost,
        actual: &Cost,
    ) -> Surprise {
        let mut surprise = Surprise::default();
        let known: Cost = actual
            .iter()
            .copied()
            .filter(|charge| charge.window < self.len())
            .collect();
        let actual = self.merge(&known).unwrap_or_default();
        for charge in &*charged {
            let now_units = units_of(&actual, charge);
            let back = u64::from(charge.units.saturating_sub(now_units));
            if back > 0 {
                self.change(now, charge.window, charge.key, |log, _| {
                    log.give_back(at, back)
                });
            }
        }
        for charge in &actual {
            let more = u64::from(charge.units.saturating_sub(units_of(charged, charge)));
            if more > 0 {
                self.surprise(now, at, charge, &mut surprise, |log, shape| {
                    log.add(at, more, shape);
                    more
                });
            }
        }
        *charged = actual;
        surprise
    }

    /// Raises a window to what the server counted when the request of `at` arrived there.
    ///
    /// What was committed later than that by more than the guard must have arrived later, and is
    /// added. What came between may be in the server's count or not; it is not added, so that
    /// requests which overtake each other on their way are never counted twice.
    pub(crate) fn observe(
        &mut self,
        now: Nanos,
        at: Nanos,
        window: usize,
        key: u64,
        used: u32,
    ) -> Surprise {
        let mut surprise = Surprise::default();
        let mut missing = 0;
        if self
            .shape(window)
            .is_none_or(|shape| at.saturating_add(shape.horizon) <= now)
        {
            return surprise;
        }
        self.change(now, window, key, |log, shape| {
            log.expire(now, shape);
            let later = log.committed_after(at.saturating_add(shape.guard));
            missing = u64::from(used)
                .saturating_add(later)
                .saturating_sub(log.committed());
        });
        if missing > 0 {
            let charge = Charge {
                window,
                key,
                units: 0,
            };
            self.surprise(now, at, &charge, &mut surprise, |log, shape| {
                log.add_foreign(at, missing, shape);
                missing
            });
        }
        surprise
    }

    /// Charges what was not granted, unless it has left its window.
    fn surprise(
        &mut self,
        now: Nanos,
        at: Nanos,
        charge: &Charge,
        surprise: &mut Surprise,
        add: impl FnOnce(&mut Log, Shape) -> u64,
    ) {
        self.change(now, charge.window, charge.key, |log, shape| {
            if at.saturating_add(shape.horizon) <= now {
                return;
            }
            let units = add(log, shape);
            log.expire(now, shape);
            surprise.units = surprise.units.saturating_add(units);
            surprise.violations += u64::from(log.used() > shape.limit);
        });
    }

    /// Changes the log that is in use for `key`.
    fn change(
        &mut self,
        now: Nanos,
        window: usize,
        key: u64,
        change: impl FnOnce(&mut Log, Shape),
    ) {
        let Some(Lane { shape, book, .. }) = self.lanes.get_mut(window) else {
            return;
        };
        let shape = *shape;
        match book {
            Book::One(log) => change(log, shape),
            Book::Keyed(keys) => {
                let place = keys.place(key, now, shape);
                keys.change(place, now, shape, |log| change(log, shape));
            }
        }
    }

    /// Where a charge would be held at `now`.
    pub(crate) fn slot(&self, charge: &Charge, now: Nanos) -> Slot {
        match self.lanes.get(charge.window) {
            Some(Lane {
                shape,
                book: Book::Keyed(keys),
                ..
            }) => Slot::Key(keys.place(charge.key, now, *shape)),
            _ => Slot::Whole,
        }
    }

    /// The log in a slot; `None` when nothing was ever written to it.
    pub(crate) fn log(&self, window: usize, slot: Slot) -> Option<&Log> {
        match (&self.lanes.get(window)?.book, slot) {
            (Book::One(log), Slot::Whole) => Some(log),
            (Book::Keyed(keys), Slot::Key(place)) => keys.log(place),
            _ => None,
        }
    }

    pub(crate) fn snapshot(&mut self, now: Nanos) -> Vec<WindowSnapshot> {
        self.lanes
            .iter_mut()
            .map(|lane| lane.snapshot(now))
            .collect()
    }
}

impl Lane {
    fn snapshot(&mut self, now: Nanos) -> WindowSnapshot {
        let (used, keys, overflowed) = match &mut self.book {
            Book::One(log) => {
                log.expire(now, self.shape);
                (log.used(), 0, 0)
            }
            Book::Keyed(keys) => (keys.busiest(now, self.shape), keys.len(), keys.overflowed()),
        };
        WindowSnapshot {
            name: self.window.name.clone(),
            limit: self.window.limit,
            used,
            per: self.window.per,
            keys,
            overflowed,
        }
    }
}

fn units_of(cost: &Cost, wanted: &Charge) -> u32 {
    cost.iter()
        .find(|charge| charge.window == wanted.window && charge.key == wanted.key)
        .map_or(0, |charge| charge.units)
}
