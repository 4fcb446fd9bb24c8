//! Jobs that collect bars and trades, and what has come of them.

use futures_util::FutureExt;
use robust_data_manager::market::{Exchange, Interval, Payload, Request, Timestamp};
use robust_data_manager::scheduler::{Settle, Trigger};
use robust_data_manager::{DataJob, Event, Events, Query, Warning};

use crate::world::{World, pair, secs};

/// The newest bars of each minute as they close, so many in an answer that has no hole to fill.
pub(crate) fn bars(exchange: &Exchange, limit: u32, settle: Settle) -> DataJob {
    let query = Query::new(
        exchange.clone(),
        Request::Candles {
            symbol: pair(exchange, "BTC"),
            interval: Interval::M1,
            since: None,
            limit: Some(limit),
        },
    );
    let trigger = Trigger::Aligned {
        interval: secs(60),
        settle,
    };
    DataJob::new("bars", query, secs(60)).trigger(trigger)
}

/// Each trade of Binance, every minute; a run takes no more than `limit`.
pub(crate) fn trades(limit: Option<u32>) -> DataJob {
    let query = Query::new(
        Exchange::BINANCE,
        Request::Trades {
            symbol: pair(&Exchange::BINANCE, "BTC"),
            since: None,
            limit,
        },
    );
    DataJob::new("trades", query, secs(60)).since_last()
}

/// What has come since the last look.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The times of the rows of each answer with bars or trades, in milliseconds.
    pub(crate) answers: Vec<Vec<i64>>,
    pub(crate) warnings: Vec<Warning>,
}

impl Heard {
    /// The times of all rows, each once and in order.
    pub(crate) fn rows(&self) -> Vec<i64> {
        let mut rows = self.answers.concat();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

pub(crate) fn heard(events: &mut Events) -> Heard {
    let mut heard = Heard::default();
    while let Some(Some(event)) = events.next().now_or_never() {
        match event {
            Event::Data(sample) => match &*sample.data {
                Payload::Candles(bars) => {
                    let times = bars.rows.iter().map(|row| row.time.as_ms());
                    heard.answers.push(times.collect());
                }
                Payload::Trades(trades) => {
                    let times = trades.rows.iter().map(|row| row.time.as_ms());
                    heard.answers.push(times.collect());
                }
                _ => {}
            },
            Event::Warning(warning) => heard.warnings.push(warning),
            _ => {}
        }
    }
    heard
}

/// The times of all trades of Binance from the first of these to the last, each once, as one long read has them.
pub(crate) async fn all_trades(world: &World, times: &[i64]) -> Vec<i64> {
    let request = Request::Trades {
        symbol: pair(&Exchange::BINANCE, "BTC"),
        since: Timestamp::from_ms(times[0]),
        limit: Some(100_000),
    };
    let all = world.manager.get(Query::new(Exchange::BINANCE, request));
    let all = all.await.unwrap();
    let Payload::Trades(all) = &*all.data else {
        panic!("no trades")
    };
    let last = times[times.len() - 1];
    let all = all.rows.iter().map(|trade| trade.time.as_ms());
    let mut all: Vec<i64> = all.filter(|time| *time <= last).collect();
    all.dedup();
    all
}
