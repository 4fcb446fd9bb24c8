//! A hardened HTTP client on hyper: pool and caps, TLS, deadlines, body limits. Knows no layer and no exchange.
