//! Any bytes as an answer on a connection: an answer or a typed error in time, and the next answer is sound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use robust_proof::fuzz::examine_answer;

fuzz_target!(|input: &[u8]| {
    if let Err(finding) = examine_answer(input) {
        panic!("{finding}");
    }
});
