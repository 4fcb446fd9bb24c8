//! Jobs are checked, priced and given to the scheduler.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_connectors::Connector;
use robust_limiter::{Limiter, Window};
use robust_market::{Exchange, Kind, Request, Symbol};
use robust_scheduler::{AddError, Dependents, Failures, Job, JobBuilder, JobId, Trigger};

use super::rates::Rates;
use super::run::{Asks, Work};
use super::{DataJob, JobClass, Plan, ScheduleError, Terms, What, gate, urgency};
use crate::feed::Pairs;
use crate::many::Many;
use crate::{ConfigError, DataManager, Priority};

/// How long a job is left alone that failed for reasons of its own, at most.
const BACKOFF: Duration = Duration::from_secs(900);

impl DataManager {
    /// Adds a job. It fetches, whatever is stored, and writes the result through.
    ///
    /// A run that is due while the one before still waits replaces it, and the older one counts as superseded.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] when the exchange is not configured, the name is taken, the period too short, the manager shut down, or the
    /// exchange would be asked more than it allows.
    pub fn schedule(&self, job: DataJob) -> Result<JobId, ScheduleError> {
        let name = job.name.clone();
        let ids = self.schedule_all([job])?;
        let refused = AddError::Duplicate { name: name.into() };
        ids.first().copied().ok_or(ScheduleError::Refused(refused))
    }

    /// Adds jobs, all of them or none. They may wait for each other in any order.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] for the first job that cannot be added.
    pub fn schedule_all(
        &self,
        jobs: impl IntoIterator<Item = DataJob>,
    ) -> Result<Vec<JobId>, ScheduleError> {
        let jobs: Vec<DataJob> = jobs.into_iter().collect();
        let mut ready = Vec::with_capacity(jobs.len());
        for job in &jobs {
            let (spec, work) = self.prepare(job)?;
            let work = Arc::new(work);
            ready.push(spec.handler(move |run| Arc::clone(&work).until_told(run)));
        }
        let added = self.scheduler().add_all(ready);
        let ids = added.map_err(|(index, error)| self.explained(jobs.get(index), error))?;
        for (id, job) in ids.iter().zip(&jobs) {
            // It was added a moment ago and can only be gone when the scheduler is. What a journal says of it gives way to what the
            // job says now.
            let _ = match job.enabled {
                true => self.scheduler().enable(*id).is_ok(),
                false => self.scheduler().disable(*id, Dependents::Detach).is_ok(),
            };
        }
        Ok(ids)
    }

    /// Adds the jobs of a plan whose exchanges are configured, all of them or none.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] for the first job that cannot be added; [`ScheduleError::Config`] when none of its exchanges is configured.
    pub fn schedule_plan(&self, plan: &Plan) -> Result<Vec<JobId>, ScheduleError> {
        let there = plan.narrowed(|name| self.source(name).is_ok())?;
        self.schedule_all(there.jobs()?)
    }

    /// The jobs of the configuration, its plan's first, in its order.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first setting that cannot be used.
    pub fn configured_jobs(&self) -> Result<Vec<DataJob>, ConfigError> {
        let mut jobs = Vec::new();
        for settings in self.configured() {
            jobs.extend(settings.jobs()?);
        }
        Ok(jobs)
    }

    /// Adds the jobs of the configuration, its plan's first, in its order. All of them or none.
    ///
    /// Then, unless [`QualitySettings::history`](crate::QualitySettings::history) is off, the pairs of tickers and books are given
    /// their history in the background. A pair whose history cannot be had is a [`Warning`](crate::Warning) and nothing more.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use robust_data_manager::{Config, DataManager};
    ///
    /// let config = Config::from_toml(
    ///     r#"
    ///     [exchanges.kraken]
    ///
    ///     [[jobs]]
    ///     id = "book"
    ///     exchange = "kraken"
    ///     kind = "book"
    ///     symbol = "BTC/USD"
    ///     depth = 25
    ///     every = "2s"
    ///     "#,
    /// )?;
    /// let manager = DataManager::builder().config(config).start()?;
    /// assert_eq!(manager.schedule_configured()?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] for the first job that cannot be added. Adding them twice is one: their names are taken.
    pub fn schedule_configured(&self) -> Result<Vec<JobId>, ScheduleError> {
        let jobs = self.configured_jobs()?;
        let mut pairs = Pairs::new();
        for job in &jobs {
            for (exchange, every) in job.exchanges.iter().zip(std::iter::repeat(job.period())) {
                let known = pairs.entry(exchange.clone()).or_default();
                let every = every.unwrap_or(Duration::from_secs(60));
                known.extend(job.pairs().iter().map(|symbol| (symbol.clone(), every)));
            }
        }
        let ids = self.schedule_all(jobs)?;
        self.feed(pairs);
        Ok(ids)
    }

    /// A job as the scheduler takes it, and what it does.
    pub(super) fn prepare(&self, job: &DataJob) -> Result<(JobBuilder, Work), ScheduleError> {
        job.check_names()?;
        let name = || job.name.clone();
        job.check_terms()?;
        let (rank, class) = (job.rank(), job.class);
        let timeout = job.timeout.unwrap_or_else(|| class.usual());
        if timeout > class.longest() {
            return Err(ScheduleError::TooLong {
                job: name(),
                timeout,
                longest: class.longest(),
            });
        }
        let terms = Terms {
            priority: job.priority.map(urgency),
            retries: job.retries,
            min_quality: job.min_quality,
            on_quarantine: job.on_quarantine,
        };
        let (mut asks, mut costs, mut requests) = (Vec::new(), Vec::new(), 0);
        for (index, exchange) in job.exchanges.iter().enumerate() {
            if job.exchanges.iter().take(index).any(|one| one == exchange) {
                let (job, exchange) = (name(), exchange.clone());
                return Err(ScheduleError::ExchangeTwice { job, exchange });
            }
            let source = self.source(exchange.clone()).map_err(|error| {
                let job = name();
                ScheduleError::Query { job, error }
            })?;
            let connector = &**source.connector();
            job.check_answerable(connector, &source.symbols(), self.clock().now())?;
            let rates = Rates::of(&source);
            let usual = job.requests(connector, exchange)?;
            let times = usual.iter().map(|request| rates.share(connector, request));
            costs.push(gate::cost(times.sum()));
            requests = requests.max(usual.len());
            asks.push((exchange.clone(), job.asks(connector, exchange, terms)?));
        }
        if asks.is_empty() {
            return Err(ScheduleError::NoExchange { job: name() });
        }
        if let (Some(rate), Some(period)) = (job.rate, job.period()) {
            let a_minute = requests as f64 * 60.0 / period.as_secs_f64().max(1e-3);
            if a_minute > f64::from(rate) {
                let (job, asks) = (name(), a_minute.ceil() as u64);
                return Err(ScheduleError::Rate { job, rate, asks });
            }
        }
        let sources = job
            .exchanges
            .iter()
            .map(|exchange| exchange.as_str().to_owned());
        let mut spec = Job::on(job.name.clone(), job.trigger.clone())
            .priority(rank)
            .any_source(sources)
            .costs(costs)
            .splay(job.splay)
            .timeout(timeout)
            .escalated_timeout(class.escalated(timeout))
            // What is no fault of the job is excused one by one: whether the exchange is well is for its breaker to say.
            .failures(job.failures())
            .run_at_start(job.at_start && job.enabled);
        if let Some(group) = &job.exclusive {
            spec = spec.exclusive(group.as_str());
        }
        for upstream in &job.after {
            spec = spec.after(upstream.clone());
        }
        let work = Work {
            shared: self.shared(),
            parts: self.downgrade(),
            service: self.service(),
            asks,
            terms,
            rate: job.rate.map(|rate| {
                let minute = Window::sliding("rate", rate.max(1), Duration::from_secs(60));
                Limiter::builder(job.name.clone()).window(minute).build()
            }),
            since_last: job.since_last,
            reached: Mutex::new(None),
            pages: job.rate,
            patient: matches!(class, JobClass::Scan),
            aligned: matches!(job.trigger, Trigger::Aligned { .. }),
            period: job.period().unwrap_or(BACKOFF),
        };
        Ok((spec, work))
    }

    /// What the scheduler says, in the words of exchanges and limits.
    pub(super) fn explained(&self, job: Option<&DataJob>, error: AddError) -> ScheduleError {
        if let AddError::NoUpstream { name, upstream } = &error {
            return ScheduleError::NoUpstream {
                job: name.to_string(),
                upstream: upstream.to_string(),
            };
        }
        match (&error, job) {
            (AddError::Never { .. }, Some(job)) => {
                return ScheduleError::Never {
                    job: job.name.clone(),
                    when: job.when(),
                };
            }
            // These name no job.
            (
                AddError::PeriodTooShort { .. } | AddError::Priority { .. } | AddError::NoTime,
                Some(job),
            ) => {
                let job = job.name.clone();
                return ScheduleError::NotTaken { job, error };
            }
            _ => {}
        }
        let (
            AddError::Overload {
                source_name,
                percent,
            },
            Some(job),
        ) = (&error, job)
        else {
            return ScheduleError::Refused(error);
        };
        let source = self.source(&**source_name);
        let limits = source.map(|source| Rates::of(&source)).ok().map(|rates| {
            let windows = rates.windows.iter().filter(|rate| !rate.keyed);
            let text =
                windows.map(|rate| format!("{} {} per {:?}", rate.limit, rate.name, rate.per));
            text.collect::<Vec<_>>().join(", ")
        });
        ScheduleError::Overload {
            job: job.name.clone(),
            exchange: source_name.to_string(),
            percent: *percent,
            limit: limits.unwrap_or_default(),
        }
    }
}

impl DataJob {
    fn failures(&self) -> Failures {
        let usual = Failures::default().backoff(BACKOFF);
        match self.max_failures {
            Some(in_a_row) => usual.quarantine_after(in_a_row.max(1)),
            None => usual,
        }
    }

    /// What a usual run asks this exchange.
    pub(super) fn requests(
        &self,
        connector: &dyn Connector,
        exchange: &Exchange,
    ) -> Result<Vec<Request>, ScheduleError> {
        Ok(match &self.what {
            What::One(query) => {
                let request = query.request();
                let paging = connector.paging(request.kind());
                let pages = match (request, paging) {
                    // An exchange that takes no start sends its newest rows, once.
                    (
                        Request::Trades {
                            limit: Some(rows), ..
                        },
                        Some(paging),
                    ) if self.since_last && paging.from_time => rows.div_ceil(paging.page.max(1)),
                    _ => 1,
                };
                let pages = usize::try_from(pages).unwrap_or(1).max(1);
                // The list of pairs comes before what is asked of all of them.
                let list = request.is_whole_market().then_some(Request::Instruments);
                let pages = std::iter::repeat_n(request.clone(), pages);
                list.into_iter().chain(pages).collect()
            }
            What::Many { kind, symbols } => {
                let many = self.many_of(connector, exchange, *kind, symbols.clone())?;
                many.each()
            }
        })
    }

    fn asks(
        &self,
        connector: &dyn Connector,
        exchange: &Exchange,
        terms: Terms,
    ) -> Result<Asks, ScheduleError> {
        Ok(match &self.what {
            What::One(query) => {
                let mut query = query.clone();
                query.exchange = exchange.clone();
                Asks::One(query)
            }
            What::Many { kind, symbols } => {
                let mut many = self.many_of(connector, exchange, *kind, symbols.clone())?;
                many.terms = terms;
                Asks::Many(many)
            }
        })
    }

    fn many_of(
        &self,
        connector: &dyn Connector,
        exchange: &Exchange,
        kind: Kind,
        symbols: Vec<Symbol>,
    ) -> Result<Many, ScheduleError> {
        many_of(
            &self.name,
            connector,
            exchange,
            kind,
            symbols,
            urgency(self.rank()),
        )
    }
}

/// How the exchange is asked for all of these pairs.
fn many_of(
    job: &str,
    connector: &dyn Connector,
    exchange: &Exchange,
    kind: Kind,
    symbols: Vec<Symbol>,
    priority: Priority,
) -> Result<Many, ScheduleError> {
    if symbols.is_empty() {
        return Err(ScheduleError::NoPair {
            job: job.to_owned(),
        });
    }
    let refuse = |remedy| ScheduleError::NotMany {
        job: job.to_owned(),
        exchange: exchange.clone(),
        kind,
        remedy,
    };
    let together = connector.many(Kind::Ticker);
    let (asked, max) = match (kind, together) {
        (Kind::Ticker | Kind::Tickers, Some(many)) => (many.kind, many.max_symbols),
        (Kind::Ticker | Kind::Tickers, None) => (Kind::Ticker, Some(1)),
        (Kind::BidsAsks, _) if !connector.supports(kind) => {
            return Err(refuse("ask for tickers"));
        }
        // What an exchange takes in one request is a fact about names in an address, not about the fields of the answer.
        (Kind::BidsAsks, together) => (
            kind,
            together.map_or(Some(1), |together| together.max_symbols),
        ),
        _ => return Err(refuse("ask for tickers or bids_asks")),
    };
    Ok(Many::new(exchange.clone(), asked, symbols, max, priority))
}
