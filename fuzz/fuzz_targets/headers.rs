//! Any lines as headers: no panic, no wait beyond the bound, no usage of a window that is not there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use robust_proof::fuzz::examine_headers;

fuzz_target!(|input: &[u8]| {
    if let Err(finding) = examine_headers(input) {
        panic!("{finding}");
    }
});
