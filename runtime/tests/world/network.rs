//! What the node's HTTP requests meet: a server that a test plays.

use sp_core::offchain::{HttpError, HttpRequestId, HttpRequestStatus};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// A request of the node's.
#[derive(Clone, Default, Debug)]
pub struct HttpRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A status and a body. `None`: nobody is there.
pub type HttpResponse = Option<(u16, Vec<u8>)>;

type Server = Box<dyn FnMut(&HttpRequest) -> HttpResponse + Send>;

/// Where requests go. Nobody is there at first.
#[derive(Clone, Default)]
pub struct Network(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    server: Option<Server>,
    hangs: bool,
    requests: BTreeMap<u16, HttpRequest>,
    responses: BTreeMap<u16, Vec<u8>>,
    next: u16,
}

impl Network {
    /// From now on `server` answers.
    pub fn answer_by(&self, server: impl FnMut(&HttpRequest) -> HttpResponse + Send + 'static) {
        self.0.lock().unwrap().server = Some(Box::new(server));
    }

    /// From now on nobody does.
    pub fn be_silent(&self) {
        self.0.lock().unwrap().server = None;
    }

    /// From now on somebody takes requests and says nothing.
    pub fn hang(&self) {
        self.0.lock().unwrap().hangs = true;
    }

    pub fn hangs(&self) -> bool {
        self.0.lock().unwrap().hangs
    }

    pub fn start(&self, method: &str, url: &str) -> HttpRequestId {
        let mut state = self.0.lock().unwrap();
        let id = state.next;
        state.next += 1;
        let request = HttpRequest {
            method: method.into(),
            url: url.into(),
            ..Default::default()
        };
        state.requests.insert(id, request);
        HttpRequestId(id)
    }

    fn change(&self, HttpRequestId(id): HttpRequestId, change: impl FnOnce(&mut HttpRequest)) {
        change(self.0.lock().unwrap().requests.get_mut(&id).unwrap());
    }

    pub fn add_header(&self, id: HttpRequestId, name: &str, value: &str) {
        self.change(id, |request| request.headers.push((name.into(), value.into())));
    }

    pub fn write_body(&self, id: HttpRequestId, bytes: &[u8]) {
        self.change(id, |request| request.body.extend(bytes));
    }

    pub fn wait(&self, HttpRequestId(id): HttpRequestId) -> HttpRequestStatus {
        let mut state = self.0.lock().unwrap();
        let request = state.requests.remove(&id).unwrap();
        let response = state.server.as_mut().and_then(|server| server(&request));
        match response {
            Some((code, body)) => {
                state.responses.insert(id, body);
                HttpRequestStatus::Finished(code)
            }
            None => HttpRequestStatus::IoError,
        }
    }

    pub fn read_body(&self, HttpRequestId(id): HttpRequestId, buffer: &mut [u8]) -> Result<usize, HttpError> {
        let mut state = self.0.lock().unwrap();
        let body = state.responses.get_mut(&id).ok_or(HttpError::Invalid)?;
        let len = body.len().min(buffer.len());
        buffer[..len].copy_from_slice(&body.drain(..len).collect::<Vec<_>>());
        Ok(len)
    }
}
