//! Simulated exchanges that speak the real wire formats, keep the real limits and misbehave by script. Loopback only.
