//! A secret that a password opens: scrypt makes a key of the password, XSalsa20-Poly1305 locks the secret with it.

use crypto_secretbox::aead::{Aead, KeyInit};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use serde::{Deserialize, Serialize};

use super::KeyError;
use crate::hex;

/// What stretching a password costs, as a power of two: 32 MiB, some tenths of a second. As polkadot-js has it.
const LOG_N: u8 = 15;
/// What a file may ask for at most.
const LOG_N_MAX: u8 = 20;

/// A locked secret, as it is in a key's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// 32 bytes.
    salt: String,
    /// The cost of scrypt as a power of two.
    log_n: u8,
    /// 24 bytes.
    nonce: String,
    /// The secret.
    sealed: String,
}

impl Locked {
    /// Locks a secret with a password.
    pub fn new(secret: &str, password: &str) -> Result<Self, KeyError> {
        let (mut salt, mut nonce) = ([0; 32], [0_u8; 24]);
        for random in [&mut salt[..], &mut nonce[..]] {
            getrandom::getrandom(random).map_err(|error| KeyError::NotMade(error.to_string()))?;
        }
        let cipher = XSalsa20Poly1305::new(&stretched(password, &salt, LOG_N)?);
        let sealed = cipher.encrypt(&Nonce::from(nonce), secret.as_bytes());
        let sealed = sealed.map_err(|error| KeyError::NotMade(error.to_string()))?;
        Ok(Self {
            salt: hex(&salt),
            log_n: LOG_N,
            nonce: hex(&nonce),
            sealed: hex(&sealed),
        })
    }

    /// The secret.
    ///
    /// Fails with [`KeyError::WrongPassword`], also where the file was changed.
    pub fn open(&self, password: &str) -> Result<String, KeyError> {
        let (salt, nonce) = (bytes(&self.salt)?, bytes(&self.nonce)?);
        let nonce = <[u8; 24]>::try_from(nonce).map_err(|_| KeyError::WrongPassword)?;
        if self.log_n > LOG_N_MAX {
            return Err(KeyError::WrongPassword);
        }
        let cipher = XSalsa20Poly1305::new(&stretched(password, &salt, self.log_n)?);
        let secret = cipher.decrypt(&Nonce::from(nonce), bytes(&self.sealed)?.as_slice());
        let secret = secret.map_err(|_| KeyError::WrongPassword)?;
        String::from_utf8(secret).map_err(|_| KeyError::WrongPassword)
    }
}

fn stretched(password: &str, salt: &[u8], log_n: u8) -> Result<Key, KeyError> {
    let failed = |error: &dyn std::fmt::Display| KeyError::NotMade(error.to_string());
    let params = scrypt::Params::new(log_n, 8, 1, 32).map_err(|error| failed(&error))?;
    let mut key = Key::default();
    scrypt::scrypt(password.as_bytes(), salt, &params, &mut key).map_err(|error| failed(&error))?;
    Ok(key)
}

/// The bytes of `0x` and hexadecimal digits.
fn bytes(text: &str) -> Result<Vec<u8>, KeyError> {
    let digits = text
        .strip_prefix("0x")
        .filter(|digits| digits.len() % 2 == 0 && digits.is_ascii());
    let digits = digits.ok_or(KeyError::WrongPassword)?;
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2).unwrap_or_default(), 16);
    let bytes = (0..digits.len()).step_by(2).map(byte);
    bytes
        .collect::<Result<_, _>>()
        .map_err(|_| KeyError::WrongPassword)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_opens_and_no_other_does() {
        let locked = Locked::new("bottom drive obey", "open").unwrap();
        assert!(!serde_json::to_string(&locked).unwrap().contains("drive"));
        assert_eq!(locked.open("open").unwrap(), "bottom drive obey");
        assert!(matches!(locked.open("Open"), Err(KeyError::WrongPassword)));
    }

    #[test]
    fn a_changed_file_does_not_open() {
        let locked = Locked::new("secret", "").unwrap();
        let change = |change: fn(&mut Locked)| {
            let mut changed = locked.clone();
            change(&mut changed);
            changed.open("").unwrap_err()
        };
        for error in [
            change(|locked| locked.sealed.replace_range(2..4, "zz")),
            change(|locked| locked.sealed = "0x00".into()),
            change(|locked| locked.nonce = "0x00".into()),
            change(|locked| locked.salt = String::new()),
            change(|locked| locked.log_n = 60),
        ] {
            assert!(matches!(error, KeyError::WrongPassword), "{error}");
        }
    }
}
