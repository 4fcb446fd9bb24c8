//! Where the credentials of an exchange are kept; never what they are.

use std::env::VarError;
use std::fmt;
use std::path::{Path, PathBuf};

use robust_connectors::{Credentials, SecretString};
use robust_market::quote;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::ConfigError;

/// Where key, secret and passphrase of one exchange are to be found: in a variable of the environment or in a file, each.
///
/// They are read when a manager starts. A file holds one secret; the line end after it is taken off. On unix nobody but its owner may
/// read it: a file that its group or everybody may read is refused.
///
/// ```
/// use robust_data_manager::Config;
///
/// let text = r#"
///     [exchanges.kucoin.credentials]
///     key_env = "KUCOIN_KEY"
///     secret_file = "/run/secrets/kucoin"
///     passphrase_env = "KUCOIN_PASSPHRASE"
/// "#;
/// assert!(Config::from_toml(text)?.exchanges["kucoin"].credentials.is_some());
///
/// // A secret itself does not belong into the file, and is not shown by the refusal.
/// let error = Config::from_toml("[exchanges.kucoin.credentials]\nsecret = \"f03a5284\"").unwrap_err();
/// assert!(error.to_string().contains("secret_env") && !error.to_string().contains("f03a"));
/// # Ok::<(), robust_data_manager::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct CredentialSettings {
    /// The variable that holds the key.
    pub key_env: Option<String>,
    /// The file that holds the key.
    pub key_file: Option<PathBuf>,
    /// The variable that holds the secret.
    pub secret_env: Option<String>,
    /// The file that holds the secret.
    pub secret_file: Option<PathBuf>,
    /// The variable that holds the passphrase (KuCoin).
    pub passphrase_env: Option<String>,
    /// The file that holds the passphrase.
    pub passphrase_file: Option<PathBuf>,
    /// The version of the key, as KuCoin states it; 2.
    pub key_version: Option<u8>,
}

const FIELDS: &[&str] = &[
    "key_env",
    "key_file",
    "secret_env",
    "secret_file",
    "passphrase_env",
    "passphrase_file",
    "key_version",
];

/// The most of a file that is read; the longest keys, RSA, have a few kilobytes.
const FILE_MAX: u64 = 64 * 1024;

/// One part of the credentials and its place.
struct Part<'a> {
    name: &'static str,
    env: Option<&'a str>,
    file: Option<&'a Path>,
}

impl CredentialSettings {
    fn parts(&self) -> [Part<'_>; 3] {
        [
            ("key", &self.key_env, &self.key_file),
            ("secret", &self.secret_env, &self.secret_file),
            ("passphrase", &self.passphrase_env, &self.passphrase_file),
        ]
        .map(|(name, env, file)| Part {
            name,
            env: env.as_deref(),
            file: file.as_deref(),
        })
    }

    /// Finds places that cannot be meant. Reads nothing.
    pub(super) fn check(&self, exchange: &str) -> Result<(), ConfigError> {
        for part in self.parts() {
            let wrong = |key: &str, place: &str, reason: String| ConfigError::Secret {
                field: format!("exchanges.{exchange}.credentials.{key}"),
                place: place.to_owned(),
                reason,
            };
            let (env, file) = (format!("{}_env", part.name), format!("{}_file", part.name));
            match (part.env, part.file) {
                (Some(_), Some(_)) => {
                    let reason = format!("{file} is set too; leave one of them away");
                    return Err(wrong(&env, "set", reason));
                }
                (None, None) if part.name != "passphrase" => {
                    let reason = format!("write {env} = \"VARIABLE\" or {file} = \"PATH\"");
                    return Err(wrong(part.name, "missing", reason));
                }
                (Some(variable), None) if !is_variable(variable) => {
                    let reason = "use the name of a variable: capitals, digits and _; what stands there is not shown, for it may be the secret itself";
                    return Err(wrong(&env, "(not shown)", reason.to_owned()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads the credentials from where they are.
    pub(crate) fn load(&self, exchange: &str) -> Result<Credentials, ConfigError> {
        self.load_with(exchange, |name| std::env::var(name))
    }

    fn load_with(
        &self,
        exchange: &str,
        variable: impl Fn(&str) -> Result<String, VarError>,
    ) -> Result<Credentials, ConfigError> {
        self.check(exchange)?;
        let [key, secret, passphrase] = self.parts().map(|part| {
            let (key, place, found) = match (part.env, part.file) {
                (Some(name), _) => ("env", quote(name), of_variable(variable(name))),
                (None, Some(path)) => ("file", quote(&path.to_string_lossy()), of_file(path)),
                (None, None) => return Ok(None),
            };
            let found = found.and_then(|text| match text.trim_end_matches(['\r', '\n']) {
                "" => Err("it is empty".to_owned()),
                text => Ok(SecretString::from(text)),
            });
            found.map(Some).map_err(|reason| ConfigError::Secret {
                field: format!("exchanges.{exchange}.credentials.{}_{key}", part.name),
                place,
                reason,
            })
        });
        let (Some(key), Some(secret)) = (key?, secret?) else {
            // Checked above.
            return Err(ConfigError::Secret {
                field: format!("exchanges.{exchange}.credentials"),
                place: "incomplete".to_owned(),
                reason: "name the places of key and secret".to_owned(),
            });
        };
        let mut credentials = Credentials::new(key, secret);
        if let Some(passphrase) = passphrase? {
            credentials = credentials.with_passphrase(passphrase);
        }
        if let Some(version) = self.key_version {
            credentials = credentials.with_key_version(version);
        }
        Ok(credentials)
    }
}

/// Whether a text can be the name of a variable. Letters of both cases are not: variables are written in one, secrets in both.
fn is_variable(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let both = text.contains(|c: char| c.is_ascii_uppercase())
        && text.contains(|c: char| c.is_ascii_lowercase());
    !text.is_empty()
        && text.len() <= 128
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(word)
        && !both
}

fn of_variable(found: Result<String, VarError>) -> Result<String, String> {
    found.map_err(|error| match error {
        VarError::NotPresent => {
            "there is no such variable; set it where the program is started".to_owned()
        }
        // The words of this error would hold the value.
        VarError::NotUnicode(_) => "its value is not UTF-8".to_owned(),
    })
}

fn of_file(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let told = |error: std::io::Error| format!("{error}; check the path and its permissions");
    // Asked before it is opened: opening a pipe would wait for its other end.
    if !std::fs::metadata(path).map_err(told)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(told)?;
    only_the_owners(&file.metadata().map_err(told)?)?;
    let mut bytes = Vec::new();
    file.take(FILE_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(told)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err("it is longer than 64 KiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Refuses a file that others than its owner may read or write.
#[cfg(unix)]
fn only_the_owners(file: &std::fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.permissions().mode() & 0o777;
    if mode & 0o066 == 0 {
        return Ok(());
    }
    Err(format!(
        "its mode {mode:04o} lets others than its owner at it; chmod 600"
    ))
}

#[cfg(not(unix))]
fn only_the_owners(_file: &std::fs::Metadata) -> Result<(), String> {
    Ok(())
}

/// What serde would quote may be the secret itself, so each type that may come is answered without its value.
impl<'de> Deserialize<'de> for CredentialSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = CredentialSettings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table such as { key_env = \"VARIABLE\", secret_file = \"PATH\" }")
    }

    fn visit_str<E: serde::de::Error>(self, _value: &str) -> Result<Self::Value, E> {
        Err(E::custom(
            "credentials are a table such as { key_env = \"VARIABLE\", secret_file = \"PATH\" }; what stands there is not shown",
        ))
    }

    fn visit_i64<E: serde::de::Error>(self, _value: i64) -> Result<Self::Value, E> {
        self.visit_str("")
    }

    fn visit_f64<E: serde::de::Error>(self, _value: f64) -> Result<Self::Value, E> {
        self.visit_str("")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut read = CredentialSettings::default();
        while let Some(field) = map.next_key::<String>()? {
            let text = match field.as_str() {
                "key_env" => &mut read.key_env,
                "secret_env" => &mut read.secret_env,
                "passphrase_env" => &mut read.passphrase_env,
                "key_file" => {
                    read.key_file = Some(map.next_value::<Text>()?.0.into());
                    continue;
                }
                "secret_file" => {
                    read.secret_file = Some(map.next_value::<Text>()?.0.into());
                    continue;
                }
                "passphrase_file" => {
                    read.passphrase_file = Some(map.next_value::<Text>()?.0.into());
                    continue;
                }
                "key_version" => {
                    read.key_version = Some(map.next_value()?);
                    continue;
                }
                "key" | "secret" | "passphrase" => {
                    let _unread: IgnoredAny = map.next_value()?;
                    return Err(A::Error::custom(format!(
                        "{field}: no {field} belongs into a config file; write {field}_env = \"VARIABLE\" or {field}_file = \"PATH\", and change the {field} if others could read it here"
                    )));
                }
                unknown => return Err(A::Error::unknown_field(unknown, FIELDS)),
            };
            *text = Some(map.next_value::<Text>()?.0);
        }
        Ok(read)
    }
}

/// A text; anything else is refused without being shown.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Text(String),
            Other(IgnoredAny),
        }
        match Any::deserialize(deserializer)? {
            Any::Text(text) => Ok(Self(text)),
            Any::Other(_) => Err(D::Error::custom(
                "a text is wanted, such as \"VARIABLE\" or \"PATH\"; what stands there is not shown",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
