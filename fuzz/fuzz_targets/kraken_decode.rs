//! Any bytes as an answer: no panic, no record that vanishes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use robust_proof::fuzz::examine;
use robust_proof::payloads::Venue;

fuzz_target!(|body: &[u8]| {
    if let Err(finding) = examine(Venue::Kraken, http::StatusCode::OK, body) {
        panic!("{finding}");
    }
});
