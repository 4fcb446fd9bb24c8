//! The process from outside: its time on the cores, how often it woke, its memory. From Linux's `/proc`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// What the threads of this process have used, all but the one that asks: that one only measures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Time on the cores.
    pub(super) time: Duration,
    /// How often they went to sleep, and so were woken.
    pub(super) wakes: u64,
}

impl Usage {
    /// Since the start of the process, over the threads that there are now.
    pub(super) fn of_others() -> Result<Self> {
        let own = std::fs::read_link("/proc/thread-self").context("needs Linux's /proc")?;
        let mut usage = Self::default();
        let mut threads = 0;
        for thread in std::fs::read_dir("/proc/self/task")? {
            let thread = thread?;
            if Some(thread.file_name().as_os_str()) == own.file_name() {
                continue;
            }
            // One that cannot be read has just ended.
            if let (Ok(time), Ok(wakes)) = (on_core(&thread.path()), sleeps(&thread.path())) {
                usage.time += time;
                usage.wakes += wakes;
                threads += 1;
            }
        }
        ensure!(threads > 0, "the system does not tell what threads use");
        Ok(usage)
    }

    /// What was used since.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            time: self.time.saturating_sub(before.time),
            wakes: self.wakes.saturating_sub(before.wakes),
        }
    }
}

/// The first number of `schedstat`: nanoseconds on a core.
fn on_core(thread: &Path) -> Result<Duration> {
    let text = std::fs::read_to_string(thread.join("schedstat"))?;
    let first = text
        .split_whitespace()
        .next()
        .context("schedstat is empty")?;
    Ok(Duration::from_nanos(first.parse()?))
}

/// The line that begins with `voluntary_ctxt_switches:` (proc_pid_status(5)).
fn sleeps(thread: &Path) -> Result<u64> {
    let status = std::fs::read_to_string(thread.join("status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    Ok(line.context("status without switches")?.trim().parse()?)
}

/// The memory of this process that is in the machine's: `VmRSS` (proc_pid_status(5)).
pub(super) fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("needs Linux's /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.context("status without VmRSS")?.trim();
    let kilobytes = kilobytes.strip_suffix("kB").unwrap_or(kilobytes).trim();
    Ok(kilobytes.parse::<u64>()? * 1_024)
}

/// How many tasks wanted a core in the last minute: what else the machine is doing.
pub(super) fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn the_work_and_the_wakes_of_another_thread_are_seen() {
        let (work, jobs) = mpsc::channel::<u64>();
        let (done, answers) = mpsc::channel();
        let worker = std::thread::spawn(move || {
            for job in jobs {
                // A queue may be looked at for a while before its thread gives the core up; this gives it up.
                std::thread::park_timeout(Duration::from_millis(1));
                let sum = (0..job).fold(1_u64, |a, b| std::hint::black_box(a.wrapping_mul(b | 1)));
                done.send(sum).unwrap();
            }
        });
        let before = Usage::of_others().unwrap();
        for _ in 0..20 {
            work.send(500_000).unwrap();
            answers.recv().unwrap();
        }
        let used = Usage::of_others().unwrap().since(before);
        assert!(used.time > Duration::from_micros(100), "{used:?}");
        assert!(used.wakes > 0, "{used:?}");
        drop(work);
        worker.join().unwrap();
    }
}
