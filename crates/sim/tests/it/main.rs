//! What a simulated exchange promises, through its public interface only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that finds something else than it expects has failed"
)]

mod ask;
mod binance_market;
mod every_market;
mod faults;
mod garbage;
mod htx_laws;
mod htx_market;
mod htx_shapes;
mod kraken_market;
mod kucoin_laws;
mod kucoin_market;
mod kucoin_shapes;
mod laws;
mod listings;
mod loopback;
mod raw_tcp;
mod recorded;
mod shapes;
mod story;
