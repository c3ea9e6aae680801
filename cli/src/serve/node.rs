//! Tells the node where its server is: by a call that nodes take from their own machine only.

use std::time::Duration;

use assay_service::{Server, SERVER_KEY};
use codec::Encode;
use serde_json::{json, Value};

use ureq::Agent;

use super::say;
use crate::client::hex;

/// A node that takes longer is tried again.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts to reach a node, and between two times that a node is told the same.
const PAUSE: Duration = Duration::from_secs(10);

/// Tells the node at `url` again and again: one that starts later, or with an empty database, has to know too.
pub fn keep_telling(url: &str, server: &Server) {
    let mut last = None;
    loop {
        let told = tell(url, server);
        if last.as_ref() != Some(&told) {
            match &told {
                Ok(()) => say(&format!("the node at {url} asks this server from now on")),
                Err(error) => say(&format!("the node at {url}: {error}; it is tried again")),
            }
            last = Some(told);
        }
        std::thread::sleep(PAUSE);
    }
}

fn tell(url: &str, server: &Server) -> Result<(), String> {
    let params = json!(["PERSISTENT", hex(SERVER_KEY), hex(&server.encode())]);
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "offchain_localStorageSet", "params": params});
    // The token is for the node alone, whatever proxy there is for others.
    let config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .proxy(None);
    let mut response = Agent::from(config.build())
        .post(url)
        .header("content-type", "application/json")
        .send(request.to_string())
        .map_err(|error| error.to_string())?;
    let body = response
        .body_mut()
        .read_to_string()
        .map_err(|error| error.to_string())?;
    let body =
        serde_json::from_str::<Value>(&body).map_err(|_| format!("HTTP status {}", response.status()))?;
    match body.get("error") {
        None => Ok(()),
        Some(error) => Err(format!(
            "{} (a node takes this from its own machine, or with --rpc-methods unsafe)",
            error["message"].as_str().unwrap_or("refused")
        )),
    }
}
