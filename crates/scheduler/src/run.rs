//! What a handler is given, and what it gives back when it fails.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

/// The longest error text that is kept, in bytes: the history is bounded in entries, so an entry
/// must be bounded too.
const LONGEST_TEXT: usize = 256;

/// One run of a job, as its handler sees it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Run {
    /// The job's name.
    pub job: Arc<str>,
    /// The moment this occurrence stands for; strictly increasing for a job. With the name it is a
    /// key that makes a repeated delivery recognisable.
    pub nominal: Instant,
    /// How many occurrences of this job came due since its last run and never ran, so that one
    /// request can fetch what all of them would have.
    pub missed: u64,
    /// When this run is dropped, if it has not ended by itself.
    pub deadline: Option<Instant>,
    /// Tells the handler that the scheduler is shutting down.
    pub cancel: CancelToken,
}

/// Tells a run that it should come to an end.
#[derive(Debug, Clone)]
pub struct CancelToken(pub(crate) watch::Receiver<bool>);

impl CancelToken {
    /// Whether the run should come to an end.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the run should come to an end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn cancelled(&self) {
        let mut cancelled = self.0.clone();
        // An error means that the scheduler is gone, which is as good a reason to end.
        let _ = cancelled.wait_for(|cancelled| *cancelled).await;
    }
}

/// Why a run failed, as text for the history.
///
/// Any error converts into it with `?`; the texts of its causes are appended. At most 256 bytes
/// are kept. It is not itself an [`Error`](std::error::Error), which is what makes the conversion
/// from every error possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    text: Arc<str>,
}

impl RunError {
    /// A failure in words.
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let mut end = text.len().min(LONGEST_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            text: text.get(..end).unwrap_or_default().into(),
        }
    }

    /// The words.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl<E: std::error::Error> From<E> for RunError {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            if text.len() > LONGEST_TEXT {
                break;
            }
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(text)
    }
}
