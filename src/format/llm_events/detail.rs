//! One event for reading.

use crate::format::json::{Fault, LineText, Reader, Value};
use crate::model::{DetailEvent, SpanDetail};

/// Decodes a line.
pub(super) fn line(bytes: &[u8]) -> SpanDetail {
    let text = LineText::new(bytes);
    let mut detail = SpanDetail::default();
    let mut event = DetailEvent { name: String::new(), at: None, attributes: String::new() };
    // What stands before a damaged place is shown, and the whole as raw text.
    let _ = (|| {
        let mut reader = Reader::new(&text.text);
        reader.enter_object()?;
        while let Some(name) = reader.next_key()? {
            let raw = reader.raw()?;
            let value = Reader::new(raw).value()?;
            match (&*name, value) {
                ("type", value) => event.name = value.excerpt().into_owned(),
                ("ts", value) => event.at = value.time().ok().flatten(),
                ("payload", Value::Object(payload)) => {
                    payload.clone_into(&mut event.attributes);
                    let mut reader = Reader::new(payload);
                    reader.enter_object()?;
                    while let Some(name) = reader.next_key()? {
                        detail.attributes.push((name.into_owned(), reader.raw()?.to_owned()));
                    }
                }
                (_, Value::Null) => {}
                (name, _) => detail.attributes.push((name.to_owned(), raw.to_owned())),
            }
        }
        Ok::<(), Fault>(())
    })();
    for name in ["error_summary", "error_message", "error", "error_details"] {
        if let Some((_, raw)) = detail.attributes.iter().find(|(known, raw)| known == name && raw != "null") {
            detail.error = Reader::new(raw).value().ok().map(|value| value.excerpt().into_owned());
        }
    }
    detail.events.push(event);
    detail.raw = text.text.into_owned();
    detail
}
