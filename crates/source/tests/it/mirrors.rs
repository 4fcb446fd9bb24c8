//! Several addresses of one exchange: when nobody can be reached at one, the next attempt takes the next.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use robust_connectors::{Binance, Connector};
use robust_http::{Error, Fetched, Kind};
use robust_limiter::Class;
use robust_market::{Exchange, Origin, Request, RequestId};
use robust_sim::{Sim, VirtualClock};
use robust_source::{Answer, Call, Cause, Source, SourceError, Transport};
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};

use crate::world::door;

/// An exchange that is reached under some names and fails under the others.
struct Names {
    source: Source,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Names {
    fn new(
        urls: &[&str],
        fails: impl Fn(&str) -> Option<Error> + Clone + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(VirtualClock::starting_at(
            robust_market::Timestamp::from_ns(1_750_000_000_000_000_000),
        ));
        let sim = Sim::builder(Exchange::BINANCE)
            .clock(clock.clone())
            .build()
            .unwrap();
        let (asked, inner) = (Arc::new(Mutex::new(Vec::new())), door(&sim));
        let seen = Arc::clone(&asked);
        let transport = Transport::new(service_fn(move |request: http::Request<Bytes>| {
            let host = request.uri().host().unwrap_or_default().to_owned();
            let failure = fails(&host);
            seen.lock().unwrap().push(host);
            let inner = inner.clone();
            async move {
                match failure {
                    Some(error) => Err::<Fetched, Error>(error),
                    None => inner.oneshot(request).await,
                }
            }
        }));
        let connector: Arc<dyn Connector> = Arc::new(Binance);
        let source = Source::builder(connector)
            .clock(clock)
            .base_urls(urls.iter().copied())
            .build(transport)
            .unwrap();
        Self { source, asked }
    }

    async fn ask(&self) -> Result<Answer, SourceError> {
        let request = Arc::new(Request::Ticker {
            symbol: "BTC/USDT".parse().unwrap(),
        });
        let end = Instant::now() + Duration::from_secs(60);
        let call = Call::new(request, Class::Medium, end, RequestId(1));
        self.source.call(call).await
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn down(kind: Kind, sent: bool) -> impl Fn(&str) -> Option<Error> + Clone {
    move |host| (host == "a").then(|| Error::new(kind, sent))
}

#[tokio::test(start_paused = true)]
async fn when_no_connection_can_be_made_the_next_attempt_takes_the_next_address() {
    for kind in [Kind::Connect, Kind::Dns, Kind::ConnectTimeout] {
        let names = Names::new(&["https://a", "https://b"], down(kind, false));
        let answer = names.ask().await.unwrap();
        assert_eq!(answer.authority, "b");
        assert_eq!(names.asked(), ["a", "b"]);
        // Nobody goes back to what is known to be down.
        names.ask().await.unwrap();
        assert_eq!(names.asked(), ["b"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_sent_and_a_single_address_stay_where_they_are() {
    let names = Names::new(&["https://a", "https://b"], down(Kind::Reset, true));
    names.ask().await.unwrap_err();
    assert!(names.asked().iter().all(|host| host == "a"));
    let names = Names::new(&["https://a"], down(Kind::Connect, false));
    let error = names.ask().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Network(_)), "{error}");
    assert!(names.asked().iter().all(|host| host == "a"));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_came_back_is_found_again() {
    let names = Names::new(&["https://a", "https://b"], |_| {
        Some(Error::new(Kind::Connect, false))
    });
    names.ask().await.unwrap_err();
    assert_eq!(names.asked(), ["a", "b", "a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_from_a_test_system_is_simulated() {
    // The door counts as this machine, so the evidence is taken from an answer that does not.
    let clock = Arc::new(VirtualClock::starting_at(
        robust_market::Timestamp::from_ns(1_750_000_000_000_000_000),
    ));
    let time = service_fn(|_: http::Request<Bytes>| async {
        let body = Bytes::from_static(br#"{"serverTime":1750000000000}"#);
        let (status, headers) = (http::StatusCode::OK, http::HeaderMap::new());
        Ok::<_, Error>(Fetched::new(status, headers, body, Instant::now(), false))
    });
    for (url, origin) in [
        ("https://api.binance.com", Origin::Rest),
        ("https://testnet.binance.vision", Origin::Simulated),
    ] {
        let connector: Arc<dyn Connector> = Arc::new(Binance);
        let source = Source::builder(connector)
            .clock(clock.clone())
            .base_url(url)
            .build(Transport::new(time))
            .unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        let call = Call::new(
            Arc::new(Request::ServerTime),
            Class::Medium,
            end,
            RequestId(1),
        );
        assert_eq!(source.call(call).await.unwrap().origin, origin, "{url}");
    }
}
