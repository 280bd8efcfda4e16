//! The label of a line (<https://ircv3.net/specs/extensions/labeled-response>).

/// Longest label that is repeated, in bytes.
const LABEL_MAX: usize = 64;

/// The answers to a line with a label.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) text: String,
    /// Answers, as long as they are few.
    pub(super) held: Vec<u8>,
    /// The batch in which they go out, once they are not.
    pub(super) batch: Option<String>,
}

impl Label {
    /// The label of a line; `None` if it is empty, which is none, or too long to be repeated.
    pub(super) fn new(text: &str) -> Option<Self> {
        let is_label = (1..=LABEL_MAX).contains(&text.len());
        is_label.then(|| Self { text: text.to_owned(), held: Vec::new(), batch: None })
    }
}
