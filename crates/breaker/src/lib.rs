//! Stop calling what is down: a generation-tagged circuit breaker as tower layers.
