//! Starts a simulated Kraken on loopback, asks it by hand, misbehaves, and prints what arrived.
//!
//! `cargo run -p robust-sim --example serve`
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::time::Duration;

use robust_market::Exchange;
use robust_sim::{Fault, Server, Sim};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn get(server: &Server, path: &str) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(server.addr()).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: example\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let kraken = Sim::builder(Exchange::KRAKEN).seed(7).build()?;
    let server = kraken.listen("127.0.0.1:0".parse()?).await?;
    println!(
        "{} lists {} pairs",
        server.base_url(),
        kraken.symbols().len()
    );

    println!("\n{}", get(&server, "/0/public/Ticker?pair=XBTUSD").await?);
    println!(
        "\nat once again:\n{}",
        get(&server, "/0/public/Time").await?
    );

    kraken.set_fault(Some(Fault::RateLimited {
        retry_after: Duration::from_secs(5),
    }));
    println!("\nwith a fault:\n{}", get(&server, "/0/public/Time").await?);

    println!("\n{:#?}", kraken.stats());
    server.shutdown().await;
    Ok(())
}
