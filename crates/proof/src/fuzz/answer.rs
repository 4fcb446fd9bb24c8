//! Whole answers, byte by byte, through the HTTP client: head, framing, compression.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use robust_http::{Client, Fetched};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout};

use super::Finding;

/// Bodies are cut here.
const MAX_BODY: usize = 10_000;

/// How long the client may take; the server closes at once, so that this is no excuse.
const DEADLINE: Duration = Duration::from_secs(1);

/// What a sound answer says.
const SOUND: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nsound";

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

/// One client and one server on loopback, which serve for all answers of a thread: whatever one answer does to the pool, the next
/// must not feel.
struct Bench {
    runtime: Runtime,
    client: Client,
    address: String,
    answer: Arc<Mutex<Bytes>>,
}

impl Bench {
    fn new() -> Result<Self, std::io::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let answer = Arc::new(Mutex::new(Bytes::new()));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = format!("http://{}/", listener.local_addr()?);
        runtime.spawn(serve(listener, Arc::clone(&answer)));
        let client = Client::builder()
            .max_body(MAX_BODY)
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self {
            runtime,
            client,
            address,
            answer,
        })
    }

    /// What comes of this answer; `None` when nothing comes of it in twice the time that it has.
    fn fetch(&self, answer: Bytes) -> Result<Option<Result<Fetched, robust_http::Error>>, Finding> {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        let request = http::Request::get(&self.address).body(Bytes::new());
        let request = request.or_else(|error| Finding::broken(error.to_string()))?;
        Ok(self.runtime.block_on(async {
            let call = self.client.fetch(request, Some(Instant::now() + DEADLINE));
            timeout(2 * DEADLINE, call).await.ok()
        }))
    }
}

/// Reads a request, writes the answer, closes; again and again.
async fn serve(listener: TcpListener, answer: Arc<Mutex<Bytes>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let bytes = answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        tokio::spawn(reply(stream, bytes));
    }
}

/// A client that goes away earlier is no business of the server's.
async fn reply(mut stream: TcpStream, bytes: Bytes) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    stream.write_all(&bytes).await?;
    stream.shutdown().await
}

/// Sends these bytes as the answer to a request, and then a sound answer to another one.
///
/// # Errors
///
/// [`Finding::Broken`] with what does not hold: the client does not end, or by its deadline though the server is gone; a body beyond the
/// bound; something stays under way; the next answer is not read as it is.
pub fn examine_answer(input: &[u8]) -> Result<(), Finding> {
    BENCH.with_borrow_mut(|bench| {
        let bench = match bench {
            Some(bench) => bench,
            None => match Bench::new() {
                Ok(new) => bench.insert(new),
                Err(error) => return Finding::broken(format!("no server: {error}")),
            },
        };
        match bench.fetch(Bytes::copy_from_slice(input))? {
            None => return Finding::broken("the client did not end"),
            Some(Ok(answer)) if answer.body.len() > MAX_BODY => {
                return Finding::broken(format!("a body of {} bytes", answer.body.len()));
            }
            Some(Err(error)) if !error.sent() || error.to_string().contains("deadline") => {
                return Finding::broken(format!("ended with {error:?}"));
            }
            Some(_) => {}
        }
        let stats = bench.client.stats();
        if (stats.in_flight, stats.waiting) != (0, 0) {
            return Finding::broken(format!("still under way: {stats:?}"));
        }
        match bench.fetch(Bytes::from_static(SOUND))? {
            Some(Ok(answer)) if answer.body == "sound" => Ok(()),
            other => Finding::broken(format!("a sound answer came as {other:?}")),
        }
    })
}

/// Pieces that mean something to a parser; an answer is some of them in any order.
pub(super) fn pieces() -> Vec<Vec<u8>> {
    let texts = [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.0 204 No Content\r\n",
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 5\r\n",
        "HTTP/1.1 304 Not Modified\r\n",
        "transfer-encoding: chunked\r\n",
        "content-encoding: gzip\r\n",
        "content-encoding: br\r\n",
        "connection: close\r\n",
        "content-length: 5\r\n",
        "content-length: 18446744073709551616\r\n",
        "x: \u{fc}\u{0}\r\n",
        "\r\n",
        "0\r\n\r\n",
        "5\r\nhello\r\n",
        "ffffffffffffffff\r\n",
        "0\r\ntrailer: 1\r\n\r\n",
        "hello",
    ];
    let mut pieces: Vec<Vec<u8>> = texts.map(|text| text.as_bytes().to_vec()).into();
    pieces.extend([gzip(10), gzip(9_000), gzip(1 << 20)]);
    pieces
}

/// Whole answers that are sound.
pub(super) fn answers() -> Vec<Vec<u8>> {
    let packed = gzip(5_000);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    );
    vec![
        SOUND.to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec(),
        [head.into_bytes(), packed].concat(),
    ]
}

/// So many bytes, packed; nothing if memory cannot be written to.
fn gzip(size: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(&vec![b'x'; size]);
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_answers_and_broken_ones_are_told_apart() {
        let bench = Bench::new().unwrap();
        let of = |bytes: &[u8]| bench.fetch(Bytes::copy_from_slice(bytes)).unwrap().unwrap();
        for answer in answers() {
            assert!(of(&answer).is_ok());
        }
        assert!(of(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsound").is_err());
        assert!(of(b"").is_err());
    }

    #[test]
    fn what_the_runs_start_from_holds() {
        for piece in answers().into_iter().chain(pieces()) {
            assert_eq!(
                examine_answer(&piece),
                Ok(()),
                "{:?}",
                String::from_utf8_lossy(&piece)
            );
        }
    }
}
