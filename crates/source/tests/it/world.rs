//! A source over a simulated exchange without sockets: time is tokio's, paused, and nothing sleeps for real.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use robust_connectors::{Binance, Connector, Kraken};
use robust_http::{Error, Kind};
use robust_limiter::Class;
use robust_market::{Clock, Exchange, Request, RequestId, Timestamp};
use robust_sim::{DoorError, Sim, VirtualClock};
use robust_source::{Answer, Call, Source, SourceConfig, SourceError, Transport};
use tokio::time::Instant;
use tower::ServiceExt;

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) source: Source,
}

/// The door as the HTTP client's stand-in.
pub(crate) fn door(sim: &Sim) -> Transport {
    robust_source::in_memory(sim.service(), |error| match error {
        DoorError::Refused => Error::new(Kind::Connect, false),
        _ => Error::new(Kind::Closed, true),
    })
}

/// Asks a source for the time, with the patience of an hour.
pub(crate) async fn ask(source: &Source) -> Result<Answer, SourceError> {
    let end = Instant::now() + Duration::from_secs(3_600);
    let request = Arc::new(Request::ServerTime);
    source
        .call(Call::new(request, Class::High, end, RequestId(1)))
        .await
}

impl World {
    pub(crate) fn of(exchange: &Exchange, config: SourceConfig) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(Timestamp::from_ns(
            1_750_000_000_000_000_000,
        )));
        let sim = Sim::builder(exchange.clone())
            .seed(1)
            .clock(Arc::clone(&clock))
            .build()
            .unwrap();
        let connector: Arc<dyn Connector> = if *exchange == Exchange::KRAKEN {
            Arc::new(Kraken)
        } else {
            Arc::new(Binance)
        };
        let source = Source::builder(connector)
            .config(config)
            .clock(clock)
            .seed(3)
            .build(door(&sim))
            .unwrap();
        Self { sim, source }
    }

    pub(crate) fn kraken() -> Self {
        Self::of(&Exchange::KRAKEN, SourceConfig::default())
    }

    pub(crate) fn binance() -> Self {
        Self::of(&Exchange::BINANCE, SourceConfig::default())
    }

    pub(crate) fn ticker(&self) -> Arc<Request> {
        let quote = if self.source.exchange() == Exchange::KRAKEN {
            "USD"
        } else {
            "USDT"
        };
        Arc::new(Request::Ticker {
            symbol: format!("BTC/{quote}").parse().unwrap(),
        })
    }

    pub(crate) fn call(&self, request: Arc<Request>, class: Class) -> Call {
        Call::new(
            request,
            class,
            Instant::now() + Duration::from_secs(3_600),
            RequestId(1),
        )
    }

    pub(crate) async fn ask(&self) -> Result<Answer, SourceError> {
        self.source
            .call(self.call(self.ticker(), Class::Medium))
            .await
    }
}

/// A client of the same simulator that knows nothing of our budget.
pub(crate) struct Stranger(Transport);

impl World {
    pub(crate) fn door_of(&self) -> Stranger {
        Stranger(door(&self.sim))
    }
}

impl Stranger {
    pub(crate) async fn depth_5000(&self) {
        let request = http::Request::get("http://binance/api/v3/depth?symbol=BTCUSDT&limit=5000");
        let fetched = self
            .0
            .clone()
            .oneshot(request.body(Bytes::new()).unwrap())
            .await
            .unwrap();
        assert_eq!(fetched.status, 200);
    }
}
