//! Our primitives and their peers doing the same work in one program, so that both meet the same machine.

pub mod behaviour;
pub mod http;
pub mod resilience;
mod server;
mod stacks;
mod wire;
