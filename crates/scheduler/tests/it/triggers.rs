//! Triggers that follow the wall clock.

use std::sync::Arc;
use std::time::Duration;

use robust_scheduler::{
    AddError, Blackout, Cron, Dependents, Job, JobState, Measured, Phase, RunError, Settle,
    SkipReason, Trigger, Zone,
};
use tokio::time::{Instant, sleep};

use crate::{Diary, base, builder, ms, secs, since};

#[tokio::test(start_paused = true)]
async fn a_cron_job_comes_at_its_wall_times_and_says_which() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let cron = Cron::parse("*/20 * * * * *").unwrap();
    let id = scheduler
        .add(Job::cron("tick", cron).handler(diary.keeps(ms(0))))
        .unwrap();
    let preview = scheduler.preview(id, 3).unwrap();
    let local: Vec<_> = preview.iter().map(|next| next.local.as_str()).collect();
    assert_eq!(
        local,
        [
            "2027-01-01T00:00:20+00:00",
            "2027-01-01T00:00:40+00:00",
            "2027-01-01T00:01:00+00:00"
        ]
    );
    sleep(secs(65)).await;
    assert_eq!(diary.starts("tick", began), [20_000, 40_000, 60_000]);
    let nominals: Vec<_> = diary.entries().iter().map(|entry| entry.nominal).collect();
    assert_eq!(nominals, [secs(20), secs(40), secs(60)]);
}

#[tokio::test(start_paused = true)]
async fn a_day_in_a_zone_that_changes_its_clocks_has_its_daily_run() {
    // Two days before the clocks of New York go forward on 2027-03-14.
    let start = base() + secs(70 * 86_400);
    let scheduler = robust_scheduler::Scheduler::builder()
        .clock(robust_scheduler::SimClock::at(start))
        .start();
    let diary = Diary::default();
    let zone = Zone::named("America/New_York").unwrap();
    let cron = Cron::parse("30 2 * * *").unwrap().zone(zone);
    let id = scheduler
        .add(Job::cron("daily", cron).handler(diary.keeps(ms(0))))
        .unwrap();
    let preview = scheduler.preview(id, 4).unwrap();
    let seen: Vec<_> = preview
        .iter()
        .map(|next| (&next.local[5..16], next.change.is_some()))
        .collect();
    assert_eq!(
        seen,
        [
            ("03-12T02:30", false),
            ("03-13T02:30", false),
            ("03-14T03:00", true),
            ("03-15T02:30", false)
        ]
    );
    sleep(secs(4 * 86_400)).await;
    assert_eq!(diary.entries().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_candle_is_asked_for_when_it_has_settled_and_keeps_its_moment() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let candle = Job::aligned("candle", secs(60));
    scheduler.add(candle.handler(diary.keeps(ms(0)))).unwrap();
    let weekly = Job::aligned("weekly", secs(7 * 86_400)).settle(Settle::Fixed(ms(0)));
    let id = scheduler.add(weekly.handler(diary.keeps(ms(0)))).unwrap();
    // The 1st was a Friday; weeks end with Sunday.
    assert_eq!(
        since(scheduler.job(id).unwrap().next.unwrap()),
        secs(3 * 86_400)
    );
    sleep(secs(125)).await;
    assert_eq!(diary.starts("candle", began), [61_500, 121_500]);
    let nominals: Vec<_> = diary.entries().iter().map(|entry| entry.nominal).collect();
    assert_eq!(nominals, [secs(60), secs(120)]);
    let record = scheduler.history().pop().unwrap();
    assert_eq!(
        (since(record.nominal), since(record.release)),
        (secs(120), ms(121_500))
    );
    assert_eq!(record.lag(), ms(0));
}

#[tokio::test(start_paused = true)]
async fn an_adaptive_settle_learns_when_the_data_is_there() {
    let scheduler = builder().start();
    let ready_after = ms(900);
    let (first, most) = (ms(100), secs(5));
    let job = Job::aligned("candle", secs(10))
        .source("exchange")
        .settle(Settle::Adaptive { first, most });
    let began = Instant::now();
    let job = job.handler(move |run| async move {
        if began.elapsed() < since(run.nominal) + ready_after {
            return Err(RunError::not_ready("not published"));
        }
        Ok(())
    });
    scheduler.add(job).unwrap();
    sleep(secs(60)).await;
    let early = scheduler.ledger();
    assert!(early.retries > 3 && early.outcomes.failed == 0, "{early:?}");
    sleep(secs(10_000)).await;
    let before = scheduler.ledger().retries;
    sleep(secs(2_000)).await;
    let ledger = scheduler.ledger();
    let again = ledger.retries - before;
    // Of 200 candles at most about one in 20 was asked for too early, some of them twice.
    assert!(again <= 25, "{again}");
    let settle = scheduler.sources().first().unwrap().settle.unwrap();
    assert!((ms(800)..ms(1_100)).contains(&settle), "{settle:?}");
    assert_eq!(ledger.outcomes.failed, 0);
}

#[tokio::test(start_paused = true)]
async fn an_adaptive_settle_learns_nothing_from_those_who_asked_late() {
    for (waits, splay, learned) in [
        (secs(5), ms(0), secs(2)),
        (ms(0), secs(8), secs(2)),
        (ms(0), ms(0), ms(0)),
    ] {
        let scheduler = builder().max_in_flight(1).start();
        let hog = Job::every("hog", secs(10)).phase(Phase::Epoch).priority(1);
        let hog = hog.handler(move |_| async move {
            sleep(waits).await;
            Ok(())
        });
        let (first, most) = (secs(2), secs(5));
        let asks = Job::aligned("candle", secs(10))
            .source("exchange")
            .splay(splay)
            .settle(Settle::Adaptive { first, most })
            .handler(|_| async { Ok(()) });
        // The first of its class is not delayed by its splay.
        let other = Job::aligned("other", secs(10))
            .source("exchange")
            .settle(Settle::Fixed(secs(2)));
        scheduler
            .add_all([hog, other.handler(|_| async { Ok(()) }), asks])
            .unwrap();
        sleep(secs(5_000)).await;
        let settle = scheduler.sources()[0].settle;
        assert_eq!(settle, Some(learned), "{waits:?} {splay:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_settle_time_beyond_the_end_of_time_is_refused_and_a_limit_there_harms_nobody() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let job = |name: &str, settle| {
        Job::aligned(name, secs(10))
            .source("exchange")
            .settle(settle)
    };
    let max = Duration::MAX;
    for settle in [
        Settle::Fixed(max),
        Settle::Fixed(Duration::from_nanos(u64::MAX / 2)),
        Settle::Adaptive {
            first: max,
            most: max,
        },
    ] {
        let refused = scheduler.add(job("a", settle).handler(diary.keeps(ms(0))));
        let name = "a".into();
        assert_eq!(refused, Err(AddError::OutOfRange { name }), "{settle:?}");
    }
    let limitless = Settle::Adaptive {
        first: ms(500),
        most: max,
    };
    let not_ready = job("b", limitless).handler(|_| async { Err(RunError::not_ready("never")) });
    scheduler.add(not_ready).unwrap();
    // As much as fits: learning more must not burst.
    let far = base().duration_since(std::time::UNIX_EPOCH).unwrap() + secs(20);
    let far = Duration::from_nanos(i64::MAX as u64) - far;
    let far = job(
        "c",
        Settle::Adaptive {
            first: far,
            most: max,
        },
    );
    let far = far
        .run_at_start(true)
        .handler(|_| async { Err(RunError::not_ready("never")) });
    scheduler.add(far).unwrap();
    sleep(secs(1_000)).await;
    let ledger = scheduler.ledger();
    assert!(ledger.balances() && ledger.retries > 100, "{ledger:?}");
    let settle = scheduler.sources()[0].settle.unwrap();
    assert!(settle > secs(5), "{settle:?}");
}

#[tokio::test(start_paused = true)]
async fn at_comes_once_and_the_earlier_of_several_triggers_wins() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let once = scheduler
        .add(Job::at("once", base() + secs(5)).handler(diary.keeps(ms(0))))
        .unwrap();
    let any = Trigger::AnyOf(Arc::new([
        Trigger::At(base() + secs(7)),
        Trigger::Cron(Cron::parse("*/30 * * * * *").unwrap()),
        Trigger::At(base() + secs(30)),
    ]));
    scheduler
        .add(Job::on("any", any).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(secs(61)).await;
    assert_eq!(diary.starts("once", began), [5_000]);
    assert_eq!(diary.starts("any", began), [7_000, 30_000, 60_000]);
    assert_eq!(scheduler.job(once).unwrap().next, None);
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_has_passed_is_due_at_once() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    sleep(secs(10)).await;
    scheduler
        .add(Job::at("late", base() + secs(5)).handler(diary.keeps(ms(0))))
        .unwrap();
    sleep(ms(1)).await;
    assert_eq!(diary.entries()[0].nominal, secs(5));
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_due_in_a_blackout() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let dark = Blackout::between(base() + secs(15), base() + secs(40));
    let nights = Blackout::daily(secs(70), secs(95));
    let job = Job::every("tick", secs(10))
        .phase(Phase::Epoch)
        .blackouts([dark, nights]);
    scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
    sleep(secs(125)).await;
    let expected = [10_000, 40_000, 50_000, 60_000, 100_000, 110_000, 120_000];
    assert_eq!(diary.starts("tick", began), expected);
    assert_eq!(
        scheduler.ledger().due,
        7,
        "what falls into a blackout is no occurrence"
    );
}

#[tokio::test(start_paused = true)]
async fn a_blackout_in_a_repeated_hour_ends_and_the_job_goes_on() {
    // 2027-10-31 02:50 in Amsterdam; ten minutes later it is 02:00 again.
    let start = std::time::SystemTime::UNIX_EPOCH + secs(1_824_943_800);
    let scheduler = robust_scheduler::Scheduler::builder()
        .clock(robust_scheduler::SimClock::at(start))
        .start();
    let zone = Zone::named("Europe/Amsterdam").unwrap();
    let cron = Cron::parse("* * * * * *").unwrap().zone(zone.clone());
    // From 01:00 to 02:45: over when the test begins, and there again for three quarters of an hour.
    let night = Blackout::daily(secs(3_600), secs(2 * 3_600 + 45 * 60)).zone(zone);
    let job = Job::cron("tick", cron).blackouts([night]);
    let id = scheduler.add(job.handler(|_| async { Ok(()) })).unwrap();
    sleep(ms(10 * 60_000 - 500)).await;
    assert_eq!(scheduler.ledger().due, 10 * 60 - 1);
    assert_eq!(scheduler.job(id).unwrap().next, Some(start + secs(55 * 60)));
    sleep(secs(3_600)).await;
    assert_eq!(scheduler.ledger().due, 10 * 60 - 1 + 15 * 60);
}

#[tokio::test(start_paused = true)]
async fn a_period_may_count_from_the_end_of_a_run() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let job = Job::every("rest", secs(10)).from_completion();
    let id = scheduler.add(job.handler(diary.keeps(secs(4)))).unwrap();
    sleep(secs(39)).await;
    assert_eq!(diary.starts("rest", began), [10_000, 24_000, 38_000]);
    // A pause does not stop it for good.
    scheduler.pause(id).unwrap();
    sleep(secs(30)).await;
    scheduler.resume(id).unwrap();
    sleep(secs(11)).await;
    assert_eq!(diary.starts("rest", began).len(), 4);
    assert!(scheduler.ledger().skipped[&SkipReason::Paused] > 0);
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_ends_in_a_blackout_goes_on_to_its_end() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let dark = Blackout::between(base() + secs(15), base() + secs(100));
    let job = Job::every("rest", secs(10)).from_completion();
    let id = scheduler
        .add(job.blackouts([dark]).handler(diary.keeps(secs(1))))
        .unwrap();
    sleep(secs(105)).await;
    assert_eq!(diary.starts("rest", began), [10_000, 100_000]);
    // What is skipped ends in it no more than what runs.
    let dark = Blackout::between(base() + secs(112), base() + secs(200));
    scheduler.update(id, |job| job.blackouts([dark])).unwrap();
    scheduler.pause(id).unwrap();
    sleep(secs(120)).await;
    let due = scheduler.job_ledger(id).unwrap().due;
    assert!((5..=6).contains(&due), "{due}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_enabled_or_updated_during_its_run_rests_after_it() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let job = |name| Job::every(name, secs(10)).from_completion();
    let enabled = job("enabled").handler(diary.keeps(secs(8)));
    let enabled = scheduler.add(enabled).unwrap();
    let updated = scheduler
        .add(job("updated").handler(diary.keeps(secs(8))))
        .unwrap();
    sleep(secs(11)).await;
    scheduler.disable(enabled, Dependents::Refuse).unwrap();
    scheduler.enable(enabled).unwrap();
    let trigger = Trigger::Every {
        period: secs(12),
        phase: Phase::Added,
        from: Measured::Completion,
    };
    scheduler
        .update(updated, |job| job.trigger(trigger))
        .unwrap();
    sleep(secs(39)).await;
    assert_eq!(diary.starts("enabled", began), [10_000, 28_000, 46_000]);
    assert_eq!(diary.starts("updated", began), [10_000, 30_000]);
    // Between two runs it rests from then on.
    sleep(secs(5)).await;
    scheduler.disable(enabled, Dependents::Refuse).unwrap();
    scheduler.enable(enabled).unwrap();
    sleep(secs(20)).await;
    assert_eq!(diary.starts("enabled", began).last(), Some(&65_000));
}

#[tokio::test(start_paused = true)]
async fn a_success_or_a_start_in_a_blackout_is_no_occurrence() {
    let (scheduler, diary) = (builder().start(), Diary::default());
    let dark = || [Blackout::between(base(), base() + secs(45))];
    let prices = Job::every("prices", secs(10)).handler(|_| async { Ok(()) });
    scheduler.add(prices).unwrap();
    let jobs = [
        Job::on_success("report", ["prices"]),
        Job::every("start", secs(60)).run_at_start(true),
    ];
    for job in jobs {
        scheduler
            .add(job.blackouts(dark()).handler(diary.keeps(ms(0))))
            .unwrap();
    }
    sleep(secs(49)).await;
    assert!(diary.entries().is_empty());
    assert_eq!(scheduler.ledger().due, 4, "the prices alone");
    sleep(secs(12)).await;
    assert_eq!(diary.names(), ["report", "start", "report"]);
    assert_eq!(diary.entries()[0].nominal, secs(50));
}

/// Several triggers in one job.
fn any<const N: usize>(parts: [Trigger; N]) -> robust_scheduler::JobBuilder {
    Job::on("any", Trigger::AnyOf(parts.into()))
}

fn every(period: Duration, phase: Phase, from: Measured) -> Trigger {
    Trigger::Every {
        period,
        phase,
        from,
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_several_triggers_is_what_it_is_alone() {
    let (scheduler, diary, began) = (builder().start(), Diary::default(), Instant::now());
    let settled = |secs_, settle| Trigger::Aligned {
        interval: secs(secs_),
        settle: Settle::Fixed(settle),
    };
    let nested = Trigger::AnyOf([every(secs(10), Phase::Added, Measured::Completion)].into());
    let success = Trigger::OnSuccess(["rest".into()].into());
    let named = |name: &str, trigger| Job::on(name, trigger);
    let jobs = [
        named("rest", Trigger::AnyOf([nested].into())),
        named("follow", Trigger::AnyOf([success].into())),
        named("settled", Trigger::AnyOf([settled(60, secs(2))].into())),
        named(
            "both",
            Trigger::AnyOf([settled(20, secs(1)), settled(30, secs(3))].into()),
        ),
        named(
            "passed",
            Trigger::AnyOf([Trigger::At(base()), Trigger::At(base() + secs(5))].into()),
        ),
    ];
    for job in jobs {
        scheduler.add(job.handler(diary.keeps(secs(4)))).unwrap();
    }
    sleep(secs(65)).await;
    assert_eq!(
        diary.starts("rest", began),
        [10_000, 24_000, 38_000, 52_000]
    );
    assert_eq!(
        diary.starts("follow", began),
        [14_000, 28_000, 42_000, 56_000]
    );
    assert_eq!(diary.starts("settled", began), [62_000]);
    // The longest of the settle times, and never out of order.
    assert_eq!(
        diary.starts("both", began),
        [23_000, 33_000, 43_000, 63_000]
    );
    assert_eq!(diary.starts("passed", began), [0, 5_000]);
}

#[tokio::test(start_paused = true)]
async fn several_triggers_are_checked_one_by_one() {
    let scheduler = builder().start();
    let refused = |job: robust_scheduler::JobBuilder| {
        let added = scheduler.add(job.handler(|_| async { Ok(()) }));
        added.map(|_| ()).unwrap_err()
    };
    let minutely = || Trigger::Cron(Cron::parse("* * * * *").unwrap());
    let past = || Trigger::Cron(Cron::parse("0 0 0 1 1 ? 2020").unwrap());
    let never = AddError::Never { name: "any".into() };
    assert_eq!(refused(any([past()])), never);
    assert_eq!(refused(any([minutely(), past()])), never);
    assert_eq!(refused(any([])), never);
    assert_eq!(refused(any([Trigger::AnyOf([].into())])), never);
    let after = |name: &str| Trigger::OnSuccess([name.into()].into());
    let alone = |part| AddError::NotOneOfSeveral {
        name: "any".into(),
        part,
    };
    let rests = every(secs(10), Phase::Added, Measured::Completion);
    assert_eq!(
        refused(any([minutely(), rests])),
        alone("a period from completion")
    );
    assert_eq!(
        refused(any([after("x"), after("y")])),
        alone("the success of others")
    );
    let upstream = AddError::NoUpstream {
        name: "any".into(),
        upstream: "x".into(),
    };
    assert_eq!(refused(any([after("x")])), upstream);
    assert!(matches!(
        refused(any([after("any")])),
        AddError::Circle { .. }
    ));
    assert!(matches!(
        refused(any([
            every(ms(0), Phase::Added, Measured::Start),
            minutely()
        ])),
        AddError::PeriodTooShort { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn what_comes_in_blackouts_only_is_refused_whatever_its_clock() {
    let scheduler = builder().start();
    let midnight = || Blackout::daily(secs(23 * 3_600), secs(3_600));
    let day = secs(86_400);
    let settle = Settle::Fixed(secs(0));
    let dark = [
        Trigger::Aligned {
            interval: day,
            settle,
        },
        Trigger::Cron(Cron::parse("30 0 * * *").unwrap()),
        Trigger::At(base() + day),
        every(day, Phase::Added, Measured::Start),
        every(day, Phase::Epoch, Measured::Start),
        every(day, Phase::At(base() + secs(1_800)), Measured::Start),
        Trigger::AnyOf(
            [
                Trigger::Cron(Cron::parse("* * * * *").unwrap()),
                Trigger::At(base()),
            ]
            .into(),
        ),
    ];
    for trigger in dark {
        let job = Job::on("dark", trigger.clone()).blackouts([midnight()]);
        let refused = scheduler.add(job.handler(|_| async { Ok(()) }));
        assert_eq!(
            refused.map(|_| ()),
            Err(AddError::Never {
                name: "dark".into()
            }),
            "{trigger:?}"
        );
    }
    // In the dark for ever even what has no moments of its own never comes.
    let a = scheduler
        .add(Job::every("a", secs(10)).handler(|_| async { Ok(()) }))
        .unwrap();
    let always = || Blackout::daily(secs(0), secs(86_400));
    let jobs = [
        Job::on_success("b", ["a"]),
        Job::every("b", secs(10)).from_completion(),
        Job::every("b", secs(10)).phase(Phase::Spread),
    ];
    for job in jobs {
        let refused = scheduler.add(job.blackouts([always()]).handler(|_| async { Ok(()) }));
        assert_eq!(
            refused.map(|_| ()),
            Err(AddError::Never { name: "b".into() })
        );
    }
    assert!(matches!(
        scheduler.update(a, |job| job.blackouts([always()])),
        Err(AddError::Never { .. })
    ));
    // What has a moment that is lit is taken, and one whose phase is drawn comes.
    let diary = Diary::default();
    for n in 0..48 {
        let job = Job::every(format!("spread {n}"), day).phase(Phase::Spread);
        let noon = Blackout::daily(secs(6 * 3_600), secs(18 * 3_600));
        scheduler
            .add(job.blackouts([noon]).handler(diary.keeps(ms(0))))
            .unwrap();
    }
    sleep(day + day).await;
    let names: std::collections::BTreeSet<_> = diary.names().into_iter().collect();
    assert_eq!(names.len(), 48);
}

#[tokio::test(start_paused = true)]
async fn splay_delays_each_job_by_a_part_of_its_own() {
    let (scheduler, diary, began) = (
        builder().max_in_flight(200).start(),
        Diary::default(),
        Instant::now(),
    );
    for n in 0..100 {
        let cron = Cron::parse("* * * * *").unwrap();
        let job = Job::cron(format!("job {n}"), cron)
            .source("exchange")
            .splay(secs(10));
        scheduler.add(job.handler(diary.keeps(ms(0)))).unwrap();
    }
    let mut most = 0;
    sleep(secs(60)).await;
    for _ in 0..10 {
        let before = diary.entries().len();
        sleep(secs(1)).await;
        most = most.max(diary.entries().len() - before);
    }
    assert_eq!(diary.entries().len(), 100);
    assert!(most <= 12, "{most} in one second");
    assert!(
        diary
            .entries()
            .iter()
            .all(|entry| entry.nominal == secs(60))
    );
    // The same again a minute later.
    let first: Vec<_> = diary.names();
    sleep(secs(60)).await;
    assert_eq!(diary.names()[100..], first[..]);
    assert!(diary.starts("job 7", began)[1] - diary.starts("job 7", began)[0] == 60_000);
}

#[tokio::test(start_paused = true)]
async fn what_never_comes_is_refused() {
    let scheduler = builder().start();
    let past = Cron::parse("0 0 0 1 1 ? 2020").unwrap();
    let job = Job::cron("past", past).handler(|_| async { Ok(()) });
    assert_eq!(
        scheduler.add(job).unwrap_err(),
        AddError::Never {
            name: "past".into()
        }
    );
    let none: [&str; 0] = [];
    let job = Job::on_success("nobody", none).handler(|_| async { Ok(()) });
    assert_eq!(
        scheduler.add(job).unwrap_err(),
        AddError::Never {
            name: "nobody".into()
        }
    );
    let id = scheduler
        .add(Job::every("a", secs(1)).handler(|_| async { Ok(()) }))
        .unwrap();
    assert_eq!(scheduler.job(id).unwrap().state, JobState::Scheduled);
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_cannot_be_counted_is_refused_and_the_last_that_can_be_is_exact() {
    let scheduler = builder().start();
    let years = |years: u64| std::time::SystemTime::UNIX_EPOCH + secs(years * 31_556_952);
    let far = years(300);
    let every = |phase| Job::every("far", secs(60)).phase(phase);
    for job in [
        Job::at("far", far),
        Job::at(
            "far",
            std::time::SystemTime::UNIX_EPOCH - secs(300 * 31_556_952),
        ),
        Job::on("far", Trigger::AnyOf([Trigger::At(far)].into())),
        every(Phase::At(far)),
    ] {
        let refused = scheduler.add(job.handler(|_| async { Ok(()) }));
        let expected = AddError::OutOfRange { name: "far".into() };
        assert_eq!(refused.unwrap_err(), expected);
    }
    let last = years(291);
    let job = Job::at("last", last).handler(|_| async { Ok(()) });
    let id = scheduler.add(job).unwrap();
    assert_eq!(scheduler.job(id).unwrap().next, Some(last));
    let preview = scheduler.preview(id, 3).unwrap();
    assert_eq!(preview.len(), 1);
    assert!(preview[0].local.starts_with("2260-"), "{preview:?}");
}
