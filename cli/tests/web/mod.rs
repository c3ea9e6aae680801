//! A web server with files, which can be as bad as one likes.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Site {
    files: HashMap<String, Vec<u8>>,
    /// After how many bytes the next answers break off.
    breaks: HashMap<String, Vec<usize>>,
    without_ranges: bool,
    requests: Vec<String>,
}

/// A server on a port of its own.
pub struct Web {
    port: u16,
    site: Arc<Mutex<Site>>,
}

impl Web {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let site = Arc::new(Mutex::new(Site::default()));
        let served = site.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // The other side may go away at any time.
                let _ = answer(stream, &served);
            }
        });
        Self { port, site }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn put(&self, path: &str, bytes: &[u8]) {
        self.site
            .lock()
            .unwrap()
            .files
            .insert(path.into(), bytes.to_vec());
    }

    /// The next answers break off after so many bytes each.
    pub fn break_after(&self, path: &str, bytes: &[usize]) {
        self.site
            .lock()
            .unwrap()
            .breaks
            .insert(path.into(), bytes.to_vec());
    }

    pub fn know_ranges(&self, known: bool) {
        self.site.lock().unwrap().without_ranges = !known;
    }

    /// What was asked for: `/path`, or `/path from BYTE`.
    pub fn requests(&self) -> Vec<String> {
        self.site.lock().unwrap().requests.clone()
    }
}

fn answer(mut stream: TcpStream, site: &Mutex<Site>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let line = lines.next().transpose()?.unwrap_or_default();
    let path = line.split(' ').nth(1).unwrap_or_default().to_string();
    let mut from = 0;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().unwrap();
        }
    }
    let (bytes, end, ranged) = {
        let mut site = site.lock().unwrap();
        let asked = if from > 0 {
            format!("{path} from {from}")
        } else {
            path.clone()
        };
        site.requests.push(asked);
        let breaks = site.breaks.get_mut(&path).filter(|breaks| !breaks.is_empty());
        let end = breaks.map(|breaks| breaks.remove(0));
        (
            site.files.get(&path).cloned(),
            end,
            from > 0 && !site.without_ranges,
        )
    };
    let Some(bytes) = bytes else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    };
    let start = if ranged { from.min(bytes.len()) } else { 0 };
    let rest = &bytes[start..];
    let status = if ranged { "206 Partial Content" } else { "200 OK" };
    let range = format!(
        "content-range: bytes {start}-{}/{}\r\n",
        bytes.len() - 1,
        bytes.len()
    );
    let range = if ranged { range } else { String::new() };
    let len = rest.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {len}\r\n{range}connection: close\r\n\r\n"
    )?;
    stream.write_all(&rest[..end.unwrap_or(len).min(len)])
}
