//! Reads that come due by themselves, and everything else that does.

mod answerable;
mod class;
mod end;
mod gate;
mod hole;
mod naming;
mod outlook;
mod plan;
mod rates;
mod reach;
mod refused;
mod run;
mod schedule;
mod terms;
mod toll;

use std::time::Duration;

use robust_market::{Exchange, Kind, Request, Symbol};
use robust_scheduler::{Measured, Phase, Trigger, Upstream};

use crate::{OnQuarantine, Priority, Query};

pub use class::JobClass;
pub use gate::SourceGate;
pub use outlook::{JobOutlook, Moment, Outlook, SourceOutlook, WindowOutlook};
pub use plan::Plan;
pub use refused::ScheduleError;
pub(crate) use terms::Terms;

pub(crate) use gate::describe;
pub(crate) use naming::{ID as LONGEST_ID, remedy as name_remedy};

/// A read that comes due by itself. Its result goes to the cache and to the listeners.
///
/// The seed's fields, and what they do: exchange, symbols and kind say what is read; the trigger when; `priority` its place among the
/// jobs that are due and the urgency of its reads; `timeout`, `retries` and `rate` bound what it asks. A job makes no tries of its
/// own beside those of its source, so that retries do not multiply.
///
/// A job whose source is out of budget, shut out or down is parked: it waits without a place, burns no attempt and counts no failure.
/// A job of candles asks for all bars since its last success, so that an outage leaves no hole.
///
/// ```
/// use std::time::Duration;
/// use robust_data_manager::market::{Exchange, Interval};
/// use robust_data_manager::scheduler::{Settle, Trigger};
/// use robust_data_manager::{DataJob, Query};
///
/// let bars = Query::candles(Exchange::KRAKEN, "BTC/USD".parse()?, Interval::M5);
/// let job = DataJob::new("bars", bars, Duration::from_secs(300))
///     .trigger(Trigger::Aligned { interval: Duration::from_secs(300), settle: Settle::default() })
///     .priority(3)
///     .timeout(Duration::from_secs(20))
///     .retries(3)
///     .rate(20);
/// assert_eq!(job.name(), "bars");
/// # Ok::<(), robust_data_manager::DataError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a job does nothing until it is given to DataManager::schedule"]
pub struct DataJob {
    name: String,
    title: Option<String>,
    what: What,
    exchanges: Vec<Exchange>,
    trigger: Trigger,
    at_start: bool,
    splay: Duration,
    since_last: bool,
    enabled: bool,
    priority: Option<u8>,
    class: JobClass,
    timeout: Option<Duration>,
    retries: Option<u32>,
    rate: Option<u32>,
    max_failures: Option<u32>,
    exclusive: Option<String>,
    after: Vec<Upstream>,
    min_quality: Option<f64>,
    on_quarantine: Option<OnQuarantine>,
}

#[derive(Debug, Clone)]
enum What {
    One(Query),
    Many { kind: Kind, symbols: Vec<Symbol> },
}

impl DataJob {
    /// Reads `query` once every period, under a name that is unique in the manager: 1 to 200 characters, each of which can be seen.
    pub fn new(name: impl Into<String>, query: Query, every: Duration) -> Self {
        let exchange = query.exchange().clone();
        Self::with(name.into(), exchange, What::One(query), every)
    }

    /// Reads the state of many pairs once every period, with as few requests as the exchange needs for it.
    ///
    /// `kind` is [`Kind::Tickers`] for whole tickers or [`Kind::BidsAsks`] for the best quotes alone. Each pair's value is judged
    /// and kept as if it had been asked for alone, so `manager.ticker(…)` finds it; the listeners hear the answer once, as the list
    /// that it is. A pair that the exchange does not list costs the others nothing: it is left out, told as an error, and the run
    /// counts as failed.
    ///
    /// Where an exchange has no request for many tickers, each pair is asked for by itself.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use robust_data_manager::market::{Exchange, Kind};
    /// use robust_data_manager::{DataJob, DataManager};
    ///
    /// let manager = DataManager::builder().exchange("kraken").start()?;
    /// let symbols = ["BTC/USD", "ETH/USD", "SOL/USD"].map(|name| name.parse());
    /// let symbols = symbols.into_iter().collect::<Result<Vec<_>, _>>()?;
    /// manager.schedule(DataJob::many("majors", Exchange::KRAKEN, Kind::Tickers, symbols, Duration::from_secs(5)))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn many(
        name: impl Into<String>,
        exchange: Exchange,
        kind: Kind,
        symbols: impl IntoIterator<Item = Symbol>,
        every: Duration,
    ) -> Self {
        let symbols = symbols.into_iter().collect();
        Self::with(name.into(), exchange, What::Many { kind, symbols }, every)
    }

    fn with(name: String, exchange: Exchange, what: What, every: Duration) -> Self {
        Self {
            name,
            title: None,
            what,
            exchanges: vec![exchange],
            trigger: Trigger::Every {
                period: every,
                phase: Phase::Spread,
                from: Measured::Start,
            },
            at_start: false,
            splay: Duration::ZERO,
            since_last: false,
            enabled: true,
            priority: None,
            class: JobClass::default(),
            timeout: None,
            retries: None,
            rate: None,
            max_failures: None,
            exclusive: None,
            after: Vec::new(),
            min_quality: None,
            on_quarantine: None,
        }
    }

    /// A name for people, beside the unique one.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Comes due by this trigger instead of once a period.
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.trigger = trigger;
        self
    }

    /// Any of these exchanges can serve the job, instead of one. Each run asks the better of two drawn at random, by free places, time
    /// of its answers and failures, and never one that is parked while another is not; it stays with the last one unless the other is
    /// 25 % better.
    ///
    /// All are asked for the same pair; where one lists it with another quote currency, say so with
    /// [`quote_alias`](crate::ExchangeSettings::quote_alias).
    pub fn any_of(mut self, exchanges: impl IntoIterator<Item = Exchange>) -> Self {
        self.exchanges = exchanges.into_iter().collect();
        self
    }

    /// Counts a run as failed when its value scores less than this (0–100); see [`Query::min_quality`]. The value is stored and told
    /// to the listeners all the same.
    pub const fn min_quality(mut self, score: f64) -> Self {
        self.min_quality = Some(score);
        self
    }

    /// With [`OnQuarantine::Error`] a run whose value is quarantined or rejected counts as failed. The value is stored and told to the
    /// listeners all the same, with its acceptance; what its readers get is their own choice.
    pub const fn on_quarantine(mut self, on_quarantine: OnQuarantine) -> Self {
        self.on_quarantine = Some(on_quarantine);
        self
    }

    /// Also runs once when it is added.
    pub const fn at_start(mut self) -> Self {
        self.at_start = true;
        self
    }

    /// Delays the runs by a part of this that stays the same, evenly among the jobs of its source and period: jobs that share their
    /// moments, as candles do, then do not ask all at once. The moment that a run stands for stays. At most the period. Default none.
    pub const fn splay(mut self, most: Duration) -> Self {
        self.splay = most;
        self
    }

    /// Asks for the trades since the last success, page by page; before the first success, for those of one period.
    ///
    /// A run asks for at most as many as the query's limit says, or one answer holds. When there were more, what came is kept and
    /// told, the run counts as failed, and the next one goes on where it ended, so that none is left out. An exchange that cannot
    /// begin in the past sends its newest; what it left out before them is a [`Warning`](crate::Warning).
    pub const fn since_last(mut self) -> Self {
        self.since_last = true;
        self
    }

    /// Whether it comes due at all. Default yes. One that does not is there, and can be enabled by its id. It counts for what its
    /// source is asked, so that it can.
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// How much the job matters, 1 (most) to 5: its place among the jobs that are due, and the urgency of its reads, where 1 is
    /// Critical, 2 High, 3 Medium, 4 and 5 Low. Default: that of the query; 3 for many pairs.
    pub const fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// What bounds its runs in time. Default [`JobClass::Read`].
    pub const fn class(mut self, class: JobClass) -> Self {
        self.class = class;
        self
    }

    /// How long a run may take, at most as long as its class allows. Default 30 s.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Attempts of a read beyond the first, at most as many as the source makes. Default: those of the source.
    ///
    /// They are made by the source's own retry, with its delays, its budget and its breaker. The scheduler adds none.
    pub const fn retries(mut self, most: u32) -> Self {
        self.retries = Some(most);
        self
    }

    /// The most requests of this job in any minute, beside the limits of its source; at least 1. Default none of its own.
    ///
    /// A job that could not keep to it is refused. A run that would go beyond it waits, and is put off when that takes too long.
    /// Each attempt counts, so a read makes as many beyond the first as the limit has room for.
    pub const fn rate(mut self, per_minute: u32) -> Self {
        self.rate = Some(per_minute);
        self
    }

    /// After so many failed runs in a row the job is quarantined: a probe each quarter of an hour, until one succeeds. At least 1.
    /// Default 5.
    ///
    /// Failures that are no fault of the job do not count: those of an exchange that is ill, of a value that is not good enough.
    pub const fn max_failures(mut self, in_a_row: u32) -> Self {
        self.max_failures = Some(in_a_row);
        self
    }

    /// Never runs while another job of this group runs, whatever exchanges they ask; it waits until that has ended.
    pub fn exclusive(mut self, group: impl Into<String>) -> Self {
        self.exclusive = Some(group.into());
        self
    }

    /// Waits for another job. Several calls are several conditions, all of which must be met.
    pub fn after(mut self, upstream: Upstream) -> Self {
        self.after.push(upstream);
        self
    }

    /// Its name, unique in a manager.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The exchanges that can serve it.
    #[must_use]
    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// What makes it come due.
    #[must_use]
    pub const fn trigger_of(&self) -> &Trigger {
        &self.trigger
    }

    /// The time from one run to the next, where it is always the same.
    #[must_use]
    pub fn period(&self) -> Option<Duration> {
        self.trigger.period()
    }

    /// How much it matters, by its own word or that of its query.
    fn rank(&self) -> u8 {
        self.priority.unwrap_or(match &self.what {
            What::One(query) => rank(query.priority),
            What::Many { .. } => 3,
        })
    }

    /// The pairs whose prices this job follows.
    fn pairs(&self) -> &[Symbol] {
        match &self.what {
            What::One(query) => match query.request() {
                request @ (Request::Ticker { .. } | Request::OrderBook { .. }) => request.symbols(),
                _ => &[],
            },
            What::Many { symbols, .. } => symbols,
        }
    }
}

const fn rank(priority: Priority) -> u8 {
    match priority {
        Priority::Critical => 1,
        Priority::High => 2,
        Priority::Medium => 3,
        _ => 4,
    }
}

/// The urgency of the reads of a job of this rank.
const fn urgency(rank: u8) -> Priority {
    match rank {
        0 | 1 => Priority::Critical,
        2 => Priority::High,
        3 => Priority::Medium,
        _ => Priority::Low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_critical_two_high_three_medium_four_and_five_low() {
        let classes = [1, 2, 3, 4, 5].map(urgency);
        let expected = [
            Priority::Critical,
            Priority::High,
            Priority::Medium,
            Priority::Low,
            Priority::Low,
        ];
        assert_eq!(classes, expected);
        assert_eq!(expected.map(rank), [1, 2, 3, 4, 4]);
    }
}
