//! The label of a line (<https://ircv3.net/specs/extensions/labeled-response>).

/// Longest label that is accepted, in bytes.
const LABEL_MAX: usize = 64;

/// The state of the answer to a labelled line.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) text: String,
    /// The buffered answers, as long as they are short.
    pub(super) held: Vec<u8>,
    /// The open batch, once the answers are longer.
    pub(super) batch: Option<String>,
}

impl Label {
    /// Returns the label of a line; `None` if it is empty or too long.
    pub(super) fn new(text: &str) -> Option<Self> {
        let is_label = (1..=LABEL_MAX).contains(&text.len());
        is_label.then(|| Self { text: text.to_owned(), held: Vec::new(), batch: None })
    }
}
