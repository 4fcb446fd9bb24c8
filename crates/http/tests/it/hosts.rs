//! Which hosts a client talks to, and through whom.

use std::process::Command;

use robust_http::{BuildError, Client, Kind};

use crate::server::{Server, Step, after, ok, what, within};

async fn server(body: &[u8]) -> Server {
    Server::scripted([Step::Request, ok(body), Step::Again]).await
}

fn place(server: &Server) -> String {
    server.address.to_string()
}

#[tokio::test]
async fn a_client_for_some_hosts_reaches_these_and_shares_the_rest() {
    let (kraken, binance) = (server(b"kraken").await, server(b"binance").await);
    let all = Client::builder().build().unwrap();
    let one = all.for_hosts([place(&kraken)]).unwrap();
    let two = one.clone();
    for client in [&one, &two] {
        let answer = client.fetch(kraken.get(), after(60_000)).await.unwrap();
        assert_eq!(answer.body, "kraken");
        assert_eq!(
            what(client.fetch(binance.get(), after(60_000)).await),
            (Kind::Forbidden, false)
        );
    }
    let answer = all.fetch(binance.get(), after(60_000)).await.unwrap();
    assert_eq!(answer.body, "binance");
    assert_eq!((kraken.seen.accepted(), binance.seen.accepted()), (1, 1));
    assert_eq!((all.stats().opened, one.stats().opened), (2, 2));
}

#[tokio::test]
async fn narrowing_never_widens() {
    let (kraken, binance) = (server(b"kraken").await, server(b"binance").await);
    let listed = Client::builder().allow_hosts([place(&kraken)]);
    let clients = [
        listed.build().unwrap().for_hosts([place(&binance)]),
        Client::builder()
            .build()
            .and_then(|client| client.for_hosts([place(&kraken)]))
            .and_then(|client| client.for_hosts([place(&binance)])),
        Client::builder()
            .build()
            .and_then(|client| client.for_hosts([""; 0])),
    ];
    for client in clients.map(Result::unwrap) {
        for server in [&kraken, &binance] {
            let result = client.fetch(server.get(), after(60_000)).await;
            assert_eq!(what(result), (Kind::Forbidden, false));
        }
    }
    assert_eq!((kraken.seen.accepted(), binance.seen.accepted()), (0, 0));
    let error = Client::builder()
        .build()
        .and_then(|client| client.for_hosts(["127.0.0.1:80x"]))
        .unwrap_err();
    assert!(
        matches!(&error, BuildError::Host { entry, .. } if entry == "127.0.0.1:80x"),
        "{error}"
    );
}

const PROXY: &str = "ROBUST_HTTP_TEST_TARGET";

/// Other clients take a proxy from the environment, and with it whoever can set a variable reads every request. This one does not: a
/// process of its own, with all of the usual variables set, goes straight to the server.
#[tokio::test]
async fn proxies_of_the_environment_are_not_used() {
    let (target, proxy) = (server(b"straight").await, server(b"by proxy").await);
    let url = proxy.url("");
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "hosts::child_of_the_test_of_proxies"])
        .env(PROXY, target.url("/"))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        child.env(name, &url).env(name.to_lowercase(), &url);
    }
    let done = tokio::task::spawn_blocking(move || child.output());
    let output = within("the child ends", done).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        (target.seen.accepted(), proxy.seen.accepted()),
        (1, 0),
        "{output:?}"
    );
}

/// Does nothing unless the test above has started it.
#[tokio::test]
async fn child_of_the_test_of_proxies() {
    let Ok(url) = std::env::var(PROXY) else {
        return;
    };
    let client = Client::builder().build().unwrap();
    let answer = client.fetch(crate::server::get(&url), after(60_000)).await;
    assert_eq!(answer.unwrap().body, "straight");
}
