//! The files of the chat page. They are compiled into the program: no request path reaches a disk.

use super::response::{Response, Status};
use crate::secret;
use crate::wire::http::Request;

/// One file of the page.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// Declares the files: the path, the content type, and the file in `src/web/page/`.
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
    "/alerts.js", "text/javascript; charset=utf-8", "alerts.js";
    "/announcer.js", "text/javascript; charset=utf-8", "announcer.js";
    "/app.css", "text/css; charset=utf-8", "app.css";
    "/app.js", "text/javascript; charset=utf-8", "app.js";
    "/candidate.js", "text/javascript; charset=utf-8", "candidate.js";
    "/catch-up.js", "text/javascript; charset=utf-8", "catch-up.js";
    "/chat.js", "text/javascript; charset=utf-8", "chat.js";
    "/commands.js", "text/javascript; charset=utf-8", "commands.js";
    "/completion.js", "text/javascript; charset=utf-8", "completion.js";
    "/connection.js", "text/javascript; charset=utf-8", "connection.js";
    "/conversation.js", "text/javascript; charset=utf-8", "conversation.js";
    "/copying.js", "text/javascript; charset=utf-8", "copying.js";
    "/dom.js", "text/javascript; charset=utf-8", "dom.js";
    "/drawers.js", "text/javascript; charset=utf-8", "drawers.js";
    "/icon-unread.svg", "image/svg+xml", "icon-unread.svg";
    "/icon.svg", "image/svg+xml", "icon.svg";
    "/links.js", "text/javascript; charset=utf-8", "links.js";
    "/names.js", "text/javascript; charset=utf-8", "names.js";
    "/outbox.js", "text/javascript; charset=utf-8", "outbox.js";
    "/pace.js", "text/javascript; charset=utf-8", "pace.js";
    "/person.js", "text/javascript; charset=utf-8", "person.js";
    "/recall.js", "text/javascript; charset=utf-8", "recall.js";
    "/room.js", "text/javascript; charset=utf-8", "room.js";
    "/saved.js", "text/javascript; charset=utf-8", "saved.js";
    "/storage.js", "text/javascript; charset=utf-8", "storage.js";
    "/text.js", "text/javascript; charset=utf-8", "text.js";
    "/theme.js", "text/javascript; charset=utf-8", "theme.js";
    "/timeline.js", "text/javascript; charset=utf-8", "timeline.js";
    "/view-composer.js", "text/javascript; charset=utf-8", "view-composer.js";
    "/view-entry.js", "text/javascript; charset=utf-8", "view-entry.js";
    "/view-line.js", "text/javascript; charset=utf-8", "view-line.js";
    "/view-log.js", "text/javascript; charset=utf-8", "view-log.js";
    "/view-members.js", "text/javascript; charset=utf-8", "view-members.js";
    "/view-names.js", "text/javascript; charset=utf-8", "view-names.js";
    "/view-naming.js", "text/javascript; charset=utf-8", "view-naming.js";
    "/view-rooms.js", "text/javascript; charset=utf-8", "view-rooms.js";
    "/view-sheet.js", "text/javascript; charset=utf-8", "view-sheet.js";
    "/worker.js", "text/javascript; charset=utf-8", "worker.js";
}

/// The content security policy. The page may load and connect to resources of this relay only, and
/// no site may embed it in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// True if a file is served under this path.
pub fn is_asset(path: &str) -> bool {
    ASSETS.iter().any(|asset| asset.path == path)
}

/// Responds with the file, or with 304 if the client already has it.
pub fn serve(request: &Request<'_>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == request.path) else {
        return Response::text(Status::NotFound, "nothing is here");
    };
    let tag = tag(asset.bytes);
    // Browsers revalidate on each load, so that a new version of the program shows at once. The
    // response has no body as long as the file is the same.
    let is_known = request.list("if-none-match").any(|known| known == "*" || known == tag);
    let response = match is_known {
        true => Response::empty(Status::NotModified),
        false => Response::new(Status::Ok, asset.content_type, asset.bytes),
    };
    let response = response.with("Content-Security-Policy", POLICY);
    response.with("Cache-Control", "no-cache").with("ETag", tag)
}

/// Returns the entity tag of a file: the same for the same bytes, independent of the compiler.
fn tag(bytes: &[u8]) -> String {
    format!("\"{:016x}\"", secret::checksum(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_tag_is_the_same_in_every_build() {
        assert_eq!(tag(b""), "\"1e924b9d737700d7\"");
        assert_ne!(tag(b"page"), tag(b"pagf"));
    }

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/page");
        let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
        for file in files.map(|name| name.into_string().unwrap()) {
            let path = if file == "index.html" { "/".to_owned() } else { format!("/{file}") };
            assert!(is_asset(&path), "{path} is missing in ASSETS");
        }
    }
}
