//! The manager for engines without async: real threads and real time, and nothing waits for it.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use robust_data_manager::blocking::{BlockingError, DataManager};
use robust_data_manager::market::{Exchange, Kind, Ticker};
use robust_data_manager::{
    DataError, DataJob, DataManager as Async, DataManagerBuilder, Environment, Query,
};
use robust_http::{Error, Kind as Failure};
use robust_sim::Sim;

fn builder() -> (Sim, DataManagerBuilder) {
    let sim = Sim::builder(Exchange::BINANCE).seed(5).build().unwrap();
    let door = robust_source::in_memory(sim.service(), |_| Error::new(Failure::Closed, true));
    let builder = Async::builder()
        .environment(Environment::Simulated)
        .exchange("binance")
        .transport(Exchange::BINANCE, door);
    (sim, builder)
}

#[test]
fn every_kind_is_read_from_several_threads_without_a_runtime() {
    let (sim, builder) = builder();
    let manager = DataManager::start(builder).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let symbol = "BTC/USDT";
                let ticker = manager.ticker("binance", symbol).unwrap();
                assert_eq!(ticker.symbol.as_str(), symbol);
                let book = manager.inner().order_book("binance", symbol).depth(5);
                assert_eq!(manager.read(book).unwrap().bids.len(), 5);
                assert!(
                    !manager
                        .order_book("binance", symbol)
                        .unwrap()
                        .bids
                        .is_empty()
                );
                let minute = "1m".parse().unwrap();
                assert_eq!(
                    manager.candles("binance", symbol, minute).unwrap().interval,
                    minute
                );
                assert!(!manager.trades("binance", symbol).unwrap().rows.is_empty());
                assert!(!manager.instruments("binance").unwrap().is_empty());
                let query = Query::ticker(Exchange::BINANCE, symbol.parse().unwrap());
                assert_eq!(manager.get(query).unwrap().meta.kind, Kind::Ticker);
                assert!(
                    manager
                        .latest::<Ticker>("binance", symbol)
                        .unwrap()
                        .is_some()
                );
            });
        }
    });
    assert!(manager.status().reads.balances());
    assert_eq!(sim.stats().over_limit, 0);
    manager.shutdown(Duration::from_secs(1)).unwrap();
    for error in [
        manager.ticker("binance", "BTC/USDT").unwrap_err(),
        manager.shutdown(Duration::ZERO).unwrap_err(),
    ] {
        assert!(
            matches!(error, BlockingError::Data(DataError::Shutdown)),
            "{error}"
        );
    }
}

#[test]
fn jobs_run_between_the_calls() {
    let (sim, builder) = builder();
    let manager = DataManager::start(builder).unwrap();
    let query = Query::ticker(Exchange::BINANCE, "BTC/USDT".parse().unwrap());
    let (heard, came) = std::sync::mpsc::channel();
    manager.inside(|manager| {
        let told = manager.on_data(move |sample| {
            let _ = heard.send(sample.meta.kind);
        });
        told.unwrap();
        let job = DataJob::new("b", query, Duration::from_millis(50));
        manager.schedule(job.at_start()).unwrap();
    });
    for _ in 0..3 {
        let kind = came.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(kind, Kind::Ticker);
    }
    assert!(sim.stats().requests >= 3);
    // The last handle takes the jobs and the thread with it: the listener's end is gone.
    drop(manager);
    let ended = loop {
        match came.recv_timeout(Duration::from_secs(20)) {
            Ok(_) => {}
            Err(ended) => break ended,
        }
    };
    assert_eq!(ended, RecvTimeoutError::Disconnected);
}

#[tokio::test]
async fn inside_of_async_code_it_is_an_error_and_no_panic() {
    let (_sim, first) = builder();
    let error = DataManager::start(first).unwrap_err();
    assert!(matches!(error, BlockingError::InsideAsync), "{error}");
    let (_sim, second) = builder();
    let manager = std::thread::spawn(|| DataManager::start(second))
        .join()
        .unwrap()
        .unwrap();
    let error = manager.ticker("binance", "BTC/USDT").unwrap_err();
    assert!(matches!(error, BlockingError::InsideAsync), "{error}");
    // What waits for nobody may be called everywhere, and so may the drop.
    assert!(
        manager
            .latest::<Ticker>("binance", "BTC/USDT")
            .unwrap()
            .is_none()
    );
    assert_eq!(manager.status().reads.total, 0);
    drop(manager);
}
