//! Prometheus' text format.

use std::fmt::{Display, Write};

/// Metrics whose names begin alike, and the one that values are added to.
pub struct Lines {
    prefix: &'static str,
    name: &'static str,
    label: &'static str,
    lines: String,
}

impl Lines {
    /// Metrics whose names begin with `prefix`.
    pub fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            name: "",
            label: "",
            lines: String::new(),
        }
    }

    /// Begins a metric: a `gauge` or a `counter`, whose values differ by a label, unless that is empty.
    pub fn add(&mut self, name: &'static str, kind: &str, help: &str, label: &'static str) {
        (self.name, self.label) = (name, label);
        let name = format!("{}{name}", self.prefix);
        let _ = writeln!(self.lines, "# HELP {name} {help}.\n# TYPE {name} {kind}");
    }

    /// Adds a value to the metric that was begun last.
    pub fn value(&mut self, label: &str, value: impl Display) {
        let labels = match self.label {
            "" => String::new(),
            name => format!("{{{name}=\"{label}\"}}"),
        };
        let _ = writeln!(self.lines, "{}{}{labels} {value}", self.prefix, self.name);
    }

    /// What Prometheus reads.
    pub fn lines(self) -> String {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_their_metric_with_its_label() {
        let mut lines = Lines::new("assay_");
        lines.add("open_jobs", "gauge", "Jobs that are not final", "");
        lines.value("", 3);
        lines.add("jobs_total", "counter", "Jobs by how they ended", "outcome");
        lines.value("completed", 5);
        let expected = "# HELP assay_open_jobs Jobs that are not final.\n\
                        # TYPE assay_open_jobs gauge\n\
                        assay_open_jobs 3\n\
                        # HELP assay_jobs_total Jobs by how they ended.\n\
                        # TYPE assay_jobs_total counter\n\
                        assay_jobs_total{outcome=\"completed\"} 5\n";
        assert_eq!(lines.lines(), expected);
    }
}
