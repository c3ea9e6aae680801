//! The compute server beside the node, where the operator has named one.

use crate::{
    params::read_segment,
    reason::Reason,
    record::{is_new_state_of_server, read},
    task::Outcome,
    Config, LOG_TARGET,
};
use alloc::{string::String, vec, vec::Vec};
use assay_primitives::ParamsId;
use assay_service::{
    authorization, segment_path, Ask, Reply, Work, ASK_PATH, MAX_REPLY_LEN, PROGRAM_PATH, SERVER_KEY,
};
use codec::{Decode, Encode};
use sp_core::{
    offchain::{Duration, HttpRequestId, Timestamp},
    H256,
};
use sp_io::offchain::{http_response_read_body, timestamp};
use sp_runtime::offchain::http::{Method, Request};

/// Milliseconds that an answer is waited for. What else there is to do waits meanwhile; what is not answered is asked again by a
/// later block's worker.
pub(crate) const WAIT: u32 = 1_500;
/// Milliseconds that the server's reply may take besides.
const GRACE: u64 = 1_000;
/// Milliseconds that the server may take for what it is sent.
const TAKE: u64 = 3_000;
/// Bytes that are read of a response at a time.
const READ_LEN: usize = 64 * 1024;
const HTTP_OK: u16 = 200;

/// The node's server.
pub(crate) struct Server(assay_service::Server);

impl Server {
    /// The one that the operator has named.
    pub fn configured() -> Option<Self> {
        read(SERVER_KEY).map(Self)
    }

    /// Asks, and sends first what the server lacks. Asks again where it did; what is not answered soon, or by `end`, a later
    /// block's worker asks again.
    pub fn ask<T: Config>(
        &self,
        ask: &Ask,
        params: Option<ParamsId>,
        end: Timestamp,
        mut alive: impl FnMut() -> bool,
    ) -> Result<Outcome<Reply>, Reason> {
        let (mut has_program, mut next_segment) = (false, 0);
        while timestamp() < end {
            if !alive() {
                return Err(Reason::LockLost);
            }
            match self.post(ask, end)? {
                Reply::SendProgram if !has_program => {
                    let code = pallet_models::Pallet::<T>::program_code(H256(ask.run.program));
                    self.put(PROGRAM_PATH, &code.ok_or(Reason::ProgramNotFound)?, end)?;
                    has_program = true;
                }
                // One that goes back wants the same without end.
                Reply::SendSegments(first) if first >= next_segment => {
                    next_segment = self.send_segments(ask, params, first, end, &mut alive)?;
                }
                Reply::SendProgram | Reply::SendSegments(_) => return Err(Reason::ServerWrong),
                Reply::Working(Work::Fetching(_)) => return Err(Reason::ServerFetching),
                Reply::Working(Work::Queued) => return Err(Reason::ServerBusy),
                Reply::Working(Work::Running(_)) => return Ok(Outcome::Later),
                Reply::Refused(refusal) => return Err(Reason::ServerRefused(refusal)),
                answer => return Ok(Outcome::Done(answer)),
            }
        }
        Ok(Outcome::Later)
    }

    /// Sends the segments of the params that the node has, from `first` on, for as long as there is time. Returns the next one.
    fn send_segments(
        &self,
        ask: &Ask,
        params: Option<ParamsId>,
        first: u32,
        end: Timestamp,
        alive: &mut impl FnMut() -> bool,
    ) -> Result<u32, Reason> {
        let params = params.ok_or(Reason::ServerWrong)?;
        let wanted = ask.run.params;
        let count = pallet_models::segment_count(wanted.len);
        if first >= count {
            return Err(Reason::ServerWrong);
        }
        for index in first..count {
            if timestamp() >= end || !alive() {
                return Ok(index);
            }
            let segment = read_segment(params, index).ok_or(Reason::SegmentNotFound(index))?;
            self.put(&segment_path(&wanted.root, wanted.len, index), &segment, end)?;
        }
        Ok(count)
    }

    fn post(&self, ask: &Ask, end: Timestamp) -> Result<Reply, Reason> {
        let soon = end.min(after(GRACE.saturating_add(ask.wait.into())));
        let body = self.send(Method::Post, ASK_PATH, &ask.encode(), soon)?;
        Reply::decode(&mut &*body).map_err(|_| Reason::ServerWrong)
    }

    fn put(&self, path: &str, body: &[u8], end: Timestamp) -> Result<(), Reason> {
        self.send(Method::Put, path, body, end.min(after(TAKE)))
            .map(|_| ())
    }

    fn send(&self, method: Method, path: &str, body: &[u8], end: Timestamp) -> Result<Vec<u8>, Reason> {
        let Self(server) = self;
        let url: String = alloc::format!("{}{path}", server.url.trim_end_matches('/'));
        let request = Request::post(&url, vec![body])
            .method(method)
            .add_header("authorization", &authorization(&server.token))
            .deadline(end);
        let pending = request.send().map_err(|_| Reason::ServerAway)?;
        let response = pending.try_wait(end).map_err(|_| Reason::ServerAway)?;
        let response = response.map_err(|_| Reason::ServerAway)?;
        match response.code {
            HTTP_OK => read_body(response.id, end),
            code => Err(Reason::ServerStatus(code)),
        }
    }

    /// Says, where it has changed, whether the server is of use.
    pub fn note(&self, trouble: Option<Reason>) {
        if is_new_state_of_server(trouble) {
            let url = &self.0.url;
            match trouble {
                Some(reason) => log::warn!(target: LOG_TARGET, "compute server {url}: {reason}"),
                None => log::info!(target: LOG_TARGET, "compute server {url}: answers"),
            }
        }
    }
}

fn after(millis: u64) -> Timestamp {
    timestamp().add(Duration::from_millis(millis))
}

fn read_body(request: HttpRequestId, end: Timestamp) -> Result<Vec<u8>, Reason> {
    let mut body = Vec::new();
    let mut buffer = vec![0; READ_LEN];
    loop {
        let len = http_response_read_body(request, &mut buffer, Some(end)).map_err(|_| Reason::ServerAway)?;
        let read = buffer.get(..len as usize).ok_or(Reason::ServerWrong)?;
        if read.is_empty() {
            return Ok(body);
        }
        body.extend_from_slice(read);
        if body.len() > MAX_REPLY_LEN {
            return Err(Reason::ServerWrong);
        }
    }
}
