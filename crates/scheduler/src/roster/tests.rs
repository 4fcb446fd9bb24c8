//! The roster against a model that counts one by one, under any sequence of events.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::{Effect, Limits, Roster, Start, Ticket};
use crate::job::{JobId, Spec};
use crate::ledger::{Ledger, SkipReason};
use crate::record::Outcome;
use crate::trigger::{Phase, Trigger};

const LIMITS: Limits = Limits {
    max_in_flight: 3,
    max_jobs: 6,
    history: 5,
    cancel_grace: Duration::from_millis(200),
    seed: 0,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn spec(name: &str, period: u64) -> Spec {
    Spec {
        name: name.into(),
        group: None,
        trigger: Trigger::Every {
            period: ms(period),
            phase: Phase::Added,
        },
        priority: 3,
        run_at_start: false,
        deadline: None,
    }
}

/// Something that may happen.
#[derive(Debug, Clone)]
enum Move {
    Wait(u64),
    Add {
        period: u64,
        priority: u8,
        run_at_start: bool,
        deadline: Option<u64>,
        grouped: bool,
    },
    Pause(usize),
    Resume(usize),
    Remove(usize),
    Dispatch(usize),
    Finish(usize, Outcome),
    FinishAgain,
    Shutdown(u64),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Ok),
        Just(Outcome::Failed("it rained".into())),
        Just(Outcome::Panicked),
        Just(Outcome::TimedOut),
        Just(Outcome::Cancelled),
    ]
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let add = (
        1_u64..400,
        1_u8..=5,
        any::<bool>(),
        proptest::option::of(1_u64..300),
        any::<bool>(),
    )
        .prop_map(
            |(period, priority, run_at_start, deadline, grouped)| Move::Add {
                period,
                priority,
                run_at_start,
                deadline,
                grouped,
            },
        );
    let one = prop_oneof![
        6 => (0_u64..700).prop_map(Move::Wait),
        4 => add,
        1 => (0_usize..6).prop_map(Move::Pause),
        1 => (0_usize..6).prop_map(Move::Resume),
        1 => (0_usize..6).prop_map(Move::Remove),
        6 => (1_usize..5).prop_map(Move::Dispatch),
        6 => ((0_usize..3), outcome()).prop_map(|(which, outcome)| Move::Finish(which, outcome)),
        1 => Just(Move::FinishAgain),
    ];
    (
        proptest::collection::vec(one, 1..80),
        proptest::option::of(0_u64..500),
    )
        .prop_map(|(mut moves, grace)| {
            if let Some(grace) = grace {
                moves.push(Move::Shutdown(grace));
                moves.extend([
                    Move::Wait(150),
                    Move::Finish(0, Outcome::Ok),
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
    added: Instant,
    run_at_start: bool,
    period: Duration,
    /// No occurrence after this moment.
    ended: Option<Instant>,
    last_nominal: Option<Instant>,
}

impl Known {
    /// How many came due, counted one by one.
    fn due(&self, now: Instant) -> u64 {
        let end = self.ended.unwrap_or(now);
        let mut count = u64::from(self.run_at_start);
        let mut next = self.added + self.period;
        while next <= end {
            (count, next) = (count + 1, next + self.period);
        }
        count
    }
}

struct Model {
    roster: Roster<()>,
    now: Instant,
    jobs: Vec<Known>,
    runs: Vec<(Ticket, JobId)>,
    ended: Option<Ticket>,
    finished: u64,
    shut: bool,
}

impl Model {
    fn new() -> Self {
        Self {
            roster: Roster::new(LIMITS),
            now: Instant::now(),
            jobs: Vec::new(),
            runs: Vec::new(),
            ended: None,
            finished: 0,
            shut: false,
        }
    }

    fn make(&mut self, step: Move) -> Result<(), TestCaseError> {
        match step {
            Move::Wait(time) => self.now += ms(time),
            Move::Add {
                period,
                priority,
                run_at_start,
                deadline,
                grouped,
            } => {
                let spec = Spec {
                    group: grouped.then(|| "garden".into()),
                    priority,
                    run_at_start,
                    deadline: deadline.map(ms),
                    ..spec(&format!("job {}", self.jobs.len()), period)
                };
                if self.roster.check(&spec).is_ok() {
                    let id = self.roster.insert(spec, (), self.now);
                    let (added, period) = (self.now, ms(period));
                    self.jobs.push(Known {
                        id,
                        added,
                        run_at_start,
                        period,
                        ended: None,
                        last_nominal: None,
                    });
                }
            }
            Move::Pause(n) => self.at(n, |roster, id| roster.pause(id).is_ok()),
            Move::Resume(n) => self.at(n, |roster, id| roster.resume(id).is_ok()),
            Move::Remove(n) => {
                self.at(n, |roster, id| roster.remove(id).is_ok());
                if let Some(job) = self.jobs.get_mut(n) {
                    job.ended.get_or_insert(self.now);
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
            Move::Finish(n, outcome) if n < self.runs.len() => {
                let (ticket, _) = self.runs.remove(n);
                self.roster.finish(ticket, outcome, self.now);
                self.finished += 1;
                self.ended = Some(ticket);
            }
            Move::Finish(..) => {}
            Move::FinishAgain => {
                if let Some(ticket) = self
                    .ended
                    .filter(|ended| self.runs.iter().all(|(run, _)| run != ended))
                {
                    self.roster.finish(ticket, Outcome::Ok, self.now);
                }
            }
            Move::Shutdown(grace) => {
                self.roster.shutdown(self.now, ms(grace));
                self.shut = true;
                for job in &mut self.jobs {
                    job.ended.get_or_insert(self.now);
                }
            }
        }
        self.roster.advance(self.now);
        while self.shut
            && !matches!(
                self.roster.proceed(self.now),
                Effect::Wait(_) | Effect::Stop(_)
            )
        {}
        self.check()
    }

    fn at(&mut self, n: usize, act: impl FnOnce(&mut Roster<()>, JobId) -> bool) {
        self.roster.advance(self.now);
        if let Some(job) = self.jobs.get(n) {
            let done = act(&mut self.roster, job.id);
            assert_eq!(done, job.ended.is_none() || self.shut);
        }
    }

    fn started(&mut self, start: &Start<()>) -> Result<(), TestCaseError> {
        let Ticket(id) = start.ticket;
        let job = self.jobs.iter_mut().find(|job| job.id == id).unwrap();
        prop_assert!(start.nominal <= self.now, "nothing runs before its time");
        prop_assert!(
            job.last_nominal.is_none_or(|last| last < start.nominal),
            "nominals increase"
        );
        prop_assert!(
            start.deadline.is_none_or(|deadline| deadline > self.now),
            "nothing starts too late"
        );
        prop_assert!(
            self.runs.iter().all(|(_, other)| *other != id),
            "one run a job"
        );
        job.last_nominal = Some(start.nominal);
        self.runs.push((start.ticket, id));
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let total = self.roster.ledger();
        prop_assert!(total.balances(), "{total:?}");
        prop_assert_eq!(
            total.due,
            self.jobs.iter().map(|job| job.due(self.now)).sum::<u64>()
        );
        prop_assert_eq!(total.running, self.runs.len() as u64);
        prop_assert_eq!(total.outcomes.total(), self.finished);
        prop_assert!(self.runs.len() <= LIMITS.max_in_flight);
        prop_assert_eq!(
            self.roster.history().len() as u64,
            self.finished.min(LIMITS.history as u64)
        );
        let mut groups: HashMap<bool, (u64, u64)> = HashMap::new();
        for known in self.jobs.iter().filter(|job| job.ended.is_none()) {
            let status = self.roster.job(known.id).unwrap();
            prop_assert!(status.ledger.balances(), "{status:?}");
            prop_assert!(status.ledger.pending <= 1, "at most one waits");
            prop_assert_eq!(status.ledger.due, known.due(self.now));
            prop_assert!(
                status.next.is_none_or(|next| next > self.now),
                "the next is later than now"
            );
            let sum = groups.entry(status.group.is_some()).or_default();
            (sum.0, sum.1) = (sum.0 + status.ledger.due, sum.1 + status.ledger.ran);
        }
        if let Some(group) = self.roster.group_ledger("garden") {
            let of = groups.get(&true).copied().unwrap_or_default();
            prop_assert!(
                group.balances() && group.due >= of.0 && group.ran >= of.1,
                "{group:?}"
            );
        } else {
            prop_assert!(!groups.contains_key(&true));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_ledger_closes_at_every_event(moves in moves()) {
        let mut model = Model::new();
        for step in moves {
            model.make(step)?;
        }
        let shut = model.shut;
        let Effect::Stop(report) = model.roster.proceed(model.now) else {
            prop_assert!(!shut, "every stop comes to its end");
            return Ok(());
        };
        let skipped = model.roster.ledger().skipped.get(&SkipReason::Shutdown).copied().unwrap_or_default();
        prop_assert_eq!(report.never_started, skipped);
        prop_assert_eq!(report.aborted, report.aborted_jobs.len() as u64);
    }
}

/// A roster with one job that is due at once.
fn one(period: u64) -> (Roster<()>, JobId, Instant) {
    let (mut roster, now) = (Roster::new(LIMITS), Instant::now());
    let id = roster.insert(
        Spec {
            run_at_start: true,
            ..spec("a", period)
        },
        (),
        now,
    );
    (roster, id, now)
}

#[test]
fn a_ticket_counts_once() {
    let (mut roster, _, now) = one(1_000);
    let start = roster.dispatch(now).unwrap();
    roster.finish(start.ticket, Outcome::Ok, now);
    roster.finish(start.ticket, Outcome::Failed("again".into()), now);
    assert_eq!(
        roster.ledger(),
        Ledger {
            due: 1,
            ran: 1,
            outcomes: roster.ledger().outcomes,
            ..Ledger::default()
        }
    );
    assert_eq!(roster.ledger().outcomes.ok, 1);
    assert_eq!(roster.history().len(), 1);
}

#[test]
fn an_id_of_a_removed_job_never_means_another() {
    let (mut roster, old, now) = one(1_000);
    assert!(roster.remove(old).is_ok());
    let new = roster.insert(spec("a", 1_000), (), now);
    assert_ne!(old, new);
    assert!(roster.job(old).is_none() && roster.pause(old).is_err() && roster.remove(old).is_err());
    assert_eq!(roster.id_of("a"), Some(new));
}

#[test]
fn a_removed_job_keeps_its_name_until_its_run_has_ended() {
    let (mut roster, id, now) = one(1_000);
    let start = roster.dispatch(now).unwrap();
    assert!(roster.remove(id).is_ok());
    assert!(roster.check(&spec("a", 1_000)).is_err());
    roster.finish(start.ticket, Outcome::Ok, now);
    assert!(roster.check(&spec("a", 1_000)).is_ok());
    assert_eq!(roster.history().len(), 1);
}

#[test]
fn the_maps_are_empty_when_the_jobs_are_gone() {
    let (mut roster, now) = (Roster::new(LIMITS), Instant::now());
    for round in 0..1_000 {
        let spec = Spec {
            group: Some("garden".into()),
            ..spec(&format!("job {round}"), 1_000 + round)
        };
        let id = roster.insert(spec, (), now);
        assert!(roster.remove(id).is_ok());
    }
    assert!(roster.group_ledgers().is_empty() && roster.jobs().is_empty());
    assert_eq!(
        (
            roster.slots.len(),
            roster.names.len(),
            roster.timers.len(),
            roster.ready.len()
        ),
        (1, 0, 0, 0)
    );
    assert!(roster.accounts.is_empty());
}
