//! Any two lines as `Retry-After` and `Date`: no panic, no wait beyond the bound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use robust_proof::fuzz::examine_retry_after;

fuzz_target!(|input: &[u8]| {
    if let Err(finding) = examine_retry_after(input) {
        panic!("{finding}");
    }
});
