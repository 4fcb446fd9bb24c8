//! Simulated exchanges whose tickers can be spoiled on their way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use robust_data_manager::market::{Clock, Exchange, Timestamp};
use robust_data_manager::{
    DataManager, DataManagerBuilder, Environment, Event, Events, QualityEvent,
};
use robust_http::{Error, Kind};
use robust_sim::{Sim, VirtualClock};
use rust_decimal::Decimal;
use serde_json::Value;
use tower::ServiceExt;

use crate::world::World;

/// What becomes of each answer of one exchange.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Twist {
    /// Nothing.
    None,
    /// Every price is this many hundredths of what it was.
    Scaled(i64),
    /// Bid and ask change places.
    Crossed,
    /// The last price is not there.
    Headless,
}

/// Twists that are switched while the manager runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hand(Arc<Mutex<BTreeMap<Exchange, Twist>>>);

impl Hand {
    pub(crate) fn set(&self, exchange: Exchange, twist: Twist) {
        self.0.lock().unwrap().insert(exchange, twist);
    }

    fn of(&self, exchange: &Exchange) -> Twist {
        let twists = self.0.lock().unwrap();
        twists.get(exchange).copied().unwrap_or(Twist::None)
    }
}

/// Simulated exchanges behind a hand that can spoil their tickers.
pub(crate) fn world(
    exchanges: impl IntoIterator<Item = Exchange>,
    change: impl FnOnce(DataManagerBuilder) -> DataManagerBuilder,
) -> (World, Hand) {
    let start = Timestamp::from_ns(1_750_000_000_000_000_000);
    world_at(start, exchanges, change)
}

pub(crate) fn world_at(
    start: Timestamp,
    exchanges: impl IntoIterator<Item = Exchange>,
    change: impl FnOnce(DataManagerBuilder) -> DataManagerBuilder,
) -> (World, Hand) {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(start));
    let hand = Hand::default();
    let mut builder = DataManager::builder()
        .environment(Environment::Simulated)
        .clock(Arc::clone(&clock))
        .seed(11);
    let mut sims = BTreeMap::new();
    for exchange in exchanges {
        let sim = Sim::builder(exchange.clone())
            .seed(5)
            .unlimited()
            .clock(Arc::clone(&clock))
            .build()
            .unwrap();
        let (own, hand) = (exchange.clone(), hand.clone());
        let service = sim.service().map_response(move |answer| {
            let twist = hand.of(&own);
            answer.map(|body: Bytes| twisted(body, twist))
        });
        let door = robust_source::in_memory(service, |_| Error::new(Kind::Closed, true));
        builder = builder
            .exchange(exchange.as_str())
            .transport(exchange.clone(), door);
        sims.insert(exchange, sim);
    }
    let manager = change(builder).start().unwrap();
    let world = World {
        sims,
        manager,
        clock,
    };
    (world, hand)
}

/// Members of a ticker of Binance and of KuCoin that are prices, or sums of them.
const PRICES: [&str; 17] = [
    "lastPrice",
    "bidPrice",
    "askPrice",
    "highPrice",
    "lowPrice",
    "openPrice",
    "prevClosePrice",
    "weightedAvgPrice",
    "quoteVolume",
    "priceChange",
    "last",
    "buy",
    "sell",
    "high",
    "low",
    "volValue",
    "averagePrice",
];

fn twisted(body: Bytes, twist: Twist) -> Bytes {
    let Ok(mut json) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    if twist == Twist::None {
        return body;
    }
    each(&mut json, twist);
    Bytes::from(json.to_string())
}

fn each(json: &mut Value, twist: Twist) {
    match json {
        Value::Object(members) => {
            match twist {
                Twist::Crossed => {
                    let (bid, ask) = (members.remove("bidPrice"), members.remove("askPrice"));
                    members.extend(ask.map(|ask| ("bidPrice".to_owned(), ask)));
                    members.extend(bid.map(|bid| ("askPrice".to_owned(), bid)));
                }
                Twist::Headless => drop(members.remove("lastPrice")),
                Twist::Scaled(hundredths) => {
                    for name in PRICES {
                        if let Some(Value::String(text)) = members.get_mut(name) {
                            let value: Decimal = text.parse().unwrap();
                            *text = (value * Decimal::new(hundredths, 2))
                                .round_dp(8)
                                .to_string();
                        }
                    }
                }
                Twist::None => {}
            }
            members.values_mut().for_each(|value| each(value, twist));
        }
        Value::Array(rows) => rows.iter_mut().for_each(|row| each(row, twist)),
        _ => {}
    }
}

/// Everything that is waiting to be heard.
pub(crate) async fn heard(events: &mut Events) -> Vec<Event> {
    let mut all = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(1), events.next()).await
    {
        all.push(event);
    }
    all
}

/// The words about quality among them.
pub(crate) fn words(events: Vec<Event>) -> Vec<QualityEvent> {
    let word = |event| match event {
        Event::Quality(word) => Some(word),
        _ => None,
    };
    events.into_iter().filter_map(word).collect()
}
