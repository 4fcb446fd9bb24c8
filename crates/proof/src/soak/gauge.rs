//! How large the process is.

use std::time::Duration;

use tokio::runtime::Handle;

/// The process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Since the first call.
    pub at: Duration,
    /// Memory in use by the whole process, exchanges included, in KiB; `None` where the system does not tell.
    pub rss_kib: Option<u64>,
    /// Tasks of the runtime of sources and client.
    pub tasks: usize,
    /// Open files and sockets of the process, those of the exchanges included.
    pub descriptors: Option<usize>,
}

/// Looks at the process, and keeps what it saw. Its own memory is there from the beginning.
pub(super) struct Gauge {
    samples: Vec<Sample>,
}

impl Gauge {
    pub(super) fn new(time: Duration) -> Self {
        let seconds = usize::try_from(time.as_secs()).unwrap_or(0);
        Self {
            samples: Vec::with_capacity(seconds + 1),
        }
    }

    pub(super) fn look(&self, at: Duration) -> Sample {
        Sample {
            at,
            rss_kib: rss_kib(),
            tasks: Handle::current().metrics().num_alive_tasks(),
            descriptors: std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count),
        }
    }

    pub(super) fn keep(&mut self, at: Duration) {
        let sample = self.look(at);
        self.samples.push(sample);
    }

    pub(super) fn into_samples(self) -> Vec<Sample> {
        self.samples
    }
}

/// The line `VmRSS:    12345 kB` (proc_pid_status(5)).
fn rss_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What the process had of the machine: a run that is late because others had the cores says so.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cores {
    /// Time on a core, over all threads.
    pub ran: Duration,
    /// Time in which a thread could have run and had no core.
    pub waited: Duration,
}

impl Cores {
    /// Since the process began, of the threads that are alive; `None` where the system does not tell (`/proc/self/task/*/schedstat`).
    pub(super) fn now() -> Option<Self> {
        let tasks = std::fs::read_dir("/proc/self/task").ok()?;
        let mut sum = Self::default();
        for task in tasks.flatten() {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            let mut numbers = text.split_whitespace().map(str::parse);
            let (Some(Ok(ran)), Some(Ok(waited))) = (numbers.next(), numbers.next()) else {
                return None;
            };
            sum.ran += Duration::from_nanos(ran);
            sum.waited += Duration::from_nanos(waited);
        }
        Some(sum)
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            ran: self.ran.saturating_sub(before.ran),
            waited: self.waited.saturating_sub(before.waited),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_is_counted_as_long_as_it_lives() {
        let gauge = Gauge::new(Duration::ZERO);
        let before = gauge.look(Duration::ZERO);
        let task = tokio::spawn(std::future::pending::<()>());
        assert_eq!(gauge.look(Duration::ZERO).tasks, before.tasks + 1);
        task.abort();
        assert!(task.await.is_err());
        assert_eq!(gauge.look(Duration::ZERO).tasks, before.tasks);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn memory_and_descriptors_are_seen() {
        let gauge = Gauge::new(Duration::ZERO);
        let before = gauge.look(Duration::ZERO);
        let file = std::fs::File::open("/proc/self/status").unwrap();
        let memory = vec![1_u8; 64 << 20];
        let after = gauge.look(Duration::ZERO);
        assert_eq!(after.descriptors.unwrap(), before.descriptors.unwrap() + 1);
        assert!(after.rss_kib.unwrap() > before.rss_kib.unwrap() + (60 << 10));
        drop((file, memory));
    }
}
