//! Things that people point at which are no span log: named, with what to do about it.

use super::LineSample;
use crate::format::TableSchema;
use crate::format::json::{LineText, Reader};

const UNKNOWN: &str = "JSON records without the ids of spans";

/// What the first bytes give away: compression, databases, other encodings, no text at all.
pub(super) fn binary(bytes: &[u8]) -> Option<String> {
    let magic: &[(&[u8], &str)] = &[
        (b"\x1f\x8b", "gzip data: decompress it first (gzip -dc FILE | tracetui watch -)"),
        (b"\x28\xb5\x2f\xfd", "zstd data: decompress it first (zstd -dc FILE | tracetui watch -)"),
        (b"BZh", "bzip2 data: decompress it first (bzip2 -dc FILE | tracetui watch -)"),
        (b"\xfd7zXZ\0", "xz data: decompress it first (xz -dc FILE | tracetui watch -)"),
        (b"PK\x03\x04", "a zip archive: unpack it first"),
        (b"SQLite format 3\0", "a SQLite database, not lines of text: give its path, not its content"),
        (b"PAR1", "a Parquet file: export it as NDJSON first"),
        (b"\xff\xfe", "UTF-16 text: convert it first (iconv -f UTF-16 -t UTF-8 FILE)"),
        (b"\xfe\xff", "UTF-16 text: convert it first (iconv -f UTF-16 -t UTF-8 FILE)"),
    ];
    if let Some((_, what)) = magic.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some((*what).to_owned());
    }
    if bytes.get(8..12) == Some(b"DUCK") {
        return Some(
            "a DuckDB database, which no other program can read while it is written: let Mastra keep its spans in \
             LibSQL, or send them to a file by OTLP; other tables: COPY them to NDJSON first"
                .to_owned(),
        );
    }
    let head = bytes.get(..4096).unwrap_or(bytes);
    if head.len() >= 16 {
        // Text in UTF-16 has a zero in nearly every other place.
        let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|&&byte| byte == 0).count();
        let half = head.len() / 2;
        for (odd, name) in [(1, "UTF-16LE"), (0, "UTF-16BE")] {
            if zeros(odd) * 10 > half * 7 && zeros(1 - odd) * 10 < half * 3 {
                return Some(format!(
                    "{name} text without a mark: convert it first (iconv -f {name} -t UTF-8 FILE)"
                ));
            }
        }
    }
    // Lengths and tags among names; a log has lines of JSON.
    let is_otlp = || {
        [&b"service.name"[..], b"telemetry.sdk."]
            .iter()
            .any(|name| memchr::memmem::find(head, name).is_some())
    };
    if !matches!(head.trim_ascii_start().first(), Some(b'{' | b'['))
        && head.iter().any(|byte| matches!(byte, 1..=8))
        && is_otlp()
        && !text_somewhere(bytes)
    {
        return Some(
            "binary data, OTLP as protobuf by its looks, which is not read: export it as JSON (the Collector's file \
             exporter with format: json, or an SDK's JSON or console exporter)"
                .to_owned(),
        );
    }
    let control = |byte: &&u8| {
        matches!(**byte, 1..=8 | 11 | 14..=26 | 28 | 29 | 31 | 127)
            || (**byte == 0 && !head.starts_with(&[0]))
    };
    let strange = head.iter().filter(control).count();
    if head.len() >= 16 && strange * 10 > head.len() && !text_somewhere(bytes) {
        return Some(
            "binary data, not lines of text: export it as JSON, one object per line (OTLP as protobuf is not read: \
             export it as JSON, too)"
                .to_owned(),
        );
    }
    None
}

/// Whether some line is an object: then binary lines between are damage, not the nature of the file.
fn text_somewhere(bytes: &[u8]) -> bool {
    bytes.split(|&byte| byte == b'\n').any(crate::format::is_complete_json)
}

/// Databases of programs whose spans are elsewhere, by their tables.
pub(super) fn database(tables: &[TableSchema]) -> Option<String> {
    let has = |names: &[&str]| {
        let fits = |table: &&TableSchema| {
            names.iter().all(|name| table.columns.iter().any(|column| column.eq_ignore_ascii_case(name)))
        };
        tables.iter().find(fits)
    };
    let (table, what) = if let Some(table) = has(&["session_id", "message_data"]) {
        let what = "sessions of the OpenAI Agents SDK: messages without calls, tokens or durations; \
            log its traces instead (add_trace_processor with one that writes span.export() as a line of JSON)";
        (table, what)
    } else if let Some(table) =
        has(&["rollout_path", "tokens_used"]).or_else(|| has(&["rollout_byte_offset"]))
    {
        let what = "Codex's list of its sessions, without calls or their tokens; the sessions themselves are in \
            ~/.codex/sessions: give that folder, or a rollout-*.jsonl of it";
        (table, what)
    } else {
        let what = "checkpoints of LangGraph: states, not spans; trace the graph instead \
            (LangSmith or OpenTelemetry)";
        (has(&["thread_id", "checkpoint_ns", "checkpoint_id"])?, what)
    };
    Some(format!("{what}; table {}", table.name.chars().take(60).collect::<String>()))
}

/// What the text looks like.
pub(super) fn text(sample: &LineSample<'_>) -> Option<String> {
    // A file of other records may begin with a few lines of anything.
    for line in sample.lines().take(20) {
        let line = LineText::new(line);
        if let Some(what) = record(&line.text) {
            return Some(what);
        }
    }
    plain(sample)
}

/// Records that no format reads although they have times and names: another signal, a request log.
pub(super) fn known(sample: &LineSample<'_>) -> Option<String> {
    let line = LineText::new(sample.lines().next()?);
    record(&line.text).filter(|what| !what.starts_with(UNKNOWN))
}

/// What a JSON record is, by the names of its members.
fn record(text: &str) -> Option<String> {
    let mut reader = Reader::new(text);
    let mut names: Vec<String> = Vec::new();
    reader.enter_object().ok()?;
    while let Some(name) = reader.next_key().ok()? {
        reader.skip().ok()?;
        names.push(name.into_owned());
        if names.len() > 64 {
            break;
        }
    }
    let has = |name: &str| names.iter().any(|known| known == name);
    let what = if has("resourceMetrics") || has("resource_metrics") {
        "OTLP metrics: they hold no spans; give the trace data"
    } else if has("agent_tool") && has("project_path") && has("started_at") {
        "a session of TTA.dev without its spans: give spans.jsonl in the folder of that name"
    } else if has("traceEvents") {
        "a Chrome trace: it is written by tracetui, not read"
    } else if has("endpoint") && has("method") && has("payload") {
        "an outbox of telemetry requests, not a span log; give the database they were meant for"
    } else {
        let shown = names.iter().take(8).map(|name| name.chars().take(40).collect::<String>());
        let shown: Vec<_> = shown.collect();
        return Some(format!(
            "{UNKNOWN} (trace_id, span_id), a time or a name (--map FIELD=PATH says where they are); found: {}",
            if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
        ));
    };
    Some(what.to_owned())
}

/// What text without JSON looks like.
fn plain(sample: &LineSample<'_>) -> Option<String> {
    let lines: Vec<_> = sample.lines().take(20).map(String::from_utf8_lossy).collect();
    let is_sample = |line: &str| {
        let labelled = line.split_once('{').zip(line.rsplit_once("} "));
        labelled.is_some_and(|((name, _), (_, value))| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
            let number = value.split(' ').next().unwrap_or_default();
            !name.is_empty() && name.bytes().all(plain) && number.parse::<f64>().is_ok()
        })
    };
    let told = |line: &str| line.starts_with("# HELP ") || line.starts_with("# TYPE ");
    if lines.iter().any(|line| told(line)) || lines.first().is_some_and(|line| is_sample(line)) {
        return Some("Prometheus metrics: they hold no spans; give the trace data".to_owned());
    }
    let fields = |line: &str, separator: char| line.matches(separator).count();
    let head = lines.first()?;
    for (separator, name) in [(',', "CSV"), ('\t', "TSV")] {
        let n = fields(head, separator);
        if n >= 2 && lines.len() > 1 && lines.iter().skip(1).take(5).all(|line| fields(line, separator) >= n)
        {
            return Some(format!("{name}: convert it to one JSON object per line first"));
        }
    }
    Some(
        "plain text without spans; one JSON object per line is needed (--format help lists the formats)"
            .to_owned(),
    )
}
