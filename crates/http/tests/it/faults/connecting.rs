//! Rows 1 to 6 and 25: faults on the way to a server.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use robust_http::{Builder, Client, Kind, Resolve, Resolving};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use super::{SOON, Start};
use crate::server::{Server, Step, after, get, ok, play, raw, what, within};
use crate::tls::{Authority, encrypted};

/// Answers by script; the last answer is repeated. An empty answer never comes.
#[derive(Debug, Clone)]
struct Names {
    answers: Arc<Vec<io::Result<Vec<IpAddr>>>>,
    asked: Arc<AtomicUsize>,
}

impl Names {
    fn new(answers: Vec<io::Result<Vec<IpAddr>>>) -> Self {
        Self {
            answers: Arc::new(answers),
            asked: Arc::default(),
        }
    }
}

impl Resolve for Names {
    fn resolve(&self, _: &str) -> Resolving {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = match &self.answers[turn.min(self.answers.len() - 1)] {
            Ok(addresses) => Ok(addresses.clone()),
            Err(error) => Err(error.kind().into()),
        };
        Box::pin(async move {
            match answer {
                Ok(addresses) if addresses.is_empty() => std::future::pending().await,
                answer => answer,
            }
        })
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A client for a name that leads to this machine.
fn local(names: Names) -> Builder {
    Client::builder()
        .allow_plaintext()
        .allow_private()
        .resolver(names)
}

/// Row 1: connection refused.
#[tokio::test]
async fn refused_connection_is_connect_and_unsent_at_once() {
    let start = Start::now();
    // bound but not listening
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let client = Client::builder().build().unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    let result = client.fetch(get(&url), after(60_000)).await;
    assert_eq!(what(result), (Kind::Connect, false));
    assert_eq!(client.stats().opened, 0);
    start.restored(SOON, client, Vec::new()).await;
}

/// Row 2: the first address of a name is a black hole. The next one is tried in time, and first from then on.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn black_hole_leads_to_the_next_address() {
    let start = Start::now();
    let script = vec![Step::Request, ok(b"second")];
    let server = Server::scripted(script).await;
    let hole = SocketAddr::new(ip("127.0.0.2"), server.address.port());
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(hole).unwrap();
    let _listener = socket.listen(1).unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(100), TcpStream::connect(hole)).await {
        queued.push(stream.unwrap());
        assert!(queued.len() < 64, "the queue never filled");
    }
    let names = Names::new(vec![Ok(vec![ip("127.0.0.2"), ip("127.0.0.1")])]);
    // of the timeout each address has one second
    let client = local(names)
        .connect_timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let url = format!("http://exchange.test:{}/", server.address.port());

    let answer = within("an answer", client.fetch(get(&url), after(60_000))).await;
    assert_eq!(answer.unwrap().body, "second");
    let again = Instant::now();
    let answer = within("an answer", client.fetch(get(&url), after(60_000))).await;
    assert_eq!(answer.unwrap().body, "second");
    assert!(
        again.elapsed() < Duration::from_secs(1),
        "{:?}",
        again.elapsed()
    );
    drop(queued);
    start.restored(SOON, client, vec![server]).await;
}

/// Row 3: the resolver fails. A class of its own; once there was an answer, that one stands in.
#[tokio::test]
async fn failing_resolver_is_dns_and_the_last_good_answer_stands_in() {
    let start = Start::now();
    let server = Server::scripted([Step::Request, ok(b"x")]).await;
    let url = format!("http://exchange.test:{}/", server.address.port());
    let failed = || Err(io::ErrorKind::NotFound.into());
    for broken in [failed(), Ok(Vec::new())] {
        let client = local(Names::new(vec![broken]))
            .connect_timeout(Duration::from_millis(100))
            .build()
            .unwrap();
        let result = client.fetch(get(&url), after(60_000)).await;
        assert_eq!(what(result), (Kind::Dns, false));
    }
    let names = Names::new(vec![Ok(vec![ip("127.0.0.1")]), failed()]);
    let client = local(names)
        .dns_lifetime(Duration::from_millis(1))
        .build()
        .unwrap();
    for _ in 0..3 {
        let answer = client.fetch(get(&url), after(60_000)).await.unwrap();
        assert_eq!(answer.body, "x");
        server.seen.wait_until_closed().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stats = client.stats();
    assert!(stats.lookups_stale >= 1 && stats.lookups_stale == stats.lookups_failed);
    start.restored(SOON, client, vec![server]).await;
}

/// A resolver that fails, or answers, after this long; never, without one. Counts its questions, and how many of them are open.
#[derive(Debug, Clone)]
struct Slow {
    takes: Option<Duration>,
    asked: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Slow {
    fn new(takes: Option<Duration>) -> Self {
        Self {
            takes,
            asked: Arc::default(),
            open: Arc::default(),
        }
    }

    fn counts(&self) -> (usize, usize) {
        (
            self.asked.load(Ordering::SeqCst),
            self.open.load(Ordering::SeqCst),
        )
    }
}

impl Resolve for Slow {
    fn resolve(&self, _: &str) -> Resolving {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.open.fetch_add(1, Ordering::SeqCst);
        let (takes, open) = (self.takes, Open(Arc::clone(&self.open)));
        Box::pin(async move {
            let _open = open;
            match takes {
                Some(takes) => tokio::time::sleep(takes).await,
                None => std::future::pending().await,
            }
            Err(io::ErrorKind::NotFound.into())
        })
    }
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The kinds that so many callers end with, and after how long.
async fn callers(client: &Client, count: usize) -> Vec<(Kind, Duration)> {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..count {
        let client = client.clone();
        calls.spawn(async move {
            let start = Instant::now();
            let (kind, sent) = what(client.fetch(get("https://exchange.test/"), None).await);
            assert!(!sent);
            (kind, start.elapsed())
        });
    }
    calls.join_all().await
}

/// Row 3, with many callers: one question, and its failure is everybody's, as `Dns` and at once. It stands for a second.
#[tokio::test(start_paused = true)]
async fn twenty_callers_share_one_failing_lookup_and_all_learn_that_it_was_dns() {
    let takes = Duration::from_millis(500);
    let slow = Slow::new(Some(takes));
    let client = Client::builder().resolver(slow.clone()).build().unwrap();

    let ends = callers(&client, 20).await;
    assert!(
        ends.iter()
            .all(|(kind, took)| *kind == Kind::Dns && *took < takes + Duration::from_millis(50)),
        "{ends:?}"
    );
    assert_eq!(slow.counts(), (1, 0));

    let ends = callers(&client, 3).await;
    let short = Duration::from_millis(50);
    assert!(
        ends.iter()
            .all(|(kind, took)| *kind == Kind::Dns && *took < short)
    );
    assert_eq!(slow.counts(), (1, 0), "it is left alone for a moment");

    tokio::time::sleep(Duration::from_millis(1_100)).await;
    callers(&client, 3).await;
    assert_eq!(slow.counts(), (2, 0));
    let stats = client.stats();
    assert_eq!((stats.lookups, stats.lookups_failed), (2, 2));
}

/// Row 3, a resolver that hangs: each caller learns in time that it was the name, and all of them together cost one open question (for the
/// system's resolver, one thread). A question without an end is asked again after a while.
#[tokio::test(start_paused = true)]
async fn a_hanging_resolver_costs_one_open_question_however_many_callers_come() {
    let slow = Slow::new(None);
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(4))
        .resolver(slow.clone())
        .build()
        .unwrap();
    for round in 0..5 {
        let ends = callers(&client, 20).await;
        let patience = Duration::from_millis(3_000)..Duration::from_millis(3_050);
        assert!(
            ends.iter()
                .all(|(kind, took)| *kind == Kind::Dns && patience.contains(took)),
            "{round}: {ends:?}"
        );
        assert_eq!(slow.counts(), (1, 1), "{round}");
    }
    assert_eq!(client.stats().lookups_failed, 1);
    tokio::time::sleep(Duration::from_secs(30)).await;
    callers(&client, 20).await;
    assert_eq!(slow.counts(), (2, 1));
    drop(client);
    assert_eq!(slow.counts(), (2, 0), "nothing outlives its client");
}

/// Row 4: the name moves to another address. No connection outlives its age, so all requests follow.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn host_that_moves_is_followed_within_the_age_of_a_connection() {
    let start = Start::now();
    let script = |body: &[u8]| vec![Step::Request, ok(body), Step::Again];
    let old = Server::scripted(script(b"old")).await;
    let at = SocketAddr::new(ip("127.0.0.2"), old.address.port());
    let answers = script(b"new");
    let new = Server::serve_at(at, move |_, stream, seen| {
        play(answers.clone(), stream, seen)
    })
    .await;
    let names = Names::new(vec![Ok(vec![ip("127.0.0.1")]), Ok(vec![ip("127.0.0.2")])]);
    let client = local(names)
        .dns_lifetime(Duration::from_millis(1))
        .max_connection_age(Duration::from_millis(100))
        .build()
        .unwrap();
    let url = format!("http://exchange.test:{}/", old.address.port());
    assert_eq!(
        client.fetch(get(&url), after(60_000)).await.unwrap().body,
        "old"
    );
    within("the new address answers", async {
        while client.fetch(get(&url), after(60_000)).await.unwrap().body != "new" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    old.seen.wait_until_closed().await;
    assert_eq!(old.seen.accepted(), 1);
    assert!(client.stats().retired >= 1);
    start.restored(SOON, client, vec![old, new]).await;
}

/// Row 5: a certificate that is expired, another host's or nobody's, and a server of the last century. Refused, without a
/// second attempt and without anything less secure.
#[tokio::test]
async fn untrusted_tls_is_refused_once_and_never_downgraded() {
    let start = Start::now();
    let authority = Authority::new();
    let client = Client::builder()
        .trust_only(authority.der())
        .build()
        .unwrap();
    let mut hello = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01".to_vec();
    hello.extend([7; 32]);
    // no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression
    hello.extend(b"\x00\x00\x2f\x00");
    let servers = vec![
        encrypted(authority.expired("localhost")).await,
        encrypted(authority.acceptor("exchange.example", &[])).await,
        encrypted(Authority::new().acceptor("localhost", &[])).await,
        Server::scripted([raw(hello), Step::Hang]).await,
        // the alert "protocol version"
        Server::scripted([raw(b"\x15\x03\x01\x00\x02\x02\x46"), Step::Hang]).await,
    ];
    for (number, server) in servers.iter().enumerate() {
        let url = format!("https://localhost:{}/", server.address.port());
        let result = within("a refusal", client.fetch(get(&url), after(60_000))).await;
        assert_eq!(what(result), (Kind::Tls, false), "{number}");
        assert_eq!(
            (server.seen.accepted(), server.seen.requests().len()),
            (1, 0),
            "{number}"
        );
    }
    start.restored(SOON, client, servers).await;
}

/// Row 6: the handshake hangs.
#[tokio::test]
async fn silent_handshake_ends_at_the_connect_timeout() {
    let start = Start::now();
    let server = Server::scripted([Step::Hang]).await;
    let client = Client::builder()
        .connect_timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let url = format!("https://{}/", server.address);
    let result = client.fetch(get(&url), after(60_000)).await;
    assert_eq!(what(result), (Kind::ConnectTimeout, false));
    start.restored(SOON, client, vec![server]).await;
}

/// Row 25: a redirect to another host, to a metadata service, to plain http. Handed up, never followed, so no key leaves;
/// and asked for directly, neither address is reached.
#[tokio::test]
async fn redirect_is_an_answer_and_its_targets_are_out_of_reach() {
    let start = Start::now();
    let elsewhere = Server::scripted([Step::Request, ok(b"followed")]).await;
    let client = Client::builder().build().unwrap();
    let mut servers = Vec::new();
    for location in [
        elsewhere.url("/"),
        "http://169.254.169.254/latest/meta-data/".into(),
        "http://api.exchange.example/".into(),
    ] {
        let head =
            format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::scripted([Step::Request, raw(head), Step::Again]).await;
        let mut request = server.get();
        request
            .headers_mut()
            .insert("x-mbx-apikey", "canary".parse().unwrap());
        let answer = client.fetch(request, after(60_000)).await.unwrap();
        assert_eq!(answer.status.as_u16(), 302);
        assert_eq!(answer.headers["location"], location);
        servers.push(server);
    }
    assert_eq!(elsewhere.seen.accepted(), 0);
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "http://api.exchange.example/",
    ] {
        let (kind, sent) = what(client.fetch(get(url), after(60_000)).await);
        assert!(
            matches!(kind, Kind::Forbidden | Kind::InvalidRequest) && !sent,
            "{url}: {kind}"
        );
    }
    servers.push(elsewhere);
    start.restored(SOON, client, servers).await;
}

/// A public name that leads to this machine or to a private network (DNS rebinding): judged by the address that this very
/// connection would go to, so an answer that changes gains nothing.
#[tokio::test]
async fn name_that_turns_to_a_private_address_is_forbidden_when_it_is_connected_to() {
    let server = Server::scripted([Step::Request, ok(b"inside"), Step::Again]).await;
    let url = format!("https://exchange.test:{}/", server.address.port());
    for inside in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "fd00::1",
        "::ffff:127.0.0.1",
    ] {
        let client = Client::builder()
            .resolver(Names::new(vec![Ok(vec![ip(inside)])]))
            .build()
            .unwrap();
        let result = client.fetch(get(&url), after(60_000)).await;
        assert_eq!(what(result), (Kind::Forbidden, false), "{inside}");
    }
    assert_eq!(server.seen.accepted(), 0);
    let listed = Client::builder()
        .allow_hosts(["exchange.test"])
        .build()
        .unwrap();
    assert_eq!(
        what(listed.fetch(server.get(), None).await),
        (Kind::Forbidden, false)
    );
    let nobody = Client::builder().allow_hosts([""; 0]).build().unwrap();
    assert_eq!(
        what(nobody.fetch(server.get(), None).await),
        (Kind::Forbidden, false)
    );
    let live = Client::builder().refuse_loopback().build().unwrap();
    assert_eq!(
        what(live.fetch(server.get(), None).await),
        (Kind::Forbidden, false)
    );
}
