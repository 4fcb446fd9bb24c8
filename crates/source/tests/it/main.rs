//! One exchange behind its whole stack, over the simulator's in-memory door, on paused time.

mod budget;
mod cancel;
mod faults;
mod world;
