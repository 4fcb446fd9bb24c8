//! Where credentials may be, and that no refusal shows them.

use std::io::Write as _;

use super::*;
use crate::Config;

const SECRET: &str = "f03a5284-5c39-4aaa-9b20-dea10bdcf8e3";

fn settings(lines: &str) -> Result<CredentialSettings, String> {
    let text = format!("[exchanges.kucoin.credentials]\n{lines}");
    let mut config = Config::from_toml(&text).map_err(|error| error.to_string())?;
    Ok(config
        .exchanges
        .remove("kucoin")
        .unwrap()
        .credentials
        .unwrap())
}

fn environment(name: &str) -> Result<String, VarError> {
    match name {
        "KEY" => Ok("the-key".to_owned()),
        "SECRET" => Ok(format!("{SECRET}\n")),
        "EMPTY" => Ok("\n".to_owned()),
        "BROKEN" => Err(VarError::NotUnicode(SECRET.into())),
        _ => Err(VarError::NotPresent),
    }
}

fn refused(lines: &str) -> String {
    let loaded = settings(lines).unwrap().load_with("kucoin", environment);
    loaded.unwrap_err().to_string()
}

#[test]
fn a_variable_that_is_missing_or_unusable_is_named_with_its_field() {
    let field = "config exchanges.kucoin.credentials.secret_env";
    for (variable, reason) in [
        ("NO_SUCH", "there is no such variable"),
        ("EMPTY", "it is empty"),
        ("BROKEN", "its value is not UTF-8"),
    ] {
        let text = refused(&format!("key_env = \"KEY\"\nsecret_env = \"{variable}\""));
        assert!(
            text.starts_with(&format!("{field} = \"{variable}\": {reason}")),
            "{text}"
        );
        assert!(!text.contains("f03a"), "{text}");
    }
    let good = settings("key_env = \"KEY\"\nsecret_env = \"SECRET\"\nkey_version = 3");
    let good = good.unwrap().load_with("kucoin", environment).unwrap();
    assert_eq!(
        format!("{good:?}"),
        "Credentials { passphrase: false, key_version: 3, .. }"
    );
}

#[test]
fn a_secret_in_the_file_is_refused_with_the_remedy_and_never_shown() {
    for (lines, remedy) in [
        (
            format!("secret = \"{SECRET}\""),
            "write secret_env = \"VARIABLE\" or secret_file = \"PATH\"",
        ),
        (format!("key = \"{SECRET}\""), "write key_env"),
        (
            format!("passphrase = [\"{SECRET}\"]"),
            "write passphrase_env",
        ),
        (
            format!("secret_env = \"{SECRET}\"\nkey_env = \"KEY\""),
            "use the name of a variable",
        ),
        (
            "secret_env = \"NhqPf03a5284tmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZj\"\nkey_env = \"KEY\""
                .to_owned(),
            "use the name of a variable",
        ),
        (format!("secret_env = [\"{SECRET}\"]"), "a text is wanted"),
        ("secret_env = 5284".to_owned(), "a text is wanted"),
        ("secret_file = 5284.5".to_owned(), "a text is wanted"),
        (
            format!("api_secret = \"{SECRET}\""),
            "did you mean secret_env?",
        ),
        (
            "key_env = \"KEY\"".to_owned(),
            "credentials.secret = missing: write secret_env",
        ),
        (
            "key_env = \"KEY\"\nsecret_env = \"A\"\nsecret_file = \"b\"".to_owned(),
            "leave one of them away",
        ),
    ] {
        let text = settings(&lines).unwrap_err();
        assert!(text.contains(remedy), "{lines}: {text}");
        assert!(
            !text.contains("f03a") && !text.contains("5284"),
            "{lines}: {text}"
        );
    }
    for value in [
        format!("\"{SECRET}\""),
        "5284".to_owned(),
        "5284.5".to_owned(),
    ] {
        let text = Config::from_toml(&format!("[exchanges.kucoin]\ncredentials = {value}"));
        let text = text.unwrap_err().to_string();
        assert!(text.contains("line 2: credentials are a table"), "{text}");
        assert!(!text.contains("5284"), "{text}");
    }
}

#[test]
fn the_settings_name_places_and_can_be_shown() {
    let read = settings("key_env = \"KEY\"\nsecret_file = \"/run/secrets/kucoin\"").unwrap();
    let mut config = Config::default();
    let exchange = crate::ExchangeSettings {
        credentials: Some(read),
        ..Default::default()
    };
    config.exchanges.insert("kucoin".to_owned(), exchange);
    let shown = toml::to_string(&config).unwrap();
    assert!(
        shown.contains("secret_file = \"/run/secrets/kucoin\""),
        "{shown}"
    );
    assert_eq!(Config::from_toml(&shown).unwrap(), config);
}

#[cfg(unix)]
#[test]
fn a_secret_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("secret");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(SECRET.as_bytes()).unwrap();
    let lines = format!("key_env = \"KEY\"\nsecret_file = {path:?}");
    let mode =
        |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    for open in [0o644, 0o640, 0o604, 0o620] {
        mode(open);
        let text = refused(&lines);
        assert!(
            text.contains(&format!("its mode {open:04o} lets others")),
            "{text}"
        );
        assert!(
            text.contains("chmod 600") && !text.contains("f03a"),
            "{text}"
        );
    }
    for closed in [0o600, 0o400] {
        mode(closed);
        settings(&lines)
            .unwrap()
            .load_with("kucoin", environment)
            .unwrap();
    }
    let missing = format!(
        "key_env = \"KEY\"\nsecret_file = {:?}",
        path.with_extension("gone")
    );
    let text = refused(&missing);
    assert!(
        text.contains("credentials.secret_file = ") && text.contains("gone"),
        "{text}"
    );
    let folder = format!("key_env = \"KEY\"\nsecret_file = {:?}", directory.path());
    assert!(refused(&folder).contains("it is no file"));
    file.write_all(&[b'x'; FILE_MAX as usize]).unwrap();
    mode(0o600);
    assert!(refused(&lines).contains("longer than 64 KiB"));
}
