//! Row 28: faults of HTTP/2, frame by frame.

use robust_http::{Client, Kind, Phase};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{SOON, Start};
use crate::server::{Server, after, get, what, within};
use crate::tls::Authority;

/// A frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Status 200 and a short body.
fn answer(stream: u32) -> Vec<u8> {
    [frame(1, 4, stream, &[0x88]), frame(0, 1, stream, b"two")].concat()
}

fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(3, 0, stream, &code.to_be_bytes())
}

/// Answers the n-th request of the m-th connection with the bytes that a function makes for its stream.
async fn frames(
    authority: &Authority,
    settings: Vec<u8>,
    make: impl Fn(usize, usize, u32) -> Vec<u8> + Clone + Send + 'static,
) -> Server {
    let acceptor = authority.acceptor("localhost", &[b"h2"]);
    Server::serve(move |connection, stream, seen| {
        let (acceptor, settings, make) = (acceptor.clone(), settings.clone(), make.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut preface = [0; 24];
            let mut head = [0; 9];
            let mut requests = 0;
            if stream.read_exact(&mut preface).await.is_err() {
                return;
            }
            let mut out = frame(4, 0, 0, &settings);
            loop {
                if stream.write_all(&out).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
                out.clear();
                if stream.read_exact(&mut head).await.is_err() {
                    return;
                }
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                let mut payload = vec![0; length as usize];
                if stream.read_exact(&mut payload).await.is_err() {
                    return;
                }
                match (head[3], head[4] & 1) {
                    (4, 0) => out = frame(4, 1, 0, b""),
                    (6, 0) => out = frame(6, 1, 0, &payload),
                    (1, _) => {
                        seen.record(format!("{connection}/{requests}"));
                        out = make(connection, requests, id);
                        requests += 1;
                    }
                    _ => {}
                }
            }
        }
    })
    .await
}

fn client(authority: &Authority) -> Client {
    let builder = Client::builder().trust_only(authority.der());
    builder.http2(true).build().unwrap()
}

fn url(server: &Server) -> String {
    format!("https://localhost:{}/", server.address.port())
}

/// One more call, which gets its answer.
async fn served(client: &Client, server: &Server) {
    let result = client.fetch(get(&url(server)), after(60_000));
    result.await.unwrap();
}

/// Row 28: the server goes away, or refuses a stream, when a connection is used again. A new connection, once.
#[tokio::test]
async fn goaway_and_refused_stream_are_retried_once_on_a_new_connection() {
    // GOAWAY with stream 1 as the last, NO_ERROR; RST_STREAM with REFUSED_STREAM
    let goaway = |_: u32| frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    let refused = |stream: u32| reset(stream, 7);
    let faults: [fn(u32) -> Vec<u8>; 2] = [goaway, refused];
    for fault in faults {
        let start = Start::now();
        let authority = Authority::new();
        let server = frames(
            &authority,
            Vec::new(),
            move |connection, request, stream| match (connection, request) {
                (0, 1) => fault(stream),
                _ => answer(stream),
            },
        )
        .await;
        let client = client(&authority);
        for expected in [1, 2, 1] {
            let result = client.fetch(get(&url(&server)), after(60_000));
            let result = within("an answer", result).await.unwrap();
            assert_eq!(
                (result.body.as_ref(), result.times_sent),
                (b"two".as_slice(), expected)
            );
        }
        assert_eq!(server.seen.requests(), ["0/0", "0/1", "1/0", "1/1"]);
        assert_eq!((client.stats().sent_twice, client.stats().opened), (1, 2));
        start.restored(SOON, client, vec![server]).await;
    }
}

/// Row 28: a stream that the server breaks off was seen: an error, not sent again, and the others go on.
#[tokio::test]
async fn broken_stream_is_a_reset_and_leaves_the_connection() {
    let start = Start::now();
    let authority = Authority::new();
    let server = frames(&authority, Vec::new(), |_, request, stream| {
        // INTERNAL_ERROR
        if request == 1 {
            reset(stream, 2)
        } else {
            answer(stream)
        }
    })
    .await;
    let client = client(&authority);
    served(&client, &server).await;
    let result = client.fetch(get(&url(&server)), after(60_000)).await;
    assert_eq!(what(result), (Kind::Reset, true));
    served(&client, &server).await;
    assert_eq!(
        (server.seen.requests().len(), server.seen.accepted()),
        (3, 1)
    );
    start.restored(SOON, client, vec![server]).await;
}

/// Row 28: a window of nothing. The request whose content has no room ends at its deadline; the others do not wait for it.
#[tokio::test]
async fn window_of_nothing_stalls_only_its_own_stream() {
    let start = Start::now();
    let authority = Authority::new();
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    let server = frames(&authority, vec![0, 4, 0, 0, 0, 0], |_, request, stream| {
        if request == 1 {
            Vec::new()
        } else {
            answer(stream)
        }
    })
    .await;
    let client = client(&authority);
    served(&client, &server).await;
    let stalled = http::Request::post(url(&server))
        .body(vec![b'x'; 1 << 20].into())
        .unwrap();
    let stalled = tokio::spawn({
        let client = client.clone();
        async move { client.fetch(stalled, after(800)).await }
    });
    within("the request is there", server.seen.wait_for_requests(2)).await;
    for _ in 0..10 {
        let result = client.fetch(get(&url(&server)), after(60_000));
        assert_eq!(within("an answer", result).await.unwrap().body, "two");
    }
    let phase = Phase::Headers;
    assert_eq!(
        what(stalled.await.unwrap()),
        (Kind::Timeout { phase }, true)
    );
    assert_eq!(server.seen.accepted(), 1);
    start.restored(SOON, client, vec![server]).await;
}
