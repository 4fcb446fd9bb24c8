//! Many pairs by one job: few requests, and each pair's value in its own place.

use std::time::Duration;

use robust_data_manager::market::{Acceptance, Exchange, Freshness, Kind, Request, Symbol, Ticker};
use robust_data_manager::{DataJob, Event, Query, ScheduleError};

use crate::world::{World, fault};

const EVERY: Duration = Duration::from_secs(2);

fn four() -> World {
    let all = [
        Exchange::KRAKEN,
        Exchange::BINANCE,
        Exchange::KUCOIN,
        Exchange::HTX,
    ];
    World::of(all, |builder| builder)
}

/// The first twenty pairs that the exchange lists.
async fn twenty(world: &World, exchange: &Exchange) -> Vec<Symbol> {
    let listed = world.manager.instruments(exchange.as_str()).await.unwrap();
    let symbols: Vec<Symbol> = listed.iter().map(|row| row.symbol.clone()).collect();
    let symbols: Vec<Symbol> = symbols.into_iter().take(20).collect();
    assert_eq!(symbols.len(), 20);
    symbols
}

#[tokio::test(start_paused = true)]
async fn twenty_tickers_are_one_request_a_run_on_every_exchange() {
    let world = four();
    for (exchange, sim) in &world.sims {
        let symbols = twenty(&world, exchange).await;
        let asked = sim.stats().requests;
        let job = DataJob::many(
            exchange.as_str(),
            exchange.clone(),
            Kind::Tickers,
            symbols.clone(),
            EVERY,
        );
        world.manager.schedule(job.at_start()).unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        let ledger = &world.manager.scheduler().source_ledgers()[exchange.as_str()];
        assert!(ledger.ran >= 15, "{exchange}: {ledger:?}");
        assert_eq!(ledger.outcomes.failed, 0, "{exchange}: {ledger:?}");
        assert_eq!(sim.stats().requests - asked, ledger.ran, "{exchange}");

        // What the job keeps is what a reader of one pair finds.
        let asked = sim.stats().requests;
        for symbol in &symbols {
            let read = world.manager.ticker(exchange.clone(), symbol.clone());
            let ticker = read.await.unwrap();
            assert_eq!(ticker.symbol, *symbol);
            assert_eq!(ticker.meta.freshness, Freshness::Cached, "{exchange}");
            assert!(ticker.fresh_within(EVERY), "{exchange} {symbol}");
            let report = ticker.quality.as_ref().expect("judged by itself");
            let newest = world
                .manager
                .latest::<Ticker>(exchange.as_str(), symbol.as_str())
                .unwrap()
                .expect("usable");
            assert_eq!(newest.meta.request_id, ticker.meta.request_id);
            assert!(report.overall.get() > 90.0, "{exchange}: {report:?}");
        }
        assert_eq!(sim.stats().requests, asked, "{exchange}: all from memory");
    }
    world.check();
}

#[tokio::test(start_paused = true)]
async fn best_quotes_are_kept_apart_from_whole_tickers_and_told_once() {
    let world = World::new();
    let symbols = twenty(&world, &Exchange::BINANCE).await;
    let mut events = world.manager.events();
    let asked = world.binance().stats().requests;
    let job = DataJob::many(
        "quotes",
        Exchange::BINANCE,
        Kind::BidsAsks,
        symbols.clone(),
        EVERY,
    );
    world.manager.schedule(job.at_start()).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.binance().stats().requests - asked, 1);
    let Some(Event::Data(told)) = events.next().await else {
        panic!("nothing was told")
    };
    assert_eq!((told.meta.kind, told.data.len()), (Kind::BidsAsks, 20));
    let more = tokio::time::timeout(Duration::from_millis(100), events.next()).await;
    assert!(more.is_err(), "{more:?}");

    // A ticker has more than its best quotes: it is fetched, not made up.
    let ticker = world
        .manager
        .ticker(Exchange::BINANCE, symbols[0].clone())
        .await
        .unwrap();
    assert_eq!(ticker.meta.freshness, Freshness::Live);
    assert!(ticker.last.is_some());
    world.check();
}

#[tokio::test(start_paused = true)]
async fn an_unlisted_pair_costs_the_others_nothing_and_is_told() {
    let world = World::new();
    let mut symbols = twenty(&world, &Exchange::KRAKEN).await;
    symbols.push("NOPE/USD".parse().unwrap());
    let mut events = world.manager.events();
    let asked = world.kraken().stats().requests;
    let job = DataJob::many(
        "k",
        Exchange::KRAKEN,
        Kind::Tickers,
        symbols.clone(),
        EVERY * 10,
    );
    world.manager.schedule(job.at_start()).unwrap();
    // Kraken answers one request a second, and the list came just before.
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    let ledger = &world.manager.scheduler().source_ledgers()["kraken"];
    assert_eq!((ledger.ran, ledger.outcomes.failed), (1, 1));
    assert_eq!(world.kraken().stats().requests - asked, 1);
    let Some(Event::Error { error, .. }) = events.next().await else {
        panic!("the pair was not told")
    };
    assert!(error.to_string().contains("NOPE/USD"), "{error}");
    let query = Query::ticker(Exchange::KRAKEN, symbols[0].clone());
    let ticker = world.manager.get(query).await.unwrap();
    assert_eq!(ticker.meta.freshness, Freshness::Cached);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_for_many_pairs_is_refused_at_once() {
    let world = World::new();
    let symbol: Symbol = "BTC/USD".parse().unwrap();
    let job = |kind, symbols: &[Symbol]| {
        DataJob::many("m", Exchange::KRAKEN, kind, symbols.to_vec(), EVERY)
    };
    let error = world
        .manager
        .schedule(job(Kind::Candles, std::slice::from_ref(&symbol)))
        .unwrap_err();
    assert!(matches!(error, ScheduleError::NotMany { .. }), "{error}");
    assert!(error.to_string().contains("ask for tickers or bids_asks"));
    let error = world.manager.schedule(job(Kind::Tickers, &[])).unwrap_err();
    assert!(matches!(error, ScheduleError::NoPair { .. }), "{error}");
    assert_eq!(world.manager.status().jobs.due, 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_lets_go_of_a_fetch_under_way() {
    let world = World::new();
    world.binance().set_fault(fault("hang"));
    let symbols = ["BTC/USDT", "ETH/USDT"].map(|name| name.parse().unwrap());
    let job = DataJob::many("b", Exchange::BINANCE, Kind::Tickers, symbols, EVERY);
    world.manager.schedule(job.at_start()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let source = world.manager.source("binance").unwrap();
    let World { manager, .. } = world;
    drop(manager);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stats = source.stats();
    assert_eq!((stats.calls, stats.cancelled), (1, 1), "{stats:?}");
}

/// Without the list of pairs most of the answer could not be read: a fifth of the market, and rejected for it.
#[tokio::test(start_paused = true)]
async fn a_scan_of_the_whole_market_brings_every_pair_and_is_accepted() {
    for exchange in [
        Exchange::KRAKEN,
        Exchange::BINANCE,
        Exchange::KUCOIN,
        Exchange::HTX,
    ] {
        // A manager of its own, which has not read the list for anything else.
        let world = World::of([exchange.clone()], |builder| builder);
        let request = Request::Tickers {
            symbols: Vec::new(),
        };
        let query = Query::new(exchange.clone(), request);
        let job = DataJob::new("scan", query.clone(), Duration::from_secs(86_400)).at_start();
        let id = world.manager.schedule(job).unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        let ledger = world.manager.scheduler().job_ledger(id).unwrap();
        assert_eq!((ledger.ran, ledger.outcomes.ok), (1, 1), "{exchange}");

        // What the run brought is what a reader finds.
        let asked = world.sims[&exchange].stats().requests;
        let read = query.max_age(Duration::from_secs(3_600));
        let market = world.manager.get(read).await.unwrap();
        let report = market.quality.as_ref().expect("judged");
        assert_eq!(
            report.acceptance,
            Acceptance::Accept,
            "{exchange}: {report:?}"
        );
        let listed = world.manager.instruments(exchange.clone()).await.unwrap();
        assert!(listed.len() > 20, "{exchange}");
        assert_eq!(market.len(), listed.len(), "{exchange}");
        let more = world.sims[&exchange].stats().requests - asked;
        assert_eq!(more, 0, "{exchange}: the list was there");
    }
}
