//! A manager over simulated exchanges without sockets: time is tokio's, paused, and nothing sleeps for real.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use robust_data_manager::market::{Clock, Exchange, Symbol, Timestamp};
use robust_data_manager::{DataManager, DataManagerBuilder, Environment};
use robust_http::{Error, Kind};
use robust_sim::{DoorError, Fault, Sim, SimBuilder, VirtualClock};
use robust_source::Transport;

pub(crate) struct World {
    pub(crate) sims: BTreeMap<Exchange, Sim>,
    pub(crate) manager: DataManager,
    pub(crate) clock: Arc<dyn Clock>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// Kraken and Binance, with the builder changed before the start.
    pub(crate) fn with(change: impl FnOnce(DataManagerBuilder) -> DataManagerBuilder) -> Self {
        Self::of([Exchange::KRAKEN, Exchange::BINANCE], change)
    }

    /// These exchanges, with the builder changed before the start.
    pub(crate) fn of(
        exchanges: impl IntoIterator<Item = Exchange>,
        change: impl FnOnce(DataManagerBuilder) -> DataManagerBuilder,
    ) -> Self {
        Self::of_sims(exchanges, |sim| sim, change)
    }

    /// These exchanges, with each simulator and the builder changed before the start.
    pub(crate) fn of_sims(
        exchanges: impl IntoIterator<Item = Exchange>,
        sim: impl Fn(SimBuilder) -> SimBuilder,
        change: impl FnOnce(DataManagerBuilder) -> DataManagerBuilder,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(Timestamp::from_ns(
            1_750_000_000_000_000_000,
        )));
        let mut sims = BTreeMap::new();
        for exchange in exchanges {
            let plain = Sim::builder(exchange.clone())
                .seed(5)
                .clock(Arc::clone(&clock));
            let sim = sim(plain).build().unwrap();
            sims.insert(exchange, sim);
        }
        let manager = Self::start(&sims, &clock, change);
        Self {
            sims,
            manager,
            clock,
        }
    }

    /// The same exchanges at the same time, and another process.
    pub(crate) fn again(
        self,
        change: impl FnOnce(DataManagerBuilder) -> DataManagerBuilder,
    ) -> Self {
        let Self {
            sims,
            clock,
            manager,
        } = self;
        drop(manager);
        let manager = Self::start(&sims, &clock, change);
        Self {
            sims,
            manager,
            clock,
        }
    }

    /// A manager over these simulators.
    pub(crate) fn start(
        sims: &BTreeMap<Exchange, Sim>,
        clock: &Arc<dyn Clock>,
        change: impl FnOnce(DataManagerBuilder) -> DataManagerBuilder,
    ) -> DataManager {
        change(builder(sims, clock)).start().unwrap()
    }

    pub(crate) fn kraken(&self) -> &Sim {
        &self.sims[&Exchange::KRAKEN]
    }

    pub(crate) fn binance(&self) -> &Sim {
        &self.sims[&Exchange::BINANCE]
    }

    /// Every read and every run is accounted for, and no simulator has seen a request over its limit.
    pub(crate) fn check(&self) {
        let status = self.manager.status();
        assert!(status.reads.balances(), "{:?}", status.reads);
        assert_eq!(status.reads.late, 0);
        let scheduler = self.manager.scheduler();
        let (all, each) = (scheduler.ledger(), scheduler.source_ledgers());
        assert!(
            all.balances() && each.values().all(|one| one.balances()),
            "{all:?}"
        );
        for (exchange, sim) in &self.sims {
            assert_eq!(sim.stats().over_limit, 0, "{exchange}");
        }
    }
}

/// A manager over these simulators, before it starts.
fn builder(sims: &BTreeMap<Exchange, Sim>, clock: &Arc<dyn Clock>) -> DataManagerBuilder {
    let mut builder = DataManager::builder()
        .environment(Environment::Simulated)
        .clock(Arc::clone(clock))
        .seed(11);
    for (exchange, sim) in sims {
        builder = builder
            .exchange(exchange.as_str())
            .transport(exchange.clone(), door(sim));
    }
    builder
}

/// The simulator's door as the HTTP client's stand-in.
pub(crate) fn door(sim: &Sim) -> Transport {
    robust_source::in_memory(sim.service(), |error| match error {
        DoorError::Refused => Error::new(Kind::Connect, false),
        _ => Error::new(Kind::Closed, true),
    })
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn symbol(name: &str) -> Symbol {
    name.parse().unwrap()
}

/// What the exchange sells this for in dollars.
pub(crate) fn pair(exchange: &Exchange, base: &str) -> Symbol {
    let dollar = if *exchange == Exchange::KRAKEN {
        "USD"
    } else {
        "USDT"
    };
    symbol(&format!("{base}/{dollar}"))
}

pub(crate) fn fault(text: &str) -> Option<Fault> {
    Some(text.parse().unwrap())
}
