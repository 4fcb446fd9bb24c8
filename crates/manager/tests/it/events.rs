//! Listeners hear everything once, and cannot slow anybody.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use robust_data_manager::Event;
use robust_data_manager::market::{Exchange, Origin};

use crate::world::{World, fault};

#[tokio::test(start_paused = true)]
async fn a_fetched_value_is_told_once_however_many_read_it() {
    let world = World::new();
    let mut events = world.manager.events();
    join_all((0..10).map(|_| async { world.manager.ticker("kraken", "BTC/USD").await.unwrap() }))
        .await;
    world.manager.ticker("kraken", "BTC/USD").await.unwrap();
    let Some(Event::Data(sample)) = events.next().await else {
        panic!("no data event")
    };
    assert_eq!(
        (sample.meta.exchange.clone(), sample.meta.origin),
        (Exchange::KRAKEN, Origin::Simulated)
    );
    let more = tokio::time::timeout(Duration::from_millis(1), events.next()).await;
    assert!(!matches!(more, Ok(Some(Event::Data(_)))), "{more:?}");
}

#[tokio::test(start_paused = true)]
async fn errors_and_breaker_changes_are_told() {
    let world = World::new();
    let mut events = world.manager.events();
    world.binance().set_fault(fault("503"));
    for _ in 0..2 {
        let _ = world.manager.ticker("binance", "BTC/USDT").await;
    }
    let (mut errors, mut opened) = (0, false);
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(5), events.next()).await
    {
        match event {
            Event::Error {
                exchange, error, ..
            } => {
                assert_eq!(exchange, Exchange::BINANCE);
                assert!(error.is_retryable());
                errors += 1;
            }
            Event::State { exchange, to, .. } => {
                assert_eq!(exchange, Exchange::BINANCE);
                opened |= to.starts_with("open");
            }
            _ => {}
        }
    }
    assert_eq!(errors, 2);
    assert!(opened);
}

#[tokio::test(start_paused = true)]
async fn callbacks_hear_values_and_a_panic_in_one_is_contained() {
    let world = World::new();
    let heard = Arc::new(AtomicUsize::new(0));
    let prices = Arc::new(Mutex::new(Vec::new()));
    let first = world.manager.on_data({
        let heard = Arc::clone(&heard);
        move |_| {
            heard.fetch_add(1, Ordering::SeqCst);
            panic!("a callback's own mistake");
        }
    });
    let second = world.manager.on_data({
        let prices = Arc::clone(&prices);
        move |sample| prices.lock().unwrap().push(sample.data.exchange_time())
    });
    assert_eq!((first, second), (Ok(()), Ok(())));
    for _ in 0..3 {
        world
            .manager
            .ticker("binance", "BTC/USDT")
            .refresh()
            .await
            .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(heard.load(Ordering::SeqCst), 3);
    assert_eq!(prices.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn there_are_at_most_64_callbacks_and_the_next_one_is_told() {
    let world = World::new();
    let heard = Arc::new(AtomicUsize::new(0));
    let listen = || {
        let heard = Arc::clone(&heard);
        world.manager.on_data(move |_| {
            heard.fetch_add(1, Ordering::SeqCst);
        })
    };
    for _ in 0..64 {
        listen().unwrap();
    }
    let refused = listen().unwrap_err();
    assert_eq!(refused.limit, 64);
    assert!(
        refused.to_string().contains("DataManager::events"),
        "{refused}"
    );
    world.manager.ticker("kraken", "BTC/USD").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(heard.load(Ordering::SeqCst), 64);
}

#[tokio::test(start_paused = true)]
async fn a_slow_listener_is_told_how_much_it_missed() {
    let world = World::new();
    let mut events = world.manager.events();
    for _ in 0..1_100 {
        let _ = world.manager.ticker("krakn", "BTC/USD").await;
    }
    assert!(matches!(events.next().await, Some(Event::Dropped(76))));
    assert!(matches!(events.next().await, Some(Event::Error { .. })));
}

/// The names of the variants of an enum, in the source of its file.
fn variants<'a>(source: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!("pub enum {name} {{\n");
    let (_, body) = source.split_once(&begin).unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    names
        .map(|line| line.split([' ', '(', ',']).next().unwrap())
        .collect()
}

#[test]
fn the_page_tells_of_each_event_and_of_each_warning() {
    let page = include_str!("../../../../docs/events.md");
    for (name, source, least) in [
        ("Event", include_str!("../../src/event.rs"), 7),
        ("Warning", include_str!("../../src/warning.rs"), 10),
    ] {
        let known = variants(source, name);
        assert!(known.len() >= least, "{known:?}");
        let rows = page.lines().filter_map(|line| {
            let row = line.strip_prefix(&format!("| `{name}::"))?;
            Some(row.split_once('`')?.0)
        });
        let (mut told, mut known) = (rows.collect::<Vec<_>>(), known);
        told.sort_unstable();
        known.sort_unstable();
        assert_eq!(told, known, "docs/events.md and the {name}s there are");
    }
}
