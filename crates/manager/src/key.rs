//! A key that the exchange refuses is not shown to it again and again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use robust_connectors::Class;
use robust_market::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::DataError;

/// How long no signed request is sent after a refusal. Then one goes, for what was wrong may have been mended at the exchange: a
/// permission, an address that is allowed, a clock.
const PAUSE: Duration = Duration::from_secs(900);

/// What is known of the credentials of one exchange.
#[derive(Debug, Default)]
pub(crate) struct Key(Mutex<Option<Refused>>);

#[derive(Debug)]
struct Refused {
    error: DataError,
    since: Timestamp,
    probe: Instant,
    held_back: u64,
}

/// The state of an exchange's credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyStatus {
    /// Why the exchange refuses the credentials; `None` while it does not.
    pub refused: Option<KeyRefused>,
}

/// A refusal of the credentials. What is public is asked all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyRefused {
    /// When it was refused first, in milliseconds since 1970.
    pub since_ms: i64,
    /// The exchange's own code.
    pub code: Option<Box<str>>,
    /// The exchange's own words, without anything of the credentials.
    pub message: String,
    /// Until when no signed request is sent.
    pub probe_in_ms: u64,
    /// Signed requests that were not sent because of it.
    pub held_back: u64,
}

impl Key {
    fn lock(&self) -> MutexGuard<'_, Option<Refused>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks whether a signed request may be sent. The one that may after a pause pushes the next one back.
    ///
    /// # Errors
    ///
    /// The exchange's own refusal, with the time until one may be sent.
    pub(crate) fn ask(&self, now: Instant) -> Result<(), DataError> {
        let mut state = self.lock();
        let Some(refused) = state.as_mut() else {
            return Ok(());
        };
        if now >= refused.probe {
            refused.probe = now + PAUSE;
            return Ok(());
        }
        refused.held_back += 1;
        let left = refused.probe.saturating_duration_since(now);
        Err(refused.error.clone().again_in(left))
    }

    /// Notes how a signed request ended. Only a refusal of the key itself, and data, say anything of it.
    pub(crate) fn note<T>(&self, answer: Result<&T, &DataError>, now: Instant, at: Timestamp) {
        let mut state = self.lock();
        match answer {
            Ok(_) => *state = None,
            Err(error) if is_refusal(error) => {
                let before = state.take();
                let (since, held_back) =
                    before.map_or((at, 0), |before| (before.since, before.held_back));
                *state = Some(Refused {
                    error: error.clone(),
                    since,
                    probe: now + PAUSE,
                    held_back,
                });
            }
            // Nothing was learned of the key: the next one may try.
            Err(_) => {
                if let Some(refused) = state.as_mut() {
                    refused.probe = now;
                }
            }
        }
    }

    /// Forgets a refusal.
    pub(crate) fn renew(&self) {
        *self.lock() = None;
    }

    pub(crate) fn status(&self, now: Instant) -> KeyStatus {
        let state = self.lock();
        KeyStatus {
            refused: state.as_ref().map(|refused| KeyRefused {
                since_ms: refused.since.as_ms(),
                code: match &refused.error {
                    DataError::Api { code, .. } => code.clone(),
                    _ => None,
                },
                message: match &refused.error {
                    DataError::Api { message, .. } => message.clone(),
                    error => error.to_string(),
                },
                probe_in_ms: u64::try_from(
                    refused.probe.saturating_duration_since(now).as_millis(),
                )
                .unwrap_or(u64::MAX),
                held_back: refused.held_back,
            }),
        }
    }
}

const fn is_refusal(error: &DataError) -> bool {
    matches!(
        error,
        DataError::Api {
            class: Class::Auth,
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use robust_market::Exchange;

    use super::*;

    fn error(class: Class) -> DataError {
        DataError::Api {
            exchange: Exchange::KUCOIN,
            class,
            status: 401,
            code: Some("400003".into()),
            message: "KC-API-KEY not exists".to_owned(),
            retry_in: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_key_is_tried_once_in_a_quarter_of_an_hour_till_it_is_good() {
        let key = Key::default();
        let (mut now, at) = (Instant::now(), Timestamp::from_ms(1_000).unwrap());
        for round in 1..=3 {
            key.ask(now).unwrap();
            key.note::<()>(Err(&error(Class::Auth)), now, at);
            for _ in 0..5 {
                let held = key.ask(now + Duration::from_secs(1)).unwrap_err();
                assert_eq!(held.name(), "auth");
                assert_eq!(held.retry_in(), Some(PAUSE - Duration::from_secs(1)));
            }
            let refused = key.status(now).refused.unwrap();
            assert_eq!((refused.since_ms, refused.held_back), (1_000, 5 * round));
            assert_eq!(refused.code.as_deref(), Some("400003"));
            now += PAUSE;
        }
        // One probe at a time, however many ask.
        key.ask(now).unwrap();
        key.ask(now).unwrap_err();
        key.note(Ok(&()), now, at);
        key.ask(now).unwrap();
        assert_eq!(key.status(now).refused, None);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_but_a_refusal_of_the_key_holds_it_back() {
        let key = Key::default();
        let (now, at) = (Instant::now(), Timestamp::EPOCH);
        for class in [Class::Permanent, Class::Transient, Class::RateLimited] {
            key.note::<()>(Err(&error(class)), now, at);
            assert!(key.ask(now).is_ok(), "{class:?}");
        }
        key.note::<()>(Err(&error(Class::Auth)), now, at);
        // A probe that fails on its way has found out nothing.
        let later = now + PAUSE;
        key.ask(later).unwrap();
        key.note::<()>(Err(&error(Class::Transient)), later, at);
        assert!(key.ask(later).is_ok());
        key.note::<()>(Err(&error(Class::Auth)), later, at);
        key.renew();
        assert!(key.ask(later).is_ok());
    }
}
