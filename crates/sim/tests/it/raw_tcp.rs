//! HTTP by hand, so that no client library hides what a door does.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back before the connection closed.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Raw {
    pub(crate) fn status(&self) -> u16 {
        self.head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn length(&self) -> usize {
        self.header("content-length").unwrap().parse().unwrap()
    }
}

pub(crate) async fn write(stream: &mut TcpStream, path: &str, more: &str) -> io::Result<()> {
    let text = format!("GET {path} HTTP/1.1\r\nHost: sim\r\nUser-Agent: raw\r\n{more}\r\n");
    stream.write_all(text.as_bytes()).await
}

/// Sends one request and reads until the connection closes.
pub(crate) async fn get(addr: SocketAddr, path: &str) -> io::Result<Raw> {
    let mut stream = TcpStream::connect(addr).await?;
    write(&mut stream, path, "Connection: close\r\n").await?;
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes).await;
    if bytes.is_empty() {
        ended?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let split = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    Ok(Raw {
        head: String::from_utf8(bytes[..split].to_vec()).unwrap(),
        body: bytes[split..].to_vec(),
    })
}
