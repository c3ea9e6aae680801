//! Asks the person at the terminal.

use std::io::{stderr, stdin, BufRead, IsTerminal, Write};

use super::{Failure, Usage};
use crate::client::keys::KeyError;

/// The password of keys, where nobody is there to be asked.
const PASSWORD: &str = "ASSAY_PASSWORD";

/// Whether somebody can be asked.
pub(super) fn is_terminal() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Whether somebody at the terminal agrees.
pub(super) fn agrees(question: &str) -> Result<bool, Failure> {
    write!(stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The password of a key.
pub(super) fn password(key: &str) -> Result<String, KeyError> {
    match std::env::var(PASSWORD) {
        Ok(password) => Ok(password),
        Err(_) if is_terminal() => {
            let asked = rpassword::prompt_password(format!("Password of {key}: "));
            asked.map_err(|_| KeyError::PasswordNeeded)
        }
        Err(_) => Err(KeyError::PasswordNeeded),
    }
}

/// A new password, typed twice.
pub(super) fn new_password() -> Result<String, Failure> {
    if let Ok(password) = std::env::var(PASSWORD) {
        return Ok(password);
    }
    if !is_terminal() {
        return Err(KeyError::PasswordNeeded.into());
    }
    let [first, second] = ["New password: ", "The same again: "].map(rpassword::prompt_password);
    let first = first?;
    match first == second? {
        true => Ok(first),
        false => Err(Usage("the passwords differ".into()).into()),
    }
}

/// A secret that nobody sees: typed, or what comes through a pipe.
pub(super) fn secret() -> Result<String, Failure> {
    match stdin().is_terminal() {
        true => Ok(rpassword::prompt_password("Mnemonic or seed: ")?),
        false => Ok(std::io::read_to_string(stdin())?),
    }
}
