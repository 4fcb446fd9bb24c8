//! What a simulated exchange promises, through its public interface only.

mod ask;
mod binance_market;
mod faults;
mod garbage;
mod kraken_market;
mod laws;
mod listings;
mod loopback;
mod raw_tcp;
mod shapes;
