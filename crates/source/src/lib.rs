//! One exchange as a tower service: the resilience stack around a connector and an HTTP client.
