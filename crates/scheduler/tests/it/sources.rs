//! Sources: fair turns, bounds, gates, budgets and the choice between several.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use robust_scheduler::{
    AddError, Admission, Ask, Cron, Event, Job, Overload, Retry, RunError, Source,
};
use tokio::time::{Instant, sleep};

use crate::{Diary, builder, ms, once, secs};

#[tokio::test(start_paused = true)]
async fn sources_have_turns_by_weight_whatever_each_has_waiting() {
    let (scheduler, diary) = (builder().max_in_flight(1).start(), Diary::default());
    scheduler.source(Source::new("heavy").weight(3));
    scheduler
        .add(once("blocker").handler(diary.keeps(secs(1))))
        .unwrap();
    sleep(ms(1)).await;
    for n in 0..1_000 {
        scheduler
            .add(
                once(&format!("flood {n}"))
                    .source("flood")
                    .handler(diary.keeps(ms(10))),
            )
            .unwrap();
    }
    for n in 0..30 {
        scheduler
            .add(
                once(&format!("heavy {n}"))
                    .source("heavy")
                    .handler(diary.keeps(ms(10))),
            )
            .unwrap();
        scheduler
            .add(
                once(&format!("light {n}"))
                    .source("light")
                    .handler(diary.keeps(ms(10))),
            )
            .unwrap();
    }
    sleep(secs(1) + ms(510)).await;
    let mut counts: HashMap<String, usize> = HashMap::new();
    for name in diary.names().iter().skip(1) {
        *counts
            .entry(name.split(' ').next().unwrap().to_owned())
            .or_default() += 1;
    }
    // About 50 starts in turns of 1 : 3 : 1.
    let (flood, heavy, light) = (counts["flood"], counts["heavy"], counts["light"]);
    assert!(
        (9..=12).contains(&flood) && (27..=30).contains(&heavy) && (9..=12).contains(&light),
        "{counts:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_has_at_most_its_own_number_of_runs() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    scheduler.source(Source::new("slow").max_in_flight(2));
    for n in 0..6 {
        scheduler
            .add(
                once(&format!("job {n}"))
                    .source("slow")
                    .handler(diary.keeps(secs(10))),
            )
            .unwrap();
    }
    scheduler
        .add(once("other").handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(1)).await;
    assert_eq!(
        diary.names(),
        ["job 0", "other", "job 1"],
        "in turns, and no third of its own"
    );
    let source = scheduler.sources().remove(0);
    assert_eq!((source.in_flight, source.ready), (2, 4));
    sleep(secs(30)).await;
    assert_eq!(diary.entries().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_gate_parks_its_source_until_its_moment_and_holds_nobody_else_up() {
    let (scheduler, diary, began) = (
        builder().max_in_flight(1).start(),
        Diary::default(),
        Instant::now(),
    );
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let gate = move |ask: &Ask| {
        count.fetch_add(1, Ordering::SeqCst);
        if ask.now < began + secs(30) {
            Admission::NotBefore(began + secs(30))
        } else {
            Admission::Open
        }
    };
    scheduler.source(Source::new("limited").gate(gate));
    for n in 0..3 {
        scheduler
            .add(
                once(&format!("limited {n}"))
                    .source("limited")
                    .handler(diary.keeps(ms(0))),
            )
            .unwrap();
    }
    scheduler
        .add(Job::every("other", secs(10)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(29)).await;
    assert_eq!(diary.names(), ["other", "other"]);
    assert!(
        asked.load(Ordering::SeqCst) <= 4,
        "it is not asked in a loop"
    );
    assert_eq!(scheduler.sources()[0].parked, Some(secs(1)));
    sleep(secs(2)).await;
    assert_eq!(diary.starts("limited 2", began), [30_000]);
    assert!(scheduler.jobs().iter().all(|job| job.failures == 0));
}

#[tokio::test(start_paused = true)]
async fn a_half_open_source_gets_exactly_one_run_and_the_best() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    scheduler.source(Source::new("trial").gate(|_: &Ask| Admission::Trial));
    let blocker = once("blocker")
        .source("trial")
        .handler(diary.keeps(secs(10)));
    scheduler.add(blocker).unwrap();
    sleep(secs(1)).await;
    for (name, priority) in [("low", 5), ("high", 1), ("middle", 3)] {
        scheduler
            .add(
                once(name)
                    .source("trial")
                    .priority(priority)
                    .handler(diary.keeps(secs(10))),
            )
            .unwrap();
    }
    sleep(secs(5)).await;
    assert_eq!(diary.names(), ["blocker"]);
    sleep(secs(20)).await;
    assert_eq!(diary.names(), ["blocker", "high", "middle"]);
    // The breaker has closed, and the scheduler is told.
    scheduler.source(Source::new("trial"));
    sleep(ms(1)).await;
    assert_eq!(diary.names(), ["blocker", "high", "middle", "low"]);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_panics_parks_its_source_and_harms_nobody() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    scheduler.source(Source::new("broken").gate(move |_: &Ask| -> Admission {
        if began.elapsed() < secs(5) {
            std::panic::resume_unwind(Box::new("the gate fell"))
        }
        Admission::Open
    }));
    scheduler
        .add(once("behind").source("broken").handler(diary.keeps(ms(0))))
        .unwrap();
    scheduler
        .add(once("other").handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(6)).await;
    assert_eq!(diary.names(), ["other", "behind"]);
}

#[tokio::test(start_paused = true)]
async fn demand_beyond_a_budget_is_told_or_refused_when_a_job_is_added() {
    let scheduler = builder().start();
    let mut events = scheduler.events();
    scheduler.source(Source::new("kraken").budget(60, secs(60)));
    scheduler.source(
        Source::new("strict")
            .budget(60, secs(60))
            .overload(Overload::Refuse),
    );
    let job = |name: &str, source: &str, cost| {
        let job = Job::every(name, secs(10)).source(source).cost(cost);
        job.handler(|_| async { Ok(()) })
    };
    scheduler.add(job("a", "kraken", 8)).unwrap();
    let cron = Cron::parse("*/15 * * * * *").unwrap();
    let minute = Job::cron("b", cron).source("kraken").cost(9);
    scheduler.add(minute.handler(|_| async { Ok(()) })).unwrap();
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::Overload { source, percent } = event {
            told.push((source.to_string(), percent));
        }
    }
    assert_eq!(told, [("kraken".to_owned(), 140.0)]);
    scheduler.add(job("c", "strict", 9)).unwrap();
    let refused = scheduler.add(job("d", "strict", 5)).unwrap_err();
    assert_eq!(
        refused,
        AddError::Overload {
            source_name: "strict".into(),
            percent: 140.0
        }
    );
    assert_eq!(
        refused.to_string(),
        "\"strict\" would be asked 140 % of its budget"
    );
    let loads: Vec<_> = scheduler
        .sources()
        .iter()
        .map(|source| source.load_percent)
        .collect();
    assert_eq!(loads, [Some(140), Some(90)]);
    scheduler.remove(scheduler.find("c").unwrap()).unwrap();
    scheduler.add(job("d", "strict", 5)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_demand_of_a_hair_more_than_the_budget_is_refused_and_one_of_the_whole_budget_is_not() {
    for (millis, expected) in [
        (1_250, None),
        (1_249, Some(100.1)),
        (1_244, Some(100.5)),
        (1_200, Some(104.2)),
    ] {
        let scheduler = builder().start();
        let strict = Source::new("strict").budget(10_000, secs(1));
        scheduler.source(strict.overload(Overload::Refuse));
        let job = Job::every("a", ms(millis)).source("strict").cost(12_500);
        let added = scheduler.add(job.handler(|_| async { Ok(()) }));
        let refused = expected.map(|percent| AddError::Overload {
            source_name: "strict".into(),
            percent,
        });
        assert_eq!(added.err(), refused, "{millis} ms");
        if let Some(refused) = refused {
            let text = format!("would be asked {} % of its budget", expected.unwrap());
            assert!(refused.to_string().ends_with(&text), "{refused}");
        }
    }
    // Sums of fractions: a hundred jobs that ask a hundredth each.
    let scheduler = builder().start();
    let strict = Source::new("strict").budget(10_000, secs(1));
    scheduler.source(strict.overload(Overload::Refuse));
    let job = |n: u32| {
        let job = Job::every(format!("job {n}"), ms(300)).source("strict");
        job.cost(30).handler(|_| async { Ok(()) })
    };
    scheduler.add_all((0..100).map(job)).unwrap();
    assert!(scheduler.add(job(100)).is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_more_urgent_than_what_a_gate_has_refused_is_asked_for_all_the_same() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let began = Instant::now();
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    scheduler.source(Source::new("shared").gate(move |ask: &Ask| {
        count.fetch_add(1, Ordering::SeqCst);
        match ask.priority {
            // Others use up all that these may have.
            3.. if ask.now < began + secs(60) => Admission::NotBefore(began + secs(60)),
            2 if ask.now < began + secs(30) => Admission::NotBefore(began + secs(30)),
            _ => Admission::Open,
        }
    }));
    for priority in [5, 4, 3, 2] {
        let job = once(&format!("p{priority}")).priority(priority);
        let job = job.source("shared").handler(diary.keeps(ms(1)));
        scheduler.add(job).unwrap();
    }
    let often = Job::every("p1", secs(1)).source("shared").priority(1);
    let often = scheduler.add(often.handler(diary.keeps(ms(1)))).unwrap();
    sleep(secs(29)).await;
    assert!(diary.names().iter().all(|name| name == "p1"));
    let ledger = scheduler.job_ledger(often).unwrap();
    assert!(ledger.outcomes.ok >= 28, "{ledger:?}");
    assert_eq!(
        ledger.superseded, 0,
        "older ones that are refused keep nobody: {ledger:?}"
    );
    // Each that comes is asked for once, and the four before it not again.
    let seen = asked.load(Ordering::SeqCst);
    assert!(seen <= 4 + ledger.ran + 1, "{seen}");
    sleep(secs(5)).await;
    assert_eq!(
        diary.names().iter().filter(|name| *name != "p1").count(),
        1,
        "p2 at 30 s"
    );
    sleep(secs(30)).await;
    let mut others = diary.names();
    others.retain(|name| name != "p1");
    assert_eq!(others, ["p2", "p3", "p4", "p5"]);
    let ledger = scheduler.job_ledger(often).unwrap();
    assert!(
        ledger.superseded == 0 && ledger.outcomes.ok >= 62,
        "{ledger:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_of_several_sources_goes_where_it_is_served_best_and_stays_there() {
    let (scheduler, served) = (
        builder().max_in_flight(100).start(),
        Arc::new(std::sync::Mutex::new(HashMap::<String, u32>::new())),
    );
    for n in 0..20 {
        let served = Arc::clone(&served);
        let job = Job::every(format!("job {n}"), secs(1)).any_source(["good", "slow", "failing"]);
        let job = job.failures(robust_scheduler::Failures::IGNORED);
        let job = job.handler(move |run| {
            let source = run.source.unwrap().to_string();
            *served.lock().unwrap().entry(source.clone()).or_default() += 1;
            async move {
                match source.as_str() {
                    "good" => sleep(ms(20)).await,
                    "slow" => sleep(ms(600)).await,
                    _ => {
                        sleep(ms(20)).await;
                        return Err(RunError::new("down"));
                    }
                }
                Ok(())
            }
        });
        scheduler.add(job).unwrap();
    }
    sleep(secs(60)).await;
    served.lock().unwrap().clear();
    sleep(secs(60)).await;
    let served = served.lock().unwrap().clone();
    let count = |name: &str| served.get(name).copied().unwrap_or(0);
    assert!(count("good") > 900, "{served:?}");
    assert!(scheduler.ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn a_forecast_tells_the_load_of_a_day_its_crowds_and_its_clock_changes() {
    // The day on which the clocks of New York go forward.
    let start = crate::base() + secs(71 * 86_400 + 43_200);
    let clock = robust_scheduler::SimClock::at(start);
    let scheduler = robust_scheduler::Scheduler::builder().clock(clock).start();
    scheduler.source(Source::new("kraken").budget(60, secs(60)));
    let none = |_| async { Ok(()) };
    scheduler
        .add(
            Job::every("ticker", secs(10))
                .source("kraken")
                .handler(none),
        )
        .unwrap();
    for n in 0..120 {
        let job = Job::aligned(format!("candle {n}"), secs(3_600)).source("kraken");
        scheduler.add(job.handler(none)).unwrap();
    }
    let zone = robust_scheduler::Zone::named("America/New_York").unwrap();
    let daily = Cron::parse("30 2 * * *").unwrap().zone(zone);
    scheduler
        .add(Job::cron("daily", daily).handler(none))
        .unwrap();
    let forecast = scheduler.forecast(secs(86_400));
    let kraken = &forecast.sources[&Some("kraken".into())];
    assert_eq!(
        (forecast.runs, kraken.runs),
        (8_640 + 120 * 23 + 1, 8_640 + 120 * 23)
    );
    assert_eq!(forecast.sources[&None].runs, 1);
    // 11,400 of 86,400: the last candles of the day are released just after it.
    assert!(
        (kraken.load_percent.unwrap() - 13.19).abs() < 0.01,
        "{kraken:?}"
    );
    assert!((120..=121).contains(&kraken.peak), "{kraken:?}");
    // 120 candles at once: 60 are there, the others come one a second.
    let wait = kraken.longest_wait.unwrap();
    assert!((secs(60)..secs(72)).contains(&wait), "{wait:?}");
    let changed: Vec<_> = forecast
        .changed
        .iter()
        .map(|(job, next)| (&**job, &next.local[5..16]))
        .collect();
    assert_eq!(
        (forecast.clock_changes, changed),
        (1, vec![("daily", "03-14T03:00")])
    );
    // What was foreseen is what comes due.
    sleep(secs(86_400)).await;
    assert_eq!(scheduler.ledger().due, forecast.runs);
}

#[tokio::test(start_paused = true)]
async fn of_a_group_none_that_is_parked_is_chosen_while_one_is_not() {
    let scheduler = builder().start();
    let began = Instant::now();
    let closes = began + secs(60);
    // Two of three are parked, after each job has had its source.
    for name in ["a", "b"] {
        scheduler.source(Source::new(name).gate(move |ask: &Ask| {
            if ask.now < closes {
                Admission::Open
            } else {
                Admission::NotBefore(closes + secs(3_600))
            }
        }));
    }
    for n in 0..30 {
        let job = Job::every(format!("job {n}"), secs(10)).any_source(["a", "b", "c"]);
        scheduler.add(job.handler(|_| async { Ok(()) })).unwrap();
    }
    sleep(secs(605)).await;
    let ledger = scheduler.ledger();
    assert_eq!(ledger.outcomes.ok, ledger.due, "{ledger:?}");
    assert_eq!(ledger.superseded, 0, "{ledger:?}");
    assert!(ledger.due >= 1_799);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_follows_others_weighs_as_much_as_the_rarest_of_them_in_any_order() {
    let none = |_| async { Ok(()) };
    let follower = |name: &str, of: &[&str]| {
        let trigger =
            robust_scheduler::Trigger::OnSuccess(of.iter().map(|one| (*one).into()).collect());
        Job::on(name, trigger).source("kraken").handler(none)
    };
    let every = |name: &str, period| Job::every(name, secs(period)).handler(none);
    let refusing = || {
        let scheduler = builder().start();
        let kraken = Source::new("kraken").budget(1, secs(4));
        scheduler.source(kraken.overload(robust_scheduler::Overload::Refuse));
        scheduler
    };
    let load = |scheduler: &robust_scheduler::Scheduler| {
        let sources = scheduler.sources();
        let kraken = sources.iter().find(|source| &*source.name == "kraken");
        kraken.unwrap().load_percent.unwrap()
    };
    // A chain of three, given from its end: once in 10 s, each.
    let scheduler = refusing();
    let chain = [
        follower("last", &["middle", "fast"]),
        follower("middle", &["first", "fast"]),
        every("first", 10),
        every("fast", 1),
    ];
    let ids = scheduler.add_all(chain).unwrap();
    assert_eq!(scheduler.rate(ids[0]), Some(0.1));
    assert_eq!(load(&scheduler), 80);
    // One after the other it is the same, and what is too much is refused.
    let scheduler = refusing();
    let first = scheduler.add(every("first", 10)).unwrap();
    scheduler.add(follower("middle", &["first"])).unwrap();
    scheduler.add(follower("last", &["middle"])).unwrap();
    assert_eq!(load(&scheduler), 80);
    let error = scheduler.add(follower("more", &["last"])).unwrap_err();
    let percent = 120.0;
    let source_name = "kraken".into();
    assert_eq!(
        error,
        robust_scheduler::AddError::Overload {
            source_name,
            percent
        }
    );
    // All come along when the first comes at another rate.
    let minutely = robust_scheduler::Trigger::Aligned {
        interval: secs(20),
        settle: robust_scheduler::Settle::default(),
    };
    scheduler
        .update(first, |job| job.trigger(minutely))
        .unwrap();
    assert_eq!(load(&scheduler), 40);
}

#[tokio::test(start_paused = true)]
async fn a_cron_job_weighs_the_same_whenever_in_its_second_it_is_added() {
    for late in [0, 1, 500, 999] {
        let clock = robust_scheduler::SimClock::at(crate::base() + ms(late));
        let scheduler = robust_scheduler::Scheduler::builder().clock(clock).start();
        let cron = Cron::parse("* * * * * *").unwrap();
        let job = Job::cron("each second", cron).handler(|_| async { Ok(()) });
        let id = scheduler.add(job).unwrap();
        assert_eq!(scheduler.rate(id), Some(1.0), "{late} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_forecast_lists_what_a_clock_change_leaves_out() {
    use robust_scheduler::ClockChange::{LeftOut, Shifted};
    // 2027-03-27 12:00: at one in the night after it the clocks of Amsterdam go from 02:00 to 03:00.
    let eve = std::time::SystemTime::UNIX_EPOCH + secs(1_806_148_800);
    let clock = robust_scheduler::SimClock::at(eve);
    let scheduler = robust_scheduler::Scheduler::builder().clock(clock).start();
    for (name, text) in [
        ("daily", "30 2 * * *"),
        ("half", "*/30 * * * *"),
        ("odd", "0 1-23/2 * * *"),
        ("two", "0 */2 * * *"),
    ] {
        let zone = robust_scheduler::Zone::named("Europe/Amsterdam").unwrap();
        let cron = Cron::parse(text).unwrap().zone(zone);
        let job = Job::cron(name, cron).any_source(["one", "other"]);
        scheduler.add(job.handler(|_| async { Ok(()) })).unwrap();
    }
    let forecast = scheduler.forecast(secs(86_400));
    let mut changed: Vec<_> = forecast
        .changed
        .iter()
        .map(|(job, next)| (&**job, next.local.as_str(), next.change.unwrap()))
        .collect();
    changed.sort_unstable_by_key(|(job, local, _)| (*job, *local));
    assert_eq!(
        changed,
        [
            ("daily", "2027-03-28T03:00:00+02:00", Shifted),
            ("half", "2027-03-28T02:00:00+01:00", LeftOut),
            ("half", "2027-03-28T02:30:00+01:00", LeftOut),
            ("two", "2027-03-28T02:00:00+01:00", LeftOut),
        ]
    );
    assert_eq!(forecast.clock_changes, 4);
    // Each half hour of the 24 that pass; 12 odd hours; 13 even ones, less the one that is left out.
    assert_eq!(forecast.runs, 1 + 48 + 12 + 12);
    assert_eq!(scheduler.forecast(secs(3_600)).clock_changes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_forecast_shares_the_runs_of_a_group_among_its_sources() {
    let scheduler = builder().start();
    for name in ["one", "other"] {
        scheduler.source(Source::new(name).budget(30, secs(60)));
    }
    let job = Job::every("shared", secs(1)).any_source(["one", "other"]);
    scheduler.add(job.handler(|_| async { Ok(()) })).unwrap();
    let forecast = scheduler.forecast(secs(3_600));
    assert_eq!(forecast.runs, 3_600);
    for name in ["one", "other"] {
        let source = &forecast.sources[&Some(name.into())];
        assert_eq!((source.runs, source.cost), (1_800, 1_800), "{name}");
        // Each bears 30 a minute, and is asked that.
        assert!(
            (source.load_percent.unwrap() - 100.0).abs() < 0.1,
            "{source:?}"
        );
        assert!(source.longest_wait.unwrap() <= secs(2), "{source:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_parked_source_goes_where_another_can_serve_it() {
    let scheduler = builder().start();
    let closed = Instant::now() + secs(3_600);
    scheduler.source(Source::new("shut").gate(move |_: &Ask| Admission::NotBefore(closed)));
    for n in 0..10 {
        let job = Job::every(format!("job {n}"), secs(10)).any_source(["shut", "open"]);
        scheduler.add(job.handler(|_| async { Ok(()) })).unwrap();
    }
    sleep(secs(101)).await;
    let ledger = scheduler.ledger();
    assert_eq!((ledger.due, ledger.outcomes.ok), (100, 100), "{ledger:?}");
    let shut = scheduler
        .history()
        .iter()
        .any(|run| run.source.as_deref() == Some("shut"));
    assert!(!shut);
}

#[tokio::test(start_paused = true)]
async fn a_job_of_several_sources_costs_each_what_it_costs_there() {
    let scheduler = builder().seed(3).start();
    let asked: Arc<std::sync::Mutex<HashMap<&str, Vec<u32>>>> = Arc::default();
    for name in ["cheap", "dear"] {
        let asked = Arc::clone(&asked);
        let gate = move |ask: &Ask| {
            asked
                .lock()
                .unwrap()
                .entry(name)
                .or_default()
                .push(ask.cost);
            Admission::Open
        };
        let source = Source::new(name).budget(10, secs(1)).gate(gate);
        scheduler.source(source.overload(Overload::Refuse));
    }
    let job = |n: u32| {
        let job = Job::every(format!("job {n}"), secs(1));
        let job = job.any_source(["cheap", "dear"]).costs([1, 9]);
        job.handler(|_| async { Ok(()) })
    };
    let first = scheduler.add(job(0)).unwrap();
    scheduler.add(job(1)).unwrap();
    let demand = |name: &str| {
        let sources = scheduler.sources();
        let of = sources.iter().find(|source| &*source.name == name);
        of.unwrap().demand
    };
    // Half of the runs of each.
    assert_eq!((demand("cheap"), demand("dear")), (1.0, 9.0));
    let refused = AddError::Overload {
        source_name: "dear".into(),
        percent: 135.0,
    };
    assert_eq!(scheduler.add(job(2)).unwrap_err(), refused);
    let forecast = scheduler.forecast(secs(1_000));
    let cost = |name: &str| forecast.sources[&Some(name.into())].cost;
    assert_eq!((cost("cheap"), cost("dear")), (1_000, 9_000));
    sleep(secs(100)).await;
    let asked = asked.lock().unwrap().clone();
    for (name, costs) in &asked {
        let own = if *name == "dear" { 9 } else { 1 };
        assert!(costs.iter().all(|cost| *cost == own), "{name}: {costs:?}");
    }
    // One cost for all takes the place of those.
    scheduler.update(first, |job| job.cost(2)).unwrap();
    assert_eq!((demand("cheap"), demand("dear")), (1.5, 5.5));
    assert!(scheduler.ledger().balances());
}

#[tokio::test(start_paused = true)]
async fn a_forecast_of_a_thousand_runs_a_second_counts_them_by_arithmetic() {
    let scheduler = builder().start();
    let none = |_| async { Ok(()) };
    let fast = Job::every("fast", ms(1)).source("well").cost(2);
    let odd = Job::every("odd", ms(7)).any_source(["well", "barrel", "tank"]);
    scheduler
        .add_all([fast.handler(none), odd.handler(none)])
        .unwrap();
    let forecast = scheduler.forecast(secs(7 * 86_400));
    assert!(!forecast.at_least);
    let (week, odd) = (7 * 86_400 * 1_000, 7 * 86_400 * 1_000 / 7);
    assert_eq!(forecast.runs, week + odd);
    let of = |name: &str| &forecast.sources[&Some(name.into())];
    assert_eq!(of("well").runs, week + odd / 3);
    assert_eq!(of("barrel").runs + of("tank").runs, 2 * odd / 3);
    // The last second is full: its own 1,000, 2 each, and a third of 143.
    assert!(
        (2_047..=2_048).contains(&of("well").peak),
        "{:?}",
        of("well")
    );
    // Second by second it is what comes due.
    let short = scheduler.forecast(ms(2_500));
    sleep(ms(2_500)).await;
    assert_eq!(scheduler.ledger().due, short.runs);
}

#[tokio::test(start_paused = true)]
async fn a_forecast_of_what_lies_on_no_grid_looks_through_a_million_moments_and_says_so() {
    use robust_scheduler::{Measured, Phase, Trigger};
    let scheduler = builder().start();
    let every = |period| Trigger::Every {
        period,
        phase: Phase::Epoch,
        from: Measured::Start,
    };
    let both = Trigger::AnyOf([every(ms(2)), every(ms(3))].into());
    let job = Job::on("both", both).handler(|_| async { Ok(()) });
    scheduler.add(job).unwrap();
    let hour = scheduler.forecast(secs(60));
    assert!(!hour.at_least && hour.runs > 39_000, "{hour:?}");
    let day = scheduler.forecast(secs(86_400));
    assert!(day.at_least, "{day:?}");
    assert_eq!(day.runs, 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn no_number_from_outside_stops_a_source_or_a_job_for_more_than_a_day() {
    const DAY: u64 = 86_400;
    let waits = [secs(60), secs(DAY), secs(DAY + 1), Duration::MAX];
    for wait in waits {
        let scheduler = builder().start();
        let mut events = scheduler.events();
        let tries = Arc::new(AtomicU64::new(0));
        let away = Arc::clone(&tries);
        let away = Job::at("away", crate::base() + secs(1))
            .source("well")
            .handler(move |_| {
                let first = away.fetch_add(1, Ordering::SeqCst) == 0;
                async move {
                    if first {
                        return Err(RunError::throttled("slowly", wait));
                    }
                    Ok(())
                }
            });
        let again = Job::at("again", crate::base() + secs(1)).retry(Retry::up_to(1));
        let again = again.handler(move |run| async move {
            if run.attempt == 1 {
                return Err(RunError::new("429").retry_after(wait));
            }
            Ok(())
        });
        scheduler.add_all([away, again]).unwrap();
        sleep(secs(2)).await;
        let told = wait.min(secs(DAY));
        let mut parked = Vec::new();
        while let Ok(event) = events.try_recv() {
            match event {
                Event::Parked { wait, .. } => parked.push(wait),
                Event::Retrying { wait, .. } => assert_eq!(wait, told),
                _ => {}
            }
        }
        assert_eq!(parked, [told]);
        sleep(told - secs(2)).await;
        assert_eq!(scheduler.ledger().outcomes.ok, 0, "{wait:?}");
        sleep(secs(2)).await;
        assert_eq!(scheduler.ledger().outcomes.ok, 2, "{wait:?}");
    }
}
