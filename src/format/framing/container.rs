//! The file of a container's log driver: each line is an object whose `log` holds a piece of the container's output.
//! Lines above 16 KiB come in several pieces; only the last one ends with a line end.

use crate::format::json::{LineText, Reader, Value};
use crate::format::{Line, LineDecoder};
use crate::model::{Batch, PayloadRef, Reason};

/// Longest line that is put together from pieces, bytes.
const MAX_LINE: usize = 8 << 20;

/// Whether the first lines are such a driver's.
pub(in crate::format) fn is_wrapped(bytes: &[u8]) -> bool {
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let mut seen = 0usize;
    // The last line may be cut.
    for line in lines.take(4) {
        if piece(line).is_none() {
            return seen > 0 && !line.ends_with(b"}");
        }
        seen += 1;
    }
    seen > 0
}

/// The output in one line of the driver, and where that is not a line: `None`.
fn piece(line: &[u8]) -> Option<String> {
    let text = LineText::new(line);
    let mut reader = Reader::new(&text.text);
    let (mut log, mut stream, mut time) = (None, false, false);
    reader.enter_object().ok()?;
    while let Some(key) = reader.next_key().ok()? {
        match &*key {
            "log" => match reader.value().ok()? {
                Value::Text(text) => log = Some(text.into_owned()),
                _ => return None,
            },
            "stream" | "time" => {
                let is_text = reader.peek() == Some(b'"');
                stream |= is_text && key == "stream";
                time |= is_text && key == "time";
                reader.skip().ok()?;
            }
            // What options add.
            "attrs" | "tag" | "partial" => reader.skip().ok()?,
            _ => return None,
        }
    }
    log.filter(|_| stream || time)
}

/// The container's output of one or several lines of the driver.
pub(super) fn text(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        out.extend_from_slice(piece(line)?.as_bytes());
    }
    Some(out)
}

/// The output at the beginning of a file.
pub(super) fn sample(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|&byte| byte == b'\n').filter_map(piece).flat_map(String::into_bytes).collect()
}

/// Gives the container's own lines to another decoder. The place of each is that of the driver's lines which hold it.
pub(super) struct Unwrapping {
    inner: Box<dyn LineDecoder>,
    held: String,
    /// Where the line that is put together begins.
    at: Option<PayloadRef>,
    /// Inside a line that is too long.
    skipping: bool,
}

impl Unwrapping {
    pub(super) fn new(inner: Box<dyn LineDecoder>) -> Self {
        Self { inner, held: String::new(), at: None, skipping: false }
    }

    fn pass(&mut self, line: &Line<'_>, at: PayloadRef, out: &mut Batch) {
        let before = out.updates.len();
        let text = std::mem::take(&mut self.held);
        let bytes = text.trim_end_matches(['\n', '\r']).as_bytes();
        self.inner.decode(&Line { bytes, at, ..*line }, out);
        // Parts of a text that stands nowhere as it is have no place of their own.
        for update in out.updates.get_mut(before..).unwrap_or_default() {
            update.payload = update.payload.map(|_| at);
        }
    }
}

impl LineDecoder for Unwrapping {
    fn decode(&mut self, line: &Line<'_>, out: &mut Batch) {
        if line.bytes.trim_ascii().is_empty() {
            return;
        }
        let Some(piece) = piece(line.bytes) else {
            let text = String::from_utf8_lossy(line.bytes.get(..200).unwrap_or(line.bytes));
            out.problem(Reason::InvalidJson, Some(line.at), &text);
            return;
        };
        let begin = *self.at.get_or_insert(line.at);
        let len = line.at.pos.saturating_add(u64::from(line.at.len)).saturating_sub(begin.pos);
        let at = PayloadRef { len: u32::try_from(len).unwrap_or(u32::MAX), ..begin };
        let ends = piece.ends_with('\n');
        if self.held.len() + piece.len() > MAX_LINE && !self.skipping {
            self.skipping = true;
            out.problem(Reason::LineTooLong, Some(at), "a line of more than 8 MiB");
        }
        if self.skipping {
            self.held.clear();
        } else {
            self.held.push_str(&piece);
        }
        // A whole object without a line end is one all the same.
        if ends || (!self.skipping && crate::format::is_complete_json(self.held.as_bytes())) {
            self.at = None;
            if !std::mem::take(&mut self.skipping) {
                self.pass(line, at, out);
            }
        }
    }

    fn finish(&mut self, out: &mut Batch) {
        self.inner.finish(out);
    }
}
