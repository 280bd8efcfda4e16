//! Prometheus' text format, version 0.0.4: metrics with names, help and labels. Written here
//! because the available crates are registries of shared atomics for multi-threaded programs; the
//! relay has plain counters of one thread, formatted on request.

use std::fmt::{Display, Write};

/// The value of `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The type of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A total that only grows. Its name ends in `_total`.
    Counter,
    /// A value that can rise and fall.
    Gauge,
    /// A count of observations per bucket.
    Histogram,
}

/// A document in the exposition format.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a family; its values follow. `name` consists of letters and underscores, `help` is
    /// one line.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        Family { text: self, name }
    }

    /// Returns the document.
    pub fn finish(self) -> String {
        self.text
    }

    /// Appends a line. Writing to memory cannot fail.
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{line}");
    }
}

/// The family being written.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut Exposition,
    name: &'static str,
}

impl Family<'_> {
    /// Appends the only value of a family.
    pub fn value(&mut self, value: impl Display) {
        self.text.line(format_args!("{} {value}", self.name));
    }

    /// Appends one of several values, distinguished by a label.
    pub fn labelled(&mut self, label: &str, is: &str, value: impl Display) {
        let (name, is) = (self.name, escaped(is));
        self.text.line(format_args!("{name}{{{label}=\"{is}\"}} {value}"));
    }

    /// Appends a histogram: cumulative counts by upper bound in seconds, the total count, and the
    /// sum.
    pub fn buckets(&mut self, buckets: impl Iterator<Item = (f64, u64)>, count: u64, sum: f64) {
        let name = self.name;
        for (bound, count) in buckets {
            self.text.line(format_args!("{name}_bucket{{le=\"{bound}\"}} {count}"));
        }
        self.text.line(format_args!("{name}_bucket{{le=\"+Inf\"}} {count}"));
        self.text.line(format_args!("{name}_sum {sum}"));
        self.text.line(format_args!("{name}_count {count}"));
    }
}

/// Escapes a label value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_the_format_wants_them() {
        let mut text = Exposition::default();
        text.family("rooms", Kind::Gauge, "Rooms now.").value(3);
        let mut closes = text.family("closes_total", Kind::Counter, "Ends.");
        closes.labelled("reason", "lost", 1);
        closes.labelled("reason", "a \"b\"\\\n", u64::MAX);
        let mut took = text.family("took_seconds", Kind::Histogram, "How long.");
        took.buckets([(0.000_05, 1), (2.5, 4)].into_iter(), 5, 7.25);
        let expected = r#"# HELP rooms Rooms now.
# TYPE rooms gauge
rooms 3
# HELP closes_total Ends.
# TYPE closes_total counter
closes_total{reason="lost"} 1
closes_total{reason="a \"b\"\\\n"} 18446744073709551615
# HELP took_seconds How long.
# TYPE took_seconds histogram
took_seconds_bucket{le="0.00005"} 1
took_seconds_bucket{le="2.5"} 4
took_seconds_bucket{le="+Inf"} 5
took_seconds_sum 7.25
took_seconds_count 5
"#;
        assert_eq!(text.finish(), expected);
    }
}
