//! All windows of a limiter: taken together or not at all.
//!
//! Pure: no async, no clock, no lock.

use crate::aligned::{Grid, ServerClock};
use crate::bucket::Drain;
use crate::headroom::Shares;
use crate::keys::{Keys, Place};
use crate::ledger::Ledger;
use crate::log::{Nanos, Shape};
use crate::snapshot::WindowSnapshot;
use crate::{Charge, Class, Cost, Kind, Rejected, Waits, Window};

/// All windows of a limiter.
#[derive(Debug)]
pub(crate) struct Windows {
    lanes: Vec<Lane>,
    any_keyed: bool,
    shares: Shares,
    clock: Option<ServerClock>,
}

#[derive(Debug)]
struct Lane {
    /// As it was given: what another limit is in proportion to.
    given: Window,
    window: Window,
    shape: Shape,
    book: Book,
    tally: Tally,
}

/// What happened in one window since it was made.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    waits: Waits,
    violations: u64,
    refunded: u64,
    settled_extra: u64,
}

#[derive(Debug)]
enum Book {
    One(Ledger),
    Keyed(Keys),
}

mod change;
mod surprise;

pub(crate) use surprise::Surprise;

/// One log of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    Whole,
    Key(Place),
}

impl Windows {
    pub(crate) fn new(windows: Vec<Window>, max_keys: usize) -> Self {
        let clock = None;
        let shares = Shares::default();
        let lanes: Vec<Lane> = windows
            .into_iter()
            .map(|window| {
                let shape = shape(&window, &shares, clock);
                Lane {
                    book: if window.keyed {
                        Book::Keyed(Keys::new(max_keys, &shape))
                    } else {
                        Book::One(Ledger::new(&shape))
                    },
                    shape,
                    given: window.clone(),
                    window,
                    tally: Tally::default(),
                }
            })
            .collect();
        let any_keyed = lanes.iter().any(|lane| lane.window.keyed);
        Self {
            lanes,
            any_keyed,
            shares,
            clock,
        }
    }

    pub(crate) const fn shares(&self) -> Shares {
        self.shares
    }

    /// Divides the windows anew from `now` on.
    pub(crate) fn share(&mut self, now: Nanos, shares: Shares) {
        self.shares = shares;
        self.reshape(now);
    }

    /// The server's clock showed a time in `shown..=shown + resolution` between `sent` and `received`.
    pub(crate) fn learn_clock(
        &mut self,
        now: Nanos,
        (sent, received): (Nanos, Nanos),
        shown: i128,
        resolution: i128,
    ) {
        self.clock = Some(ServerClock::learn(
            self.clock, sent, received, shown, resolution,
        ));
        self.reshape(now);
    }

    fn reshape(&mut self, now: Nanos) {
        for lane in &mut self.lanes {
            lane.reshape(now, &self.shares, self.clock);
        }
    }

    /// Notes that a call waited for this window.
    pub(crate) fn record_wait(&mut self, index: usize, wait: std::time::Duration) {
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.tally.waits.record(wait);
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.lanes.len()
    }

    pub(crate) fn window(&self, index: usize) -> Option<&Window> {
        self.lanes.get(index).map(|lane| &lane.window)
    }

    pub(crate) fn shape(&self, index: usize) -> Option<&Shape> {
        self.lanes.get(index).map(|lane| &lane.shape)
    }

    /// Brings a cost into the form that everything here expects: one charge a window and key,
    /// none of zero units, no key where the window has none.
    ///
    /// # Errors
    ///
    /// When the cost names a window that is not there, or can never fit into the share of its class.
    pub(crate) fn check(&self, cost: Cost, class: Class) -> Result<Cost, Rejected> {
        // By far the most costs are one charge on a window without keys.
        let plain = matches!(
            cost.as_slice(),
            [charge] if charge.units > 0 && charge.key == 0 && charge.window < self.lanes.len()
        );
        let cost = if plain { cost } else { self.merge(&cost)? };
        self.fits_ever(&cost, class)?;
        Ok(cost)
    }

    /// # Errors
    ///
    /// When the cost can never fit.
    pub(crate) fn fits_ever(&self, cost: &Cost, class: Class) -> Result<(), Rejected> {
        for charge in cost {
            if let Some(lane) = self.lanes.get(charge.window) {
                let most = lane.shape.most(class);
                if u64::from(charge.units) > most {
                    return Err(Rejected::TooLarge {
                        window: lane.window.name.clone(),
                        units: charge.units,
                        limit: u32::try_from(most).unwrap_or(u32::MAX),
                    });
                }
            }
        }
        Ok(())
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
    pub(crate) fn hold_without_clock(&mut self, cost: &Cost, class: Class) -> bool {
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
                }) => fits(log, shape, class, u64::from(charge.units)),
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

    /// Whether a cost is in the form that [`check`](Self::check) brings it into.
    fn is_plain(&self, cost: &[Charge]) -> bool {
        cost.iter().enumerate().all(|(index, charge)| {
            let lane = self.lanes.get(charge.window);
            let known = cost.iter().take(index);
            lane.is_some_and(|lane| charge.key == 0 || lane.window.keyed)
                && charge.units > 0
                && !known
                    .into_iter()
                    .any(|other| (other.window, other.key) == (charge.window, charge.key))
        })
    }

    /// Holds `cost` and commits it, or changes nothing and says `false`: where there is no room in all its windows now, and
    /// where it is not in the form that [`check`](Self::check) brings it into.
    pub(crate) fn spend(&mut self, now: Nanos, cost: &[Charge], class: Class) -> bool {
        if !self.is_plain(cost) || !self.hold(now, cost, class) {
            return false;
        }
        self.commit(now, cost);
        true
    }

    /// Holds `cost` in all its windows, or changes nothing and says `false`.
    pub(crate) fn hold(&mut self, now: Nanos, cost: &[Charge], class: Class) -> bool {
        for (index, charge) in cost.iter().enumerate() {
            if !self.hold_one(now, charge, class) {
                for held in cost.iter().take(index) {
                    self.release_one(now, held);
                }
                return false;
            }
        }
        true
    }

    fn hold_one(&mut self, now: Nanos, charge: &Charge, class: Class) -> bool {
        let Some(Lane { shape, book, .. }) = self.lanes.get_mut(charge.window) else {
            return false;
        };
        let units = u64::from(charge.units);
        let hold = |log: &mut Ledger| {
            log.expire(now, shape);
            let fits = fits(log, shape, class, units);
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
    pub(crate) fn commit(&mut self, now: Nanos, cost: &[Charge]) {
        for charge in cost {
            self.change(now, charge.window, charge.key, |log, shape| {
                log.commit(now, u64::from(charge.units), shape);
            });
        }
    }

    /// Takes back what was committed at `at`.
    pub(crate) fn refund(&mut self, now: Nanos, at: Nanos, cost: &Cost) {
        for charge in cost {
            self.change(now, charge.window, charge.key, |log, shape| {
                log.give_back(at, u64::from(charge.units), shape)
            });
            if let Some(lane) = self.lanes.get_mut(charge.window) {
                lane.tally.refunded += u64::from(charge.units);
            }
        }
    }

    /// Changes the log that is in use for `key`.
    fn change(
        &mut self,
        now: Nanos,
        window: usize,
        key: u64,
        change: impl FnOnce(&mut Ledger, &Shape),
    ) {
        let Some(Lane { shape, book, .. }) = self.lanes.get_mut(window) else {
            return;
        };
        match book {
            Book::One(log) => change(log, shape),
            Book::Keyed(keys) => {
                let place = keys.place(key, now, shape);
                keys.change(place, now, shape, |log| change(log, shape));
            }
        }
    }

    /// Which window may be filled without the lock: the only one, and without keys.
    pub(crate) fn single(&self) -> bool {
        self.lanes.len() == 1 && !self.any_keyed
    }

    /// How much more `class` may commit in the newest cell of the only window, and from when to when.
    pub(crate) fn newest_cell(&self, class: Class) -> Option<(u64, Nanos, Nanos)> {
        let [
            Lane {
                shape,
                book: Book::One(log),
                ..
            },
        ] = self.lanes.as_slice()
        else {
            return None;
        };
        let (first, last) = log.newest(shape)?;
        let room = shape.ceiling(class, 0).saturating_sub(log.load(shape));
        Some((room, first, last))
    }

    /// Adds units that were committed in the newest cell of the only window.
    pub(crate) fn commit_between(&mut self, first: Nanos, last: Nanos, units: u64) {
        if let Some(Lane {
            shape,
            book: Book::One(log),
            ..
        }) = self.lanes.first_mut()
        {
            log.commit_between(first, last, units, shape);
        }
    }

    /// Where a charge would be held at `now`.
    pub(crate) fn slot(&self, charge: &Charge, now: Nanos) -> Slot {
        match self.lanes.get(charge.window) {
            Some(Lane {
                shape,
                book: Book::Keyed(keys),
                ..
            }) => Slot::Key(keys.place(charge.key, now, shape)),
            _ => Slot::Whole,
        }
    }

    /// The log in a slot; `None` when nothing was ever written to it.
    pub(crate) fn log(&self, window: usize, slot: Slot) -> Option<&Ledger> {
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
    /// Takes a changed window over; what is in use stays in use.
    fn reshape(&mut self, now: Nanos, shares: &Shares, clock: Option<ServerClock>) {
        match &mut self.book {
            Book::One(log) => log.expire(now, &self.shape),
            Book::Keyed(keys) => keys.expire(now, &self.shape),
        }
        let before = std::mem::replace(&mut self.shape, shape(&self.window, shares, clock));
        match &mut self.book {
            Book::One(log) => log.reshape(&before, &self.shape),
            Book::Keyed(keys) => keys.reshape(&before, &self.shape),
        }
    }

    fn snapshot(&mut self, now: Nanos) -> WindowSnapshot {
        let (used, keys, overflowed) = match &mut self.book {
            Book::One(log) => {
                log.expire(now, &self.shape);
                (log.used(&self.shape), 0, 0)
            }
            Book::Keyed(keys) => (
                keys.busiest(now, &self.shape),
                keys.len(),
                keys.overflowed(),
            ),
        };
        WindowSnapshot {
            name: self.window.name.clone(),
            limit: self.window.capacity(),
            used,
            per: self.window.per,
            keys,
            overflowed,
            aligned: self.shape.grid.is_some(),
            waits: self.tally.waits,
            violations: self.tally.violations,
            refunded: self.tally.refunded,
            settled_extra: self.tally.settled_extra,
        }
    }
}

/// Whether `units` more of `class` fit.
fn fits(log: &Ledger, shape: &Shape, class: Class, units: u64) -> bool {
    log.load(shape).saturating_add(units) <= shape.ceiling(class, units)
}

/// All that follows from a window, from how it is shared and from what is known of the server's clock.
fn shape(window: &Window, shares: &Shares, clock: Option<ServerClock>) -> Shape {
    let mut shape = Shape::of(window);
    shares.apply(&mut shape);
    shape.drain = window.rate().map(|rate| Drain::new(rate, shares.factor));
    if window.kind == Kind::Aligned {
        let per = Nanos::try_from(window.per.as_nanos()).unwrap_or(Nanos::MAX);
        shape.grid = clock.and_then(|clock| Grid::new(clock, per, shape.guard));
    }
    shape
}
