//! What requests use up of what a source bears.

use std::time::Duration;

use robust_connectors::{Connector, RateWindow};
use robust_limiter::Window;
use robust_market::Request;
use robust_source::{Source, USER_WINDOW};

/// Windows in which a source is asked, as its limiter grants them: a window of a second with a guard of 250 ms grants its limit every
/// 1.25 s.
#[derive(Debug, Clone)]
pub(super) struct Rates {
    pub(super) windows: Vec<Rate>,
    /// The index of the user's own window, which each request costs one unit of.
    user: Option<usize>,
}

/// One window.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    pub(super) name: &'static str,
    /// Units as the exchange states them, or the user.
    pub(super) limit: u32,
    pub(super) per: Duration,
    pub(super) keyed: bool,
    /// Units that are granted in `horizon`.
    pub(super) granted: u32,
    pub(super) horizon: Duration,
}

/// One use of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub(super) window: usize,
    pub(super) key: u64,
    pub(super) units: u32,
}

impl Rates {
    pub(super) fn of(source: &Source) -> Self {
        let config = source.config();
        let mut windows = source.connector().windows();
        // The source's own rule: the user's limit, and the seed's where the connector states none.
        let user = config.requests_per_minute;
        let user = user.or_else(|| windows.is_empty().then_some(60));
        let index = user.map(|limit| {
            windows.push(RateWindow {
                name: USER_WINDOW,
                limit,
                per: Duration::from_secs(60),
                keyed: false,
            });
            windows.len() - 1
        });
        let outside = u64::from(config.outside.min(99));
        let rate = |window: RateWindow| {
            let guarded = Window::sliding(window.name, window.limit, window.per);
            let left = u64::from(window.limit) * (100 - outside) / 100;
            Rate {
                name: window.name,
                limit: window.limit,
                per: window.per,
                keyed: window.keyed,
                granted: u32::try_from(left).unwrap_or(u32::MAX).max(1),
                horizon: guarded.horizon(),
            }
        };
        Self {
            windows: windows.into_iter().map(rate).collect(),
            user: index,
        }
    }

    /// What a request uses, window by window.
    pub(super) fn uses(&self, connector: &dyn Connector, request: &Request) -> Vec<Use> {
        let charges = connector.cost(request);
        let own = self.user.map(|window| Use {
            window,
            key: 0,
            units: 1,
        });
        let charges = charges.iter().map(|charge| Use {
            window: charge.window,
            key: charge.key,
            units: charge.units,
        });
        charges.chain(own).collect()
    }

    /// How long a request uses the source up: the longest that it takes any window to grant its units.
    pub(super) fn share(&self, connector: &dyn Connector, request: &Request) -> Duration {
        let uses = self.uses(connector, request);
        let times = uses.iter().filter_map(|one| {
            let rate = self.windows.get(one.window)?;
            Some(rate.time(one.units))
        });
        times.max().unwrap_or_default()
    }
}

impl Rate {
    /// How long it takes to grant so many units, in the long run.
    pub(super) fn time(&self, units: u32) -> Duration {
        self.horizon.saturating_mul(units) / self.granted
    }

    /// How many units it grants in this time, rounded up.
    pub(super) fn units(&self, time: Duration) -> u32 {
        let units = time.as_nanos() * u128::from(self.granted);
        let units = units.div_ceil(self.horizon.as_nanos().max(1));
        u32::try_from(units).unwrap_or(u32::MAX)
    }
}
