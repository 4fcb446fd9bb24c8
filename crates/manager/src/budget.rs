//! One exchange's budget, shared with the engine's own clients.

use robust_limiter::{Charge, Class, Cost, Limiter, Permit, Rejected};
use robust_market::Exchange;
use robust_source::Source;
use tokio::time::Instant;

/// The budget of one exchange, for requests that the engine sends itself.
///
/// An exchange counts by address: the engine's orders and this manager's reads come from the same one. Whoever takes a permit here
/// first draws on the same windows, at Critical priority by default, so reads make room for orders.
///
/// ```no_run
/// # async fn run(manager: robust_data_manager::DataManager) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tokio::time::Instant;
///
/// let budget = manager.budget("binance")?;
/// let permit = budget.acquire(&[("weight", 1), ("raw", 1)], Some(Instant::now() + Duration::from_secs(2))).await?;
/// permit.commit(); // stamps the cost at the moment of sending
/// // … send the order with any HTTP client …
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Budget {
    exchange: Exchange,
    limiter: Limiter,
}

/// Why the budget gave no permit. Nothing was taken.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// The exchange has no window of this name.
    #[error("{exchange} has no window \"{window}\"; it has {known}")]
    UnknownWindow {
        /// The exchange.
        exchange: Exchange,
        /// The name that was given.
        window: String,
        /// The names that exist.
        known: String,
    },
    /// The limiter refused.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl Budget {
    pub(crate) fn new(source: &Source) -> Self {
        Self {
            exchange: source.exchange(),
            limiter: source.limiter().clone(),
        }
    }

    /// The exchange.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The limiter itself, for other classes, keys and settling.
    #[must_use]
    pub const fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// Waits for units of the named windows, before all reads of lower priority. The user's own window, where one is set, is
    /// charged one unit beside.
    ///
    /// # Errors
    ///
    /// [`BudgetError::Rejected`] at once when the units cannot be had by `deadline`, with the time when they can.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing. A permit that is dropped before `commit` gives everything back.
    pub async fn acquire(
        &self,
        units: &[(&str, u32)],
        deadline: Option<Instant>,
    ) -> Result<Permit, BudgetError> {
        let cost = self.cost(units)?;
        Ok(self
            .limiter
            .acquire(&cost, Class::Critical, deadline)
            .await?)
    }

    fn cost(&self, units: &[(&str, u32)]) -> Result<Cost, BudgetError> {
        let windows = self.limiter.snapshot().windows;
        let mut cost = Cost::new();
        for (name, units) in units {
            let found = windows.iter().position(|window| window.name == *name);
            let window = found.ok_or_else(|| BudgetError::UnknownWindow {
                exchange: self.exchange.clone(),
                window: (*name).to_owned(),
                known: windows
                    .iter()
                    .map(|window| &*window.name)
                    .collect::<Vec<_>>()
                    .join(", "),
            })?;
            cost.push(Charge {
                window,
                key: 0,
                units: *units,
            });
        }
        let user = windows
            .iter()
            .position(|window| window.name == robust_source::USER_WINDOW);
        if let Some(window) = user.filter(|_| {
            !units
                .iter()
                .any(|(name, _)| *name == robust_source::USER_WINDOW)
        }) {
            cost.push(Charge {
                window,
                key: 0,
                units: 1,
            });
        }
        Ok(cost)
    }
}
