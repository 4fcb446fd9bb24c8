//! The process ends at any moment, and another goes on with its journal.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_scheduler::{
    Cron, Event, Failures, FileJournal, Job, JobMark, JournalError, Mark, MemoryStore, Misfire,
    Overlap, Phase, Scheduler, SimClock, Store,
};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{Diary, base, in_paused_time, ms, secs, since};

/// What the handlers began and ended, over all lives of the process.
#[derive(Debug, Clone, Default)]
struct World {
    began: Arc<Mutex<BTreeMap<(String, u64), u32>>>,
    ended: Arc<Mutex<BTreeMap<(String, u64), u32>>>,
}

fn jobs(mark: Mark, world: &World) -> Vec<Job> {
    let cron = Cron::parse("*/7 * * * * *").unwrap();
    let all = Misfire::All { max: 1_000 };
    let builders = [
        Job::every("interval", secs(3)),
        Job::every("spread", secs(5)).phase(Phase::Spread),
        Job::cron("cron", cron),
        Job::aligned("candle", secs(10)),
        Job::every("slow", secs(4)).overlap(Overlap::Allow(3)),
    ];
    let takes = [ms(10), ms(700), ms(0), ms(2_500), ms(9_000)];
    let jobs = builders.into_iter().zip(takes).map(|(job, takes)| {
        let world = world.clone();
        let job = job.mark(mark).misfire(all).failures(Failures::IGNORED);
        job.handler(move |run| {
            let key = (
                run.job.to_string(),
                u64::try_from(since(run.nominal).as_nanos()).unwrap(),
            );
            *world.began.lock().unwrap().entry(key.clone()).or_default() += 1;
            let world = world.clone();
            async move {
                sleep(takes).await;
                *world.ended.lock().unwrap().entry(key).or_default() += 1;
                Ok(())
            }
        })
    });
    jobs.collect()
}

/// Lives of random lengths with random absences between them, all on one journal.
async fn lives(seed: u64, mark: Mark, place: &Path) -> World {
    let mut random = fastrand::Rng::with_seed(seed);
    let world = World::default();
    let clock = Arc::new(SimClock::at(base()));
    for life in 0..6 {
        let journal = FileJournal::open(place).unwrap();
        let scheduler = Scheduler::builder()
            .clock(Arc::clone(&clock))
            .max_in_flight(random.usize(1..8))
            .store(journal)
            .start();
        scheduler.add_all(jobs(mark, &world)).unwrap();
        sleep(Duration::from_micros(random.u64(0..30_000_000))).await;
        assert!(scheduler.ledger().balances());
        // Killed: nothing of it gets another turn.
        drop(scheduler);
        if life % 2 == 0 {
            // Torn in the middle of a line.
            use std::io::Write as _;
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .open(place)
                .unwrap();
            file.write_all(b"0badf00d {\"job\":\"interval\",\"nomi")
                .unwrap();
        }
        sleep(Duration::from_micros(random.u64(0..20_000_000))).await;
    }
    // The last life has time for everything.
    let scheduler = Scheduler::builder()
        .clock(clock)
        .max_in_flight(8)
        .store(FileJournal::open(place).unwrap())
        .start();
    scheduler.add_all(jobs(mark, &world)).unwrap();
    sleep(secs(120)).await;
    let report = scheduler.shutdown(secs(60)).await;
    assert_eq!(report.aborted, 0);
    world
}

#[test]
fn killed_at_a_hundred_random_moments_no_occurrence_runs_twice_with_before_run() {
    let mut kills = 0;
    for seed in 0..17 {
        let folder = TempDir::new().unwrap();
        let place = folder.path().join("x.journal");
        let world = in_paused_time(lives(seed, Mark::BeforeRun, &place));
        let began = world.began.lock().unwrap();
        assert!(began.len() > 50);
        for (key, count) in began.iter() {
            assert_eq!(*count, 1, "{key:?} of seed {seed}");
        }
        kills += 6;
    }
    assert!(kills >= 100);
}

#[test]
fn killed_at_a_hundred_random_moments_no_occurrence_is_lost_with_after_run() {
    let mut kills = 0;
    for seed in 100..117 {
        let folder = TempDir::new().unwrap();
        let place = folder.path().join("x.journal");
        let world = in_paused_time(lives(seed, Mark::AfterRun, &place));
        let ended = world.ended.lock().unwrap();
        // All moments of each job from its first to its last ended, without a hole.
        let periods = [
            ("interval", 3),
            ("spread", 5),
            ("cron", 7),
            ("candle", 10),
            ("slow", 4),
        ];
        for (job, period) in periods {
            let moments: Vec<u64> = ended
                .keys()
                .filter(|(name, _)| name == job)
                .map(|(_, at)| *at)
                .collect();
            assert!(moments.len() > 10, "{job}: {moments:?}");
            for pair in moments.windows(2) {
                let gap = pair[1] - pair[0];
                // Cron begins anew each minute: after 56 comes 0.
                let whole =
                    gap == period * 1_000_000_000 || (job == "cron" && gap == 4_000_000_000);
                assert!(whole, "{job} of seed {seed}: {} then {}", pair[0], pair[1]);
            }
        }
        kills += 6;
    }
    assert!(kills >= 100);
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_meanwhile_is_one_decision_and_failures_are_remembered() {
    let (store, clock, diary) = (
        MemoryStore::default(),
        Arc::new(SimClock::at(base())),
        Diary::default(),
    );
    let start = || {
        Scheduler::builder()
            .clock(Arc::clone(&clock))
            .store(store.clone())
            .start()
    };
    let scheduler = start();
    scheduler
        .add(Job::every("tick", secs(10)).handler(diary.keeps(ms(0))))
        .unwrap();
    let bad = Job::every("bad", secs(10))
        .handler(|_| async { Err(robust_scheduler::RunError::permanent("gone")) });
    scheduler.add(bad).unwrap();
    sleep(secs(25)).await;
    scheduler.shutdown(secs(1)).await;
    drop(scheduler);
    sleep(secs(100)).await;
    let scheduler = start();
    let id = scheduler
        .add(Job::every("tick", secs(10)).handler(diary.keeps(ms(0))))
        .unwrap();
    let bad = Job::every("bad", secs(10)).handler(diary.keeps(ms(0)));
    let bad = scheduler.add(bad).unwrap();
    assert_eq!(
        scheduler.job(bad).unwrap().state,
        robust_scheduler::JobState::Quarantined
    );
    sleep(secs(6)).await;
    let entries: Vec<_> = diary
        .entries()
        .into_iter()
        .filter(|entry| entry.job == "tick")
        .collect();
    let nominals: Vec<_> = entries
        .iter()
        .map(|entry| entry.nominal.as_secs())
        .collect();
    // The grid is the old one, and 30 to 110 are covered by 120.
    assert_eq!(nominals, [10, 20, 120, 130]);
    assert_eq!(entries[2].missed, 9);
    assert_eq!(scheduler.job_ledger(id).unwrap().superseded, 9);
    scheduler.remove(id).unwrap();
    sleep(ms(1)).await;
    scheduler.shutdown(secs(1)).await;
    assert!(
        store.clone().load().iter().all(|mark| mark.job != "tick"),
        "a removed job is forgotten"
    );
}

/// A store that is full.
struct Full(Arc<Mutex<bool>>, MemoryStore);

impl Store for Full {
    fn load(&mut self) -> Vec<JobMark> {
        self.1.load()
    }

    fn append(&mut self, marks: &[JobMark]) -> std::io::Result<()> {
        if *self.0.lock().unwrap() {
            return Err(std::io::Error::other("no space left"));
        }
        self.1.append(marks)
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_must_not_run_unmarked_does_not_and_others_are_marked_later() {
    let (full, store, diary) = (
        Arc::new(Mutex::new(true)),
        MemoryStore::default(),
        Diary::default(),
    );
    let scheduler = crate::builder()
        .store(Full(Arc::clone(&full), store.clone()))
        .start();
    let mut events = scheduler.events();
    scheduler
        .add(
            Job::every("careful", secs(10))
                .mark(Mark::BeforeRun)
                .handler(diary.keeps(ms(0))),
        )
        .unwrap();
    scheduler
        .add(Job::every("easy", secs(10)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(25)).await;
    assert_eq!(diary.names(), ["easy", "easy"]);
    let ledger = scheduler.ledger();
    assert_eq!(ledger.skipped[&robust_scheduler::SkipReason::Journal], 2);
    assert!(ledger.balances());
    let mut told = 0;
    while let Ok(event) = events.try_recv() {
        told += u32::from(matches!(
            event,
            robust_scheduler::Event::JournalFailed { .. }
        ));
    }
    assert!(told > 0);
    assert!(store.clone().load().is_empty());
    *full.lock().unwrap() = false;
    sleep(secs(10)).await;
    assert_eq!(diary.names().len(), 4);
    let marks = store.clone().load();
    let nominals: Vec<_> = marks
        .iter()
        .map(|mark| {
            (
                mark.job.as_str(),
                mark.nominal / 1_000_000_000 - 1_798_761_600,
            )
        })
        .collect();
    assert_eq!(nominals, [("careful", 30), ("easy", 30)]);
}

#[tokio::test(start_paused = true)]
async fn what_was_paused_or_disabled_still_is_and_a_clock_set_far_back_stops_nobody() {
    let (store, diary) = (MemoryStore::default(), Diary::default());
    let start = |wall| {
        Scheduler::builder()
            .clock(SimClock::at(wall))
            .store(store.clone())
            .start()
    };
    let names = ["paused", "disabled", "resumed", "free"];
    let jobs = || {
        let diary = diary.clone();
        names.map(move |name| {
            let job = Job::every(name, secs(10)).phase(Phase::Epoch);
            job.handler(diary.keeps(ms(0)))
        })
    };
    let scheduler = start(base() + secs(86_400));
    let ids = scheduler.add_all(jobs()).unwrap();
    scheduler.pause(ids[0]).unwrap();
    scheduler
        .disable(ids[1], robust_scheduler::Dependents::Refuse)
        .unwrap();
    scheduler.pause(ids[2]).unwrap();
    scheduler.resume(ids[2]).unwrap();
    sleep(secs(15)).await;
    drop(scheduler);
    assert_eq!(diary.names(), ["resumed", "free"]);
    // A day back: the marks lie in the future, and nobody waits for that.
    let scheduler = start(base());
    let ids = scheduler.add_all(jobs()).unwrap();
    let states = ids.iter().map(|id| scheduler.job(*id).unwrap().state);
    let expected = [
        robust_scheduler::JobState::Paused,
        robust_scheduler::JobState::Disabled,
        robust_scheduler::JobState::Scheduled,
        robust_scheduler::JobState::Scheduled,
    ];
    assert!(states.eq(expected));
    sleep(secs(15)).await;
    assert_eq!(diary.names()[2..], ["resumed", "free"]);
    for id in &ids[..2] {
        scheduler.resume(*id).unwrap();
        scheduler.enable(*id).unwrap();
    }
    sleep(secs(10)).await;
    assert_eq!(diary.names().len(), 8);
    assert!(scheduler.ledger().balances());
}

/// A store that cannot be written when a job is added still learns of it with the next mark.
#[tokio::test(start_paused = true)]
async fn a_job_is_marked_when_its_adding_returns_or_as_soon_as_the_store_can() {
    let (full, store) = (Arc::new(Mutex::new(false)), MemoryStore::default());
    let scheduler = crate::builder()
        .store(Full(Arc::clone(&full), store.clone()))
        .start();
    let job = |name: &str| Job::every(name, secs(3_600)).handler(|_| async { Ok(()) });
    scheduler.add(job("one")).unwrap();
    let marked = || -> Vec<_> {
        let marks = store.clone().load().into_iter();
        marks.map(|mark| (mark.job, mark.fresh)).collect()
    };
    assert_eq!(marked(), [("one".to_owned(), true)]);
    *full.lock().unwrap() = true;
    let mut events = scheduler.events();
    let two = scheduler.add(job("two")).unwrap();
    let told = |event: &robust_scheduler::Event| {
        matches!(event, robust_scheduler::Event::JournalFailed { .. })
    };
    assert!(std::iter::from_fn(|| events.try_recv().ok()).any(|event| told(&event)));
    assert_eq!(marked().len(), 1);
    *full.lock().unwrap() = false;
    sleep(secs(1)).await;
    assert_eq!(marked().len(), 2, "{:?}", marked());
    scheduler.remove(two).unwrap();
    assert_eq!(marked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_twenty_minutes_of_seconds_away_none_is_lost() {
    let (store, clock) = (MemoryStore::default(), Arc::new(SimClock::at(base())));
    let diary = Diary::default();
    let started = || {
        let builder = Scheduler::builder().clock(Arc::clone(&clock));
        let scheduler = builder.store(store.clone()).start();
        let job = Job::cron("tick", Cron::parse("* * * * * *").unwrap());
        let job = job
            .misfire(Misfire::All { max: u16::MAX })
            .useful_for(secs(10_000));
        scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
        scheduler
    };
    let first = started();
    sleep(ms(10_500)).await;
    drop(first);
    sleep(secs(1_200)).await;
    let _second = started();
    sleep(secs(10)).await;
    let seconds = diary
        .entries()
        .into_iter()
        .map(|entry| entry.nominal.as_secs());
    assert!(seconds.eq(1..=1_220));
}

/// Says to the test below, run by itself as a process of its own, which journal it is to hold.
const HELD: &str = "ROBUST_SCHEDULER_TEST_HOLDS";

#[test]
fn a_journal_is_for_one_process_at_a_time_and_free_when_that_is_killed() {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Command, Stdio};
    if let Some(path) = std::env::var_os(HELD) {
        let _held = FileJournal::open(path).unwrap();
        eprintln!("holds it");
        // Until it is killed: nobody writes to it.
        let _ = std::io::stdin().read(&mut [0]);
        return;
    }
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("x.journal");
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "restart::a_journal_is_for_one_process_at_a_time_and_free_when_that_is_killed",
        ])
        .env(HELD, &place)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(other.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("holds it")));
    let refused = FileJournal::open(&place).unwrap_err();
    assert!(matches!(refused, JournalError::Locked { .. }), "{refused}");
    other.kill().unwrap();
    other.wait().unwrap();
    FileJournal::open(&place).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_journal_is_free_when_its_scheduler_has_shut_down() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("x.journal");
    let scheduler = Scheduler::builder()
        .clock(SimClock::at(base()))
        .store(FileJournal::open(&place).unwrap())
        .start();
    let quick = Job::every("quick", secs(10)).handler(|_| async { Ok(()) });
    let quick = scheduler.add(quick).unwrap();
    sleep(secs(11)).await;
    let mut events = scheduler.events();
    scheduler.shutdown(secs(1)).await;
    let before = FileJournal::open(&place).unwrap().load();
    assert_eq!(before[0].job, "quick");
    // The handle is still there; what is done with it is no longer kept, and that is told.
    scheduler.remove(quick).unwrap();
    assert_eq!(FileJournal::open(&place).unwrap().load(), before);
    let mut told = false;
    while let Ok(event) = events.try_recv() {
        told |= matches!(event, Event::JournalFailed { .. });
    }
    assert!(told);
}

#[tokio::test(start_paused = true)]
async fn a_journal_is_free_when_the_last_handle_is_dropped() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("x.journal");
    let scheduler = Scheduler::builder()
        .clock(SimClock::at(base()))
        .store(FileJournal::open(&place).unwrap())
        .start();
    let hangs = Job::every("hangs", secs(10)).handler(|_| std::future::pending());
    scheduler.add(hangs).unwrap();
    sleep(secs(11)).await;
    let clone = scheduler.clone();
    drop(scheduler);
    let refused = FileJournal::open(&place).unwrap_err();
    assert!(matches!(refused, JournalError::Locked { .. }), "{refused}");
    drop(clone);
    // The run is aborted when its task has a turn; nobody waits for that.
    let marks = FileJournal::open(&place).unwrap().load();
    assert_eq!(marks[0].job, "hangs");
}
