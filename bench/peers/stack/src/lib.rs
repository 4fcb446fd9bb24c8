//! Our primitives and their peers doing the same work in one program, so that both meet the same machine.

pub mod resilience;
