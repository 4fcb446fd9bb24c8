//! The recorded market: bodies that an exchange once sent, served byte by byte.

mod case;
mod error;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use robust_market::Exchange;

pub use error::{RecordedError, RecordedReason, UnknownCase};

use crate::query::Query;
use crate::reply::{Now, Reply};
use crate::venue::Venue;
use case::{Case, Place};

/// Which case an answer is.
const HEADER: &str = "x-recorded-case";

/// All cases of one exchange.
#[derive(Debug)]
pub(crate) struct Recorded {
    venue: Venue,
    cases: Vec<Case>,
    /// The cases of one request, in the order in which they take turns.
    turns: HashMap<Asked, Vec<usize>>,
    state: Mutex<State>,
}

/// A request: its place and its sorted parameters, `None` for any.
type Asked = (Place, Option<Vec<(String, String)>>);

#[derive(Debug, Default)]
struct State {
    /// How many answers each request got.
    answered: HashMap<Asked, usize>,
    selected: Option<usize>,
}

impl Recorded {
    pub(crate) fn load(
        venue: Venue,
        exchange: &Exchange,
        dir: &Path,
    ) -> Result<Self, RecordedError> {
        let cases = case::load(venue, exchange, dir)?;
        let mut turns: HashMap<Asked, Vec<usize>> = HashMap::new();
        for (index, case) in cases.iter().enumerate() {
            if let Some(place) = &case.place {
                let asked = (place.clone(), case.params.clone());
                turns.entry(asked).or_default().push(index);
            }
        }
        Ok(Self {
            venue,
            cases,
            turns,
            state: Mutex::default(),
        })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.cases.iter().map(|case| case.name.clone()).collect()
    }

    pub(crate) fn select(&self, name: Option<&str>) -> Result<(), UnknownCase> {
        let selected = match name {
            None => None,
            Some(name) => Some(
                self.cases
                    .iter()
                    .position(|case| case.name == name)
                    .ok_or_else(|| UnknownCase {
                        case: name.chars().take(80).collect(),
                    })?,
            ),
        };
        self.state().selected = selected;
        Ok(())
    }

    /// The case whose turn it is; a stale exchange repeats the last one.
    pub(crate) fn answer(
        &self,
        request: &http::Request<Bytes>,
        query: &Query,
        stale: bool,
        now: Now,
    ) -> Reply {
        let place = Place::new(self.venue, request.method().as_str(), request.uri().path());
        let case = self
            .find(place, query, stale)
            .and_then(|index| self.cases.get(index));
        let Some(case) = case else {
            return self.venue.not_recorded(now.wall);
        };
        let mut reply = if case.page {
            Reply::html(case.status, case.body.clone())
        } else {
            Reply::json(case.status, case.body.clone())
        };
        if let Ok(name) = HeaderValue::from_str(&case.name) {
            reply.headers.insert(HEADER, name);
        }
        reply
    }

    fn find(&self, place: Place, query: &Query, stale: bool) -> Option<usize> {
        let mut state = self.state();
        let selected = state
            .selected
            .and_then(|at| Some((at, self.cases.get(at)?)));
        if let Some((index, case)) = selected
            && case.place.as_ref().is_none_or(|its| *its == place)
        {
            return Some(index);
        }
        let exact = (place, Some(query.sorted()));
        let asked = if self.turns.contains_key(&exact) {
            exact
        } else {
            (exact.0, None)
        };
        let turns = self.turns.get(&asked)?;
        let answered = state.answered.entry(asked).or_default();
        let turn = if stale {
            answered.saturating_sub(1)
        } else {
            *answered += 1;
            *answered - 1
        };
        turns.get(turn % turns.len().max(1)).copied()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
