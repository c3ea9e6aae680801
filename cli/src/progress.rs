//! How far a long run is: a line on a terminal's standard error, which is gone when the run ends. And what happens meanwhile.

use std::io::{stderr, IsTerminal, Write};
use std::time::{Duration, Instant};

/// A run that ends before this shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);
/// The line changes no more often.
const PAUSE: Duration = Duration::from_millis(100);
/// Characters of a bar.
const WIDTH: usize = 24;

/// A line that counts.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    total: u64,
    /// When the line changes next. `None` where there is nobody to see it.
    next: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    /// Counts up to `total`, where standard error is a terminal.
    pub fn new(what: &'static str, total: u64) -> Self {
        Self {
            what,
            total,
            next: stderr().is_terminal().then(|| Instant::now() + PATIENCE),
            is_shown: false,
        }
    }

    /// Shows nothing.
    pub fn hidden() -> Self {
        Self {
            what: "",
            total: 0,
            next: None,
            is_shown: false,
        }
    }

    /// `done` of the total are done.
    pub fn show(&mut self, done: u64) {
        let Some(next) = self.next else { return };
        let now = Instant::now();
        if now >= next {
            self.next = Some(now + PAUSE);
            self.is_shown = true;
            let _ = write!(stderr(), "\r{}\x1b[K", line(self.what, done, self.total));
        }
    }
}

/// Tells a person what happens, line by line on standard error.
#[derive(Clone, Copy, Debug)]
pub struct Teller {
    is_silent: bool,
}

impl Teller {
    /// Says nothing where a machine reads the result.
    pub fn new(is_silent: bool) -> Self {
        Self { is_silent }
    }

    /// Says one thing.
    pub fn say(self, text: &str) {
        if !self.is_silent {
            let _ = writeln!(stderr(), "{}", crate::commands::printable(text));
        }
    }

    /// A line that counts up to `total`.
    pub fn counting(self, what: &'static str, total: u64) -> Progress {
        match self.is_silent {
            true => Progress::hidden(),
            false => Progress::new(what, total),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

fn line(what: &str, done: u64, total: u64) -> String {
    let of = |whole: u128| u128::from(done.min(total)) * whole / u128::from(total.max(1));
    let (full, percent) = (of(WIDTH as u128) as usize, of(100));
    let bar = format!("{}{}", "█".repeat(full), "░".repeat(WIDTH - full));
    format!("{bar} {percent:3} %  {what} {done} of {total}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_is_done() {
        let half = format!("{}{}  50 %  step 5 of 10", "█".repeat(12), "░".repeat(12));
        assert_eq!(line("step", 5, 10), half);
        let empty = format!("{}   0 %  step 0 of 0", "░".repeat(24));
        assert_eq!(line("step", 0, 0), empty);
        let full = "█".repeat(24);
        let all = format!("{full} 100 %  step {0} of {0}", u64::MAX);
        assert_eq!(line("step", u64::MAX, u64::MAX), all);
        // What waits may wait longer than it thought.
        assert_eq!(line("block", 12, 10), format!("{full} 100 %  block 12 of 10"));
    }
}
