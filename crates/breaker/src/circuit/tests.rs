//! Tables and properties of the state machine.
