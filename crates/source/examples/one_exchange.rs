//! One exchange behind its stack, without the facade: a good answer, then a ban that is respected.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use std::sync::Arc;
use std::time::Duration;

use robust_connectors::Binance;
use robust_limiter::Class;
use robust_market::{Exchange, Request, RequestId};
use robust_sim::Sim;
use robust_source::{Call, Source, in_memory};
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Sim::builder(Exchange::BINANCE).seed(7).build()?;
    // The simulator's in-memory door stands in for the HTTP client.
    let door = in_memory(sim.service(), |_| {
        robust_http::Error::new(robust_http::Kind::Closed, true)
    });
    let source = Source::builder(Arc::new(Binance)).seed(1).build(door)?;
    let call = || {
        let request = Arc::new(Request::Ticker {
            symbol: "BTC/USDT".parse()?,
        });
        let deadline = Instant::now() + Duration::from_secs(5);
        Ok::<_, robust_market::InvalidName>(Call::new(request, Class::High, deadline, RequestId(1)))
    };

    let answer = source.call(call()?).await?;
    println!(
        "{:?} after {} attempt: {:?}",
        answer.origin, answer.attempts, answer.decoded.value
    );

    sim.set_fault(Some("418:120".parse()?));
    for _ in 0..3 {
        if let Err(error) = source.call(call()?).await {
            println!("{error}; again in {:?}", error.retry_in());
        }
    }
    println!("requests that the exchange saw: {}", sim.stats().requests);
    Ok(())
}
