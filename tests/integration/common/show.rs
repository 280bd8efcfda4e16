//! Bytes for a person who reads why a test failed.

/// Bytes for a person: text as text, the rest escaped, and not too much of it.
pub fn show(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    let shown = bytes.get(..MOST).unwrap_or(bytes).escape_ascii();
    let more = bytes.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} bytes \"{shown}\"{more}", bytes.len())
}

/// Compares, and shows where the first difference is.
#[track_caller]
pub fn assert_same(expected: &[u8], came: &[u8]) {
    if expected == came {
        return;
    }
    let same = expected.iter().zip(came).take_while(|(a, b)| a == b).count();
    let near = |bytes: &[u8]| {
        let bytes = &bytes[same.saturating_sub(40)..];
        bytes.get(..120).unwrap_or(bytes).escape_ascii().to_string()
    };
    panic!(
        "\nexpected {} bytes, came {}, different from byte {same} on (shown from 40 before):\nexpected: {}\n    came: {}",
        expected.len(),
        came.len(),
        near(expected),
        near(came)
    );
}
