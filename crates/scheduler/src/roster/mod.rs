//! The scheduler without async and clock: what is due, what may start, where everything went.
//!
//! Time comes in as an argument: nanoseconds of the monotonic clock since the start, which never go
//! back, and now and then a reading of the wall clock beside it. The handler is any `H`, so that
//! properties are tested without running anything.

mod add;
mod alarms;
mod clock;
mod comes;
mod demand;
mod dispatch;
mod door;
mod edges;
mod end;
mod gather;
mod lane;
mod marks;
mod parking;
mod queue;
mod release;
mod sources;
mod stop;
mod switch;
#[cfg(test)]
mod tests;
mod update;
mod upstream;
mod view;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::watch;

use crate::calendar::Calendar;
use crate::event::Event;
use crate::job::{JobId, Spec};
use crate::journal::JobMark;
use crate::ledger::Tally;
use crate::moment::{Nanos, system};
use crate::record::{History, Outcome, Recent};
use crate::trigger::Timetable;

use alarms::Alarm;
pub(crate) use clock::Time;
pub(crate) use dispatch::Start;
use door::Door;
pub(crate) use end::End;
use gather::Gathering;
use queue::{Exclusive, Place};
use sources::Sources;
pub(crate) use stop::Effect;
use stop::Stage;

/// How much later an occurrence competes for each step of priority above 1.
pub(crate) const PRIORITY_STEP: Nanos = 2_000_000_000;

/// The shortest period: tokio's timer has a grain of 1 ms.
pub(crate) const LEAST_PERIOD: Duration = Duration::from_millis(1);

/// The priority of nobody: it matters less than any.
const NOBODY: u8 = u8::MAX;

/// The bounds of a scheduler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_in_flight: usize,
    /// Runs that only priorities 1 and 2 may take.
    pub(crate) reserve: usize,
    pub(crate) max_jobs: usize,
    pub(crate) history: usize,
    pub(crate) cancel_grace: Duration,
    pub(crate) seed: u64,
    /// How many occurrences of each priority may wait for a turn.
    pub(crate) queues: [usize; 5],
}

/// What is handed out with each run.
pub(crate) trait Handle: Clone {
    /// Reads a little of what will be read when it is called.
    fn glance(&self) -> u64;
}

/// All state of a scheduler.
#[derive(Debug)]
pub(crate) struct Roster<H> {
    limits: Limits,
    slots: Vec<Slot<H>>,
    free: Vec<u32>,
    names: HashMap<Arc<str>, JobId>,
    time: Time,
    /// The latest moment that was seen, on the monotonic clock.
    now: Nanos,
    /// Releases of jobs that follow the monotonic clock.
    by_mono: Calendar,
    /// Releases of jobs that follow the wall clock, by wall time: a step needs no new order.
    by_wall: Calendar,
    alarms: BTreeMap<(Nanos, u64), Alarm>,
    sources: Sources,
    exclusives: HashMap<Arc<str>, Exclusive>,
    /// Groups that runs hold beside that of their job, which was another when they began.
    held: HashMap<Ticket, Vec<Arc<str>>>,
    /// Who waits for a job of this name.
    dependents: HashMap<Arc<str>, Vec<u32>>,
    /// Occurrences of each priority that wait for a turn.
    waiting: [usize; 5],
    running: usize,
    arrivals: u64,
    /// Jobs that were added. After four billion their order is that of their places.
    added: u32,
    /// Room for `look_ahead`.
    soon: Vec<u32>,
    /// Room for occurrences, used again: what one thread takes from the allocator and another gives
    /// back to it is dear.
    #[expect(clippy::vec_box, reason = "the allocations are what is kept")]
    spare: Vec<Box<Occurrence>>,
    total: Tally,
    history: History,
    /// What the journal knew at the start, of jobs that have not been added yet.
    restored: HashMap<String, JobMark>,
    marks: Vec<JobMark>,
    journaling: bool,
    rng: fastrand::Rng,
    stage: Stage,
    listening: bool,
    outbox: Vec<Event>,
    /// Runs to be told to end.
    cancels: Vec<Cancel>,
    /// Until when nothing is to be done, as the driver was told; it sleeps until then.
    slept_until: Nanos,
    gathering: Gathering,
    door: Door,
}

/// A place for a job. The generation tells an old id from a new one.
#[derive(Debug)]
struct Slot<H> {
    generation: u32,
    job: Option<Box<Entry<H>>>,
}

/// A job in its place. Its times are of its own clock: see `Time::of`.
#[derive(Debug)]
struct Entry<H> {
    spec: Spec,
    handler: H,
    /// The how many-th job it is; of jobs due at one moment the first comes first.
    order: u32,
    /// Whether a step of the wall clock does not move its releases.
    mono: bool,
    /// Where its grid begins, for the journal.
    anchor: Option<Nanos>,
    timetable: Timetable,
    splay: Nanos,
    sources: SmallVec<[u32; 1]>,
    /// The source of the last run.
    last_source: u32,
    /// How often it comes due a second.
    rate: f64,
    next: Option<Nanos>,
    /// The latest nominal of an occurrence. The next one has a later one.
    watermark: Option<Nanos>,
    /// The latest success of others that it came due by. Runs by hand do not move it.
    followed: Option<Nanos>,
    last_success: Option<Nanos>,
    /// The latest moment that ended otherwise.
    last_other: Option<Nanos>,
    /// Moments that the stop cut off, to be run again after a restart.
    redo: Vec<Nanos>,
    waiting: Option<Box<Occurrence>>,
    backlog: VecDeque<Nanos>,
    runs: SmallVec<[Running; 1]>,
    next_run: u64,
    /// Occurrences since the last start that never ran.
    missed: u64,
    /// What its upstreams must have reached, found when the occurrence began to wait.
    needs: Vec<Option<Nanos>>,
    /// The priority of somebody who waits for it, or of nobody.
    inherited: u8,
    failures: u32,
    /// Failed runs in a row, whoever is to blame.
    failed_in_a_row: u32,
    /// No run before this, after failures.
    not_before: Option<Nanos>,
    quarantined: bool,
    timed_out_last: bool,
    paused: bool,
    disabled: bool,
    faulted: bool,
    removed: bool,
    /// Whether moments that wait or run may lie off the timetable, so that it does not bring them back.
    strays: bool,
    tally: Tally,
    recent: Recent,
}

/// An occurrence that waits to be started, or to be tried again, or runs.
#[derive(Debug, Clone)]
struct Occurrence {
    nominal: Nanos,
    /// On the monotonic clock, as all that follow.
    release: Nanos,
    /// Since when it competes. A newer occurrence takes over the age of the one that it supersedes;
    /// else a job that comes due more often than it gets a turn would never have one.
    aged: Nanos,
    place: Place,
    attempts: u32,
    failed: u32,
    deferred: u32,
    /// Whether the last try found its own data not ready.
    not_ready: bool,
    first_start: Nanos,
    last_end: Nanos,
    /// How the last try ended, for when there is no other.
    last: Option<Outcome>,
}

/// A run under way.
#[derive(Debug)]
struct Running {
    occurrence: Box<Occurrence>,
    number: u64,
    source: u32,
    /// What it cost its source, whatever becomes of its job meanwhile.
    cost: u32,
    start: Nanos,
    alarm: Option<(Nanos, u64)>,
    stuck: bool,
    trial: bool,
    /// Tells it to end, if a newer occurrence may.
    cancel: Option<watch::Sender<bool>>,
}

/// A run that is to be told to end, and how.
pub(crate) type Cancel = (Ticket, watch::Sender<bool>);

/// Proof of a started run, to be handed back with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ticket {
    pub(crate) job: JobId,
    pub(crate) number: u64,
}

impl<H: Handle> Roster<H> {
    pub(crate) fn new(limits: Limits, time: Time, restored: Option<Vec<JobMark>>) -> Self {
        let journaling = restored.is_some();
        let restored = restored.unwrap_or_default().into_iter();
        Self {
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            names: HashMap::new(),
            time,
            now: 0,
            by_mono: Calendar::default(),
            by_wall: Calendar::default(),
            alarms: BTreeMap::new(),
            sources: Sources::default(),
            exclusives: HashMap::new(),
            held: HashMap::new(),
            dependents: HashMap::new(),
            waiting: [0; 5],
            running: 0,
            arrivals: 0,
            added: 0,
            soon: Vec::new(),
            spare: Vec::new(),
            total: Tally::default(),
            history: History::new(limits.history),
            restored: restored.map(|mark| (mark.job.clone(), mark)).collect(),
            marks: Vec::new(),
            journaling,
            rng: fastrand::Rng::with_seed(limits.seed),
            stage: Stage::Open,
            listening: true,
            outbox: Vec::new(),
            cancels: Vec::new(),
            slept_until: Nanos::MIN,
            gathering: Gathering::default(),
            door: Door::default(),
        }
    }

    fn entry(&self, slot: u32) -> Option<&Entry<H>> {
        self.slots.get(slot as usize)?.job.as_deref()
    }

    fn entry_mut(&mut self, slot: u32) -> Option<&mut Entry<H>> {
        self.slots.get_mut(slot as usize)?.job.as_deref_mut()
    }

    /// What the job in a slot is called from outside.
    fn id(&self, slot: u32) -> Option<JobId> {
        let generation = self.slots.get(slot as usize)?.generation;
        Some(JobId { slot, generation })
    }

    /// A job that is there, or was removed and whose last run has not ended.
    fn seen(&self, id: JobId) -> Option<&Entry<H>> {
        let slot = self.slots.get(id.slot as usize)?;
        let job = slot.job.as_deref()?;
        (slot.generation == id.generation).then_some(job)
    }

    /// The slot of a job that was not removed.
    fn find(&self, id: JobId) -> Option<u32> {
        self.seen(id)
            .is_some_and(|job| !job.removed)
            .then_some(id.slot)
    }

    /// The slot of a job by its name, if it was not removed.
    fn slot_of(&self, name: &str) -> Option<u32> {
        self.find(*self.names.get(name)?)
    }

    /// Writes into the ledgers that an occurrence belongs to: all, its sources', its job's.
    fn book(&mut self, slot: u32, entry: impl Fn(&mut Tally)) {
        let Some(job) = self
            .slots
            .get_mut(slot as usize)
            .and_then(|slot| slot.job.as_deref_mut())
        else {
            return;
        };
        entry(&mut job.tally);
        entry(&mut self.total);
        // The ledger of a job with several sources is kept with the first of them.
        if let Some(source) = job.sources.first() {
            self.sources.book(*source, entry);
        }
    }

    fn arrive(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    fn tell(&mut self, event: impl FnOnce() -> Event) {
        if self.listening {
            self.outbox.push(event());
        }
    }

    /// Tells of a job.
    fn tell_of(&mut self, slot: u32, event: impl FnOnce(Arc<str>) -> Event) {
        if self.listening
            && let Some(job) = self.entry(slot)
        {
            let event = event(Arc::clone(&job.spec.name));
            self.outbox.push(event);
        }
    }

    /// Whether events are made at all.
    pub(crate) fn listen(&mut self, yes: bool) {
        self.listening = yes;
    }

    /// What happened since it was last asked.
    pub(crate) fn drain_events(&mut self) -> std::vec::Drain<'_, Event> {
        self.outbox.drain(..)
    }

    /// Runs that are to be told to end.
    pub(crate) fn drain_cancels(&mut self) -> Vec<Cancel> {
        std::mem::take(&mut self.cancels)
    }

    /// Whether there is something that only the driver does: marks to be written before a start, a
    /// stop, something due before the moment that it sleeps until.
    pub(crate) fn needs_driver(&self) -> bool {
        let earlier = || self.next_due().is_some_and(|due| due < self.slept_until);
        self.journaling || !self.is_open() || earlier()
    }

    /// Whether there is a place for a run, and perhaps a run for it.
    pub(crate) fn could_start(&self) -> bool {
        let room = self.running < self.limits.max_in_flight && !self.door.closed;
        room && self.sources.turn().is_some()
    }

    /// The driver sleeps until this moment, unless it is woken.
    pub(crate) fn sleeps(&mut self, until: Option<Nanos>) {
        self.slept_until = until.unwrap_or(Nanos::MAX);
    }

    /// A job's own time on the monotonic clock.
    fn mono_of(&self, job: &Entry<H>, own: Nanos) -> Nanos {
        own.saturating_sub(self.time.of(job.mono))
    }

    /// The monotonic time on a job's own clock.
    fn own_time(&self, job: &Entry<H>, mono: Nanos) -> Nanos {
        mono.saturating_add(self.time.of(job.mono))
    }

    /// The monotonic time on the wall clock.
    fn wall(&self, mono: Nanos) -> std::time::SystemTime {
        system(mono.saturating_add(self.time.offset()))
    }
}

impl<H> Entry<H> {
    /// How much it matters now: somebody more urgent may wait for it.
    fn priority(&self) -> u8 {
        let own = self.spec.priority;
        own.min(self.inherited)
    }

    /// What a run costs one of its sources.
    fn cost_of(&self, source: u32) -> u32 {
        let nth = self.sources.iter().position(|one| *one == source);
        nth.map_or(self.spec.cost, |nth| self.spec.cost_at(nth))
    }

    /// Whether one more of its runs may be under way.
    fn has_room(&self) -> bool {
        let most = match self.spec.overlap {
            crate::policy::Overlap::Allow(most) => usize::from(most.max(1)),
            _ => 1,
        };
        self.runs.len() < most
    }

    /// How many of the moments that came due together may have a run of their own.
    fn keeps(&self) -> usize {
        match self.spec.misfire {
            crate::policy::Misfire::All { max } => usize::from(max.max(1)),
            _ => 1,
        }
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_none() && self.runs.is_empty() && self.backlog.is_empty()
    }

    /// The nominals of all that has come due and has not ended.
    fn under_way(&self) -> impl Iterator<Item = Nanos> {
        let runs = self.runs.iter().map(|run| run.occurrence.nominal);
        let waiting = self.waiting.iter().map(|waiting| waiting.nominal);
        runs.chain(waiting).chain(self.backlog.iter().copied())
    }

    /// Where its next moment is looked for at `own`: one that follows the wall clock has no moment
    /// twice, though the clock shows it twice.
    fn search_from(&self, own: Nanos) -> Nanos {
        let seen = self.watermark.filter(|_| !self.mono);
        seen.map_or(own, |seen| seen.max(own))
    }
}

impl<H: Handle> Entry<H> {
    /// Reads a little of all that a run of it will touch.
    fn glance(&self) -> u64 {
        let record = self.recent.last.front();
        let mut seen = record.map_or(0, |record| u64::from(record.attempts));
        seen ^= self.handler.glance();
        seen ^= self.tally.due ^ self.tally.outcomes.ok ^ self.recent.aggregate.runs;
        seen ^= Arc::strong_count(&self.spec.name) as u64;
        seen ^= self.next_run ^ self.missed ^ u64::from(self.order ^ self.failures);
        seen ^= self.runs.len() as u64 ^ self.backlog.len() as u64;
        seen ^= self.next.unwrap_or(0) as u64 ^ self.watermark.unwrap_or(0) as u64;
        seen ^= u64::from(self.spec.cost) ^ self.spec.upstreams.len() as u64;
        seen ^ u64::from(self.spec.priority) ^ self.timetable.blackouts.len() as u64
    }
}
