//! Programs and params by their hashes: on disk, and those in use in memory.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use assay_engine::limits::SEGMENT_LEN;
use assay_engine::memory::{MemoryTree, Region};
use assay_engine::{Hash, Program};
use assay_service::{ParamsRef, Refusal, Reply, Source, Work};

use super::counts::Bytes;
use super::fetch::{agent, beside, Fetch};
use super::say;
use crate::package::Hash as Hex;

/// How long a location that failed is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(60);
/// A node that sends nothing for so long has given up.
const SENDING: Duration = Duration::from_secs(600);
/// Programs that are kept on disk. The oldest goes first.
const PROGRAMS_MAX: usize = 1_000;

/// The server's programs and params.
pub struct Library {
    folder: PathBuf,
    limits: Limits,
    params: Mutex<HashMap<ParamsRef, Stage>>,
    changed: Condvar,
    /// Bytes that came from the web.
    fetched: AtomicU64,
}

/// How much a library keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of params on disk.
    pub disk: u64,
    /// Bytes of params in memory, but for those of the last run.
    pub memory: u64,
}

enum Stage {
    /// In memory.
    Ready { tree: MemoryTree, used: Instant },
    /// On the way, with so many bytes there.
    Coming(Arc<AtomicU64>),
    /// The node sends them: so many segments are there.
    Sending(u32),
    /// Not to be had, for a while.
    Failed { refusal: Refusal, until: Instant },
}

/// A program or a segment that is refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It breaks a rule of the step machine.
    #[error("the program cannot run: {0}")]
    Program(#[from] assay_engine::ProgramError),
    /// Nobody asked for it.
    #[error("nobody waits for this segment")]
    NotAwaited,
    /// It has another length than a segment at its place.
    #[error("the segment has {actual} bytes, not {expected}")]
    WrongLength {
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has.
        actual: u64,
    },
    /// It cannot be kept.
    #[error("{0}")]
    File(#[from] io::Error),
}

impl Library {
    /// The library in a folder.
    pub fn open(folder: &Path, limits: Limits) -> io::Result<Self> {
        for part in ["programs", "params"] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            limits,
            params: Mutex::default(),
            changed: Condvar::new(),
            fetched: AtomicU64::new(0),
        })
    }

    /// The bytes of params, as far as the disk says.
    pub fn bytes(&self) -> Bytes {
        let kept = files(&self.folder.join("params")).unwrap_or_default();
        Bytes {
            fetched: self.fetched.load(Ordering::Relaxed),
            kept: kept.iter().map(|file| file.len).sum(),
        }
    }

    /// The program with this hash.
    pub fn program(&self, hash: &Hash) -> Option<Program> {
        let code = std::fs::read(self.program_file(hash)).ok()?;
        // Nothing that is checked before it was kept is checked again, but that it is the same.
        let program = Program::from_checked(code);
        (program.hash() == *hash).then_some(program)
    }

    /// Keeps a program.
    pub fn put_program(&self, code: Vec<u8>) -> Result<(), StoreError> {
        let program = Program::new(code)?;
        let folder = self.folder.join("programs");
        let mut kept = files(&folder)?;
        kept.sort_by_key(|file| std::cmp::Reverse(file.modified));
        for old in kept.iter().skip(PROGRAMS_MAX - 1) {
            remove(&old.path)?;
        }
        write_whole(&self.program_file(&program.hash()), program.code())?;
        Ok(())
    }

    fn program_file(&self, hash: &Hash) -> PathBuf {
        self.folder.join("programs").join(&Hex(*hash).to_string()[2..])
    }

    fn params_file(&self, params: &ParamsRef) -> PathBuf {
        let name = format!("{}-{}", &Hex(params.root).to_string()[2..], params.len);
        self.folder.join("params").join(name)
    }

    fn stages(&self) -> MutexGuard<'_, HashMap<ParamsRef, Stage>> {
        self.params.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Params in a memory, waited for up to `until`. What to reply where they are not there.
    pub fn params(
        self: &Arc<Self>,
        params: ParamsRef,
        source: &Source,
        until: Instant,
    ) -> Result<MemoryTree, Box<Reply>> {
        let mut stages = self.stages();
        loop {
            let now = Instant::now();
            let reply = match stages.get_mut(&params) {
                Some(Stage::Ready { tree, used }) => {
                    *used = now;
                    return Ok(tree.clone());
                }
                Some(Stage::Sending(next)) => return Err(Reply::SendSegments(*next).into()),
                Some(Stage::Coming(bytes)) => Reply::Working(Work::Fetching(bytes.load(Ordering::Relaxed))),
                Some(Stage::Failed { refusal, until }) if *until > now => {
                    return Err(Reply::Refused(*refusal).into())
                }
                Some(Stage::Failed { .. }) | None => {
                    let bytes = Arc::new(AtomicU64::new(0));
                    stages.insert(params, Stage::Coming(bytes.clone()));
                    let (library, source) = (self.clone(), source.clone());
                    if let Err(error) = spawn(move || library.obtain(params, &source, &bytes)) {
                        say(&format!("params {}: {error}", Hex(params.root)));
                        stages.insert(params, failed(Refusal::NoParams));
                    }
                    continue;
                }
            };
            if now >= until {
                return Err(reply.into());
            }
            let waited = self.changed.wait_timeout(stages, until - now);
            stages = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gets params from the disk, from the web or from the node.
    fn obtain(&self, params: ParamsRef, source: &Source, bytes: &AtomicU64) {
        let stage = self.obtained(params, source, bytes).unwrap_or_else(|error| {
            say(&format!("params {}: {error}", Hex(params.root)));
            failed(Refusal::NoParams)
        });
        self.set(params, stage);
    }

    fn obtained(&self, params: ParamsRef, source: &Source, bytes: &AtomicU64) -> io::Result<Stage> {
        let file = self.params_file(&params);
        if file.exists() {
            if let Some(tree) = load(&file, params)? {
                // The cache knows by it what was used last.
                let _ = File::open(&file).and_then(|file| file.set_modified(SystemTime::now()));
                return Ok(ready(tree));
            }
            std::fs::remove_file(&file)?;
        }
        self.make_room(params)?;
        match source {
            Source::Node if params.len == 0 => Ok(ready(MemoryTree::new())),
            Source::Node => match sent_segments(&part(&file), params)? {
                Some(segments) => Ok(Stage::Sending(segments)),
                // It was killed before it looked at them.
                None => sent(params, &file),
            },
            Source::Locations(locations) => {
                let fetch = Fetch {
                    params,
                    file: &file,
                    progress: bytes,
                };
                let stage = fetched(&fetch, locations)?;
                if let Stage::Ready { .. } = stage {
                    self.fetched.fetch_add(params.len, Ordering::Relaxed);
                }
                Ok(stage)
            }
        }
    }

    /// Makes room on the disk for params: the ones that were used longest ago go first, and none that are on the way. Those
    /// count as what they will be.
    fn make_room(&self, params: ParamsRef) -> io::Result<()> {
        let mut stages = self.stages();
        let room = self.limits.disk.checked_sub(params.len).ok_or_else(|| {
            io::Error::other(format!(
                "{} bytes, more than the cache may have (--cache-size)",
                params.len
            ))
        })?;
        let mut kept = files(&self.folder.join("params"))?;
        stages.retain(|params, stage| {
            let files = kept.iter().filter(|file| self.is_of(&file.path, params));
            let last = files.map(|file| file.modified).max();
            let is_old = |time: SystemTime| time.elapsed().is_ok_and(|age| age > SENDING);
            !(matches!(stage, Stage::Sending(_)) && last.is_some_and(is_old))
        });
        let coming = stages
            .iter()
            .filter(|(_, stage)| matches!(stage, Stage::Coming(_) | Stage::Sending(_)));
        let coming = coming.map(|(params, _)| *params).collect::<Vec<_>>();
        kept.retain(|file| !coming.iter().any(|coming| self.is_of(&file.path, coming)));
        kept.sort_by_key(|file| file.modified);
        let others = coming.iter().filter(|coming| **coming != params);
        let others = others.map(|coming| coming.len).fold(0, u64::saturating_add);
        let mut total = kept.iter().map(|file| file.len).fold(others, u64::saturating_add);
        for file in kept {
            if total <= room {
                return Ok(());
            }
            remove(&file.path)?;
            total -= file.len;
        }
        match total <= room {
            true => Ok(()),
            false => Err(io::Error::other(
                "others that are on the way leave no room in the cache (--cache-size)",
            )),
        }
    }

    /// Whether a file is one of some params.
    fn is_of(&self, path: &Path, params: &ParamsRef) -> bool {
        let own = self.params_file(params);
        let rest = path
            .as_os_str()
            .as_encoded_bytes()
            .strip_prefix(own.as_os_str().as_encoded_bytes());
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'.')))
    }

    fn set(&self, params: ParamsRef, stage: Stage) {
        let mut stages = self.stages();
        stages.insert(params, stage);
        let ready = stages.iter().filter_map(|(params, stage)| match stage {
            Stage::Ready { used, .. } => Some((*used, *params)),
            _ => None,
        });
        let mut ready = ready.collect::<Vec<_>>();
        ready.sort();
        let mut total = ready.iter().map(|(_, params)| params.len).sum::<u64>();
        // What was used last stays, however large it is.
        for (_, oldest) in ready.split_last().map_or(&[][..], |(_, older)| older) {
            if total > self.limits.memory {
                stages.remove(oldest);
                total -= oldest.len;
            }
        }
        self.changed.notify_all();
    }

    /// Keeps a segment of params that a node sends. One that came before is ignored.
    pub fn put_segment(
        self: &Arc<Self>,
        params: ParamsRef,
        index: u32,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let mut stages = self.stages();
        let next = match stages.get(&params) {
            Some(Stage::Sending(next)) if index <= *next => *next,
            Some(Stage::Ready { .. } | Stage::Coming(_) | Stage::Failed { .. }) => return Ok(()),
            _ => return Err(StoreError::NotAwaited),
        };
        if index < next {
            return Ok(());
        }
        let start = u64::from(index) * SEGMENT_LEN as u64;
        let expected = params.len.saturating_sub(start).min(SEGMENT_LEN as u64);
        let actual = bytes.len() as u64;
        if actual != expected || expected == 0 {
            return Err(StoreError::WrongLength { expected, actual });
        }
        let file = self.params_file(&params);
        let mut sink = OpenOptions::new().create(true).append(true).open(part(&file))?;
        sink.set_len(start)?;
        sink.write_all(bytes)?;
        if start + actual < params.len {
            stages.insert(params, Stage::Sending(next + 1));
            return Ok(());
        }
        stages.insert(params, Stage::Coming(Arc::new(AtomicU64::new(params.len))));
        let library = self.clone();
        if let Err(error) = spawn(move || library.finish_sending(params, &file)) {
            stages.insert(params, failed(Refusal::NoParams));
            return Err(error.into());
        }
        Ok(())
    }

    fn finish_sending(&self, params: ParamsRef, file: &Path) {
        let stage = sent(params, file).unwrap_or_else(|error| {
            say(&format!("params {}: {error}", Hex(params.root)));
            failed(Refusal::NoParams)
        });
        self.set(params, stage);
    }
}

/// Takes over what a node has sent, now that all of it is there.
fn sent(params: ParamsRef, file: &Path) -> io::Result<Stage> {
    let part = part(file);
    match load(&part, params)? {
        Some(tree) => std::fs::rename(&part, file).map(|()| ready(tree)),
        None => std::fs::remove_file(&part).map(|()| failed(Refusal::WrongParams)),
    }
}

/// Does something on a thread of its own, if there can be one more.
fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().spawn(work).map(|_| ())
}

/// Gets params from the first location that has them.
fn fetched(fetch: &Fetch, locations: &[String]) -> io::Result<Stage> {
    let (agent, params) = (agent(), fetch.params);
    for location in locations {
        if let Err(error) = fetch.download(&agent, location) {
            say(&format!("{location}: {error}"));
        } else if let Some(tree) = load(fetch.file, params)? {
            say(&format!(
                "params {}: all {} bytes are there",
                Hex(params.root),
                params.len
            ));
            return Ok(ready(tree));
        } else {
            say(&format!("{location}: the bytes there have another root"));
            std::fs::remove_file(fetch.file)?;
        }
    }
    say(&format!("params {}: no location has them", Hex(params.root)));
    Ok(failed(Refusal::NoParams))
}

fn ready(tree: MemoryTree) -> Stage {
    Stage::Ready {
        tree,
        used: Instant::now(),
    }
}

fn failed(refusal: Refusal) -> Stage {
    Stage::Failed {
        refusal,
        until: Instant::now() + RETRY_AFTER,
    }
}

/// The file of params that a node sends, until they are all there.
fn part(file: &Path) -> PathBuf {
    beside(file, "sent")
}

/// Whole segments in the file, unless it has all of the params.
fn sent_segments(part: &Path, params: ParamsRef) -> io::Result<Option<u32>> {
    let len = match part.metadata() {
        Ok(about) => about.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let segments = u32::try_from(len / SEGMENT_LEN as u64).unwrap_or(u32::MAX);
    Ok(Some(segments).filter(|_| len < params.len))
}

/// The file in a memory. `None` where it does not hold these params.
fn load(path: &Path, params: ParamsRef) -> io::Result<Option<MemoryTree>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != params.len {
        return Ok(None);
    }
    let mut tree = MemoryTree::new();
    let mut segment = vec![0; SEGMENT_LEN];
    let mut start = 0;
    while start < params.len {
        let len = usize::try_from(params.len - start).map_or(SEGMENT_LEN, |left| left.min(SEGMENT_LEN));
        file.read_exact(&mut segment[..len])?;
        // A whole memory is never pruned.
        let _ = tree.write(Region::Params.start() + start, &segment[..len]);
        start += len as u64;
    }
    Ok((tree.region_root(Region::Params) == Ok(params.root)).then_some(tree))
}

struct FileInfo {
    path: PathBuf,
    len: u64,
    modified: SystemTime,
}

/// The files of a folder, but for what goes away meanwhile.
fn files(folder: &Path) -> io::Result<Vec<FileInfo>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let about = match entry.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            about => about?,
        };
        files.push(FileInfo {
            path: entry.path(),
            len: about.len(),
            modified: about.modified()?,
        });
    }
    Ok(files)
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Nobody sees a part of the file.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, bytes)?;
    std::fs::rename(part, path)
}
