//! Jobs over exchanges that are limited, ill and slow: parked instead of failed, in order of importance, without a hole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use robust_data_manager::market::{Exchange, Interval, Kind};
use robust_data_manager::scheduler::{Job, JobState, Settle, Trigger};
use robust_data_manager::{
    DataJob, DataManagerBuilder, ExchangeSettings, JobClass, Priority, Query, ScheduleError,
};

use crate::series_jobs::{all_trades, bars, heard, trades};
use crate::world::{World, fault, pair, secs, symbol};

fn ticker(name: &str, exchange: &Exchange, every: u64) -> DataJob {
    let query = Query::ticker(exchange.clone(), pair(exchange, "BTC"));
    DataJob::new(name, query, secs(every))
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_breaker_is_open_is_parked_and_goes_on_when_it_closes() {
    let world = World::new();
    for n in 0..3 {
        let job = ticker(&format!("k{n}"), &Exchange::KRAKEN, 10).retries(0);
        world.manager.schedule(job).unwrap();
    }
    tokio::time::sleep(secs(60)).await;
    assert_eq!(world.manager.scheduler().ledger().outcomes.failed, 0);
    world.kraken().set_fault(fault("503"));
    // Five failures in a row open the breaker, for 60 s at a time.
    tokio::time::sleep(secs(60)).await;
    let before = world.manager.scheduler().ledger();
    let (asked, failed) = (world.kraken().stats().requests, before.outcomes.failed);
    assert!((5..=7).contains(&failed), "{before:?}");
    let parked = world.manager.scheduler().sources();
    let kraken = parked
        .iter()
        .find(|source| &*source.name == "kraken")
        .unwrap();
    assert!(
        kraken.parked.is_some() && kraken.in_flight == 0,
        "{kraken:?}"
    );
    tokio::time::sleep(secs(600)).await;
    // One probe a minute, and no other request; what was probed has failed, what was parked has not.
    let failing = world.manager.status().jobs.list["k0"].consecutive_failures;
    assert!(
        failing > 1,
        "failed in a row, whoever is to blame: {failing}"
    );
    let ledger = world.manager.scheduler().ledger();
    let probes = world.kraken().stats().requests - asked;
    assert!((9..=10).contains(&probes), "{probes}");
    assert_eq!(ledger.outcomes.failed - failed, probes, "{ledger:?}");
    assert!(ledger.superseded > 100, "{ledger:?}");
    // Nothing was held against the jobs.
    world.kraken().set_fault(None);
    tokio::time::sleep(secs(120)).await;
    let list = world.manager.status().jobs.list;
    assert!(list.values().all(|job| job.consecutive_failures == 0));
    for job in world.manager.scheduler().jobs() {
        assert_eq!((job.failures, job.paused), (0, false), "{job:?}");
        assert_ne!(job.state, JobState::Quarantined, "{job:?}");
    }
    let after = world.manager.scheduler().ledger();
    assert!(after.outcomes.ok > ledger.outcomes.ok + 15, "{after:?}");
    assert!(after.balances());
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_told_to_stay_away_longer_than_it_has_time_is_put_off_and_has_not_failed() {
    let world = World::new();
    world.kraken().set_fault(fault("418:10"));
    let job = ticker("k", &Exchange::KRAKEN, 30)
        .at_start()
        .timeout(secs(10));
    world.manager.schedule(job).unwrap();
    tokio::time::sleep(secs(120)).await;
    let ended = world.manager.scheduler().ledger().outcomes;
    assert_eq!(
        (ended.failed, ended.timed_out, ended.ok),
        (0, 0, 0),
        "{ended:?}"
    );
    assert!(ended.deferred > 0, "{ended:?}");
    world.kraken().set_fault(None);
    tokio::time::sleep(secs(600)).await;
    assert!(world.manager.scheduler().ledger().outcomes.ok > 5);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_budget_is_spent_holds_no_place_and_the_urgent_go_first() {
    let world = World::with(|builder| builder.max_in_flight(2));
    // Twelve requests of Kraken at one moment take it 15 s.
    let bars = |name: String, priority| {
        let query = Query::candles(Exchange::KRAKEN, symbol("BTC/USD"), Interval::M1);
        let (interval, settle) = (secs(60), Settle::Fixed(Duration::ZERO));
        let trigger = Trigger::Aligned { interval, settle };
        let job = DataJob::new(name, query, interval).trigger(trigger);
        job.priority(priority)
    };
    let jobs = (0..12).map(|n| bars(format!("bars {n}"), if n == 11 { 1 } else { 5 }));
    world.manager.schedule_all(jobs).unwrap();
    world
        .manager
        .schedule(ticker("b", &Exchange::BINANCE, 1).priority(3))
        .unwrap();
    let limiter = world.manager.source("kraken").unwrap().limiter().clone();
    for _ in 0..1_200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let waiting: usize = limiter.snapshot().queued.iter().sum();
        assert_eq!(waiting, 0, "nobody waits inside of the budget");
    }
    let scheduler = world.manager.scheduler();
    let history = scheduler.history();
    let runs = |name: &str| history.iter().filter(|run| &*run.job == name).count();
    assert!(runs("b") >= 119, "Binance was never held up");
    let started: Vec<_> = history
        .iter()
        .filter(|run| run.job.starts_with("bars"))
        .collect();
    assert_eq!(started.len(), 24, "two rounds of twelve");
    for round in started.chunks(12) {
        assert_eq!(&*round[0].job, "bars 11", "the urgent one is first");
        let span = round[11].start.duration_since(round[0].start).unwrap();
        assert!(span >= secs(13) && span <= secs(15), "{span:?}");
    }
    let ledger = scheduler.ledger();
    assert_eq!((ledger.outcomes.failed, ledger.outcomes.deferred), (0, 0));
    assert!(ledger.balances());
    world.check();
}

#[tokio::test(start_paused = true)]
async fn the_bars_that_an_outage_has_left_out_come_with_one_request() {
    let world = World::new();
    let job = bars(&Exchange::BINANCE, 5, Settle::default());
    world.manager.schedule(job).unwrap();
    let mut events = world.manager.events();
    tokio::time::sleep(secs(600)).await;
    let usual = heard(&mut events).answers;
    assert!(usual.iter().all(|rows| rows.len() == 5), "{usual:?}");
    let last = *usual.last().unwrap().last().unwrap();
    world.binance().set_fault(fault("refuse"));
    tokio::time::sleep(secs(1_800)).await;
    assert!(heard(&mut events).answers.is_empty());
    world.binance().set_fault(None);
    let before = world.binance().stats().requests;
    // The breaker is asked once a minute.
    tokio::time::sleep(secs(121)).await;
    let answers = heard(&mut events).answers;
    let filled = &answers[0];
    assert!(filled.len() > 30, "{}", filled.len());
    assert!(filled[0] <= last, "it goes back to what was there");
    assert!(
        filled.windows(2).all(|pair| pair[1] - pair[0] == 60_000),
        "no hole"
    );
    assert!(
        answers[1..].iter().all(|rows| rows.len() == 5),
        "and then as ever"
    );
    let asked = world.binance().stats().requests - before;
    assert_eq!(asked, answers.len() as u64, "one request an answer");
    assert!(world.manager.scheduler().ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_timed_out_has_longer_once_and_a_read_has_not() {
    let slow = |builder: DataManagerBuilder| {
        let mut settings = ExchangeSettings::default();
        (settings.timeout, settings.max_timeout) = (Some(secs(100)), Some(secs(200)));
        builder.exchange_with("binance", settings)
    };
    for (class, expected) in [(JobClass::Scan, (2, 2)), (JobClass::Read, (0, 4))] {
        // What a scan may take is for the job to say, not for the settings of its exchange.
        let world = match class {
            JobClass::Scan => World::new(),
            _ => World::with(slow),
        };
        world.binance().set_fault(fault("latency:40s"));
        let job = ticker("scan", &Exchange::BINANCE, 100).class(class);
        world.manager.schedule(job).unwrap();
        tokio::time::sleep(secs(480)).await;
        let ended = world.manager.scheduler().ledger().outcomes;
        assert_eq!(
            (ended.ok, ended.timed_out),
            expected,
            "{class:?}: {ended:?}"
        );
        let job = &world.manager.scheduler().jobs()[0];
        assert_eq!(
            job.failures, 0,
            "a slow exchange is not the fault of the job"
        );
    }
    // One that names its time has it, whatever the settings of its exchange say of usual answers.
    let world = World::new();
    world.binance().set_fault(fault("latency:150s"));
    let pairs = ["BTC/USDT", "ETH/USDT"].map(symbol);
    let many = DataJob::many("many", Exchange::BINANCE, Kind::Tickers, pairs, secs(3_600));
    let long = ticker("scan", &Exchange::BINANCE, 3_600);
    for job in [many, long] {
        let job = job.class(JobClass::Scan).timeout(secs(200)).at_start();
        world.manager.schedule(job).unwrap();
    }
    tokio::time::sleep(secs(160)).await;
    let ended = world.manager.scheduler().ledger().outcomes;
    assert_eq!((ended.ok, ended.failed), (2, 0), "{ended:?}");
    let world = World::new();
    let job = ticker("long", &Exchange::BINANCE, 100).timeout(secs(31));
    let error = world.manager.schedule(job).unwrap_err();
    assert!(matches!(error, ScheduleError::TooLong { .. }), "{error}");
    assert!(error.to_string().contains("class \"scan\""), "{error}");
}

#[tokio::test(start_paused = true)]
async fn retries_are_those_of_the_read_and_do_not_multiply() {
    for (retries, requests) in [
        (Some(0), 1),
        (Some(1), 2),
        (Some(3), 4),
        (Some(9), 4),
        (None, 4),
    ] {
        let world = World::new();
        world.binance().set_fault(fault("503"));
        let mut job = ticker("b", &Exchange::BINANCE, 3_600).at_start();
        if let Some(retries) = retries {
            job = job.retries(retries);
        }
        world.manager.schedule(job).unwrap();
        tokio::time::sleep(secs(120)).await;
        let ledger = world.manager.scheduler().ledger();
        assert_eq!(
            (ledger.outcomes.failed, ledger.retries),
            (1, 0),
            "{ledger:?}"
        );
        assert_eq!(world.binance().stats().requests, requests, "{retries:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn priorities_are_the_classes_of_the_reads() {
    let world = World::new();
    for (priority, base) in (1..).zip(["BTC", "ETH", "SOL", "XRP", "ADA"]) {
        // A query with an urgency of its own does as its job says.
        let query = Query::ticker(Exchange::BINANCE, symbol(&format!("{base}/USDT")));
        let query = query.priority(Priority::High);
        let job = DataJob::new(base, query, secs(3_600)).priority(priority);
        world.manager.schedule(job.at_start()).unwrap();
    }
    tokio::time::sleep(secs(60)).await;
    let limiter = world
        .manager
        .source("binance")
        .unwrap()
        .limiter()
        .snapshot();
    let granted = |class: Priority| limiter.classes[class.index()].granted;
    let classes = [
        Priority::Critical,
        Priority::High,
        Priority::Medium,
        Priority::Low,
    ];
    assert_eq!(classes.map(granted), [1, 1, 1, 2]);
    let ranks: Vec<u8> = world
        .manager
        .scheduler()
        .jobs()
        .iter()
        .map(|job| job.priority)
        .collect();
    assert_eq!(ranks, [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_served_by_those_who_are_well() {
    let group = [Exchange::BINANCE, Exchange::KUCOIN, Exchange::HTX];
    let world = World::of(group.clone(), |builder| builder);
    for n in 0..6 {
        let job = ticker(&format!("any {n}"), &Exchange::BINANCE, 2);
        let job = job.any_of(group.clone()).retries(0);
        world.manager.schedule(job).unwrap();
    }
    tokio::time::sleep(secs(60)).await;
    let served = |world: &World| {
        let history = world.manager.scheduler().history();
        let mut served = BTreeMap::<String, usize>::new();
        for run in history.iter().rev().take(100) {
            let source = run.source.clone().unwrap_or_else(|| Arc::from("?"));
            *served.entry(source.to_string()).or_default() += 1;
        }
        served
    };
    assert_eq!(world.manager.scheduler().ledger().outcomes.failed, 0);
    // The one that is down is left alone, and nothing is missed.
    world.sims[&Exchange::BINANCE].set_fault(fault("503"));
    tokio::time::sleep(secs(60)).await;
    let ledger = world.manager.scheduler().ledger();
    let now = served(&world);
    assert!(now.get("binance").copied().unwrap_or(0) <= 5, "{now:?}");
    assert!(ledger.outcomes.failed <= 8, "{ledger:?}");
    assert_eq!(ledger.superseded, 0, "{ledger:?}");
    // The slow one has less to do than the quick one.
    world.sims[&Exchange::KUCOIN].set_fault(fault("latency:1500ms"));
    tokio::time::sleep(secs(120)).await;
    let now = served(&world);
    assert!(now["htx"] > 80, "{now:?}");
    assert!(world.manager.scheduler().ledger().balances());
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_job_keeps_to_its_own_rate() {
    let world = World::new();
    let job = ticker("b", &Exchange::BINANCE, 1).rate(30);
    let error = world.manager.schedule(job).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("rate = 30 a minute, and its runs ask 60"),
        "{text}"
    );
    let id = world
        .manager
        .schedule(ticker("b", &Exchange::BINANCE, 600).rate(2))
        .unwrap();
    for _ in 0..5 {
        world.manager.scheduler().run_now(id).unwrap();
        tokio::time::sleep(secs(10)).await;
    }
    assert_eq!(world.binance().stats().requests, 2);
    let ledger = world.manager.scheduler().ledger();
    assert!(
        ledger.balances() && ledger.outcomes.failed == 0,
        "{ledger:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn attempts_that_fail_count_for_the_rate_of_their_job() {
    let steady = |builder: DataManagerBuilder| {
        let mut settings = ExchangeSettings::default();
        settings.breaker_failures = Some(1_000);
        builder.exchange_with("binance", settings)
    };
    let pairs = ["BTC/USDT", "ETH/USDT"].map(symbol);
    for job in [
        ticker("one", &Exchange::BINANCE, 5),
        DataJob::many("many", Exchange::BINANCE, Kind::Tickers, pairs, secs(5)),
    ] {
        let world = World::with(steady);
        world.binance().set_fault(fault("503"));
        world.manager.schedule(job.rate(12)).unwrap();
        // The requests of each second.
        let mut seen = vec![0];
        for _ in 0..300 {
            tokio::time::sleep(secs(1)).await;
            seen.push(world.binance().stats().requests);
        }
        let most = seen.windows(61).map(|minute| minute[60] - minute[0]).max();
        assert!(most.unwrap() <= 12, "{most:?} in a minute");
        assert!(seen[300] >= 48, "and it uses what it has: {}", seen[300]);
        assert!(world.manager.scheduler().ledger().balances());
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_that_ask_more_than_an_exchange_allows_are_refused_all_of_them() {
    let world = World::new();
    let jobs = (0..6).map(|n| ticker(&format!("k{n}"), &Exchange::KRAKEN, 5));
    let error = world.manager.schedule_all(jobs).unwrap_err();
    assert_eq!(
        error.to_string(),
        "job \"k4\": kraken would be asked 125 % of what it allows (1 public per 1s); lengthen periods, leave jobs away, or see `rdm jobs`"
    );
    assert!(world.manager.scheduler().jobs().is_empty());
    // Three of them are 75 %.
    let jobs = (0..3).map(|n| ticker(&format!("k{n}"), &Exchange::KRAKEN, 5));
    assert_eq!(world.manager.schedule_all(jobs).unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_not_enabled_is_there_and_can_be() {
    let world = World::new();
    let job = ticker("b", &Exchange::BINANCE, 10)
        .at_start()
        .enabled(false);
    let id = world.manager.schedule(job).unwrap();
    tokio::time::sleep(secs(100)).await;
    assert_eq!(world.manager.scheduler().ledger().due, 0);
    world.manager.scheduler().enable(id).unwrap();
    tokio::time::sleep(secs(100)).await;
    assert_eq!(world.manager.scheduler().ledger().outcomes.ok, 10);
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_answered_is_quarantined_and_a_list_goes_on_without_it() {
    let world = World::new();
    let one = Query::ticker(Exchange::BINANCE, symbol("NOPE/USDT"));
    world
        .manager
        .schedule(DataJob::new("one", one, secs(10)))
        .unwrap();
    let pairs = ["BTC/USDT", "NOPE/USDT"].map(symbol);
    let many = DataJob::many("many", Exchange::BINANCE, Kind::Tickers, pairs, secs(10));
    world.manager.schedule(many).unwrap();
    tokio::time::sleep(secs(101)).await;
    let jobs = world.manager.scheduler().jobs();
    assert_eq!(jobs[0].state, JobState::Quarantined, "{:?}", jobs[0]);
    assert_eq!(jobs[1].ledger.outcomes.failed, 10, "{:?}", jobs[1]);
    assert!(world.manager.ticker("binance", "BTC/USDT").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn trades_are_those_since_the_last_success() {
    let world = World::new();
    let mut events = world.manager.events();
    world.manager.schedule(trades(Some(100_000))).unwrap();
    tokio::time::sleep(secs(310)).await;
    let mut ids = heard(&mut events).answers.concat();
    ids.dedup();
    assert!(ids.len() > 10, "{}", ids.len());
    let expected = all_trades(&world, &ids).await;
    assert_eq!(ids, expected, "each trade of five minutes is in a window");
    let ledger = world.manager.scheduler().ledger();
    assert_eq!(ledger.outcomes.failed, 0, "{ledger:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_may_do_anything_and_wait_for_the_data_of_others() {
    let world = World::new();
    let done = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&done);
    world
        .manager
        .schedule(ticker("prices", &Exchange::BINANCE, 10))
        .unwrap();
    let report = Job::on_success("report", ["prices"]).handler(move |_| {
        let count = Arc::clone(&count);
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    });
    world.manager.scheduler().add(report).unwrap();
    tokio::time::sleep(secs(101)).await;
    assert_eq!(done.load(Ordering::Relaxed), 10);
    assert_eq!(world.manager.status().jobs.due, 20);
}
