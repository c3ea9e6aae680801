//! `assay keys`.

use std::path::PathBuf;

use serde::Serialize;

use super::connect::signer;
use super::{ask, read, Failure, Node, Usage};
use crate::client::keys::{KeyFile, Signer, Store};
use crate::client::{hex, Amount, ClientError};

/// Arguments of `assay keys`.
#[derive(Debug, clap::Args)]
pub struct Keys {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What `assay keys` does.
#[derive(Debug, clap::Subcommand)]
pub enum KeysCommand {
    /// Makes a key.
    New {
        /// What it is called.
        name: String,
        /// Lock it with a password, which is asked for or is in ASSAY_PASSWORD.
        #[arg(long)]
        password: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Takes in a key: a mnemonic or a seed, with or without a path, or what polkadot-js exported as JSON.
    Import {
        /// What it is called.
        name: String,
        /// The file it is in. Without one it is asked for, or comes through a pipe.
        file: Option<PathBuf>,
        /// Lock it with a password, which is asked for or is in ASSAY_PASSWORD.
        #[arg(long)]
        password: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Says which keys there are.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Says what a key is.
    Show {
        /// What it is called. //NAME is a key of a development chain.
        name: String,
        /// Print its mnemonic or seed.
        #[arg(long)]
        secret: bool,
        /// Ask the node what its account has.
        #[arg(long)]
        balance: bool,
        /// The node.
        #[command(flatten)]
        node: Node,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Removes a key for good.
    Remove {
        /// What it is called.
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Puts a worker key in the node's keystore, so that the node works with it.
    Insert {
        /// What it is called. //NAME is a key of a development chain.
        name: String,
        /// The node.
        #[command(flatten)]
        node: Node,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn keys(arguments: &Keys) -> Result<String, Failure> {
    match &arguments.command {
        KeysCommand::New { name, password, json } => new(name, *password, *json),
        KeysCommand::Import {
            name,
            file,
            password,
            json,
        } => import(name, file.as_ref(), *password, *json),
        KeysCommand::List { json } => list(*json),
        KeysCommand::Show {
            name,
            secret,
            balance,
            node,
            json,
        } => show(name, *secret, balance.then_some(node), *json),
        KeysCommand::Remove { name, yes } => remove(name, *yes),
        KeysCommand::Insert { name, node, json } => insert(name, node, *json),
    }
}

/// A key, as in JSON.
#[derive(Serialize)]
struct Description {
    name: String,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    /// Whether it takes a password to sign.
    locked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Funds>,
}

/// What an account has, in plancks.
#[derive(Serialize)]
struct Funds {
    free: Amount,
    held: Amount,
}

/// A file of the folder of keys, as in JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Listed {
    Key(Description),
    /// It cannot be read. The others can.
    Broken {
        name: String,
        error: String,
    },
}

impl Listed {
    fn of(store: &Store, name: &str) -> Self {
        match Description::of(store, name) {
            Ok(key) => Self::Key(key),
            Err(error) => Self::Broken {
                name: name.into(),
                error: error.to_string(),
            },
        }
    }
}

impl Description {
    /// A key of the store.
    fn of(store: &Store, name: &str) -> Result<Self, Failure> {
        let file = store.read(name)?;
        let account = file.account();
        Ok(Self {
            name: name.into(),
            address: account.as_ref().map(ToString::to_string).unwrap_or_default(),
            public_key: account.map(|account| hex(&account.0)),
            locked: file.is_locked(),
            file: Some(store.path(name)?),
            secret: None,
            balance: None,
        })
    }

    /// A key of a development chain.
    fn of_development(path: &str) -> Result<Self, Failure> {
        let signer = Signer::of_phrase(path)?;
        Ok(Self {
            name: path.into(),
            address: signer.account().to_string(),
            public_key: Some(hex(&signer.public_key())),
            locked: false,
            file: None,
            secret: None,
            balance: None,
        })
    }

    fn text(&self, json: bool) -> Result<String, Failure> {
        if json {
            return Ok(serde_json::to_string(self)?);
        }
        let balance = self.balance.as_ref();
        let lines = [
            Some(format!("name     {}", self.name)),
            Some(format!("address  {}", self.address)),
            self.public_key.as_ref().map(|key| format!("public   {key}")),
            self.file.as_ref().map(|file| {
                let locked = if self.locked {
                    ", locked with a password"
                } else {
                    ""
                };
                format!("file     {}{locked}", file.display())
            }),
            balance.map(|funds| format!("balance  {} ASSAY free, {} on hold", funds.free, funds.held)),
            self.secret.as_ref().map(|secret| format!("secret   {secret}")),
        ];
        Ok(lines.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }
}

fn new(name: &str, password: bool, json: bool) -> Result<String, Failure> {
    let store = Store::of_user()?;
    // Nobody types a password for a name that is taken.
    store.refuse_taken(name)?;
    let password = password.then(ask::new_password).transpose()?;
    store.add(name, &KeyFile::new(&Signer::random()?, password.as_deref())?)?;
    let text = Description::of(&store, name)?.text(json)?;
    let advice = format!("\nWrite its secret down where nobody finds it: assay keys show {name} --secret");
    Ok(if json { text } else { text + &advice })
}

fn import(name: &str, file: Option<&PathBuf>, password: bool, json: bool) -> Result<String, Failure> {
    let store = Store::of_user()?;
    store.refuse_taken(name)?;
    let text = match file {
        Some(path) => String::from_utf8(read(path)?)?,
        None => ask::secret()?,
    };
    let text = text.trim();
    let key = match text.starts_with('{') {
        true if password => {
            return Err(Usage("what polkadot-js exported has its password already".into()).into())
        }
        true => {
            KeyFile::parse(text).map_err(|reason| format!("this is no export of polkadot-js: {reason}"))?
        }
        false => {
            let password = password.then(ask::new_password).transpose()?;
            KeyFile::new(&Signer::of_secret(text)?, password.as_deref())?
        }
    };
    store.add(name, &key)?;
    Description::of(&store, name)?.text(json)
}

fn list(json: bool) -> Result<String, Failure> {
    let store = Store::of_user()?;
    let names = store.names()?;
    let keys = names.iter().map(|name| Listed::of(&store, name));
    let keys = keys.collect::<Vec<_>>();
    if json {
        return Ok(serde_json::to_string(&keys)?);
    }
    let width = names.iter().map(String::len).max().unwrap_or_default();
    let line = |key: &Listed| match key {
        Listed::Key(key) => {
            let locked = if key.locked { "  locked" } else { "" };
            format!("{:width$}  {}{locked}", key.name, key.address)
        }
        Listed::Broken { name, error } => format!("{name:width$}  {error}"),
    };
    let lines = keys.iter().map(line).collect::<Vec<_>>();
    match lines.is_empty() {
        true => Ok("there is no key: `assay keys new NAME` makes one".into()),
        false => Ok(lines.join("\n")),
    }
}

fn show(name: &str, secret: bool, node: Option<&Node>, json: bool) -> Result<String, Failure> {
    let mut description = match name.starts_with("//") {
        true => Description::of_development(name)?,
        false => Description::of(&Store::of_user()?, name)?,
    };
    if secret {
        description.secret = Some(signer(name)?.phrase()?.into());
    }
    if let Some(node) = node {
        let account = super::connect::account(name)?;
        let balance = node.connect()?.balance(&account)?;
        description.balance = Some(Funds {
            free: Amount(balance.free),
            held: Amount(balance.held),
        });
    }
    description.text(json)
}

fn remove(name: &str, yes: bool) -> Result<String, Failure> {
    let store = Store::of_user()?;
    let address = Description::of(&store, name)?.address;
    if !yes && !ask::is_terminal() {
        return Err(Usage(format!(
            "removing the key of {address} cannot be undone: say --yes"
        ))
        .into());
    }
    if !yes && !ask::agrees(&format!("Remove the key of {address} for good?"))? {
        return Err("nothing was removed".into());
    }
    let path = store.remove(name)?;
    Ok(format!("{} is gone", path.display()))
}

fn insert(name: &str, node: &Node, json: bool) -> Result<String, Failure> {
    let worker = signer(name)?;
    let phrase = worker.phrase()?;
    let public_key = worker.public_key();
    let chain = node.connect()?;
    chain.insert_worker(phrase, public_key)?;
    if !chain.has_worker(public_key)? {
        return Err(ClientError::Unexpected("the node did not keep the key".into()).into());
    }
    let public_key = hex(&public_key);
    Ok(match json {
        true => serde_json::json!({"name": name, "public_key": public_key, "node": node.url}).to_string(),
        false => format!("the node at {} has the worker key {public_key}", node.url),
    })
}
