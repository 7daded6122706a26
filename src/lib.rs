//! Live waterfalls, tokens and cost of LLM workflows and agents: the library behind the `tracetui` program.
//!
//! # Map
//!
//! Records flow one way: a [`source`] follows bytes, a [`format`](mod@format) decodes them into
//! [`SpanUpdate`](model::SpanUpdate)s, the [`store`] merges these, [`analysis`] explains what is there, and a screen or
//! a command shows it. Modules stand on levels and import only lower ones; a test holds them to it.
//!
//! | level | module | what for |
//! |---|---|---|
//! | 0 | [`model`] | the vocabulary: ids, times, kinds, usage, money, updates |
//! | 0 | [`text`] | untrusted text made safe to draw or write; redaction; durations and amounts |
//! | 1 | [`format`](mod@format) | one file per dialect, and finding out which it is |
//! | 1 | [`price`] | what a model call costs, and how we know |
//! | 1 | [`filter`] | the filter language |
//! | 2 | [`store`] | all spans in columns, merged, counted once, with totals kept up to date |
//! | 2 | [`source`] | files, databases, folders and standard input, followed without disturbing their writers |
//! | 3 | [`analysis`] | trees, self time, critical paths, percentiles, reports |
//! | 3 | [`record`] | writing spans, and the demo |
//! | 3 | [`export`] | one file per target |
//! | 3 | [`config`] | actions, keys, themes, the configuration file |
//! | 4 | [`tui`] | the screen |
//! | 5 | [`cli`] | the commands |
//!
//! # Example
//!
//! Span records in, totals out:
//!
//! ```
//! use tracetui::format::{Line, LineSample, Stream, detect_lines};
//! use tracetui::model::{Batch, PayloadRef, SegmentId, SourceId, Stamp, UnixNanos};
//! use tracetui::price::{CostMode, PriceTable};
//! use tracetui::store::{Arrival, Store};
//!
//! let log = r#"
//! {"trace_id":"t1","span_id":"a","name":"answer","span_type":"workflow_run","started_at":"2026-02-04T17:00:00Z","status":"started"}
//! {"trace_id":"t1","span_id":"b","parent_span_id":"a","name":"gpt-4o","span_type":"model_generation","started_at":"2026-02-04T17:00:00Z","ended_at":"2026-02-04T17:00:02Z","status":"completed","attributes":{"model":"gpt-4o","provider":"openai","promptTokens":1000,"completionTokens":100}}
//! "#;
//!
//! let found = detect_lines(&LineSample::new(log.as_bytes()), None)?.ok_or("an empty log")?;
//! assert_eq!(found.format.name, "native");
//!
//! let segment = SegmentId(0);
//! let mut decoder = (found.format.decoder)(&Stream { name: "run.ndjson".into(), salt: Vec::new(), notes: String::new() });
//! let mut batch = Batch::default();
//! for (number, line) in log.lines().enumerate() {
//!     let at = PayloadRef { segment, pos: number as u64, len: line.len() as u32 };
//!     let stamp = Stamp::new(segment, number as u64);
//!     decoder.decode(&Line { bytes: line.as_bytes(), at, stamp, arrived: UnixNanos(0) }, &mut batch);
//! }
//! decoder.finish(&mut batch);
//!
//! let mut store = Store::new();
//! store.set_pricing(Box::new(PriceTable::builtin()), CostMode::Auto);
//! store.apply(SourceId(0), &batch, Arrival { at: UnixNanos(0), live: false });
//!
//! let totals = store.totals();
//! assert_eq!((totals.spans, totals.llm_calls), (2, 1));
//! assert_eq!(totals.tokens.total(), 1100);
//! assert_eq!(totals.cost.to_string(), "0.0035");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod analysis;
pub mod cli;
pub mod config;
pub mod export;
pub mod filter;
pub mod format;
pub mod model;
pub mod price;
pub mod record;
pub mod source;
pub mod store;
pub mod text;
pub mod tui;
