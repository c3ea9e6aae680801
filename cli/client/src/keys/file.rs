//! What is in a key's file.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subxt::utils::AccountId32;

use super::{KeyError, Locked, Signer};

/// Characters that a polkadot-js export has at least: the parameters of its encryption.
const EXPORT_MIN: usize = 92;

/// A key's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyFile {
    /// The account's address.
    address: String,
    /// The secret.
    #[serde(flatten)]
    secret: Secret,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Secret {
    /// As it is.
    Open {
        /// A mnemonic or a seed, with a path.
        secret: String,
    },
    /// Locked with a password.
    Locked {
        /// What a password opens.
        locked: Locked,
    },
    /// An account that polkadot-js exported, with all that it wrote.
    PolkadotJs {
        /// The locked secret.
        encoded: String,
        /// How.
        encoding: Value,
        /// Anything else.
        #[serde(flatten)]
        rest: Map<String, Value>,
    },
}

impl KeyFile {
    /// The file of a key, locked where there is a password.
    pub fn new(signer: &Signer, password: Option<&str>) -> Result<Self, KeyError> {
        let secret = match password {
            Some(password) => Secret::Locked {
                locked: Locked::new(signer.phrase()?, password)?,
            },
            None => Secret::Open {
                secret: signer.phrase()?.into(),
            },
        };
        Ok(Self {
            address: signer.account().to_string(),
            secret,
        })
    }

    /// Reads a file, or what polkadot-js exported.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file = serde_json::from_str::<Self>(text).map_err(|error| error.to_string())?;
        match &file.secret {
            Secret::PolkadotJs { encoded, .. } if encoded.len() < EXPORT_MIN => Err("it is cut off".into()),
            _ => Ok(file),
        }
    }

    /// The file's text.
    pub fn text(&self) -> String {
        // Nothing in it fails to be JSON.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The account, as the file says.
    pub fn account(&self) -> Option<AccountId32> {
        AccountId32::from_str(&self.address).ok()
    }

    /// Whether it takes a password to sign.
    pub fn is_locked(&self) -> bool {
        !matches!(self.secret, Secret::Open { .. })
    }

    /// The key. `password` is asked where the file is locked.
    pub fn open(&self, password: impl FnOnce() -> Result<String, KeyError>) -> Result<Signer, KeyError> {
        match &self.secret {
            Secret::Open { secret } => Signer::of_phrase(secret),
            Secret::Locked { locked } => Signer::of_phrase(&locked.open(&password()?)?),
            Secret::PolkadotJs { .. } => Signer::of_polkadot_js(&self.text(), &password()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Alice, as polkadot-js exports it with the password `whoisalice`.
    const EXPORT: &str = r#"{"encoded": "DumgApKCTqoCty1OZW/8WS+sgo6RdpHhCwAkA2IoDBMAgAAAAQAAAAgAAAB6IG/q24EeVf0JqWqcBd5m2tKq5BlyY84IQ8oamLn9DZe9Ouhgunr7i36J1XxUnTI801axqL/ym1gil0U8440Qvj0lFVKwGuxq38zuifgoj0B3Yru0CI6QKEvQPU5xxj4MpyxdSxP+2PnTzYao0HDH0fulaGvlAYXfqtU89xrx2/z9z7IjSwS3oDFPXRQ9kAdDebtyCVreZ9Otw9v3", "encoding": {"content": ["pkcs8", "sr25519"], "type": ["scrypt", "xsalsa20-poly1305"], "version": "3"}, "address": "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "meta": {"genesisHash": "", "name": "Alice", "whenCreated": 1718265838755}}"#;

    #[test]
    fn a_file_gives_back_its_key() {
        let key = Signer::random().unwrap();
        for password in [None, Some("secret")] {
            let file = KeyFile::new(&key, password).unwrap();
            let file = KeyFile::parse(&file.text()).unwrap();
            assert_eq!(file.is_locked(), password.is_some());
            assert_eq!(file.account(), Some(key.account()));
            let opened = file.open(|| Ok("secret".into())).unwrap();
            assert_eq!(opened.public_key(), key.public_key());
        }
    }

    #[test]
    fn what_polkadot_js_exported_opens_with_its_password_and_has_no_phrase() {
        let file = KeyFile::parse(EXPORT).unwrap();
        let file = KeyFile::parse(&file.text()).unwrap();
        assert!(file.is_locked());
        let wrong = file.open(|| Ok("whoisbob".into()));
        assert!(matches!(wrong, Err(KeyError::WrongPassword)));
        let alice = file.open(|| Ok("whoisalice".into())).unwrap();
        assert_eq!(alice.account(), Signer::of_phrase("//Alice").unwrap().account());
        assert!(matches!(alice.phrase(), Err(KeyError::NoPhrase)));
        assert!(matches!(KeyFile::new(&alice, None), Err(KeyError::NoPhrase)));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"address": "5Grw"}"#,
            r#"{"address": "x", "encoded": "AAAA", "encoding": {}}"#,
        ] {
            assert!(KeyFile::parse(text).is_err(), "{text}");
        }
    }
}
