//! The files of the chat page, which are part of the program: no path of a request reaches a disk.

use super::response::{Response, Status};
use crate::wire::http::Request;
use std::hash::{DefaultHasher, Hash, Hasher};

/// One file.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// Declares the files: where each is served, its type, and where it lies in `src/web/page/`.
macro_rules! assets {
    ($($path:literal, $content_type:literal, $file:literal;)*) => {
        const ASSETS: &[Asset] = &[$(Asset {
            path: $path,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../web/page/", $file)),
        },)*];
    };
}

assets! {
    "/", "text/html; charset=utf-8", "index.html";
}

/// The page may load and speak to what this relay serves, and to nothing else; and nobody may put
/// it in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Whether a file is served under this path.
pub fn is_asset(path: &str) -> bool {
    ASSETS.iter().any(|asset| asset.path == path)
}

/// Answers with the file, or that the reader has it already.
pub fn serve(request: &Request<'_>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == request.path) else {
        return Response::text(Status::NotFound, "nothing is here");
    };
    let tag = tag(asset.bytes);
    // Asked again each time, so that a new version of the program is seen at once; and answered
    // without a body as long as it is the same.
    let is_known = request.list("if-none-match").any(|known| known == "*" || known == tag);
    let response = match is_known {
        true => Response::empty(Status::NotModified),
        false => Response::new(Status::Ok, asset.content_type, asset.bytes),
    };
    let response = response.with("Content-Security-Policy", POLICY);
    response.with("Cache-Control", "no-cache").with("ETag", tag)
}

/// What the file's bytes come to, for telling versions apart.
fn tag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}
