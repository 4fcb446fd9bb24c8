//! The floor: a binary heap and one timer. No names, no policies, no account; nothing that schedules on tokio can be cheaper.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::record::Recorder;
use super::subject::Subject;

/// A heap of moments in one task. With `SPAWN` each run is a task of its own, as handlers that await something need it; without,
/// the runs are made in the loop itself.
#[derive(Debug)]
pub struct Heap<const SPAWN: bool = false> {
    jobs: mpsc::UnboundedSender<Added>,
    task: JoinHandle<()>,
}

type Added = (Arc<Recorder>, Vec<Reverse<(Instant, u32)>>);

impl<const SPAWN: bool> Heap<SPAWN> {
    fn add(&self, recorder: &Arc<Recorder>, moments: Vec<Reverse<(Instant, u32)>>) -> Result<()> {
        let added = (Arc::clone(recorder), moments);
        self.jobs.send(added).ok().context("the loop has ended")
    }
}

impl<const SPAWN: bool> Drop for Heap<SPAWN> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<const SPAWN: bool> Subject for Heap<SPAWN> {
    async fn start() -> Result<Self> {
        let (jobs, mut added) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            if let Some((recorder, moments)) = added.recv().await {
                run::<SPAWN>(&recorder, moments).await;
            }
        });
        Ok(Self { jobs, task })
    }

    async fn add_every(&self, recorder: &Arc<Recorder>) -> Result<()> {
        let now = Instant::now();
        recorder.all_begin(now);
        let mut moments = Vec::with_capacity(recorder.jobs());
        for place in 0..recorder.jobs() {
            let period = recorder.period(place).context("a job with a period")?;
            moments.push(Reverse((now + period, u32::try_from(place)?)));
        }
        self.add(recorder, moments)
    }

    async fn add_once(&self, recorder: &Arc<Recorder>, at: Instant) -> Result<()> {
        recorder.all_begin(at);
        let places = 0..u32::try_from(recorder.jobs())?;
        self.add(recorder, places.map(|place| Reverse((at, place))).collect())
    }
}

async fn run<const SPAWN: bool>(recorder: &Arc<Recorder>, moments: Vec<Reverse<(Instant, u32)>>) {
    let mut heap = BinaryHeap::from(moments);
    while let Some(Reverse((moment, _))) = heap.peek() {
        sleep_until(*moment).await;
        let now = Instant::now();
        while let Some(mut first) = heap.peek_mut() {
            let Reverse((moment, place)) = *first;
            if moment > now {
                break;
            }
            let job = place as usize;
            match recorder.period(job) {
                Some(period) => *first = Reverse((moment + period, place)),
                None => drop(std::collections::binary_heap::PeekMut::pop(first)),
            }
            if SPAWN {
                let recorder = Arc::clone(recorder);
                tokio::spawn(async move { recorder.ran(job, 0) });
            } else {
                recorder.ran(job, 0);
            }
        }
    }
}
