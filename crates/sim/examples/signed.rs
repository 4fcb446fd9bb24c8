//! Signs a request to a simulated KuCoin with its test key, and shows what a wrong signature gets.
//!
//! `cargo run -p robust-sim --example signed`
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Request;
use robust_market::{Clock, Exchange, SystemClock};
use robust_sim::Sim;
use sha2::Sha256;

fn sign(secret: &str, text: &str) -> Result<String, Box<dyn Error>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(text.as_bytes());
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let kucoin = Sim::builder(Exchange::KUCOIN)
        .seed(7)
        .clock(Arc::clone(&clock))
        .build()?;
    let key = kucoin.test_key().ok_or("only KuCoin has a test key")?;
    println!("{key:?}");

    let target = "/api/v3/market/orderbook/level2?symbol=BTC-USDT";
    let time = clock.now().as_ms().to_string();
    for text in [format!("{time}GET{target}"), "another text".to_owned()] {
        let request = Request::get(target)
            .header("kc-api-key", key.key)
            .header("kc-api-key-version", "3")
            .header("kc-api-timestamp", &time)
            .header("kc-api-passphrase", sign(key.secret, key.passphrase)?)
            .header("kc-api-sign", sign(key.secret, &text)?)
            .body(Bytes::new())?;
        let reply = kucoin.handle(&request, kucoin.now());
        let body = String::from_utf8_lossy(&reply.body);
        let start: String = body.chars().take(120).collect();
        println!(
            "\n{text}\n{} with {} of {} left\n{start}",
            reply.status,
            reply.headers["gw-ratelimit-remaining"].to_str()?,
            reply.headers["gw-ratelimit-limit"].to_str()?
        );
    }
    Ok(())
}
