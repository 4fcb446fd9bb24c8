//! How long to wait and whether to try again: delays, jitter, a retry budget and a tower retry policy.
