//! The whole stack of a source, around an exchange that has its answer ready.

use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderMap;
use http::uri::{Authority, PathAndQuery};
use robust_connectors::{
    Charge, Charges, Connector, Context as Moment, EncodeError, RateWindow, Reply, SymbolTable,
    Usages, Verdict, WireRequest,
};
use robust_limiter::{Class, MonotonicClock};
use robust_market::{Decoded, Exchange, Kind, Origin, Payload, Request, RequestId, Timestamp};
use robust_source::{Answer, Call, Failed, Source, SourceConfig};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use super::ours::PER;
use super::subject::Case;

pub const SOURCE: &str = "ours source, the whole stack";
pub const SOURCE_QUICK: &str = "ours source, the whole stack, quick clock";

/// One window that no call has to wait for; a call costs one unit of it.
#[derive(Debug)]
struct Open;

impl Connector for Open {
    fn exchange(&self) -> Exchange {
        Exchange::KRAKEN
    }

    fn base_url(&self) -> &'static str {
        "https://127.0.0.1"
    }

    fn supports(&self, _: Kind) -> bool {
        true
    }

    fn windows(&self) -> Vec<RateWindow> {
        vec![RateWindow {
            name: "bench",
            // More than fit into any time: the window is stretched by its guard, as always in a source.
            limit: 1_000_000_000,
            per: PER,
            keyed: false,
        }]
    }

    fn cost(&self, _: &Request) -> Charges {
        let charge = Charge {
            window: 0,
            key: 0,
            units: 1,
        };
        [charge].into_iter().collect()
    }

    fn symbols(&self) -> SymbolTable {
        SymbolTable::default()
    }

    fn encode(&self, _: &Request, _: &Moment<'_>) -> Result<WireRequest, EncodeError> {
        Ok(WireRequest::get(PathAndQuery::from_static("/")))
    }

    fn decode(
        &self,
        _: &Request,
        _: &Moment<'_>,
        _: &Reply<'_>,
    ) -> Result<Decoded<Payload>, Verdict> {
        Ok(Decoded::clean(Payload::ServerTime(Timestamp::EPOCH)))
    }

    fn usage(&self, _: &HeaderMap) -> Usages {
        Usages::new()
    }
}

/// Answers at once. The answer is made when the future is polled, so that the future is as small as the boxed one of an exchange, and
/// what is measured above it is the layers.
#[derive(Debug, Clone)]
struct Prompt {
    born: Instant,
    here: Authority,
}

impl Service<Call> for Prompt {
    type Response = Answer;
    type Error = Failed;
    type Future = Prompt;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Call) -> Self::Future {
        self.clone()
    }
}

impl Future for Prompt {
    type Output = Result<Answer, Failed>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let time = Decoded::clean(Payload::ServerTime(Timestamp::EPOCH));
        Poll::Ready(Ok(Answer::new(
            time,
            Origin::Simulated,
            self.here.clone(),
            Timestamp::EPOCH,
            self.born,
        )))
    }
}

pub fn cases(runtime: &Rc<Runtime>) -> [Case; 2] {
    [
        case(SOURCE, runtime, MonotonicClock::tokio()),
        case(SOURCE_QUICK, runtime, MonotonicClock::counter()),
    ]
}

fn case(name: &'static str, runtime: &Rc<Runtime>, clock: MonotonicClock) -> Case {
    let venue = Prompt {
        born: Instant::now(),
        here: Authority::from_static("127.0.0.1"),
    };
    let source = Source::builder(Arc::new(Open))
        .config(SourceConfig::default())
        .monotonic(clock)
        .build_over(venue)
        .expect("the defaults are valid");
    let (mut service, runtime) = (source.service(), Rc::clone(runtime));
    let question = Arc::new(Request::ServerTime);
    let end = Instant::now() + Duration::from_secs(3_600);
    Case::new(name, move |calls| {
        runtime.block_on(async {
            for number in 0..calls {
                let ready = service.ready().await.expect("always ready");
                let id = RequestId(u64::from(number));
                let call = Call::new(Arc::clone(&question), Class::Medium, end, id);
                let answer = ready.call(black_box(call)).await;
                // Looked at where it is: an answer is large, and moving it in and out of the black box is not what a caller does.
                assert!(black_box(&answer).is_ok());
            }
        });
    })
}
