//! What the demo collects.

use std::time::Duration;

use robust_data_manager::market::{Exchange, Interval, Symbol};
use robust_data_manager::{DataJob, Priority, Query};

/// Shorter times than the defaults, so that a minute shows failure and recovery. The open time doubles with each probe that fails, so
/// that an exchange that stays down is asked ever more rarely, up to a bound within which a person sees it recover.
pub(super) const SETTINGS: &str = r#"
timeout = "2s"
max_timeout = "12s"
retries = 2
backoff_base = "250ms"
backoff_max = "2s"
breaker_failures = 3
breaker_open = "8s"
breaker_open_factor = 2.0
breaker_open_max = "32s"
"#;

/// One job of the plan.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) exchange: Exchange,
    pub(super) symbol: Symbol,
    pub(super) what: What,
    pub(super) every: Duration,
}

/// The kinds that the plan collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Ticker,
    Book,
    Candles,
    Trades,
}

impl Planned {
    pub(super) fn into_data_job(self) -> DataJob {
        let (exchange, symbol) = (self.exchange, self.symbol);
        let name = format!("{exchange} {:?} {symbol}", self.what).to_lowercase();
        let (query, priority) = match self.what {
            What::Ticker => (Query::ticker(exchange, symbol), Priority::Critical),
            What::Book => (Query::order_book(exchange, symbol), Priority::High),
            What::Trades => (Query::trades(exchange, symbol), Priority::Medium),
            What::Candles => (
                Query::candles(exchange, symbol, Interval::M1),
                Priority::Low,
            ),
        };
        DataJob::new(name, query.priority(priority), self.every).at_start()
    }
}

/// The exchanges of the demo.
pub(super) const EXCHANGES: [Exchange; 4] = [
    Exchange::KRAKEN,
    Exchange::BINANCE,
    Exchange::KUCOIN,
    Exchange::HTX,
];

/// Tickers, books, candles and trades of all exchanges. Kraken allows one request a second in all: its jobs ask for 0.63 a second
/// when all is well, which leaves room for retries. The others allow many more; their jobs ask for 1.35 a second each.
pub(super) fn jobs() -> Vec<Planned> {
    let slow = [
        ("BTC/USD", What::Ticker, 5),
        ("ETH/USD", What::Ticker, 5),
        ("BTC/USD", What::Book, 10),
        ("BTC/USD", What::Trades, 15),
        ("BTC/USD", What::Candles, 20),
    ];
    let fast = [
        ("BTC/USDT", What::Ticker, 2),
        ("ETH/USDT", What::Ticker, 2),
        ("BTC/USDT", What::Book, 5),
        ("BTC/USDT", What::Trades, 10),
        ("BTC/USDT", What::Candles, 20),
    ];
    let of = |exchange: Exchange| {
        let rows = if exchange == Exchange::KRAKEN {
            slow
        } else {
            fast
        };
        rows.map(|(symbol, what, every)| (exchange.clone(), symbol, what, every))
    };
    EXCHANGES
        .into_iter()
        .flat_map(of)
        .filter_map(|(exchange, symbol, what, every)| {
            let symbol = symbol.parse().ok()?;
            Some(Planned {
                exchange,
                symbol,
                what,
                every: Duration::from_secs(every),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_whole_and_feasible_on_every_exchange() {
        assert_eq!(jobs().len(), 20);
        for exchange in EXCHANGES {
            let rate: f64 = jobs()
                .iter()
                .filter(|job| job.exchange == exchange)
                .map(|job| 1.0 / job.every.as_secs_f64())
                .sum();
            // 20 runs in a minute, with room for those that a busy machine lets come late.
            assert!(rate * 60.0 >= 30.0, "{exchange}: {rate}");
            let most = if exchange == Exchange::KRAKEN {
                0.65
            } else {
                1.4
            };
            assert!(rate <= most, "{exchange}: {rate}");
        }
    }
}
