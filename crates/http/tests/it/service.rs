//! The client as a tower service.

use robust_http::{Client, Deadline, Error, Kind, Phase};
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use crate::server::{Server, Step, client, ok, what};

#[tokio::test]
async fn service_fetches() {
    let server = Server::scripted([Step::Request, ok(b"x")]).await;

    let answer = client().oneshot(server.get()).await.unwrap();

    assert_eq!(answer.body, "x");
}

#[tokio::test]
async fn service_takes_the_deadline_from_the_request() {
    let server = Server::scripted([Step::Request, ok(b"x")]).await;
    let mut request = server.get();
    request.extensions_mut().insert(Deadline(Instant::now()));

    assert_eq!(
        what(client().oneshot(request).await),
        (
            Kind::Timeout {
                phase: Phase::Queue
            },
            false
        )
    );
}

#[tokio::test]
async fn call_without_readiness_does_not_panic() {
    let server = Server::scripted([Step::Request, ok(b"x")]).await;

    assert_eq!(client().call(server.get()).await.unwrap().body, "x");
}

/// Readiness reserves nothing: a hundred clones that are ready and idle leave the one place to who calls.
#[tokio::test]
async fn ready_clones_hold_no_place() {
    let server = Server::scripted([Step::Request, ok(b"x"), Step::Again]).await;
    let client = robust_http::Client::builder()
        .max_per_host(1)
        .build()
        .unwrap();
    let mut clones = vec![client.clone(); 100];
    for clone in &mut clones {
        clone.ready().await.unwrap();
    }
    assert_eq!(client.stats().in_flight, 0);
    assert_eq!(client.oneshot(server.get()).await.unwrap().body, "x");
}

#[test]
fn everything_crosses_threads() {
    fn send<T: Send + 'static>() {}
    fn sync<T: Sync>() {}
    fn clone<T: Clone>() {}
    send::<Client>();
    sync::<Client>();
    clone::<Client>();
    send::<robust_http::Response>();
    send::<robust_http::Body>();
    send::<robust_http::FetchFuture>();
    send::<Error>();
    sync::<Error>();
    clone::<Error>();
}
