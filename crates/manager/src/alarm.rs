//! What only people can mend, told once until the exchange answers again.

use std::sync::atomic::Ordering;

use robust_connectors::Class;
use robust_http::Kind;
use robust_market::Exchange;
use robust_source::{Cause, SourceError};

use crate::Warning;
use crate::shared::{Shared, Venue};

impl Shared {
    /// Tells what went wrong, if it is nothing that goes away by itself.
    pub(crate) fn alarm(&self, exchange: &Exchange, venue: &Venue, error: &SourceError) {
        let exchange = exchange.clone();
        let warning = match &error.cause {
            Cause::Network(error) if error.kind() == Kind::Tls => Warning::Untrusted {
                exchange,
                reason: error.to_string(),
            },
            Cause::Refused(verdict) if verdict.class == Class::Redirect => Warning::Redirected {
                exchange,
                reason: verdict.message.to_string(),
            },
            _ => return,
        };
        if !venue.alarmed.swap(true, Ordering::Relaxed) {
            self.warn(warning);
        }
    }
}

impl Venue {
    /// It has answered: what goes wrong from now on is news.
    pub(crate) fn calm(&self) {
        if self.alarmed.load(Ordering::Relaxed) {
            self.alarmed.store(false, Ordering::Relaxed);
        }
    }
}
