//! Any JSON through the decoders and the rules: no panic, a finite score, one verdict.
#![no_main]

use libfuzzer_sys::fuzz_target;
use robust_proof::fuzz::examine_judged;

fuzz_target!(|input: &[u8]| {
    if let Err(finding) = examine_judged(input) {
        panic!("{finding}");
    }
});
