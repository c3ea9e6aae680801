//! The folder of keys.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{KeyError, KeyFile};

/// The most characters of a key's name.
const NAME_MAX: usize = 64;
const EXTENSION: &str = "json";

/// A folder of keys. It is made with the first key.
#[derive(Clone, Debug)]
pub struct Store(PathBuf);

impl Store {
    /// The keys in a folder.
    pub fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The user's own keys: in `$XDG_CONFIG_HOME/assay/keys`, which is mostly `~/.config/assay/keys`.
    pub fn of_user() -> Result<Self, KeyError> {
        let variable = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let config = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
        Ok(Self(config.ok_or(KeyError::NoHome)?.join("assay/keys")))
    }

    /// Where a key is, or would be.
    pub fn path(&self, name: &str) -> Result<PathBuf, KeyError> {
        let is_fit = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
        match !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(is_fit) {
            true => Ok(self.0.join(name).with_extension(EXTENSION)),
            false => Err(KeyError::BadName(name.into())),
        }
    }

    /// Whether a key has the name.
    pub fn has(&self, name: &str) -> Result<bool, KeyError> {
        Ok(self.path(name)?.exists())
    }

    /// Fails with [`KeyError::AlreadyExists`] where a key has the name.
    pub fn refuse_taken(&self, name: &str) -> Result<(), KeyError> {
        match self.has(name)? {
            true => Err(KeyError::AlreadyExists(name.into())),
            false => Ok(()),
        }
    }

    /// Writes a new key to a file that its owner alone reads. Where it cannot be written, nothing is left of it.
    ///
    /// Fails with [`KeyError::AlreadyExists`]: no key is ever overwritten.
    pub fn add(&self, name: &str, key: &KeyFile) -> Result<PathBuf, KeyError> {
        let path = self.path(name)?;
        let folder = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        folder.map_err(|error| at(&self.0, error))?;
        let part = self.0.join(format!(".{name}.{}", std::process::id()));
        // A link takes no name that is taken, and a whole file alone gets one.
        let linked = write_new(&part, key.text().as_bytes()).and_then(|()| fs::hard_link(&part, &path));
        let _ = fs::remove_file(&part);
        linked.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => KeyError::AlreadyExists(name.into()),
            _ => at(&path, error),
        })?;
        Ok(path)
    }

    /// Reads a key.
    ///
    /// Fails with [`KeyError::NotFound`], and with [`KeyError::Readable`] where others can read it.
    pub fn read(&self, name: &str) -> Result<KeyFile, KeyError> {
        let path = self.path(name)?;
        let missing = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => KeyError::NotFound(name.into()),
            _ => at(&path, error),
        };
        let mode = fs::metadata(&path).map_err(missing)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(KeyError::Readable(path.display().to_string()));
        }
        let text = fs::read_to_string(&path).map_err(missing)?;
        KeyFile::parse(&text).map_err(|reason| KeyError::BadFile {
            path: path.display().to_string(),
            reason,
        })
    }

    /// The names of all keys, in order.
    pub fn names(&self) -> Result<Vec<String>, KeyError> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| at(&self.0, error))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| at(&self.0, error))?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            let is_key = path.extension().is_some_and(|extension| extension == EXTENSION);
            names.extend(name.filter(|_| is_key).map(String::from));
        }
        names.sort();
        Ok(names)
    }

    /// Removes a key for good.
    ///
    /// Fails with [`KeyError::NotFound`].
    pub fn remove(&self, name: &str) -> Result<PathBuf, KeyError> {
        let path = self.path(name)?;
        fs::remove_file(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => KeyError::NotFound(name.into()),
            _ => at(&path, error),
        })?;
        Ok(path)
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // One that was killed may have left it.
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn at(path: &Path, error: std::io::Error) -> KeyError {
    KeyError::File {
        path: path.display().to_string(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Signer;
    use super::*;

    /// A folder that is gone afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> (Self, Store) {
            let path = std::env::temp_dir().join(format!("assay-keys-{test}-{}", std::process::id()));
            (Self(path.clone()), Store::at(path.join("keys")))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn key() -> KeyFile {
        KeyFile::new(&Signer::of_phrase("//Alice").unwrap(), None).unwrap()
    }

    #[test]
    fn a_key_is_its_owners_alone() {
        let (_folder, store) = Folder::new("owner");
        let path = store.add("alice", &key()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(store.read("alice").unwrap().account(), key().account());

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = store.read("alice").unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let (_folder, store) = Folder::new("twice");
        let path = store.add("a", &key()).unwrap();
        let text = fs::read(&path).unwrap();
        let other = KeyFile::new(&Signer::random().unwrap(), None).unwrap();
        assert!(matches!(store.add("a", &other), Err(KeyError::AlreadyExists(_))));
        assert_eq!(fs::read(&path).unwrap(), text);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn keys_are_listed_in_order_until_they_are_removed() {
        let (_folder, store) = Folder::new("list");
        assert!(store.names().unwrap().is_empty());
        for name in ["b", "a"] {
            store.add(name, &key()).unwrap();
        }
        assert_eq!(store.names().unwrap(), ["a", "b"]);
        store.remove("a").unwrap();
        assert_eq!(store.names().unwrap(), ["b"]);
        for error in [store.remove("a").unwrap_err(), store.read("a").unwrap_err()] {
            assert!(matches!(error, KeyError::NotFound(_)), "{error}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let (_folder, store) = Folder::new("names");
        let long = "a".repeat(65);
        for name in ["", ".", "..", "../a", "a/b", "a b", "a.json", "ä", &long] {
            assert!(
                matches!(store.add(name, &key()), Err(KeyError::BadName(_))),
                "{name}"
            );
            assert!(matches!(store.read(name), Err(KeyError::BadName(_))), "{name}");
        }
    }
}
