//! The measuring programs: conformance now; quality, chaos and benchmarks later.
