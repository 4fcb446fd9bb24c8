//! What HTX allows one IP: 10 calls a second without a key (huobiapi/docs, "Rate Limiting Rules"). Every public call counts as one.

use std::time::Duration;

use smallvec::smallvec;

use crate::{Charge, Charges, RateWindow};

pub(super) fn windows() -> Vec<RateWindow> {
    vec![RateWindow {
        name: "public",
        limit: 10,
        per: Duration::from_secs(1),
        keyed: false,
    }]
}

pub(super) fn cost() -> Charges {
    smallvec![Charge {
        window: 0,
        key: 0,
        units: 1,
    }]
}
