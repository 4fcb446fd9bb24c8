//! What every connector has to keep, as a suite that runs without a network: one test for your own [`Connector`].
//!
//! ```
//! use robust_connectors::{Binance, Htx, Kraken, KuCoin, contract};
//!
//! assert_eq!(contract::breaches(&Kraken), []);
//! assert_eq!(contract::breaches(&Binance), []);
//! assert_eq!(contract::breaches(&KuCoin), []);
//! assert_eq!(contract::breaches(&Htx), []);
//! ```
//!
//! That much needs no data. With one [`Case`] for each endpoint, written from the exchange's documentation, the suite also sees whether
//! answers are read: every value is replaced by other types, every record broken, the text cut off, and each time every other record
//! must still be there and every digit of every number.
//!
//! A [`Breach`] names the [`Rule`], the input and what came of it, and prints a remedy. The rules are the list of what is looked at.
//! A connector that overflows the stack on nested input ends the test process: that cannot be caught, and is a breach as well.

mod asking;
mod breach;
mod breaking;
mod case;
mod nodes;
mod reading;
mod refusing;
mod subject;

pub use breach::{Breach, Rule};
pub use case::{Case, Expect};

use breach::Found;
use subject::Subject;

use crate::Connector;

/// Everything in which a connector breaks the contract, as far as it shows without an answer of its exchange.
#[must_use]
pub fn breaches(connector: &dyn Connector) -> Vec<Breach> {
    Suite::new(connector).run()
}

/// The whole contract, for one connector and the cases of its exchange.
#[derive(Debug)]
#[must_use = "a suite does nothing until run"]
pub struct Suite<'a> {
    connector: &'a dyn Connector,
    cases: Vec<Case>,
}

impl<'a> Suite<'a> {
    /// A suite without cases.
    pub const fn new(connector: &'a dyn Connector) -> Self {
        Self {
            connector,
            cases: Vec::new(),
        }
    }

    /// Adds cases.
    pub fn cases(mut self, cases: impl IntoIterator<Item = Case>) -> Self {
        self.cases.extend(cases);
        self
    }

    /// Runs everything: the breaches in the order of the rules' groups, at most eight of a rule; nothing when the contract is kept.
    #[must_use]
    pub fn run(&self) -> Vec<Breach> {
        let subject = Subject::new(self.connector);
        let mut found = Found::default();
        asking::look(&subject, &mut found);
        refusing::look(&subject, &mut found);
        refusing::look_at_headers(&subject, &self.cases, &mut found);
        for case in &self.cases {
            reading::look(&subject, case, &mut found);
        }
        found.into_breaches()
    }
}

#[cfg(test)]
mod tests;
