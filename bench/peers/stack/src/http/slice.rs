//! One turn of one client.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use http::{StatusCode, Uri};
use robust_proof::bench::median;
use tokio::task::JoinSet;
use tower::{BoxError, Service, ServiceExt as _};

use crate::wire::{Answer, Get};

/// What a turn came to.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Answers in a second.
    pub per_second: f64,
    /// The median time to an answer.
    pub p50_us: f64,
}

/// A client that can be asked by several callers.
pub trait Asked:
    Service<Get, Response = Answer, Error = BoxError, Future: Send> + Clone + Send + 'static
{
}

impl<S> Asked for S where
    S: Service<Get, Response = Answer, Error = BoxError, Future: Send> + Clone + Send + 'static
{
}

/// Asks for `turn` by so many callers, each one question after the other.
pub async fn slice<S: Asked>(
    service: &S,
    uri: &Uri,
    callers: usize,
    turn: Duration,
) -> Result<Slice> {
    let begun = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..callers {
        asking.spawn(ask(service.clone(), uri.clone(), begun + turn));
    }
    let mut times = Vec::new();
    while let Some(answered) = asking.join_next().await {
        let answered = answered.context("a caller failed")?;
        times.extend(answered.map_err(|error| anyhow!("a request failed: {error}"))?);
    }
    let elapsed = begun.elapsed().as_secs_f64();
    ensure!(!times.is_empty(), "no answer in a whole turn");
    Ok(Slice {
        per_second: times.len() as f64 / elapsed,
        p50_us: median(&mut times),
    })
}

/// Microseconds of each answer.
async fn ask<S: Asked>(mut service: S, uri: Uri, until: Instant) -> Result<Vec<f64>, BoxError> {
    let mut times = Vec::with_capacity(4_096);
    let mut asked = Instant::now();
    while asked < until {
        let get = Get {
            uri: uri.clone(),
            deadline: Some(tokio::time::Instant::from_std(asked) + Duration::from_secs(10)),
        };
        let answer = service.ready().await?.call(get).await?;
        if answer.status != StatusCode::OK || answer.body.len() != super::BODY.len() {
            return Err("another answer than the server gives".into());
        }
        let answered = Instant::now();
        times.push((answered - asked).as_secs_f64() * 1e6);
        asked = answered;
    }
    Ok(times)
}
