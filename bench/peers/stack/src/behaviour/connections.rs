//! A server that accepts connections and closes them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use http::Uri;
use tokio::time::{Instant, sleep, timeout_at};
use tower::{BoxError, Service, ServiceExt as _};

use super::retry_after::SETTINGS;
use super::{Counts, OURS};
use crate::server::closing;
use crate::stacks::{ours, reqwest_stack, tower_resilience_stack, tower_stack};
use crate::wire::{Answer, Get, hyper_client, over_hyper, over_ours};

pub const NOTE: &str = "one caller that asks again 100 ms after each failure, up to 3 retries each, for 12 s; connections that the server accepted";

pub async fn probe() -> Result<Counts> {
    let client = robust_http::Client::builder().build()?;
    let reqwest = reqwest_stack(&SETTINGS)?;
    let (ours, resilience, tower, reqwest) = tokio::join!(
        accepted(ours(&SETTINGS, over_ours(client))),
        accepted(tower_resilience_stack(
            &SETTINGS,
            over_hyper(hyper_client())
        )),
        accepted(tower_stack(&SETTINGS, over_hyper(hyper_client()))),
        accepted(tower::service_fn(move |get: Get| {
            let reqwest = reqwest.clone();
            async move {
                let answer = reqwest.get(get.uri.to_string()).send().await?;
                let (status, retry_after) = (answer.status(), None);
                Ok(Answer {
                    status,
                    retry_after,
                    body: answer.bytes().await?,
                })
            }
        })),
    );
    Ok(vec![
        (OURS, ours?),
        ("tower-resilience", resilience?),
        ("tower", tower?),
        ("reqwest + reqwest-retry", reqwest?),
    ])
}

async fn accepted<S>(service: S) -> Result<f64>
where
    S: Service<Get, Response = Answer, Error = BoxError, Future: Send> + Clone + Send + 'static,
{
    let (address, count) = closing().await?;
    let uri: Uri = format!("http://{address}/").parse()?;
    let end = Instant::now() + Duration::from_secs(12);
    let asking = async {
        loop {
            let get = Get {
                uri: uri.clone(),
                deadline: Some(Instant::now() + Duration::from_secs(30)),
            };
            let _ = service.clone().oneshot(get).await;
            sleep(Duration::from_millis(100)).await;
        }
    };
    let _: Result<(), _> = timeout_at(end, asking).await;
    Ok(count.load(Ordering::Relaxed) as f64)
}
