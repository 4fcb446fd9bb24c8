//! The facade, over simulated exchanges without sockets and on paused time.

mod events;
mod jobs;
mod refusals;
mod sharing;
mod status;
mod world;
