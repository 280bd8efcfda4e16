//! The cost of parsing and writing one frame, in each encoding: `cargo bench --bench wire`.
//!
//! The relay parses each `say` once and writes each `message` once per dialect, however many
//! members a room has: these are costs per message, not per member.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use hobnob::wire::binary;
use hobnob::wire::frame::{ClientFrame, FRAME_OVERHEAD, ServerFrame};
#[cfg(feature = "json")]
use hobnob::wire::json;
use std::borrow::Cow;

/// A short chat line, the usual size of other benchmarks, and a page of text.
const PAYLOADS: [usize; 3] = [16, 125, 1024];

const MESSAGE_MAX: usize = 64 << 10;

fn main() {
    divan::main();
}

fn text(length: usize) -> Vec<u8> {
    b"What was said, in plain words. ".iter().copied().cycle().take(length).collect()
}

fn say(payload: &[u8]) -> ClientFrame<'_> {
    ClientFrame::Say { room: 7, id: 42, echo: true, payload: Cow::Borrowed(payload) }
}

fn message(payload: &[u8]) -> ServerFrame<'_> {
    ServerFrame::Message {
        room: 7,
        offset: 123_456,
        time: 1_790_000_000_000,
        sender: Cow::Borrowed("guest17"),
        payload: Cow::Borrowed(payload),
    }
}

/// Writes into one buffer that keeps its capacity, as the relay's tapes do.
fn bench_write(bencher: Bencher<'_, '_>, mut write: impl FnMut(&mut Vec<u8>)) {
    let mut out = Vec::new();
    write(&mut out);
    bencher.counter(BytesCount::new(out.len())).bench_local(|| {
        out.clear();
        write(&mut out);
        black_box(&out);
    });
}

fn bench_parse<T>(bencher: Bencher<'_, '_>, bytes: &[u8], mut parse: impl FnMut(&[u8]) -> T) {
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| {
        black_box(parse(black_box(bytes)));
    });
}

mod binary_frames {
    use super::*;

    const MAX: usize = MESSAGE_MAX + FRAME_OVERHEAD;

    #[divan::bench(args = PAYLOADS)]
    fn parse_say(bencher: Bencher<'_, '_>, length: usize) {
        let (payload, mut bytes) = (text(length), Vec::new());
        binary::write_client(&say(&payload), &mut bytes);
        // The frame borrows from the bytes, so it is consumed where it is parsed.
        bench_parse(bencher, &bytes, |bytes| binary::parse_client(bytes, MAX).is_ok());
    }

    #[divan::bench(args = PAYLOADS)]
    fn parse_message(bencher: Bencher<'_, '_>, length: usize) {
        let (payload, mut bytes) = (text(length), Vec::new());
        binary::write_server(&message(&payload), &mut bytes);
        bench_parse(bencher, &bytes, |bytes| binary::parse_server(bytes, MAX).is_ok());
    }

    #[divan::bench(args = PAYLOADS)]
    fn write_say(bencher: Bencher<'_, '_>, length: usize) {
        let payload = text(length);
        bench_write(bencher, |out| binary::write_client(black_box(&say(&payload)), out));
    }

    #[divan::bench(args = PAYLOADS)]
    fn write_message(bencher: Bencher<'_, '_>, length: usize) {
        let payload = text(length);
        bench_write(bencher, |out| binary::write_server(black_box(&message(&payload)), out));
    }
}

#[cfg(feature = "json")]
mod json_lines {
    use super::*;

    fn max() -> usize {
        json::line_max(MESSAGE_MAX)
    }

    #[divan::bench(args = PAYLOADS)]
    fn parse_say(bencher: Bencher<'_, '_>, length: usize) {
        let (payload, mut bytes) = (text(length), Vec::new());
        json::write_client(&say(&payload), &mut bytes);
        bench_parse(bencher, &bytes, |bytes| json::parse_client(bytes, max()).is_ok());
    }

    #[divan::bench(args = PAYLOADS)]
    fn parse_message(bencher: Bencher<'_, '_>, length: usize) {
        let (payload, mut bytes) = (text(length), Vec::new());
        json::write_server(&message(&payload), &mut bytes);
        bench_parse(bencher, &bytes, |bytes| json::parse_server(bytes, max()).is_ok());
    }

    #[divan::bench(args = PAYLOADS)]
    fn write_say(bencher: Bencher<'_, '_>, length: usize) {
        let payload = text(length);
        bench_write(bencher, |out| json::write_client(black_box(&say(&payload)), out));
    }

    #[divan::bench(args = PAYLOADS)]
    fn write_message(bencher: Bencher<'_, '_>, length: usize) {
        let payload = text(length);
        bench_write(bencher, |out| json::write_server(black_box(&message(&payload)), out));
    }

    /// A payload that is not UTF-8 is encoded as base64.
    #[divan::bench(args = PAYLOADS)]
    fn write_message_of_bytes(bencher: Bencher<'_, '_>, length: usize) {
        let payload = vec![0xff; length];
        bench_write(bencher, |out| json::write_server(black_box(&message(&payload)), out));
    }
}

/// The cost of a compressed message in both directions, with a reused compressor and with a new one
/// per message.
#[cfg(feature = "deflate")]
mod deflated {
    use super::*;
    use hobnob::wire::deflate::{Deflater, Inflater};

    #[divan::bench(args = PAYLOADS)]
    fn deflate(bencher: Bencher<'_, '_>, length: usize) {
        let (payload, mut deflater) = (text(length), Deflater::default());
        bench_parse(bencher, &payload, |payload| deflater.deflate(payload).is_some());
    }

    #[divan::bench(args = PAYLOADS)]
    fn deflate_anew(bencher: Bencher<'_, '_>, length: usize) {
        let payload = text(length);
        bench_parse(bencher, &payload, |payload| Deflater::default().deflate(payload).is_some());
    }

    #[divan::bench(args = PAYLOADS)]
    fn inflate(bencher: Bencher<'_, '_>, length: usize) {
        let (packed, mut inflater) = (packed(length), Inflater::default());
        bench_parse(bencher, &packed, |packed| inflater.inflate(packed, MESSAGE_MAX).is_ok());
    }

    #[divan::bench(args = PAYLOADS)]
    fn inflate_anew(bencher: Bencher<'_, '_>, length: usize) {
        let packed = packed(length);
        bench_parse(bencher, &packed, |packed| {
            Inflater::default().inflate(packed, MESSAGE_MAX).is_ok()
        });
    }

    fn packed(length: usize) -> Vec<u8> {
        let (payload, mut deflater) = (text(length), Deflater::default());
        deflater.deflate(&payload).unwrap_or(&[3, 0]).to_vec()
    }
}
