//! A look at what an exchange has sent, before it is read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use robust_market::{Exchange, Request};

/// Shows each answer's body to a function of yours, such as one that compares its shape with the documented one.
///
/// It is called once per answered attempt, on the task that reads the answer and before that is read, refusals and pages of HTML
/// included: be quick, do not block, do not panic. A source without a tap pays one comparison for each attempt.
///
/// It never sees a request, nor the answer to a question that is signed for whoever has credentials
/// ([`Connector::needs_signature`](robust_connectors::Connector::needs_signature)): what an exchange says about keys stays inside.
#[derive(Clone)]
pub struct Tap(Arc<Look>);

type Look = dyn Fn(&Seen<'_>) + Send + Sync;

/// One answer of an exchange as it came.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Seen<'a> {
    /// Who answers.
    pub exchange: &'a Exchange,
    /// What was asked.
    pub request: &'a Request,
    /// The path that the question went to, without its parameters.
    pub path: &'a str,
    /// The HTTP status.
    pub status: StatusCode,
    /// The body, decompressed.
    pub body: &'a [u8],
    /// From the attempt's start to the first byte of the answer: without any wait for the budget.
    pub took: Duration,
}

impl Tap {
    /// Shows answers to `look`.
    #[must_use]
    pub fn new(look: impl Fn(&Seen<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    pub(crate) fn show(&self, seen: &Seen<'_>) {
        (self.0)(seen);
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use bytes::Bytes;
    use robust_connectors::KuCoin;
    use robust_limiter::Class;
    use robust_market::RequestId;
    use tokio::time::Instant;

    use super::*;
    use crate::{Call, Source, SourceConfig, in_memory};

    /// What the tap saw when a KuCoin that says `body` to everything was asked.
    async fn seen(request: Request, body: &'static str) -> Vec<(u16, String, Duration)> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&told);
        let tap = Tap::new(move |seen| {
            let body = String::from_utf8(seen.body.to_vec()).unwrap();
            assert_eq!(*seen.exchange, Exchange::KUCOIN);
            assert_eq!(seen.path, "/api/v1/timestamp");
            notes
                .lock()
                .unwrap()
                .push((seen.status.as_u16(), body, seen.took));
        });
        let venue = tower::service_fn(move |_| async move {
            tokio::time::sleep(Duration::from_millis(40)).await;
            Ok::<_, Infallible>(http::Response::new(Bytes::from_static(body.as_bytes())))
        });
        let config = SourceConfig {
            retries: 1,
            ..SourceConfig::default()
        };
        let source = Source::builder(Arc::new(KuCoin))
            .config(config)
            .tap(tap)
            .build(in_memory(venue, |never| match never {}))
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let call = Call::new(Arc::new(request), Class::High, deadline, RequestId(1));
        let _ = source.call(call).await;
        let told = told.lock().unwrap();
        told.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn each_attempt_shows_its_answer_once_whatever_it_is() {
        let good = r#"{"code":"200000","data":1700000000000}"#;
        let took = Duration::from_millis(40);
        assert_eq!(
            seen(Request::ServerTime, good).await,
            [(200, good.to_owned(), took)]
        );
        let page = "<html>502</html>";
        let twice = vec![(200, page.to_owned(), took); 2];
        assert_eq!(seen(Request::ServerTime, page).await, twice);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_a_question_for_key_holders_is_not_shown() {
        let request = Request::OrderBook {
            symbol: "BTC/USDT".parse().unwrap(),
            depth: Some(500),
        };
        let body = r#"{"code":"400003","msg":"KC-API-KEY 12ab34 not exists"}"#;
        assert!(seen(request, body).await.is_empty());
    }
}
