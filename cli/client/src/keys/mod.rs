//! The keys with which a user signs.
//!
//! A key is a file of its own in `$XDG_CONFIG_HOME/assay/keys`, which its owner alone reads. It has the secret as it is, or
//! locked with a password, or is an account that polkadot-js exported.

mod file;
mod locked;
mod store;

use std::str::FromStr;

use subxt::utils::AccountId32;
use subxt_signer::sr25519::Keypair;
use subxt_signer::{bip39::Mnemonic, SecretUri};

pub use file::KeyFile;
pub use locked::Locked;
pub use store::Store;

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No key has the name.
    #[error("there is no key `{0}`: `assay keys list` says which there are, `assay keys new {0}` makes it")]
    NotFound(String),
    /// A key has the name.
    #[error("there is a key `{0}` already: choose another name, or remove it with `assay keys remove {0}`")]
    AlreadyExists(String),
    /// A name is none.
    #[error("`{0}` is no name of a key: it has up to 64 letters, digits, `-` and `_`")]
    BadName(String),
    /// A secret is none.
    #[error("this is no secret ({0}): it is a mnemonic of 12 to 24 words, or 0x and the 64 digits of a seed, either with a path such as //worker")]
    BadSecret(String),
    /// A key's file can be read by others.
    #[error("{0} can be read by others: make it your own with `chmod 600 {0}`")]
    Readable(String),
    /// A key's file is none.
    #[error("{path}: this is no key ({reason}): remove it, and import the key again")]
    BadFile {
        /// Where it is.
        path: String,
        /// Why.
        reason: String,
    },
    /// A key's file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Where it is.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// There is no folder for keys.
    #[error("there is no home: say where keys are kept with XDG_CONFIG_HOME")]
    NoHome,
    /// A password does not open a key.
    #[error("the password does not open the key")]
    WrongPassword,
    /// A key needs a password, and there is nobody to ask.
    #[error("the key is locked: give its password in ASSAY_PASSWORD, or run this on a terminal")]
    PasswordNeeded,
    /// There is no randomness, or no memory, for a key.
    #[error("no key can be made: {0}")]
    NotMade(String),
    /// The key has no secret that could be written down.
    #[error(
        "the key comes from polkadot-js, which keeps no mnemonic in its file: import the mnemonic for this"
    )]
    NoPhrase,
}

/// A key that can sign.
pub struct Signer {
    keypair: Keypair,
    /// A mnemonic or a seed, with a path; `None` for accounts of polkadot-js.
    phrase: Option<String>,
}

impl Signer {
    /// The key of a mnemonic or a seed, with or without a path, or of a path alone: `//Alice` of the development
    /// chains.
    pub fn of_phrase(phrase: &str) -> Result<Self, KeyError> {
        let bad = |error: &dyn std::fmt::Display| KeyError::BadSecret(error.to_string());
        let uri = SecretUri::from_str(phrase).map_err(|error| bad(&error))?;
        Ok(Self {
            keypair: Keypair::from_uri(&uri).map_err(|error| bad(&error))?,
            phrase: Some(phrase.into()),
        })
    }

    /// The key of a mnemonic or a seed, with or without a path.
    ///
    /// Fails with [`KeyError::BadSecret`] where there is nothing but a path: everybody knows that key.
    pub fn of_secret(secret: &str) -> Result<Self, KeyError> {
        match secret.is_empty() || secret.starts_with('/') {
            true => Err(KeyError::BadSecret("it has no words and no digits".into())),
            false => Self::of_phrase(secret),
        }
    }

    /// A new key, of a mnemonic of 12 words.
    pub fn random() -> Result<Self, KeyError> {
        let mut entropy = [0; 16];
        getrandom::getrandom(&mut entropy).map_err(|error| KeyError::NotMade(error.to_string()))?;
        let mnemonic =
            Mnemonic::from_entropy(&entropy).map_err(|error| KeyError::NotMade(error.to_string()))?;
        Self::of_phrase(&mnemonic.to_string())
    }

    /// An account that polkadot-js exported as JSON.
    pub fn of_polkadot_js(json: &str, password: &str) -> Result<Self, KeyError> {
        use subxt_signer::polkadot_js_compat::{decrypt_json, Error};
        let keypair = decrypt_json(json, password).map_err(|error| match error {
            Error::Secretbox(_) => KeyError::WrongPassword,
            other => KeyError::BadSecret(other.to_string()),
        })?;
        Ok(Self {
            keypair,
            phrase: None,
        })
    }

    /// What signs.
    pub fn keypair(&self) -> &Keypair {
        &self.keypair
    }

    /// The mnemonic or the seed, with the path.
    pub fn phrase(&self) -> Result<&str, KeyError> {
        self.phrase.as_deref().ok_or(KeyError::NoPhrase)
    }

    /// The sr25519 public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.keypair.public_key().0
    }

    /// The account.
    pub fn account(&self) -> AccountId32 {
        AccountId32(self.public_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_alone_is_a_development_key() {
        let alice = Signer::of_phrase("//Alice").unwrap();
        let address = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
        assert_eq!(alice.account().to_string(), address);
    }

    #[test]
    fn a_new_key_is_that_of_its_phrase() {
        let key = Signer::random().unwrap();
        let phrase = key.phrase().unwrap();
        assert_eq!(phrase.split(' ').count(), 12);
        assert_eq!(Signer::of_phrase(phrase).unwrap().public_key(), key.public_key());
        assert_ne!(Signer::random().unwrap().public_key(), key.public_key());
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for text in [
            "",
            "/soft",
            "//Alice",
            "///password",
            "word word word",
            "0x12",
            "0xzz",
        ] {
            assert!(
                matches!(Signer::of_secret(text), Err(KeyError::BadSecret(_))),
                "{text}"
            );
        }
    }
}
