//! Promises of the roster that need no runtime.
