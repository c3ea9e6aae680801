//! Files with random damage, real ones and ours, are refused or run, in bounded time and memory, and never end the tool.
//!
//! `MUTATED_FILES` says how many (2,000 by default); each number is another damage, the same on every machine.

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use assay_cli::commands::package_model;
use assay_cli::options::Options;
use assay_cli::package::Package;
use assay_cli::run::Runner;

/// What one file may take. Generous: a machine may be slow, and a model that is damaged may still be a model.
const TIME: Duration = Duration::from_secs(60);
const MEMORY: usize = 4 << 30;
/// What a run of a file that packed may write.
const WRITTEN: usize = 1 << 24;
const STEPS: u64 = 20;

/// Counts what is allocated.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is the system allocator's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        System.dealloc(pointer, layout);
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A generator that is the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len);
        let most = 1 << self.below(10);
        start..(start + 1 + self.below(most)).min(len)
    }
}

/// Numbers at which something turns over, as protobuf writes them.
const VARINTS: [&[u8]; 6] = [
    &[0],
    &[0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
];

fn damage(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..1 + random.below(4) {
        let range = random.range(bytes.len());
        match random.below(8) {
            0 => bytes[range.start] ^= 1 << random.below(8),
            1 => bytes[range.start] = random.next() as u8,
            2 => bytes.truncate(range.start.max(1)),
            3 => drop(bytes.drain(range)),
            4 => {
                let copied = bytes[range.clone()].to_vec();
                bytes.splice(range.start..range.start, copied);
            }
            5 => {
                let end = range.end.min(range.start + 10);
                let number = VARINTS[random.below(VARINTS.len())];
                bytes.splice(range.start..end, number.iter().copied());
            }
            6 => {
                let from = random.range(other.len());
                bytes.splice(range, other[from].iter().copied());
            }
            _ => bytes[range].fill(if random.below(2) == 0 { 0 } else { 0xff }),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

fn files(folder: &str, extension: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect::<Vec<_>>();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Runs a package for some steps, whatever it is.
fn run(package: &Package) {
    let len = package
        .manifest
        .inputs
        .iter()
        .filter_map(|spec| spec.bytes())
        .sum::<u64>();
    let Ok(runner) = Runner::new(package) else {
        return;
    };
    let mut package = package.clone();
    package.manifest.steps = package.manifest.steps.min(STEPS);
    let _ = Runner::new(&package).map(|runner| runner.run_within(&vec![0; len as usize], WRITTEN).is_ok());
    drop(runner);
}

fn pack(bytes: &[u8]) -> bool {
    let package = package_model(bytes, "damaged", &Options::default());
    package.as_ref().is_ok_and(|package| {
        run(package);
        true
    })
}

fn read(bytes: &[u8]) -> bool {
    let package = Package::decode(bytes);
    package.as_ref().is_ok_and(|package| {
        run(package);
        true
    })
}

/// Damages files and uses each; says how many were still good.
fn survive(files: &[Vec<u8>], count: u64, use_file: fn(&[u8]) -> bool) -> u64 {
    let mut good = 0;
    for number in 0..count {
        let mut random = Random(number);
        let mut bytes = files[random.below(files.len())].clone();
        let other = &files[random.below(files.len())];
        damage(&mut random, &mut bytes, other);
        let before = ALLOCATED.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let begin = Instant::now();
        let result = catch_unwind(|| use_file(&bytes));
        let took = begin.elapsed();
        let peak = PEAK.load(Ordering::Relaxed).saturating_sub(before);
        good += u64::from(result.unwrap_or_else(|_| panic!("number {number} ends the tool")));
        assert!(took < TIME, "number {number} takes {took:?}");
        assert!(peak < MEMORY, "number {number} takes {peak} bytes");
    }
    good
}

fn count() -> u64 {
    let text = std::env::var("MUTATED_FILES").unwrap_or_default();
    text.parse().unwrap_or(2_000)
}

// One test: the allocator counts for all threads.
#[test]
fn damaged_models_and_packages_are_refused_or_run() {
    let models = [files("tests/models", "onnx"), files("../models/digits", "onnx")].concat();
    let good = survive(&models, count(), pack);
    println!("{good} of {} damaged models still packed", count());
    assert!(good > 0, "all were refused: nothing but the reader was tried");

    let packages = models.iter().step_by(8).map(|model| {
        let package = package_model(model, "whole", &Options::default());
        package.unwrap().encode().unwrap()
    });
    let good = survive(&packages.collect::<Vec<_>>(), count(), read);
    println!("{good} of {} damaged packages still were packages", count());
    assert!(good > 0, "all were refused");
}
