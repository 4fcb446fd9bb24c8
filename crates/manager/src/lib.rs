//! Market data of crypto exchanges that a trading engine can trust: one facade over resilient sources, cache, quality and jobs.
