//! Params from the web: streamed to a file, checked chunk by chunk, resumed where they broke off.
//!
//! Beside the params at `URL` their publisher puts the list of the chunks' hashes at `URL.hashes` (`assay unpack --external` writes both).
//! The list has the version's root, or is none; then each chunk that arrives is checked by it, what was checked is kept,
//! and what follows may come from another location. Without a list, params can be checked only when all of them are there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use assay_engine::limits::CHUNK_LEN;
use assay_engine::Hash;
use assay_service::ParamsRef;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use super::region::{chunk_hash, region_root};
use super::say;
use crate::package::Hash as Hex;

/// A request that takes longer is broken off, and another one goes on from there.
const REQUEST_TIME: Duration = Duration::from_secs(600);
const CONNECT_TIME: Duration = Duration::from_secs(10);
const RESPONSE_TIME: Duration = Duration::from_secs(30);
const REDIRECTS: u32 = 4;
/// A location that gives fewer bytes in a second, over all of a request that took some time, is left for the next one.
const LEAST_SPEED: u64 = 16 * 1024;
const SOME_TIME: Duration = Duration::from_secs(30);
/// Chunks that are read at a time.
const READ_CHUNKS: usize = 64;

/// Why a location does not give what is missing.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No HTTP(S) address.
    #[error("only http:// and https:// are fetched")]
    Scheme,
    /// The request failed.
    #[error("{0}")]
    Http(#[from] Box<ureq::Error>),
    /// The response is none of the file.
    #[error("HTTP status {0}")]
    Status(StatusCode),
    /// The response is of another part than was asked for.
    #[error("it sends another part than was asked for")]
    WrongRange,
    /// A chunk is not the one in the list of hashes.
    #[error("chunk {0} is not the one of the version")]
    WrongChunk(u64),
    /// The response ends early.
    #[error("it ends after {0} bytes")]
    Short(u64),
    /// The location gives less than it should.
    #[error("it is too slow: {0} bytes in {1} s")]
    Slow(u64, u64),
    /// The file cannot be written or read.
    #[error("{0}")]
    File(#[from] io::Error),
}

/// A download of some params.
pub struct Fetch<'a> {
    /// What.
    pub params: ParamsRef,
    /// The file that they go to, when they are all there.
    pub file: &'a Path,
    /// How many bytes are there.
    pub progress: &'a AtomicU64,
}

/// An agent that gives up in time.
pub fn agent() -> Agent {
    let config = Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIME))
        .timeout_recv_response(Some(RESPONSE_TIME))
        .timeout_global(Some(REQUEST_TIME))
        .max_redirects(REDIRECTS)
        .http_status_as_error(false);
    config.build().into()
}

impl Fetch<'_> {
    /// Fetches the params from a location. Without a list of hashes nobody has checked yet what is in the file then.
    pub fn download(&self, agent: &Agent, location: &str) -> Result<(), FetchError> {
        say(&format!(
            "fetching {} bytes of params from {location}",
            self.params.len
        ));
        if !["http://", "https://"]
            .iter()
            .any(|scheme| location.starts_with(scheme))
        {
            return Err(FetchError::Scheme);
        }
        let hashes = self.hashes(agent, location)?;
        let part = match hashes {
            Some(_) => beside(self.file, "part"),
            // Bytes that nobody has checked do not go on elsewhere.
            None => beside(
                self.file,
                &format!("{}.part", &Hex::of(location.as_bytes()).to_string()[2..18]),
            ),
        };
        let mut sink = Sink::open(&part, self.params.len, hashes)?;
        while sink.len < self.params.len {
            self.progress.store(sink.len, Ordering::Relaxed);
            let (before, start) = (sink.len, Instant::now());
            let result = self.stream(agent, location, &mut sink);
            sink.file.flush()?;
            match result {
                Err(error) if sink.len == before => return Err(error),
                Err(error @ FetchError::WrongChunk(_)) => return Err(error),
                Err(_) => refuse_slow(sink.len - before, start.elapsed())?,
                Ok(()) => {}
            }
        }
        sink.file
            .into_inner()
            .map_err(|error| error.into_error())?
            .sync_all()?;
        std::fs::rename(&part, self.file)?;
        let _ = std::fs::remove_file(beside(self.file, "hashes"));
        Ok(())
    }

    /// The hashes of the chunks, where the list is at the location. Kept, for those who go on later.
    fn hashes(&self, agent: &Agent, location: &str) -> Result<Option<Vec<Hash>>, FetchError> {
        let kept = beside(self.file, "hashes");
        if let Some(hashes) = std::fs::read(&kept)
            .ok()
            .and_then(|bytes| self.right_hashes(&bytes))
        {
            return Ok(Some(hashes));
        }
        let list = format!("{location}.hashes");
        let bytes = match get(agent, &list, 0) {
            Ok(response) => self.read_list(response)?,
            Err(error) => {
                say(&format!(
                    "{list}: {error}; the params are checked when all are there"
                ));
                return Ok(None);
            }
        };
        let Some(hashes) = self.right_hashes(&bytes) else {
            say(&format!("{list}: the list has another root"));
            return Ok(None);
        };
        std::fs::write(&kept, &bytes)?;
        Ok(Some(hashes))
    }

    fn read_list(&self, response: Response<Body>) -> io::Result<Vec<u8>> {
        let len = self.params.len.div_ceil(CHUNK_LEN as u64) * size_of::<Hash>() as u64;
        let mut bytes = Vec::new();
        // One more shows that the list is too long.
        response
            .into_body()
            .into_reader()
            .take(len + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn right_hashes(&self, bytes: &[u8]) -> Option<Vec<Hash>> {
        let (hashes, rest) = bytes.as_chunks();
        let chunks = self.params.len.div_ceil(CHUNK_LEN as u64);
        let is_right =
            rest.is_empty() && hashes.len() as u64 == chunks && region_root(hashes) == Some(self.params.root);
        is_right.then(|| hashes.to_vec())
    }

    /// One request for all that is missing.
    fn stream(&self, agent: &Agent, location: &str, sink: &mut Sink) -> Result<(), FetchError> {
        let response = get(agent, location, sink.len)?;
        let skipped = match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&response, sink.len) => 0,
            StatusCode::PARTIAL_CONTENT => return Err(FetchError::WrongRange),
            // The server knows no ranges.
            _ => sink.len,
        };
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let passed = io::copy(&mut (&mut body).take(skipped), &mut io::sink())?;
        if passed < skipped {
            return Err(FetchError::Short(passed));
        }
        let mut buffer = vec![0; READ_CHUNKS * CHUNK_LEN];
        while sink.len < self.params.len {
            let missing = self.params.len - sink.len;
            let wanted = usize::try_from(missing).map_or(buffer.len(), |missing| missing.min(buffer.len()));
            let read = read_full(&mut body, &mut buffer[..wanted]);
            let (len, ended) = match read {
                (len, None) if len == wanted => (len, None),
                (len, None) => (len, Some(FetchError::Short(sink.len + len as u64))),
                (len, Some(error)) => (len, Some(error.into())),
            };
            sink.take(&buffer[..len])?;
            self.progress.store(sink.len, Ordering::Relaxed);
            if let Some(error) = ended {
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Fails where a request that broke off gave too few bytes for the time that it took.
fn refuse_slow(bytes: u64, time: Duration) -> Result<(), FetchError> {
    match time > SOME_TIME && bytes / time.as_secs() < LEAST_SPEED {
        true => Err(FetchError::Slow(bytes, time.as_secs())),
        false => Ok(()),
    }
}

/// The file's name with another extension behind it.
pub fn beside(file: &Path, extension: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// Reads until the buffer is full, or nothing comes any more.
fn read_full(source: &mut impl Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut len = 0;
    while len < buffer.len() {
        match source.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (len, Some(error)),
        }
    }
    (len, None)
}

fn get(agent: &Agent, url: &str, from: u64) -> Result<Response<Body>, FetchError> {
    let request = agent.get(url).header("accept-encoding", "identity");
    let request = match from {
        0 => request,
        _ => request.header("range", format!("bytes={from}-")),
    };
    let response = request.call().map_err(Box::new)?;
    match response.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
        status => Err(FetchError::Status(status)),
    }
}

fn starts_at(response: &Response<Body>, from: u64) -> bool {
    let range = response.headers().get("content-range");
    let range = range.and_then(|value| value.to_str().ok()).unwrap_or_default();
    range.starts_with(&format!("bytes {from}-"))
}

/// The file that params go to, from its last whole chunk on.
struct Sink {
    file: BufWriter<File>,
    len: u64,
    total: u64,
    hashes: Option<Vec<Hash>>,
}

impl Sink {
    fn open(path: &Path, total: u64, hashes: Option<Vec<Hash>>) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let there = file.metadata()?.len();
        let len = match there.min(total) {
            there if there == total => total,
            there => there - there % CHUNK_LEN as u64,
        };
        file.set_len(len)?;
        Ok(Self {
            file: BufWriter::new(file),
            len,
            total,
            hashes,
        })
    }

    /// Keeps the whole chunks of what arrived, up to the first wrong one.
    fn take(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        let ends = self.len + bytes.len() as u64 == self.total;
        for chunk in bytes.chunks(CHUNK_LEN) {
            if chunk.len() < CHUNK_LEN && !ends {
                return Ok(());
            }
            let index = self.len / CHUNK_LEN as u64;
            if let Some(hashes) = &self.hashes {
                if hashes.get(index as usize) != Some(&chunk_hash(chunk)) {
                    return Err(FetchError::WrongChunk(index));
                }
            }
            self.file.write_all(chunk)?;
            self.len += chunk.len() as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_that_trickles_is_left() {
        let seconds = Duration::from_secs;
        assert!(matches!(
            refuse_slow(4096, seconds(600)),
            Err(FetchError::Slow(4096, 600))
        ));
        assert!(refuse_slow(4096, seconds(1)).is_ok());
        assert!(refuse_slow(600 * LEAST_SPEED, seconds(600)).is_ok());
    }
}
