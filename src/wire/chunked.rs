//! The chunked transfer coding of HTTP/1.1 (RFC 9112, §7.1), written: for an answer whose length is not
//! known when it begins.

/// The last chunk: the answer is complete.
pub const LAST: &[u8] = b"0\r\n\r\n";

/// Makes one chunk of what was written from `start` on. Nothing stays nothing: an empty chunk would be
/// the last one.
pub fn wrap(start: usize, out: &mut Vec<u8>) {
    let length = out.len().saturating_sub(start);
    if length > 0 {
        out.splice(start..start, format!("{length:x}\r\n").into_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_its_length_and_its_bytes() {
        for (bytes, chunk) in [
            ("", String::new()),
            ("x", "1\r\nx\r\n".to_owned()),
            ("0123456789abcdef", "10\r\n0123456789abcdef\r\n".to_owned()),
            (&"y".repeat(0xa_bcde), format!("abcde\r\n{}\r\n", "y".repeat(0xa_bcde))),
        ] {
            let mut out = b"before".to_vec();
            out.extend_from_slice(bytes.as_bytes());
            wrap(6, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("before{chunk}"));
        }
    }
}
