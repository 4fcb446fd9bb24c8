//! Jobs that can never be answered, and terms that mean nothing, are refused when they are added, by name, and nothing is sent.

use std::time::Duration;

use robust_data_manager::market::{Exchange, Interval, Request};
use robust_data_manager::scheduler::{Settle, Trigger};
use robust_data_manager::{Config, DataJob, Plan, Query, ScheduleError};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn four() -> World {
    let all = [
        Exchange::KRAKEN,
        Exchange::BINANCE,
        Exchange::KUCOIN,
        Exchange::HTX,
    ];
    World::of(all, |builder| builder)
}

fn ticker() -> DataJob {
    let query = Query::ticker(Exchange::KRAKEN, "BTC/USD".parse().unwrap());
    DataJob::new("a", query, SECOND)
}

/// The jobs of a configuration, added to a manager of all four.
fn configured(world: &World, job: &str) -> Result<(), String> {
    let text = format!(
        "[exchanges.kraken]\n[exchanges.binance]\n[exchanges.kucoin]\n[exchanges.htx]\n[[jobs]]\nid = \"a\"\nevery = \"60s\"\n{job}"
    );
    let config = Config::from_toml(&text).map_err(|error| error.to_string())?;
    for settings in config.jobs {
        let jobs = settings.jobs().map_err(|error| error.to_string())?;
        let checked = world.manager.check_jobs(&jobs);
        let added = world.manager.schedule_all(jobs);
        assert_eq!(
            checked.is_ok(),
            added.is_ok(),
            "{job}: {checked:?} {added:?}"
        );
        added.map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_no_exchange_can_answer_is_refused_with_job_and_key() {
    for (job, told) in [
        (
            "exchange = \"binance\"\nkind = \"candles\"\nsymbol = \"BTC/USDT\"\ninterval = \"7m\"",
            "job \"a\": interval: interval \"7m\" is not available from binance",
        ),
        (
            "exchange = \"kraken\"\nkind = \"candles\"\nsymbol = \"BTC/USD\"\ninterval = \"2h\"",
            "job \"a\": interval: interval \"2h\" is not available from kraken",
        ),
        (
            "exchanges = [\"binance\", \"htx\"]\nkind = \"candles\"\nsymbol = \"BTC/USDT\"\ninterval = \"2h\"",
            "job \"a\": interval: interval \"2h\" is not available from htx",
        ),
        (
            "exchange = \"binance\"\nkind = \"candles\"\nsymbol = \"BTC/USDT\"\ninterval = \"1m\"\nlimit = 99999",
            "job \"a\": limit: limit 99999 is out of range for binance",
        ),
        (
            "exchange = \"binance\"\nkind = \"trades\"\nsymbol = \"BTC/USDT\"\nlimit = 99999",
            "job \"a\": limit: limit 99999 is out of range for binance",
        ),
        (
            "exchange = \"kraken\"\nkind = \"book\"\nsymbol = \"BTC/USD\"\ndepth = 0",
            "jobs.a.depth = 0: use 1 or more",
        ),
        (
            "exchange = \"kraken\"\nkind = \"trades\"\nsymbol = \"BTC/USD\"\nlimit = 0",
            "jobs.a.limit = 0: use 1 or more",
        ),
        (
            "exchange = \"kraken\"\nkind = \"trades\"\nsymbol = \"BTC/USD\"\nlimit = 0\nsince_last = true",
            "jobs.a.limit = 0: use 1 or more",
        ),
        (
            "exchange = \"kraken\"\nkind = \"ticker\"\nsymbol = \"BTC/BTC\"",
            "job \"a\": symbol = \"BTC/BTC\": name two currencies",
        ),
        // The pair is not known, and all else is looked at.
        (
            "exchange = \"binance\"\nkind = \"candles\"\nsymbol = \"NEW/USDT\"\ninterval = \"7m\"",
            "job \"a\": interval: interval \"7m\" is not available from binance",
        ),
    ] {
        let world = four();
        let error = configured(&world, job).unwrap_err();
        assert!(error.contains(told), "{job}: {error}");
        assert!(world.manager.scheduler().jobs().is_empty());
        let asked: u64 = world.sims.values().map(|sim| sim.stats().requests).sum();
        assert_eq!(asked, 0, "{job}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_be_answered_is_not_refused() {
    for job in [
        // A pair that is not among the best known ones: the exchange says what it lists.
        "exchange = \"binance\"\nkind = \"candles\"\nsymbol = \"NEW/USDT\"\ninterval = \"5m\"",
        "exchange = \"kraken\"\nkind = \"tickers\"\nsymbols = [\"BTC/USD\", \"NEW/USD\"]",
        "exchange = \"binance\"\nkind = \"trades\"\nsymbol = \"BTC/USDT\"\nlimit = 5000\nsince_last = true",
        "exchange = \"htx\"\nkind = \"trades\"\nsymbol = \"BTC/USDT\"\nlimit = 5000\nsince_last = true",
        "exchange = \"kucoin\"\nkind = \"book\"\nsymbol = \"BTC/USDT\"\ndepth = 100",
        "exchange = \"kucoin\"\nkind = \"market\"\nclass = \"scan\"",
        "exchange = \"htx\"\nkind = \"candles\"\nsymbol = \"BTC/USDT\"\nintervals = [\"1d\", \"1w\", \"1M\"]\nlimit = 2000",
    ] {
        configured(&four(), job).unwrap_or_else(|error| panic!("{job}: {error}"));
    }
}

#[tokio::test(start_paused = true)]
async fn terms_of_a_job_made_in_code_are_checked_like_those_of_a_file() {
    let every = |every| {
        let query = Query::ticker(Exchange::KRAKEN, "BTC/USD".parse().unwrap());
        DataJob::new("a", query, every)
    };
    let aligned = Trigger::Aligned {
        interval: Duration::ZERO,
        settle: Settle::default(),
    };
    let nothing = Request::OrderBook {
        symbol: "BTC/USD".parse().unwrap(),
        depth: Some(0),
    };
    let nothing = Query::new(Exchange::KRAKEN, nothing);
    let bars = Query::candles(Exchange::KRAKEN, "BTC/USD".parse().unwrap(), Interval::M1);
    for (job, told) in [
        (
            ticker().min_quality(f64::NAN),
            "job \"a\": min_quality = NaN: use a score",
        ),
        (
            ticker().min_quality(100.49),
            "job \"a\": min_quality = 100.49: use a score",
        ),
        (
            ticker().min_quality(-1.0),
            "job \"a\": min_quality = -1: use a score",
        ),
        (every(Duration::MAX), "job \"a\": every = "),
        (
            every(Duration::ZERO),
            "job \"a\": every = 0ns: use a time from 1ms",
        ),
        (ticker().splay(Duration::MAX), "job \"a\": splay = "),
        (
            ticker().since_last(),
            "job \"a\": since_last = true: only trades",
        ),
        (
            DataJob::new("a", bars, SECOND).since_last(),
            "job \"a\": since_last = true: only trades",
        ),
        (
            ticker().retries(u32::MAX),
            "job \"a\": retries = 4294967295: use 0 to 20",
        ),
        (ticker().rate(0), "job \"a\": rate = 0: use 1 to"),
        (ticker().priority(0), "job \"a\": priority = 0: use 1"),
        (ticker().priority(6), "job \"a\": priority = 6: use 1"),
        (
            ticker().timeout(Duration::ZERO),
            "job \"a\": timeout = 0ns: use 10ms or more",
        ),
        (
            ticker().trigger(aligned),
            "job \"a\": a period of 0ns is too short",
        ),
        (
            DataJob::new("a", nothing, SECOND),
            "job \"a\": depth: depth 0 is out of range for kraken",
        ),
    ] {
        let world = four();
        let error = world.manager.schedule(job).unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
        assert!(world.manager.scheduler().jobs().is_empty());
    }
    let usual = every(Duration::from_secs(60))
        .min_quality(100.0)
        .splay(Duration::from_secs(24 * 3_600))
        .retries(20)
        .rate(60)
        .priority(5)
        .timeout(Duration::from_millis(10));
    four().manager.schedule(usual).unwrap();
    let monthly = every(Duration::from_secs(30 * 24 * 3_600));
    four().manager.schedule(monthly).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cron_expression_that_never_comes_is_refused_with_its_words() {
    let world = four();
    let job = "exchange = \"kraken\"\nkind = \"ticker\"\nsymbol = \"BTC/USD\"\ncron = \"0 0 0 1 1 * 1999\"";
    let job = format!("{job}\n");
    let text = format!("[exchanges.kraken]\n[[jobs]]\nid = \"a\"\n{job}");
    let jobs = Config::from_toml(&text).unwrap().jobs;
    let jobs = jobs[0].jobs().unwrap();
    let error = world.manager.schedule_all(jobs).unwrap_err();
    assert!(matches!(error, ScheduleError::Never { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.starts_with("job \"a\": cron 0 0 0 1 1 * 1999"),
        "{text}"
    );
    assert!(text.contains("never comes; name a moment"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_which_no_exchange_is_configured_is_refused() {
    let world = World::new();
    let htx = Plan::default_plan().of(|exchange| exchange == "htx");
    let error = world.manager.schedule_plan(&htx).unwrap_err();
    let ScheduleError::Config(config) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        config.to_string(),
        "config plan = \"default\": none of its exchanges is configured; add a table [exchanges.NAME] for one of htx"
    );
    assert!(world.manager.scheduler().jobs().is_empty());
    let added = world.manager.schedule_plan(&Plan::default_plan()).unwrap();
    assert!(!added.is_empty());
}
