//! What a call costs: nanoseconds and allocations of each layer and of whole stacks.

mod clock;
mod contention;
mod handles;
mod ours;
mod report;
mod rounds;
mod source;
mod subject;
mod tower_layers;
mod tower_resilience_layers;

pub use report::{Options, run};
pub use subject::{Case, Job, runtime};
pub(crate) use tower_layers::Again;

use std::rc::Rc;

use tokio::runtime::Runtime;

/// Every case, ours and the peers'.
pub fn cases(runtime: &Rc<Runtime>) -> Vec<Case> {
    // Buffers start a worker, rate limits make a timer.
    let _inside = runtime.enter();
    let mut cases = vec![subject::bare(runtime), clock::read()];
    cases.extend(tower_layers::cases(runtime));
    cases.extend(tower_resilience_layers::cases(runtime));
    cases.extend(handles::cases(runtime));
    cases.extend(ours::cases(runtime));
    cases.extend(source::cases(runtime));
    cases
}
