//! What happens when something goes wrong: the same fault for ours and for the peers, counted where it arrives.

mod bypass;
mod connections;
mod half_open;
mod overload;
mod retry_after;
mod weight;

use std::collections::BTreeMap;

use anyhow::Result;
use robust_proof::report::Row;

/// Ours first.
pub type Counts = Vec<(&'static str, f64)>;

/// The name of our side.
const OURS: &str = "ours";

/// Runs every probe and prints what each came to.
pub fn run() -> Result<Vec<Row>> {
    let paused = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
    };
    // A runtime each: virtual time goes on where a probe left it.
    let weight = paused()?.block_on(weight::probe());
    let bypass = paused()?.block_on(bypass::probe());
    // Sockets, and peers that look at the clock of the system: real time, all at once, since they wait most of it.
    let real = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (half_open, retry_after, connections, overload) = real.block_on(async {
        let half_open = half_open::probe().await;
        let (retry_after, connections) = tokio::join!(retry_after::probe(), connections::probe());
        // Alone, since it depends on how fast a server is.
        (half_open, retry_after, connections, overload::probe().await)
    });
    let rows = vec![
        row(
            "behaviour.sent_during_retry_after_5s",
            "requests",
            Goal::Most(0.0),
            retry_after?,
            retry_after::NOTE,
        ),
        row(
            "behaviour.max_weight_any_60s",
            "weight",
            Goal::Most(weight::LIMIT),
            weight,
            weight::NOTE,
        ),
        row(
            "behaviour.half_open_let_through",
            "calls",
            Goal::Exactly(half_open::PERMITS),
            half_open,
            half_open::NOTE,
        ),
        row(
            "behaviour.connections_12s_accept_close",
            "connections",
            Goal::Most(6.0),
            connections?,
            connections::NOTE,
        ),
        row(
            "behaviour.retries_bypassing_limiter",
            "attempts",
            Goal::Most(0.0),
            bypass,
            bypass::NOTE,
        ),
        row(
            "behaviour.goodput_after_overload",
            "share",
            Goal::Least(0.95),
            overload,
            overload::NOTE,
        ),
    ];
    for row in &rows {
        println!("{}: ours {}", row.id, row.value);
        for (peer, value) in &row.peers {
            println!("    {peer:<50} {value}");
        }
    }
    Ok(rows)
}

enum Goal {
    Most(f64),
    Least(f64),
    Exactly(f64),
}

fn row(id: &str, unit: &'static str, goal: Goal, counts: Counts, note: &str) -> Row {
    let mut peers: BTreeMap<String, f64> = counts
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect();
    let value = peers.remove(OURS).unwrap_or(f64::NAN);
    let (goal, holds) = match goal {
        Goal::Most(most) => (most, value <= most),
        Goal::Least(least) => (least, value >= least),
        Goal::Exactly(number) => (number, value == number),
    };
    Row {
        id: id.to_owned(),
        value,
        unit,
        goal,
        holds,
        peers,
        note: note.to_owned(),
    }
}
