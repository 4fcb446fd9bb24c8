//! Time zones: which offset holds when, and what a clock change does to a wall time.

mod table;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

pub(crate) use table::Segment;
use table::Table;

/// A time zone by its IANA name, with the table of its clock changes.
///
/// The tables come from the database that is compiled in, so that a machine without time zone files
/// runs a job at the same moment as any other. A table is made once for each zone, year by year as
/// it is asked for.
///
/// ```
/// use robust_scheduler::Zone;
///
/// let zone = Zone::named("Europe/Amsterdam")?;
/// assert_eq!(zone.name(), "Europe/Amsterdam");
/// assert!(Zone::named("Europe/Atlantis").is_err());
/// # Ok::<(), robust_scheduler::UnknownZone>(())
/// ```
#[derive(Clone)]
pub struct Zone {
    table: Arc<Table>,
}

/// No time zone has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no time zone named {name:?}; names are those of the IANA database, as in \"Europe/Amsterdam\""
)]
pub struct UnknownZone {
    /// The name.
    pub name: String,
}

/// One table for each zone, however many jobs use it. Bounded by the names of the database.
static TABLES: LazyLock<Mutex<HashMap<chrono_tz::Tz, Arc<Table>>>> = LazyLock::new(Mutex::default);

impl Zone {
    /// Coordinated universal time, the default: no clock change, ever.
    pub fn utc() -> Self {
        Self::of(chrono_tz::UTC)
    }

    /// The zone of this name.
    ///
    /// # Errors
    ///
    /// [`UnknownZone`] when the IANA database has no such name.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        let unknown = |_| UnknownZone {
            name: name.to_owned(),
        };
        Ok(Self::of(name.parse().map_err(unknown)?))
    }

    fn of(zone: chrono_tz::Tz) -> Self {
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        let table = tables
            .entry(zone)
            .or_insert_with(|| Arc::new(Table::new(zone)));
        Self {
            table: Arc::clone(table),
        }
    }

    /// The IANA name.
    pub fn name(&self) -> &'static str {
        self.table.zone().name()
    }

    /// The stretch of constant offset that a moment lies in, in seconds since 1970.
    pub(crate) fn segment(&self, second: i64) -> Segment {
        self.table.segment(second)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.table.zone() == other.table.zone()
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        Self::named(name)
    }
}
