//! The PROXY protocol, versions 1 and 2 (haproxy's `proxy-protocol.txt`): the forwarded address,
//! before all other bytes. It is never detected automatically: a listener either requires it or
//! refuses it.

use super::Parsed;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest line of version 1, with its end.
const LINE_MAX: usize = 107;

/// The start of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The most bytes after the header of version 2. Addresses take 36; the rest are extensions, which
/// are ignored.
const TAIL_MAX: usize = 512;

/// An error: the bytes are not a header of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyError;

/// Reads the header. Returns the forwarded address; `None` if it is unknown, or if the proxy
/// connects for itself.
///
/// # Errors
/// Input that cannot become a valid header.
pub fn parse(bytes: &[u8]) -> Result<Parsed<Option<IpAddr>>, ProxyError> {
    let same = bytes.iter().zip(SIGNATURE).take_while(|(one, other)| one == other).count();
    if same == bytes.len() || same == SIGNATURE.len() {
        parse_binary(bytes)
    } else {
        parse_line(bytes)
    }
}

fn parse_line(bytes: &[u8]) -> Result<Parsed<Option<IpAddr>>, ProxyError> {
    let window = bytes.get(..LINE_MAX).unwrap_or(bytes);
    let start = b"PROXY ";
    if !window.iter().zip(start).all(|(one, other)| one == other) {
        return Err(ProxyError);
    }
    let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < LINE_MAX { Ok(Parsed::Partial) } else { Err(ProxyError) };
    };
    let line = window.get(start.len()..end).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.and_then(|line| std::str::from_utf8(line).ok()).ok_or(ProxyError)?;
    let mut words = line.split(' ');
    let family = words.next();
    if family == Some("UNKNOWN") {
        return Ok(Parsed::Complete(None, end + 1));
    }
    let fields = [words.next(), words.next(), words.next(), words.next()];
    let ([Some(source), Some(_), Some(source_port), Some(port)], None) = (fields, words.next())
    else {
        return Err(ProxyError);
    };
    if source_port.parse::<u16>().is_err() || port.parse::<u16>().is_err() {
        return Err(ProxyError);
    }
    let ip = match family {
        Some("TCP4") => source.parse::<Ipv4Addr>().map(IpAddr::V4),
        Some("TCP6") => source.parse::<Ipv6Addr>().map(IpAddr::V6),
        _ => return Err(ProxyError),
    };
    Ok(Parsed::Complete(Some(ip.map_err(|_| ProxyError)?), end + 1))
}

fn parse_binary(bytes: &[u8]) -> Result<Parsed<Option<IpAddr>>, ProxyError> {
    let Some(&[command, family, high, low]) =
        bytes.get(SIGNATURE.len()..).and_then(<[u8]>::first_chunk)
    else {
        return Ok(Parsed::Partial);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > TAIL_MAX {
        return Err(ProxyError);
    }
    let from = SIGNATURE.len() + 4;
    let Some(rest) = bytes.get(from..from + length) else { return Ok(Parsed::Partial) };
    let ip = match (command, family) {
        // LOCAL: a health check of the proxy.
        (0x20, _) => None,
        (0x21, 0x11 | 0x12) if length >= 12 => {
            rest.first_chunk::<4>().map(|ip| IpAddr::V4(Ipv4Addr::from(*ip)))
        }
        (0x21, 0x21 | 0x22) if length >= 36 => {
            rest.first_chunk::<16>().map(|ip| IpAddr::V6(Ipv6Addr::from(*ip)))
        }
        (0x21, 0x00 | 0x31 | 0x32) => None,
        _ => return Err(ProxyError),
    };
    Ok(Parsed::Complete(ip, from + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    #[test]
    fn headers_are_read_wherever_they_are_cut() {
        let v4: IpAddr = "203.0.113.7".parse().unwrap();
        let v6: IpAddr = "2001:db8::7".parse().unwrap();
        let sixteen = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets();
        let (four, six) =
            ([203, 0, 113, 7, 127, 0, 0, 1, 0, 1, 0, 2], [&sixteen[..], &[0; 20]].concat());
        let cases = [
            (b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n".to_vec(), Some(v4)),
            (b"PROXY TCP6 2001:db8::7 ::1 4711 80\r\n".to_vec(), Some(v6)),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n".to_vec(), None),
            (binary(0x21, 0x11, &four), Some(v4)),
            (binary(0x21, 0x21, &six), Some(v6)),
            (binary(0x21, 0x21, &[&six[..], &[4; 100]].concat()), Some(v6)),
            (binary(0x20, 0x00, &[]), None),
            (binary(0x21, 0x31, &[0; 216]), None),
        ];
        for (header, ip) in cases {
            for cut in 0..header.len() {
                assert_eq!(parse(&header[..cut]), Ok(Parsed::Partial), "{header:?} cut at {cut}");
            }
            let and_more = [&header[..], b"GET /"].concat();
            assert_eq!(parse(&and_more), Ok(Parsed::Complete(ip, header.len())), "{header:?}");
        }
    }

    #[test]
    fn fault_a3_what_is_no_header_is_refused() {
        let long = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
        for bad in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROXY\r\n",
            b"PROXY TCP4\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
            b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
            b"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
            b"\r\n\r\nGET",
            &long,
            &binary(0x11, 0x11, &[0; 12]),
            &binary(0x22, 0x11, &[0; 12]),
            &binary(0x21, 0x11, &[0; 11]),
            &binary(0x21, 0x21, &[0; 12]),
            &binary(0x21, 0x41, &[0; 12]),
            &binary(0x21, 0x11, &[0; 513]),
        ] {
            assert_eq!(parse(bad), Err(ProxyError), "{:?}", String::from_utf8_lossy(bad));
        }
    }
}
