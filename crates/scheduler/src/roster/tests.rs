//! The roster against a model that counts one by one, under any sequence of events.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::{Effect, End, Limits, Roster, Start, Ticket, Time};
use crate::job::{Job, JobId, Spec};
use crate::ledger::SkipReason;
use crate::moment::{Nanos, nanos};
use crate::policy::{Dependents, Failures, Misfire, Overlap, Retry};
use crate::run::RunError;
use crate::source::{Admission, Ask, Source};

const LIMITS: Limits = Limits {
    max_in_flight: 3,
    reserve: 1,
    max_jobs: 6,
    history: 5,
    cancel_grace: Duration::from_millis(200),
    seed: 0,
    queues: [9, 9, 9, 3, 2],
};

const MS: Nanos = 1_000_000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn spec(name: &str, period: u64) -> Spec {
    Job::every(name, ms(period)).spec
}

impl super::Handle for () {
    fn glance(&self) -> u64 {
        0
    }
}

fn roster() -> Roster<()> {
    Roster::new(LIMITS, Time::new(Instant::now(), 0), None)
}

fn add(roster: &mut Roster<()>, spec: Spec, now: Nanos) -> Option<JobId> {
    roster.check(&[&spec], now).ok()?;
    Some(roster.insert(spec, (), now))
}

/// Something that may happen.
#[derive(Debug, Clone)]
enum Move {
    Wait(u64),
    Add(Plan),
    Pause(usize),
    Resume(usize),
    Remove(usize),
    RunNow(usize),
    Enable(usize),
    Update(usize, u8),
    Dispatch(usize),
    Finish(usize, How),
    FinishAgain,
    Unstart(usize),
    Gate(u8),
    Step(i64),
    Shutdown(u64),
}

/// How a run ends.
#[derive(Debug, Clone, Copy)]
enum How {
    Ok,
    Failed,
    Permanent,
    NotReady,
    Throttled,
    Panicked,
    TimedOut,
    Cancelled,
}

impl How {
    fn end(self) -> End {
        match self {
            Self::Ok => End::Ok,
            Self::Failed => End::Failed(RunError::new("it rained")),
            Self::Permanent => End::Failed(RunError::permanent("no such bed")),
            Self::NotReady => End::Failed(RunError::not_ready("not ripe")),
            Self::Throttled => End::Failed(RunError::throttled("dry", ms(120))),
            Self::Panicked => End::Panicked,
            Self::TimedOut => End::TimedOut,
            Self::Cancelled => End::Cancelled,
        }
    }
}

/// A job of any kind.
#[derive(Debug, Clone)]
struct Plan {
    period: u64,
    priority: u8,
    run_at_start: bool,
    useful_for: Option<u64>,
    source: Option<u8>,
    misfire: Misfire,
    overlap: Overlap,
    retries: u32,
    quarantine: Option<u32>,
    exclusive: bool,
    cost: u32,
    epoch: bool,
    after: Option<usize>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let misfire = prop_oneof![
        Just(Misfire::Once),
        Just(Misfire::Skip),
        (1_u16..5).prop_map(|max| Misfire::All { max })
    ];
    let overlap = prop_oneof![
        Just(Overlap::BufferOne),
        Just(Overlap::Skip),
        Just(Overlap::CancelOther),
        (0_u16..4).prop_map(Overlap::Queue),
        (0_u16..4).prop_map(Overlap::Allow)
    ];
    let first = (
        1_u64..400,
        1_u8..=5,
        any::<bool>(),
        proptest::option::of(1_u64..300),
        proptest::option::of(0_u8..2),
    );
    let second = (
        misfire,
        overlap,
        0_u32..3,
        proptest::option::of(1_u32..4),
        any::<bool>(),
        1_u32..4,
        any::<bool>(),
        proptest::option::of(0_usize..5),
    );
    (first, second).prop_map(|(first, second)| {
        let (period, priority, run_at_start, useful_for, source) = first;
        let (misfire, overlap, retries, quarantine, exclusive, cost, epoch, after) = second;
        Plan {
            period,
            priority,
            run_at_start,
            useful_for,
            source,
            misfire,
            overlap,
            retries,
            quarantine,
            exclusive,
            cost,
            epoch,
            after,
        }
    })
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let how = prop_oneof![
        4 => Just(How::Ok),
        3 => Just(How::Failed),
        1 => Just(How::Permanent),
        1 => Just(How::NotReady),
        1 => Just(How::Throttled),
        1 => Just(How::Panicked),
        1 => Just(How::TimedOut),
        1 => Just(How::Cancelled),
    ];
    let one = prop_oneof![
        8 => (0_u64..700).prop_map(Move::Wait),
        5 => plans().prop_map(Move::Add),
        1 => (0_usize..6).prop_map(Move::Pause),
        1 => (0_usize..6).prop_map(Move::Resume),
        1 => (0_usize..6).prop_map(Move::Remove),
        1 => (0_usize..6).prop_map(Move::RunNow),
        1 => (0_usize..6).prop_map(Move::Enable),
        1 => (0_usize..6, 1_u8..=5).prop_map(|(n, priority)| Move::Update(n, priority)),
        7 => (1_usize..5).prop_map(Move::Dispatch),
        7 => (0_usize..3, how).prop_map(|(which, how)| Move::Finish(which, how)),
        1 => Just(Move::FinishAgain),
        1 => (0_usize..3).prop_map(Move::Unstart),
        1 => (0_u8..4).prop_map(Move::Gate),
        1 => (-2_000_i64..2_000).prop_map(Move::Step),
        1 => (-100_000_i64..100_000).prop_map(Move::Step),
    ];
    (
        proptest::collection::vec(one, 1..90),
        proptest::option::of(0_u64..500),
    )
        .prop_map(|(mut moves, grace)| {
            if let Some(grace) = grace {
                moves.push(Move::Shutdown(grace));
                moves.extend([
                    Move::Wait(150),
                    Move::Finish(0, How::Ok),
                    Move::Wait(500),
                    Move::Wait(500),
                    Move::Wait(1_000),
                ]);
            }
            moves
        })
}

/// What the model knows of a job.
#[derive(Debug, Clone)]
struct Known {
    id: JobId,
    plan: Plan,
    added: Nanos,
    /// Occurrences beside its grid.
    extra: u64,
    gone: bool,
    /// The nominals of the runs that began.
    tried: BTreeSet<Nanos>,
    /// Whether its moments are no longer those of its grid since it was added.
    disturbed: bool,
}

impl Known {
    /// How many came due, counted one by one, for a job that follows the monotonic clock.
    fn due(&self, now: Nanos) -> u64 {
        let mut count = self.extra;
        let mut next = self.added + self.plan.period as Nanos * MS;
        while next <= now {
            (count, next) = (count + 1, next + self.plan.period as Nanos * MS);
        }
        count
    }
}

struct Model {
    roster: Roster<()>,
    now: Nanos,
    /// What the wall clock was set by.
    stepped: Nanos,
    jobs: Vec<Known>,
    runs: Vec<(Ticket, JobId, bool)>,
    ended: Option<Ticket>,
    shut: bool,
}

impl Model {
    fn new() -> Self {
        Self {
            roster: roster(),
            now: 0,
            stepped: 0,
            jobs: Vec::new(),
            runs: Vec::new(),
            ended: None,
            shut: false,
        }
    }

    fn spec(&self, plan: &Plan) -> Spec {
        let mut job = Job::every(format!("job {}", self.jobs.len()), ms(plan.period))
            .priority(plan.priority)
            .run_at_start(plan.run_at_start)
            .useful_for(plan.useful_for.map(ms))
            .misfire(plan.misfire)
            .overlap(plan.overlap)
            .cost(plan.cost)
            .retry(Retry {
                base: ms(20),
                ..Retry::up_to(plan.retries)
            })
            .failures(Failures {
                quarantine_after: plan.quarantine,
                backoff: ms(700),
            });
        if let Some(source) = plan.source {
            job = job.source(format!("bed {source}"));
        }
        if plan.exclusive {
            job = job.exclusive("hose");
        }
        if plan.epoch {
            job = job.phase(crate::trigger::Phase::Epoch);
        }
        if let Some(after) = plan.after.and_then(|after| self.jobs.get(after)) {
            let after = format!(
                "job {}",
                self.jobs.iter().position(|job| job.id == after.id).unwrap()
            );
            job = job.after(crate::dependency::Upstream::success_of(after).wait_max(ms(250)));
        }
        job.spec
    }

    fn make(&mut self, step: Move) -> Result<(), TestCaseError> {
        match step {
            Move::Wait(time) => self.now += time as Nanos * MS,
            Move::Add(plan) => {
                let spec = self.spec(&plan);
                let extra = u64::from(plan.run_at_start);
                if let Some(id) = add(&mut self.roster, spec, self.now) {
                    self.jobs.push(Known {
                        id,
                        plan,
                        added: self.now,
                        extra,
                        gone: false,
                        tried: BTreeSet::new(),
                        disturbed: false,
                    });
                }
            }
            Move::Pause(n) => self.at(n, |roster, id, _| roster.pause(id).is_ok()),
            Move::Resume(n) => self.at(n, |roster, id, _| roster.resume(id).is_ok()),
            Move::Enable(n) => self.at(n, |roster, id, now| roster.enable(id, now).is_ok()),
            Move::RunNow(n) => {
                self.at(n, |roster, id, now| roster.run_now(id, now).is_ok());
                if let Some(job) = self.jobs.get_mut(n) {
                    job.extra += 1;
                }
            }
            Move::Update(n, priority) => {
                if let Some(job) = self.jobs.get(n).filter(|job| !job.gone && !self.shut) {
                    self.roster.advance(self.now);
                    let mut spec = self.roster.spec(job.id).unwrap();
                    spec.priority = priority;
                    prop_assert_eq!(self.roster.update(job.id, spec, self.now), Ok(()));
                }
            }
            Move::Remove(n) => {
                self.at(n, |roster, id, _| {
                    roster.remove(id, Dependents::Detach).is_ok()
                });
                if let Some(job) = self.jobs.get_mut(n) {
                    job.gone = true;
                }
            }
            Move::Dispatch(most) => {
                for _ in 0..most {
                    let Some(start) = self.roster.dispatch(self.now) else {
                        break;
                    };
                    self.started(&start)?;
                }
            }
            Move::Finish(n, how) if n < self.runs.len() => {
                let (ticket, ..) = self.runs.remove(n);
                self.roster.finish(ticket, how.end(), self.now);
                self.ended = Some(ticket);
            }
            Move::Unstart(n) if self.runs.get(n).is_some_and(|(_, _, first)| *first) => {
                let (ticket, ..) = self.runs.remove(n);
                self.roster.unstart(ticket, self.now);
            }
            Move::Finish(..) | Move::Unstart(_) => {}
            Move::FinishAgain => {
                if let Some(ticket) = self.ended {
                    self.roster.finish(ticket, End::Ok, self.now);
                }
            }
            Move::Gate(kind) => {
                let Source { name, settings } = Source::new("bed 0")
                    .weight(2)
                    .max_in_flight(2)
                    .gate(move |ask: &Ask| match kind {
                        0 => Admission::Open,
                        1 => Admission::Trial,
                        2 => Admission::NotBefore(ask.now + ms(90)),
                        _ if ask.under_way > 1 => Admission::NotBefore(ask.now),
                        _ => Admission::Open,
                    });
                self.roster.describe_source(&name, settings);
            }
            Move::Step(by) => {
                self.stepped += by * MS;
                self.roster.observe(self.now, self.now + self.stepped);
            }
            Move::Shutdown(grace) => {
                self.roster.shutdown(self.now, ms(grace));
                self.shut = true;
            }
        }
        self.roster.advance(self.now);
        for (ticket, _) in self.roster.drain_cancels() {
            prop_assert!(
                self.runs.iter().any(|(run, ..)| *run == ticket),
                "only runs are told to end"
            );
        }
        while self.shut
            && !matches!(
                self.roster.proceed(self.now),
                Effect::Wait(_) | Effect::Stop(_)
            )
        {}
        self.check()
    }

    fn at(&mut self, n: usize, act: impl FnOnce(&mut Roster<()>, JobId, Nanos) -> bool) {
        self.roster.advance(self.now);
        if let Some(job) = self.jobs.get(n) {
            let done = act(&mut self.roster, job.id, self.now);
            assert!(done != job.gone || self.shut);
        }
    }

    fn started(&mut self, start: &Start<()>) -> Result<(), TestCaseError> {
        let id = start.ticket.job;
        let job = self.jobs.iter_mut().find(|job| job.id == id).unwrap();
        let nominal = nanos(start.nominal);
        // Of runs side by side an earlier one may be tried again after a later one began.
        prop_assert_eq!(
            start.attempt == 1,
            !job.tried.contains(&nominal),
            "a nominal is tried anew or again"
        );
        prop_assert!(
            start.attempt > 1 || job.tried.last().is_none_or(|last| *last < nominal),
            "nominals of first tries increase"
        );
        job.tried.insert(nominal);
        self.runs.push((start.ticket, id, start.attempt == 1));
        let most = match job.plan.overlap {
            Overlap::Allow(most) => usize::from(most.max(1)),
            _ => 1,
        };
        let mine = self
            .runs
            .iter()
            .filter(|(_, other, _)| *other == id)
            .count();
        prop_assert!(mine <= most, "at most so many runs of a job");
        let hose = |(_, run, _): &&(Ticket, JobId, bool)| {
            self.jobs
                .iter()
                .any(|job| job.id == *run && job.plan.exclusive)
        };
        let others = self.runs.iter().filter(hose).map(|(_, id, _)| *id);
        let together: Vec<_> = others.collect();
        prop_assert!(
            together.len() <= 1,
            "an exclusive group runs one at a time: {together:?}"
        );
        Ok(())
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        let total = self.roster.ledger();
        prop_assert!(total.balances(), "{total:?}");
        prop_assert_eq!(total.running, self.runs.len() as u64);
        prop_assert!(self.runs.len() <= LIMITS.max_in_flight);
        prop_assert_eq!(
            self.roster.history().len() as u64,
            total.outcomes.total().min(LIMITS.history as u64)
        );
        for job in self
            .roster
            .slots
            .iter()
            .filter_map(|slot| slot.job.as_ref())
        {
            let moves = job.backlog.is_empty() || job.waiting.is_some() || !job.has_room();
            prop_assert!(moves, "a backlog comes forward: {job:?}");
        }
        let mut sources: HashMap<String, u64> = HashMap::new();
        for known in self.jobs.iter().filter(|job| !job.gone) {
            let status = self.roster.job(known.id).unwrap();
            prop_assert!(status.ledger.balances(), "{status:?}");
            if !known.plan.epoch && !known.disturbed && !self.shut {
                prop_assert_eq!(status.ledger.due, known.due(self.now));
            }
            if let Some(source) = status.sources.first() {
                *sources.entry(source.to_string()).or_default() += status.ledger.due;
            }
        }
        for (name, due) in sources {
            let ledgers = self.roster.source_ledgers();
            let ledger = &ledgers[&*name];
            prop_assert!(ledger.balances() && ledger.due >= due, "{ledger:?}");
        }
        Ok(())
    }

    /// Lets everything run out: whatever was due must come to an end, with nobody left waiting.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        self.make(Move::Gate(0))?;
        for known in self.jobs.clone().iter().filter(|job| !job.gone) {
            // What was asked for by hand waits in a paused job too.
            self.roster.resume(known.id).unwrap();
            self.roster.pause(known.id).unwrap();
        }
        // Nothing new runs, and what waited was skipped; what runs ends.
        while let Some((ticket, ..)) = self.runs.pop() {
            self.roster.finish(ticket, End::Ok, self.now);
        }
        let ledger = self.roster.ledger();
        prop_assert_eq!(
            (ledger.pending, ledger.running, ledger.retrying),
            (0, 0, 0),
            "{:?}",
            ledger
        );
        for known in self.jobs.clone().iter().filter(|job| !job.gone) {
            self.roster.enable(known.id, self.now).unwrap();
            self.roster.resume(known.id).unwrap();
            self.roster.run_now(known.id, self.now).unwrap();
        }
        for known in &mut self.jobs {
            known.extra += 1;
        }
        // One after the other, everybody gets a turn.
        for _ in 0..70 {
            self.now += 150 * MS;
            self.roster.advance(self.now);
            while let Some(start) = self.roster.dispatch(self.now) {
                self.started(&start)?;
            }
            while let Some((ticket, ..)) = self.runs.pop() {
                self.roster.finish(ticket, End::Ok, self.now);
            }
            self.check()?;
        }
        for known in self.jobs.iter().filter(|job| !job.gone) {
            let status = self.roster.job(known.id).unwrap();
            // What waits for others, is soon useless or finds the queue full may miss each turn.
            let may_miss = known.plan.after.is_some()
                || known.plan.useful_for.is_some()
                || status.ledger.skipped.contains_key(&SkipReason::QueueFull);
            prop_assert!(may_miss || status.ledger.outcomes.ok > 0, "{status:?}");
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_ledger_closes_at_every_event(moves in moves()) {
        let mut model = Model::new();
        for step in moves {
            model.make(step)?;
        }
        if !model.shut {
            return model.settle();
        }
        let Effect::Stop(report) = model.roster.proceed(model.now) else {
            return Err(TestCaseError::fail("every stop comes to its end"));
        };
        let skipped = model.roster.ledger().skipped.get(&SkipReason::Shutdown).copied().unwrap_or_default();
        prop_assert_eq!(report.never_started, skipped);
        prop_assert_eq!(report.aborted, report.aborted_jobs.len() as u64);
    }
}

/// A roster with one job that is due at once.
fn one(period: u64) -> (Roster<()>, JobId) {
    let mut roster = roster();
    let spec = Spec {
        run_at_start: true,
        ..spec("a", period)
    };
    let id = add(&mut roster, spec, 0).unwrap();
    (roster, id)
}

#[test]
fn a_ticket_counts_once() {
    let (mut roster, _) = one(1_000);
    let start = roster.dispatch(0).unwrap();
    roster.finish(start.ticket, End::Ok, 0);
    roster.finish(start.ticket, End::Panicked, 0);
    let ledger = roster.ledger();
    assert_eq!(
        (
            ledger.due,
            ledger.ran,
            ledger.outcomes.ok,
            ledger.outcomes.total()
        ),
        (1, 1, 1, 1)
    );
    assert_eq!(roster.history().len(), 1);
}

#[test]
fn an_id_of_a_removed_job_never_means_another() {
    let (mut roster, old) = one(1_000);
    assert!(roster.remove(old, Dependents::Refuse).is_ok());
    let new = add(&mut roster, spec("a", 1_000), 0).unwrap();
    assert_ne!(old, new);
    assert!(roster.job(old).is_none() && roster.pause(old).is_err());
    assert!(roster.remove(old, Dependents::Refuse).is_err());
    assert_eq!(roster.id_of("a"), Some(new));
}

#[test]
fn a_removed_job_keeps_its_name_until_its_run_has_ended() {
    let (mut roster, id) = one(1_000);
    let start = roster.dispatch(0).unwrap();
    assert!(roster.remove(id, Dependents::Refuse).is_ok());
    assert!(add(&mut roster, spec("a", 1_000), 0).is_none());
    roster.finish(start.ticket, End::Ok, 0);
    assert!(add(&mut roster, spec("a", 1_000), 0).is_some());
    assert_eq!(roster.history().len(), 1);
}

#[test]
fn nothing_is_left_of_jobs_that_are_gone() {
    let mut roster = roster();
    for round in 0..1_000 {
        let mut spec = Job::every(format!("job {round}"), ms(1_000 + round))
            .source(format!("bed {round}"))
            .exclusive("hose")
            .run_at_start(true)
            .timeout(ms(500))
            .spec;
        if round % 2 == 1 {
            let upstream = crate::dependency::Upstream::success_of("later").pending();
            spec.upstreams.push(upstream.wait_max(ms(10)));
        }
        let id = add(&mut roster, spec, 0).unwrap();
        if let Some(start) = roster.dispatch(0) {
            roster.finish(start.ticket, End::Ok, 0);
        }
        assert!(roster.remove(id, Dependents::Refuse).is_ok());
    }
    assert!(roster.source_ledgers().is_empty() && roster.jobs().is_empty());
    let left = (roster.slots.len(), roster.names.len(), roster.alarms.len());
    assert_eq!(left, (1, 0, 0));
    assert!(roster.by_mono.first().is_none() && roster.by_wall.first().is_none());
    assert!(roster.dependents.is_empty() && roster.exclusives.is_empty());
    assert_eq!(roster.waiting, [0; 5]);
    let (places, names, classes) = roster.sources.sizes();
    assert!(
        places <= 2 && names + classes == 0,
        "{places} {names} {classes}"
    );
}

#[test]
fn behind_one_that_finds_the_queue_full_the_others_come_forward() {
    let limits = Limits {
        max_in_flight: 2,
        reserve: 0,
        queues: [9, 9, 1, 9, 9],
        ..LIMITS
    };
    let mut roster = Roster::new(limits, Time::new(Instant::now(), 0), None);
    let hose = |name: &str| Job::every(name, ms(10_000)).exclusive("hose");
    let all = Misfire::All { max: 9 };
    let first = hose("first").priority(1).run_at_start(true);
    let second = hose("second").misfire(all).overlap(Overlap::Queue(9));
    let id = add(&mut roster, first.spec, 0).unwrap();
    let second = add(&mut roster, second.spec, 0).unwrap();
    let first = roster.dispatch(0).unwrap();
    assert_eq!(first.ticket.job, id);
    for _ in 0..3 {
        roster.run_now(second, 1).unwrap();
    }
    // Set aside: the group is busy. Then others fill the places and the queue.
    assert!(roster.dispatch(1).is_none());
    for name in ["place", "queue"] {
        let job = Job::every(name, ms(10_000)).run_at_start(true);
        add(&mut roster, job.spec, 2).unwrap();
        let _ = roster.dispatch(2);
    }
    assert_eq!((roster.running, roster.waiting), (2, [0, 0, 1, 0, 0]));
    roster.finish(first.ticket, End::Ok, 3);
    let ledger = roster.job_ledger(second).unwrap();
    assert_eq!(ledger.pending, 0, "{ledger:?}");
    assert_eq!(ledger.skipped[&SkipReason::QueueFull], 3);
    assert!(roster.ledger().balances());
}
