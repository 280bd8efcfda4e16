//! Formatting of figures: three significant digits and a unit.

/// Formats a time given in nanoseconds.
pub fn time(nanos: f64) -> String {
    match nanos {
        _ if nanos < 999.5 => format!("{nanos:.0} ns"),
        _ if nanos < 999.5e3 => format!("{} µs", three(nanos / 1e3)),
        _ if nanos < 999.5e6 => format!("{} ms", three(nanos / 1e6)),
        _ => format!("{} s", three(nanos / 1e9)),
    }
}

/// Formats a count with thousands separators.
pub fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Formats a count briefly: 1.5k, 3.2M.
pub fn short_count(value: f64) -> String {
    match value {
        _ if value >= 1e9 => format!("{}G", trimmed(value / 1e9)),
        _ if value >= 1e6 => format!("{}M", trimmed(value / 1e6)),
        _ if value >= 1e3 => format!("{}k", trimmed(value / 1e3)),
        _ => trimmed(value),
    }
}

/// Formats a number of bytes.
pub fn bytes(value: f64) -> String {
    match value {
        _ if value < 10_239.5 => format!("{value:.0} B"),
        _ if value < 1_048_576.0 => format!("{} KiB", three(value / 1024.0)),
        _ if value < 1_073_741_824.0 => format!("{} MiB", three(value / 1_048_576.0)),
        _ => format!("{} GiB", three(value / 1_073_741_824.0)),
    }
}

/// Formats a share from 0 to 1 as percent.
pub fn percent(value: f64) -> String {
    format!("{:.0} %", value * 100.0)
}

fn three(value: f64) -> String {
    match value {
        _ if value < 9.995 => format!("{value:.2}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn trimmed(value: f64) -> String {
    let text = three(value);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        assert_eq!(
            [138.0, 2_470.0, 68_149.0, 3_518_000.0, 11.04e6, 999.6e6, 12.34e9].map(time),
            ["138 ns", "2.47 µs", "68.1 µs", "3.52 ms", "11.0 ms", "1.00 s", "12.3 s"]
        );
        assert_eq!(
            [0.0, 999.0, 1_000.0, 1_234_567.0].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([20.0, 1_500.0, 3e6].map(short_count), ["20", "1.5k", "3M"]);
        assert_eq!([393.0, 20_480.0, 65.5e6].map(bytes), ["393 B", "20.0 KiB", "62.5 MiB"]);
    }
}
