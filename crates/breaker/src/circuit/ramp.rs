//! After closing: one call at a time, then two, four …

use super::permits::Permits;

/// How many calls may run at once while a service warms up.
#[derive(Debug)]
pub(crate) struct Ramp {
    pub(crate) permits: Permits,
    limit: u32,
    end: u32,
    succeeded: u32,
}

impl Ramp {
    pub(crate) fn new(end: u32) -> Self {
        Self {
            permits: Permits::default(),
            limit: 1,
            end,
            succeeded: 0,
        }
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    pub(crate) fn left(&self) -> u32 {
        self.limit.saturating_sub(self.permits.out())
    }

    /// After as many successes as its limit it doubles; anything else begins the step anew. Says
    /// whether the last step is done.
    pub(crate) fn ended(&mut self, good: bool) -> bool {
        self.succeeded = if good { self.succeeded + 1 } else { 0 };
        if self.succeeded < self.limit {
            return false;
        }
        let over = self.limit >= self.end;
        self.succeeded = 0;
        self.limit = self.limit.saturating_mul(2).min(self.end);
        over
    }
}
