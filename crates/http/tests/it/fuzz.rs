//! Whatever a server sends: no panic, an answer or a typed error, within the deadline, and everything given back.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use robust_http::Client;

use crate::body::gzip;
use crate::server::{Server, Step, after, raw};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Sends these bytes, in two parts, to a client with small caps, and then closes.
fn survives(bytes: &[u8], cut: usize) -> Result<(), TestCaseError> {
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    let script = [Step::Request, raw(first), raw(second)];
    runtime().block_on(async move {
        let server = Server::scripted(script).await;
        let client = Client::builder().max_body(10_000).build().unwrap();
        let deadline = Duration::from_secs(10);
        let call = client.fetch(server.get(), after(10_000));
        let Ok(result) = tokio::time::timeout(2 * deadline, call).await else {
            return Err(TestCaseError::fail("not within the deadline"));
        };
        match result {
            Ok(answer) => prop_assert!(answer.body.len() <= 10_000),
            // the peer closes at once, so the deadline is no excuse
            Err(error) => prop_assert!(
                error.sent() && !error.to_string().contains("deadline"),
                "{error:?}"
            ),
        }
        prop_assert_eq!((client.stats().in_flight, client.stats().waiting), (0, 0));
        Ok(())
    })
}

/// Pieces that mean something to a parser, so that more cases get past the first line.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Just(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        Just(b"HTTP/1.0 204 No Content\r\n".to_vec()),
        Just(b"transfer-encoding: chunked\r\n".to_vec()),
        Just(b"content-encoding: gzip\r\n".to_vec()),
        Just(b"connection: close\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"0\r\n\r\n".to_vec()),
        Just(b"ffffffffffffffff\r\n".to_vec()),
        (0_usize..40).prop_map(|length| format!("content-length: {length}\r\n").into_bytes()),
        (0_usize..40)
            .prop_map(|length| format!("{length:x}\r\n{}\r\n", "x".repeat(length)).into_bytes()),
        vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.min(2_000), ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_typed(bytes in vec(any::<u8>(), 0..300), cut in 0_usize..300) {
        survives(&bytes, cut)?;
    }

    #[test]
    fn any_order_of_pieces_ends_typed(pieces in vec(piece(), 0..12), cut in 0_usize..200) {
        survives(&pieces.concat(), cut)?;
    }

    #[test]
    fn any_damage_to_gzip_ends_typed(size in 0_usize..20_000, at in any::<prop::sample::Index>(), flip in 1_u8.., cut in 0_usize..3_000) {
        let mut body = gzip(&vec![b'x'; size]);
        let at = at.index(body.len());
        body[at] ^= flip;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
        survives(&[head.into_bytes(), body].concat(), cut)?;
    }
}
