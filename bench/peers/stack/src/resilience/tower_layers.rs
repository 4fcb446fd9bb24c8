//! tower's own layers.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tower::buffer::Buffer;
use tower::limit::{ConcurrencyLimit, RateLimitLayer};
use tower::load_shed::LoadShed;
use tower::retry::budget::{Budget, TpsBudget};
use tower::retry::{Policy, Retry, RetryLayer};
use tower::timeout::{Timeout, TimeoutLayer};
use tower::{BoxError, Layer, ServiceBuilder};

use super::ours::SLOTS;
use super::subject::{Bare, Case, Job};

/// Longer than any call.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// So many in a second are never reached.
const MANY: u64 = 1_000_000_000;

pub fn cases(runtime: &Rc<Runtime>) -> Vec<Case> {
    let bare = Bare::<BoxError>::new;
    let buffer = Buffer::new(bare(), 1_024);
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(Again::without_budget()))
        .buffer(1_024)
        .layer(RateLimitLayer::new(MANY, Duration::from_secs(1)))
        .layer(TimeoutLayer::new(TIMEOUT))
        .service(bare());
    let limit = RateLimitLayer::new(MANY, Duration::from_secs(1));
    vec![
        Case::service("tower timeout", runtime, Timeout::new(bare(), TIMEOUT)),
        Case::service(
            "tower retry",
            runtime,
            Retry::new(Again::without_budget(), bare()),
        ),
        Case::service(
            "tower retry, budget",
            runtime,
            Retry::new(Again::with_budget(), bare()),
        ),
        Case::service("tower rate_limit", runtime, limit.layer(bare())),
        Case::service(
            "tower concurrency_limit",
            runtime,
            ConcurrencyLimit::new(bare(), SLOTS),
        ),
        Case::service("tower load_shed", runtime, LoadShed::new(bare())),
        Case::service("tower buffer", runtime, buffer),
        Case::service(
            "tower retry > buffer > rate_limit > timeout",
            runtime,
            stack,
        ),
    ]
}

/// tower leaves the policy to its user: three more attempts after an error, at once.
#[derive(Clone)]
pub struct Again {
    left: u32,
    budget: Option<Arc<TpsBudget>>,
}

impl Again {
    pub fn without_budget() -> Self {
        Self {
            left: 3,
            budget: None,
        }
    }

    fn with_budget() -> Self {
        Self {
            left: 3,
            budget: Some(Arc::new(TpsBudget::default())),
        }
    }
}

impl<E> Policy<Job, u32, E> for Again {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Job, result: &mut Result<u32, E>) -> Option<Ready<()>> {
        if result.is_ok() {
            if let Some(budget) = &self.budget {
                budget.deposit();
            }
            return None;
        }
        let paid = self.budget.as_ref().is_none_or(|budget| budget.withdraw());
        self.left = self.left.checked_sub(1)?;
        paid.then(|| ready(()))
    }

    fn clone_request(&mut self, job: &Job) -> Option<Job> {
        Some(*job)
    }
}
