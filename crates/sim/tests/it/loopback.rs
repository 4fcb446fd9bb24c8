//! Door two: on loopback only, one program a port, and closed when it is dropped.

use std::net::SocketAddr;

use robust_market::Exchange;
use robust_sim::{ListenError, Sim};
use tokio::net::TcpStream;

use crate::raw_tcp::get;

fn sim() -> Sim {
    Sim::builder(Exchange::BINANCE).seed(7).build().unwrap()
}

#[tokio::test]
async fn addresses_that_can_be_reached_from_outside_are_refused() {
    for addr in [
        "0.0.0.0:0",
        "192.168.1.10:8080",
        "10.0.0.1:0",
        "8.8.8.8:80",
        "[::]:0",
        "[::ffff:192.168.1.10]:0",
        "[2001:db8::1]:443",
    ] {
        let addr: SocketAddr = addr.parse().unwrap();
        let error = sim().listen(addr).await.unwrap_err();
        assert!(matches!(error, ListenError::NotLoopback { .. }));
        let text = error.to_string();
        assert!(
            text.contains(&addr.to_string()) && text.contains("127.0.0.1"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_occupied_port_is_a_clear_error_and_the_first_server_stays() {
    let first = sim().listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let error = sim().listen(first.addr()).await.unwrap_err();
    assert!(matches!(error, ListenError::InUse { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&first.addr().to_string()) && text.contains("port 0"),
        "{text}"
    );
    assert_eq!(
        get(first.addr(), "/api/v3/ping").await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn a_free_port_is_found_and_both_loopbacks_work() {
    for addr in ["127.0.0.1:0", "127.0.0.2:0"] {
        let sim = sim();
        let server = sim.listen(addr.parse().unwrap()).await.unwrap();
        assert_ne!(server.addr().port(), 0);
        assert_eq!(server.base_url(), format!("http://{}", server.addr()));
        let raw = get(server.addr(), "/api/v3/time").await.unwrap();
        assert_eq!(raw.header("server"), Some("robust-sim"));
        assert_eq!(raw.header("x-mbx-used-weight-1m"), Some("1"));
        assert_eq!(raw.body.len(), raw.length());
        assert_eq!(sim.stats().requests, 1);
    }
}

#[tokio::test]
async fn shutdown_and_drop_close_the_port_and_open_connections() {
    let sim = sim();
    let server = sim.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = server.addr();
    let stream = TcpStream::connect(addr).await.unwrap();
    get(addr, "/api/v3/ping").await.unwrap();
    server.shutdown().await;
    assert!(TcpStream::connect(addr).await.is_err());
    let mut byte = [0];
    stream.readable().await.unwrap();
    assert!(matches!(stream.try_read(&mut byte), Ok(0) | Err(_)));

    let server = sim.listen(addr).await.unwrap();
    drop(server);
    let mut closed = false;
    for _ in 0..1_000 {
        closed = TcpStream::connect(addr).await.is_err();
        if closed {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(closed);
}
