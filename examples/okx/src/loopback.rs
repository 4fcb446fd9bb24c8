//! A server on this machine that answers with the canned answers, so that the way through the manager is a real one.

use std::net::SocketAddr;
use std::sync::Arc;

use robust_connectors::{Connector, Context};
use robust_market::{Clock, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{Okx, canned};

/// The time of day at which the canned answers were new.
#[derive(Debug)]
pub struct ThatDay;

impl Clock for ThatDay {
    fn now(&self) -> Timestamp {
        Timestamp::from_ns(1_716_523_348_000_000_000)
    }
}

/// Starts a server on this machine that answers like OKX, and says where.
///
/// # Errors
///
/// When no port can be had.
pub async fn serve() -> Result<SocketAddr, Box<dyn std::error::Error>> {
    let symbols = Okx.symbols();
    let context = Context::new(&symbols, ThatDay.now());
    let mut answers = Vec::new();
    for case in canned::cases()?
        .into_iter()
        .filter(|case| case.status == 200)
    {
        let target = Okx.encode(&case.request, &context)?.target;
        answers.push((target.path().to_owned(), case.body));
    }
    let answers = Arc::new(answers);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&answers)));
        }
    });
    Ok(address)
}

/// Answers one connection, request by request.
async fn answer(mut stream: TcpStream, answers: Arc<Vec<(String, String)>>) -> std::io::Result<()> {
    let mut heard = Vec::new();
    loop {
        let mut some = [0; 1_024];
        let read = stream.read(&mut some).await?;
        if read == 0 || heard.len() > 16 * 1_024 {
            return Ok(());
        }
        heard.extend_from_slice(some.get(..read).unwrap_or_default());
        if !heard.ends_with(b"\r\n\r\n") {
            continue;
        }
        let head = String::from_utf8_lossy(&heard).into_owned();
        heard.clear();
        let target = head.split_ascii_whitespace().nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let (status, body) = match answers.iter().find(|(known, _)| known == path) {
            Some((_, body)) => ("200 OK", body.as_str()),
            None => (
                "404 Not Found",
                r#"{"code":"404","msg":"no such path","data":[]}"#,
            ),
        };
        let reply = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(reply.as_bytes()).await?;
    }
}
