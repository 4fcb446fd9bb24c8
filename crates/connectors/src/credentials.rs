//! What a signature is made with.

use std::fmt;

use robust_market::Exchange;
use secrecy::{ExposeSecret, SecretString};

use crate::EncodeError;
use crate::redact::Traces;

/// A user's key to one exchange.
///
/// Nothing of it is ever shown: not in `Debug`, not in an error, and what it signs marks its headers as sensitive.
///
/// ```
/// use robust_connectors::Credentials;
///
/// let credentials = Credentials::new("my-key".into(), "my-secret".into()).with_passphrase("my-phrase".into());
/// assert!(!format!("{credentials:?}").contains("my-"));
/// ```
#[derive(Clone)]
pub struct Credentials {
    key: SecretString,
    secret: SecretString,
    passphrase: Option<SecretString>,
    key_version: u8,
}

impl Credentials {
    /// A key and the secret that belongs to it, as the exchange shows them.
    #[must_use]
    pub const fn new(key: SecretString, secret: SecretString) -> Self {
        Self {
            key,
            secret,
            passphrase: None,
            key_version: 2,
        }
    }

    /// The same with the passphrase that was chosen with the key (KuCoin).
    #[must_use]
    pub fn with_passphrase(mut self, passphrase: SecretString) -> Self {
        self.passphrase = Some(passphrase);
        self
    }

    /// The same with the version of the key, 2 unless said otherwise (KuCoin states it beside the key).
    #[must_use]
    pub const fn with_key_version(mut self, version: u8) -> Self {
        self.key_version = version;
        self
    }

    /// What must be hidden in everything that an exchange says: all of these credentials, and `sent`, what was made of them for
    /// a request.
    #[must_use]
    pub fn traces<'a>(&'a self, sent: impl IntoIterator<Item = &'a str>) -> Traces {
        let parts = [
            Some(&self.key),
            Some(&self.secret),
            self.passphrase.as_ref(),
        ];
        let own = parts.into_iter().flatten().map(ExposeSecret::expose_secret);
        Traces::of(own.chain(sent))
    }

    /// The key, for a header or a parameter.
    pub(crate) fn key(&self) -> &str {
        self.key.expose_secret()
    }

    /// The secret, for the signature alone.
    pub(crate) fn secret(&self) -> &str {
        self.secret.expose_secret()
    }

    /// The passphrase that `exchange` wants.
    pub(crate) fn passphrase(&self, exchange: Exchange) -> Result<&str, EncodeError> {
        self.passphrase
            .as_ref()
            .map(ExposeSecret::expose_secret)
            .ok_or(EncodeError::Credentials {
                exchange,
                part: "passphrase",
                fault: "is missing",
            })
    }

    pub(crate) const fn key_version(&self) -> u8 {
        self.key_version
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("passphrase", &self.passphrase.is_some())
            .field("key_version", &self.key_version)
            .finish_non_exhaustive()
    }
}
