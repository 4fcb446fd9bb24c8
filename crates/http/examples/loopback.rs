//! A whole exchange on one screen: a server on a loopback port, a client, one good answer and three bad ones.
//!
//! Run with `cargo run -p robust-http --example loopback`.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use robust_http::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });

    let client = Client::builder().max_body(1_000).max_per_host(2).build()?;
    for path in ["/ticker", "/huge", "/cut", "/never"] {
        let request =
            Request::get(format!("{base}{path}?key=never-in-an-error")).body(Bytes::new())?;
        match client
            .fetch(request, Some(Instant::now() + Duration::from_millis(300)))
            .await
        {
            Ok(answer) => println!(
                "{path}: {} {:?} (loopback: {})",
                answer.status, answer.body, answer.loopback
            ),
            Err(error) => println!(
                "{path}: {error} (the server may have seen it: {})",
                error.sent()
            ),
        }
    }
    println!("{:?}", client.stats());
    Ok(())
}

/// Answers by path, well or badly, until the client closes.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    loop {
        head.push(stream.read_u8().await?);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let path = String::from_utf8_lossy(&head)
            .split([' ', '?'])
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        head.clear();
        match path.as_str() {
            "/ticker" => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"last\":\"1.0\"}")
                    .await?
            }
            "/huge" => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
                    .await?
            }
            "/cut" => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"last\"")
                    .await?;
                return Ok(());
            }
            _ => {}
        }
    }
}
