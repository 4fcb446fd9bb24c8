//! Long series of all four exchanges, when the market is young, rows come broken, the past ends and a later page fails.

use std::sync::Arc;
use std::time::Duration;

use robust_data_manager::market::{
    Coverage, Exchange, Interval, Missing, MissingReason, Payload, Request, Sample, Stopped,
    Symbol, Timestamp,
};
use robust_data_manager::{Category, Query};

use crate::world::{World, fault, pair};

const MINUTE: Duration = Duration::from_secs(60);

/// The simulators' clock begins here, 40 s into a minute.
fn start() -> Timestamp {
    Timestamp::from_ns(1_750_000_000_000_000_000)
}

fn minutes_ago(minutes: u32) -> Timestamp {
    start().saturating_sub(MINUTE * minutes)
}

const ALL: [Exchange; 4] = [
    Exchange::KRAKEN,
    Exchange::BINANCE,
    Exchange::KUCOIN,
    Exchange::HTX,
];

fn candles(exchange: &Exchange, base: &str, since: u32, limit: u32) -> Query {
    let request = Request::Candles {
        symbol: pair(exchange, base),
        interval: Interval::M1,
        since: Some(minutes_ago(since)),
        limit: Some(limit),
    };
    Query::new(exchange.clone(), request)
}

fn trades(exchange: &Exchange, since: u32, limit: u32) -> Query {
    let request = Request::Trades {
        symbol: pair(exchange, "BTC"),
        since: Some(minutes_ago(since)),
        limit: Some(limit),
    };
    Query::new(exchange.clone(), request)
}

fn coverage(sample: &Sample<Arc<Payload>>) -> Arc<Coverage> {
    let coverage = sample.meta.coverage.clone();
    coverage.expect("a long series has a report")
}

/// The name and the time of each row.
fn rows(sample: &Sample<Arc<Payload>>) -> Vec<(String, Timestamp)> {
    match &*sample.data {
        Payload::Candles(bars) => {
            let bars = bars.rows.iter();
            bars.map(|bar| (bar.time.to_string(), bar.time)).collect()
        }
        Payload::Trades(trades) => {
            let trades = trades.rows.iter();
            trades
                .map(|trade| (trade.id.clone().unwrap().to_string(), trade.time))
                .collect()
        }
        other => panic!("{other:?}"),
    }
}

fn reasons(coverage: &Coverage) -> Vec<MissingReason> {
    let mut reasons: Vec<_> = coverage.missing.iter().map(|part| part.reason).collect();
    reasons.dedup();
    reasons
}

fn count(coverage: &Coverage, of: impl Fn(&Missing) -> bool) -> u64 {
    let parts = coverage.missing.iter().filter(|part| of(part));
    parts.filter_map(|part| part.rows).sum()
}

#[tokio::test(start_paused = true)]
async fn a_series_of_a_young_market_begins_with_its_listing() {
    for exchange in ALL {
        let symbol: Symbol = pair(&exchange, "BTC");
        let world = World::of_sims(
            [exchange.clone()],
            |sim| sim.listed(symbol.clone(), minutes_ago(500)),
            |builder| builder,
        );
        let sample = world
            .manager
            .get(candles(&exchange, "BTC", 5_000, 5_000))
            .await
            .unwrap();
        let coverage = coverage(&sample);
        let first = rows(&sample)[0].1;
        let whole = coverage.got + count(&coverage, |_| true);
        assert_eq!(whole, 5_000, "{exchange}: {coverage:?}");
        assert!(coverage.stopped.is_none(), "{exchange}");
        // 500 minutes, and the one that holds the listing.
        let expected: &[MissingReason] = match exchange.as_str() {
            "kraken" => &[MissingReason::BeyondDepth, MissingReason::BeforeFirst],
            "kucoin" => &[MissingReason::NoTrades],
            _ => &[MissingReason::BeforeFirst],
        };
        assert_eq!(reasons(&coverage), expected, "{exchange}");
        if exchange == Exchange::KUCOIN {
            // Four spans are asked for, of which three hold nothing; minutes without a trade are absent.
            assert_eq!(coverage.pages, 4);
            assert!(first >= minutes_ago(501) && coverage.got < 501);
            assert!(coverage.is_complete());
        } else {
            assert_eq!((coverage.got, coverage.pages), (501, 1), "{exchange}");
            assert_eq!(
                first,
                minutes_ago(500).saturating_sub(Duration::from_secs(40))
            );
            assert!(!coverage.is_complete(), "{exchange}");
        }
        // Trades have no holes: what is before the first never was.
        let sample = world.manager.get(trades(&exchange, 600, 50)).await.unwrap();
        assert!(rows(&sample)[0].1 >= minutes_ago(500), "{exchange}");
        world.check();
    }
}

/// The same question to a sound exchange and to one that sends one record in ten broken.
async fn sound_and_broken(query: &Query) -> [Sample<Arc<Payload>>; 2] {
    let mut samples = Vec::new();
    for spoiled in [false, true] {
        let world = World::of([query.exchange().clone()], |builder| builder);
        if spoiled {
            world.sims[query.exchange()].set_fault(fault("broken:10"));
        }
        samples.push(world.manager.get(query.clone()).await.unwrap());
        world.check();
    }
    samples.try_into().unwrap()
}

#[tokio::test(start_paused = true)]
async fn bars_that_come_broken_are_counted_exactly_where_they_stand() {
    for exchange in ALL {
        let query = candles(&exchange, "BTC", 2_500, 2_500);
        let [sound, broken] = sound_and_broken(&query).await;
        let (all, read) = (rows(&sound), rows(&broken));
        let lost: Vec<_> = all.iter().filter(|row| !read.contains(row)).collect();
        assert_eq!(all.len(), read.len() + lost.len(), "{exchange}");
        assert!(lost.len() > 40, "{exchange}: {}", lost.len());
        let (before, after) = (coverage(&sound), coverage(&broken));
        assert_eq!(after.got as usize, read.len());
        for part in &after.missing {
            let inside = |time| part.from <= time && time < part.to;
            let here = lost.iter().filter(|row| inside(row.1)).count() as u64;
            if part.reason == MissingReason::Broken {
                assert_eq!(part.rows, Some(here), "{exchange}: {part:?}");
            }
        }
        let is_broken = |part: &Missing| part.reason == MissingReason::Broken;
        assert_eq!(count(&after, is_broken), lost.len() as u64, "{exchange}");
        // Every other reason has as many rows as it had.
        for reason in [
            MissingReason::BeyondDepth,
            MissingReason::NoTrades,
            MissingReason::NotYet,
            MissingReason::Gap,
            MissingReason::BeforeFirst,
        ] {
            let of = |part: &Missing| part.reason == reason;
            assert_eq!(
                count(&before, of),
                count(&after, of),
                "{exchange} {reason:?}"
            );
        }
        assert!(!after.is_complete() && after.stopped.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn trades_that_come_broken_are_counted_once_however_pages_overlap() {
    for (exchange, since, limit) in [
        (Exchange::KRAKEN, 13 * 60, 5_000),
        (Exchange::BINANCE, 16 * 60, 5_000),
        (Exchange::KUCOIN, 10 * 60, 500),
        (Exchange::HTX, 24 * 60, 5_000),
    ] {
        let query = trades(&exchange, since, limit);
        let [sound, broken] = sound_and_broken(&query).await;
        let (all, read) = (rows(&sound), rows(&broken));
        let lost: Vec<_> = all.iter().filter(|row| !read.contains(row)).collect();
        assert_eq!(all.len(), read.len() + lost.len(), "{exchange}");
        assert!(lost.len() > 2, "{exchange}: {}", lost.len());
        let after = coverage(&broken);
        let is_broken = |part: &Missing| part.reason == MissingReason::Broken;
        assert_eq!(count(&after, is_broken), lost.len() as u64, "{exchange}");
        for row in &lost {
            let named = |part: &&Missing| part.from <= row.1 && row.1 <= part.to;
            let mut parts = after.missing.iter().filter(|part| is_broken(part));
            assert!(parts.any(|part| named(&part)), "{exchange}: {row:?}");
        }
        let pages = if [Exchange::KRAKEN, Exchange::BINANCE].contains(&exchange) {
            3
        } else {
            1
        };
        assert_eq!(after.pages, pages, "{exchange}");
        assert!(!after.is_complete() && after.stopped.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_exchange_does_not_serve_any_more_is_a_typed_fact() {
    for (exchange, query, rows) in [
        (
            Exchange::KRAKEN,
            candles(&Exchange::KRAKEN, "BTC", 3_000, 3_000),
            720,
        ),
        (
            Exchange::HTX,
            candles(&Exchange::HTX, "BTC", 3_000, 3_000),
            2_000,
        ),
        (Exchange::KUCOIN, trades(&Exchange::KUCOIN, 3_000, 500), 100),
        (Exchange::HTX, trades(&Exchange::HTX, 3_000, 3_000), 2_000),
    ] {
        let world = World::of([exchange.clone()], |builder| builder);
        let sample = world.manager.get(query).await.unwrap();
        let coverage = coverage(&sample);
        let limit = coverage.depth_limit.unwrap();
        assert_eq!(limit.rows, rows, "{exchange}");
        assert!(!limit.source.is_empty());
        let got = u64::from(rows);
        assert!((got..=got + 1).contains(&coverage.got), "{coverage:?}");
        assert_eq!(
            reasons(&coverage),
            [MissingReason::BeyondDepth],
            "{exchange}"
        );
        let part = &coverage.missing[0];
        let first = self::rows(&sample)[0].1;
        assert_eq!((part.from, part.to), (coverage.from, first), "{exchange}");
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn of_the_one_answer_of_an_exchange_come_the_trades_from_the_start_on() {
    for exchange in [Exchange::KUCOIN, Exchange::HTX] {
        let world = World::of([exchange.clone()], |builder| builder);
        let sample = world.manager.get(trades(&exchange, 10, 5)).await.unwrap();
        let times = rows(&sample);
        assert_eq!(times.len(), 5, "{exchange}");
        assert!(times[0].1 >= minutes_ago(10) && times[0].1 < minutes_ago(5));
        let coverage = coverage(&sample);
        assert!(coverage.missing.is_empty(), "{exchange}: {coverage:?}");
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_minute_in_which_nobody_traded_is_as_each_exchange_has_it() {
    // Traded about 45 times an hour, so that every second minute is silent.
    for exchange in ALL {
        let world = World::of([exchange.clone()], |builder| builder);
        let sample = world
            .manager
            .get(candles(&exchange, "ALGO", 600, 600))
            .await
            .unwrap();
        let Payload::Candles(bars) = &*sample.data else {
            panic!("{exchange}")
        };
        let coverage = coverage(&sample);
        let silent = bars.rows.iter().filter(|bar| bar.volume.is_zero()).count();
        if exchange == Exchange::KUCOIN {
            assert_eq!(reasons(&coverage), [MissingReason::NoTrades]);
            assert!(silent == 0 && coverage.got < 500, "{coverage:?}");
        } else {
            assert!(silent > 100, "{exchange}: {silent}");
            assert_eq!(
                (coverage.got, coverage.missing.len()),
                (600, 0),
                "{exchange}"
            );
        }
        assert!(coverage.is_complete(), "{exchange}");
        world.check();
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_ends_a_series_stands_in_its_report() {
    for (kind, category, name) in [
        ("refuse", Category::Network, "network"),
        ("reset", Category::Network, "network"),
        ("truncated", Category::Network, "network"),
        ("hang", Category::Timeout, "timeout"),
        ("503", Category::Api, "transient"),
        ("html", Category::Api, "unexpected_content"),
        ("garbage", Category::Api, "malformed"),
        ("429:600", Category::Limited, "throttled"),
        ("418:600", Category::Limited, "banned"),
    ] {
        for query in [
            candles(&Exchange::BINANCE, "BTC", 3_000, 3_000),
            trades(&Exchange::BINANCE, 20 * 60, 3_000),
            trades(&Exchange::KRAKEN, 20 * 60, 3_000),
            candles(&Exchange::KUCOIN, "BTC", 4_000, 4_000),
        ] {
            let exchange = query.exchange().clone();
            let world = World::of([exchange.clone()], |builder| builder);
            let sim = world.sims[&exchange].clone();
            let sample = world
                .manager
                .get_with_progress(query, move |progress| {
                    if progress.pages == 1 {
                        sim.set_fault(fault(kind));
                    }
                })
                .await
                .unwrap();
            let coverage = coverage(&sample);
            let what = format!("{exchange} {kind}: {coverage:?}");
            assert_eq!(coverage.pages, 1, "{what}");
            assert_eq!(coverage.got as usize, sample.data.len(), "{what}");
            assert!(coverage.got > 900, "{what}");
            let last = coverage.missing.last().unwrap();
            let not_reached = |part: &Missing| part.reason == MissingReason::NotReached;
            assert!(not_reached(last) && !coverage.is_complete(), "{what}");
            let Some(Stopped::Failed(failure)) = &coverage.stopped else {
                panic!("{what}")
            };
            assert_eq!((failure.category, failure.name), (category, name), "{what}");
            assert!(failure.message.starts_with(exchange.as_str()), "{what}");
            let wait = failure.retry_in;
            let waits = category == Category::Limited || name == "unexpected_content";
            assert_eq!(wait.is_some(), waits, "{what}");
            world.check();
        }
    }
}
