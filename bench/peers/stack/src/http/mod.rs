//! Our HTTP client beside the bare one of hyper-util, and our layers around it beside reqwest with its middleware.

mod slice;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http::{Response, Uri};
use http_body_util::Full;
use robust_proof::bench::{PAIRS_MIN, bound, median};
use robust_proof::report::Row;
use tower::{BoxError, service_fn};

use crate::server::answering;
use crate::stacks::{Settings, ours, reqwest_stack};
use crate::wire::{Answer, Get, hyper_client, over_hyper, over_ours};
use slice::{Slice, slice};

/// About a ticker.
const BODY: &[u8] = &[b'7'; 1_024];

/// The time of one turn.
const TURN: Duration = Duration::from_millis(50);

/// Callers at once, and the names of the rows.
const CALLERS: [(usize, &str); 3] = [(1, "c1"), (10, "c10"), (100, "c100")];

/// Callers at once beside reqwest.
const TYPICAL: usize = 10;

/// Limits that are never reached.
const SETTINGS: Settings = Settings {
    delays: (Duration::from_millis(200), Duration::from_secs(10)),
    retries: 3,
    limit: (1_000_000, Duration::from_secs(1)),
    breaker: (5, Duration::from_secs(60)),
    timeout: Duration::from_secs(10),
};

/// Turns of two, in pairs.
#[derive(Debug, Default)]
struct Pairs {
    first: Vec<Slice>,
    second: Vec<Slice>,
}

impl Pairs {
    /// Throughput of the first to that of the second, pair by pair, in the order of time.
    fn ratios(&self) -> Vec<f64> {
        let pairs = self.first.iter().zip(&self.second);
        pairs.map(|(a, b)| a.per_second / b.per_second).collect()
    }

    /// By how many microseconds the median answer of the first is later, pair by pair.
    fn later_us(&self) -> Vec<f64> {
        let pairs = self.first.iter().zip(&self.second);
        pairs.map(|(a, b)| a.p50_us - b.p50_us).collect()
    }

    fn throughputs(&self) -> (f64, f64) {
        let of =
            |slices: &[Slice]| median(&mut slices.iter().map(|s| s.per_second).collect::<Vec<_>>());
        (of(&self.first), of(&self.second))
    }
}

/// Measures for about `budget`, the server in a thread of its own.
pub fn run(budget: Duration) -> Result<Vec<Row>> {
    let uri = serve()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (bare, stacked) = runtime.block_on(turns(&uri, budget / 3 * 2))?;
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let two = runtime.block_on(bare_turns(&uri, budget / 3))?;
    let rows = rows(&bare, &two, &stacked);
    for (of, workers) in [(&bare, "one thread"), (&two, "two threads")] {
        for (pairs, (_, name)) in of.iter().zip(CALLERS) {
            let (own, other) = pairs.throughputs();
            println!("{name:<6} ours {own:>8.0}/s   hyper-util {other:>8.0}/s   {workers}");
        }
    }
    let (own, other) = stacked.throughputs();
    println!("stacks ours {own:>8.0}/s   reqwest    {other:>8.0}/s");
    Ok(rows)
}

/// Starts the server and says where it is.
fn serve() -> Result<Uri> {
    let (tell, told) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::spawn(move || {
        runtime.block_on(async {
            let address = answering(|| Response::new(Full::new(Bytes::from_static(BODY)))).await;
            // Nobody listens only when the measurement is over.
            let _ = tell.send(address);
            std::future::pending::<()>().await;
        });
    });
    Ok(format!("http://{}/", told.recv()??).parse()?)
}

fn own_client() -> Result<robust_http::Client> {
    let client = robust_http::Client::builder()
        .max_per_host(128)
        .max_total(128);
    Ok(client.build()?)
}

/// Bare clients by number of callers.
async fn bare_turns(uri: &Uri, budget: Duration) -> Result<[Pairs; 3]> {
    let (own, bare) = (over_ours(own_client()?), over_hyper(hyper_client()));
    let mut pairs = <[Pairs; 3]>::default();
    let begun = Instant::now();
    while pairs[0].first.len() < PAIRS_MIN || begun.elapsed() < budget {
        let first = pairs[0].first.len().is_multiple_of(2);
        for (pairs, (callers, _)) in pairs.iter_mut().zip(CALLERS) {
            pair(pairs, &own, &bare, uri, callers, first).await?;
        }
    }
    Ok(pairs)
}

/// Bare clients by number of callers, and whole stacks.
async fn turns(uri: &Uri, budget: Duration) -> Result<([Pairs; 3], Pairs)> {
    let client = own_client()?;
    let (own, bare) = (over_ours(client.clone()), over_hyper(hyper_client()));
    let own_stack = ours(&SETTINGS, over_ours(client));
    let reqwest = reqwest_stack(&SETTINGS)?;
    let peer_stack = service_fn(move |get: Get| {
        let reqwest = reqwest.clone();
        async move {
            let answer = reqwest.get(get.uri.to_string()).send().await?;
            let (status, retry_after) = (answer.status(), None);
            let body = answer.bytes().await?;
            Ok::<_, BoxError>(Answer {
                status,
                retry_after,
                body,
            })
        }
    });
    let mut pairs = <[Pairs; 3]>::default();
    let mut stacked = Pairs::default();
    let begun = Instant::now();
    while stacked.first.len() < PAIRS_MIN || begun.elapsed() < budget {
        let first = stacked.first.len().is_multiple_of(2);
        for (pairs, (callers, _)) in pairs.iter_mut().zip(CALLERS) {
            pair(pairs, &own, &bare, uri, callers, first).await?;
        }
        pair(&mut stacked, &own_stack, &peer_stack, uri, TYPICAL, first).await?;
    }
    Ok((pairs, stacked))
}

/// A turn each; `first` says who begins.
async fn pair<A, B>(
    pairs: &mut Pairs,
    own: &A,
    other: &B,
    uri: &Uri,
    callers: usize,
    first: bool,
) -> Result<()>
where
    A: slice::Asked,
    B: slice::Asked,
{
    if first {
        pairs.first.push(slice(own, uri, callers, TURN).await?);
        pairs.second.push(slice(other, uri, callers, TURN).await?);
    } else {
        pairs.second.push(slice(other, uri, callers, TURN).await?);
        pairs.first.push(slice(own, uri, callers, TURN).await?);
    }
    Ok(())
}

fn rows(bare: &[Pairs; 3], two: &[Pairs; 3], stacked: &Pairs) -> Vec<Row> {
    let mut rows = Vec::new();
    for (of, id) in [
        (bare, "http.throughput_ratio"),
        (two, "http.two_threads_ratio"),
    ] {
        for (pairs, (_, name)) in of.iter().zip(CALLERS) {
            let id = format!("{id}.{name}");
            let (_, other) = pairs.throughputs();
            rows.push(ratio(&id, pairs, 0.95, ("hyper-util requests/s", other)));
        }
    }
    let mut later = bare[0].later_us();
    let (low, high) = bound(&mut later);
    rows.push(Row {
        id: "http.added_p50_us".to_owned(),
        value: median(&mut later),
        unit: "us",
        goal: 10.0,
        holds: high <= 10.0,
        peers: BTreeMap::new(),
        note: format!(
            "one caller; 95 % between {low:.2} and {high:.2}, {} pairs",
            later.len()
        ),
    });
    let (_, other) = stacked.throughputs();
    rows.push(ratio(
        "http.vs_reqwest_stack",
        stacked,
        1.0,
        ("reqwest stack requests/s", other),
    ));
    rows.push(flat(&bare[1]));
    rows
}

/// The lower end of the bound has to be above the goal.
fn ratio(id: &str, pairs: &Pairs, goal: f64, peer: (&str, f64)) -> Row {
    let mut ratios = pairs.ratios();
    let (low, high) = bound(&mut ratios);
    let (own, _) = pairs.throughputs();
    Row {
        id: id.to_owned(),
        value: median(&mut ratios),
        unit: "ratio",
        goal,
        holds: low > goal,
        peers: BTreeMap::from([(peer.0.to_owned(), peer.1)]),
        note: format!(
            "{own:.0}/s against {:.0}/s; 95 % between {low:.3} and {high:.3}, {} pairs",
            peer.1,
            ratios.len()
        ),
    }
}

/// Whether the last quarter is as fast as the first, beside the bare client in the same quarters.
fn flat(pairs: &Pairs) -> Row {
    let ratios = pairs.ratios();
    let quarter = ratios.len() / 4;
    let mut first = ratios[..quarter].to_vec();
    let mut last = ratios[ratios.len() - quarter..].to_vec();
    let value = median(&mut last) / median(&mut first);
    let (first, last) = (bound(&mut first), bound(&mut last));
    Row {
        id: "http.flat".to_owned(),
        value,
        unit: "ratio",
        goal: 0.95,
        holds: value >= 0.95,
        peers: BTreeMap::new(),
        note: format!(
            "ratio at ten callers, last quarter of the time to the first; 95 % of the quarters: {:.3} to {:.3}, then {:.3} to {:.3}",
            first.0, first.1, last.0, last.1
        ),
    }
}
