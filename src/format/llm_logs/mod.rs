//! Logs of the command line tool `llm`: its `logs.db`, with the tables of each of its generations.
//!
//! A conversation is a trace with a span of its own; each prompt is a call below it. Since 0.32 a prompt is a row of
//! `turns` and tool calls are `parts` of messages; before, prompts were `responses` and tool calls had a table. A file
//! that was upgraded has both, and a row that was copied has the same id in both. Nothing says when a tool ran: it is
//! placed behind the call that asked for it.

mod detail;

use serde_json::Value as Json;

use super::plain::error_line;
use super::rows::{Row, Shape};
use super::usage::{Convention, Counter, Counters};
use super::{Lookup, TableFormat};
use crate::model::{Batch, Id, Parent, Reason, SpanKind, SpanUpdate, Status, Timed, UnixNanos};

const NAME: &str = "llm";
const ABOUT: &str = "logs.db of the command line tool llm: tables responses, turns, tool_calls, parts, logs";

/// Prompts since 0.32.
pub(super) static TURNS: TableFormat = TableFormat {
    name: NAME,
    about: ABOUT,
    plan: |schema| TURN.plan(schema),
    decode: |place, cells, out| call(&TURN.row(place, cells), "thread", out),
    detail: detail::turn,
};

/// Tool calls since 0.32.
pub(super) static PARTS: TableFormat = TableFormat {
    name: NAME,
    about: ABOUT,
    plan: |schema| PART.plan(schema),
    decode: |place, cells, out| {
        let row = PART.row(place, cells);
        if row.text("type") == Some("tool_call") {
            tool(&row, out);
        }
    },
    detail: detail::tool,
};

/// Prompts before 0.32.
pub(super) static RESPONSES: TableFormat = TableFormat {
    name: NAME,
    about: ABOUT,
    plan: |schema| RESPONSE.plan(schema),
    decode: |place, cells, out| call(&RESPONSE.row(place, cells), "conversation", out),
    detail: detail::response,
};

/// Tool calls before 0.32.
pub(super) static TOOL_CALLS: TableFormat = TableFormat {
    name: NAME,
    about: ABOUT,
    plan: |schema| TOOL_CALL.plan(schema),
    decode: |place, cells, out| tool(&TOOL_CALL.row(place, cells), out),
    detail: detail::tool,
};

/// Prompts before 0.5.
pub(super) static LOGS: TableFormat = TableFormat {
    name: NAME,
    about: ABOUT,
    plan: |schema| LOG.plan(schema),
    decode: |place, cells, out| call(&LOG.row(place, cells), "chat", out),
    detail: detail::response,
};

/// What the answer says about its model.
const ANSWERED: Lookup = Lookup {
    name: "answered",
    sql: "(CASE WHEN json_valid(s.response_json) THEN json_extract(s.response_json, '$.model') END)",
};

static TURN: Shape = Shape {
    table: "turns",
    required: &["id", "thread_id", "model", "datetime_utc", "tip_message_hash"],
    index: &[
        "id",
        "thread_id",
        "model",
        "resolved_model",
        "input_tokens",
        "output_tokens",
        "token_details",
        "duration_ms",
        "datetime_utc",
    ],
    lookups: &[
        Lookup { name: "title", sql: "(SELECT t.name FROM main.threads AS t WHERE t.id = s.thread_id)" },
        Lookup {
            name: "began",
            sql: "(SELECT min(o.datetime_utc) FROM main.turns AS o WHERE o.thread_id = s.thread_id)",
        },
        ANSWERED,
    ],
    detail_lookups: &[
        Lookup {
            name: "fragments",
            sql: "(SELECT json_group_object(f.id, f.content) FROM (SELECT DISTINCT r.id, r.content FROM main.turns AS t \
              JOIN main.turn_fragments AS u ON u.turn_id = t.id JOIN main.fragments AS r ON r.id = u.fragment_id \
              WHERE t.thread_id = s.thread_id LIMIT 200) AS f)",
        },
        Lookup {
            name: "messages",
            sql: "(WITH RECURSIVE up(hash, depth) AS (SELECT s.tip_message_hash, 0 UNION ALL \
              SELECT m.parent_hash, up.depth + 1 FROM up JOIN main.messages AS m ON m.hash = up.hash \
              WHERE m.parent_hash IS NOT NULL AND up.depth < 500) \
              SELECT json_group_array(json(part)) FROM (SELECT json_object('role', m.role, 'type', p.type, \
              'tool', p.tool_name, 'text', p.text, 'payload', p.payload, 'depth', up.depth) AS part \
              FROM up JOIN main.messages AS m ON m.hash = up.hash JOIN main.parts AS p ON p.message_hash = m.hash \
              ORDER BY up.depth DESC, p.position LIMIT 2000))",
        },
    ],
};

static PART: Shape = Shape {
    table: "parts",
    required: &["id", "message_hash", "type", "tool_name", "payload"],
    index: &["id", "type", "tool_name"],
    lookups: &[
        // One look for all of it: there is no index of tips.
        Lookup {
            name: "call",
            sql: "(SELECT json_object('id', t.id, 'trace', t.thread_id, 'at', t.datetime_utc, 'ms', t.duration_ms) \
                  FROM main.turns AS t WHERE s.type = 'tool_call' AND t.tip_message_hash = s.message_hash LIMIT 1)",
        },
        Lookup { name: "result", sql: PART_RESULT },
        Lookup {
            name: "next_utc",
            sql: "(SELECT min(n.datetime_utc) FROM main.messages AS m JOIN main.turns AS n \
                  ON n.parent_message_hash = m.hash WHERE s.type = 'tool_call' AND m.parent_hash = s.message_hash)",
        },
    ],
    detail_lookups: &[],
};

const PART_RESULT: &str = "(SELECT r.payload FROM main.messages AS m JOIN main.parts AS r ON r.message_hash = m.hash \
    WHERE s.type = 'tool_call' AND m.parent_hash = s.message_hash AND r.type = 'tool_result' AND json_valid(r.payload) \
    AND json_valid(s.payload) AND json_extract(r.payload, '$.tool_call_id') IS json_extract(s.payload, '$.tool_call_id') \
    LIMIT 1)";

static RESPONSE: Shape = Shape {
    table: "responses",
    required: &["id", "model", "prompt", "response", "conversation_id", "datetime_utc"],
    index: &[
        "id",
        "conversation_id",
        "model",
        "resolved_model",
        "input_tokens",
        "output_tokens",
        "token_details",
        "duration_ms",
        "datetime_utc",
    ],
    lookups: &[
        Lookup {
            name: "title",
            sql: "(SELECT c.name FROM main.conversations AS c WHERE c.id = s.conversation_id)",
        },
        // Its rows stand one behind the other; there is no index of them.
        Lookup {
            name: "began",
            sql: "(SELECT min(o.datetime_utc) FROM main.responses AS o WHERE o.rowid BETWEEN s.rowid - 200 AND s.rowid \
                  AND o.conversation_id = s.conversation_id)",
        },
        ANSWERED,
    ],
    detail_lookups: RESPONSE_DETAIL,
};

/// What a prompt was made of besides its text, and the tools between prompts.
const RESPONSE_DETAIL: &[Lookup] = &[
    Lookup {
        name: "fragments",
        sql: "(SELECT group_concat(content, char(10)) FROM (SELECT f.content FROM main.prompt_fragments AS p \
              JOIN main.fragments AS f ON f.id = p.fragment_id WHERE p.response_id = s.id ORDER BY p.\"order\" LIMIT 200))",
    },
    Lookup {
        name: "system_fragments",
        sql: "(SELECT group_concat(content, char(10)) FROM (SELECT f.content FROM main.system_fragments AS p \
              JOIN main.fragments AS f ON f.id = p.fragment_id WHERE p.response_id = s.id ORDER BY p.\"order\" LIMIT 200))",
    },
    Lookup {
        name: "results",
        sql: "(SELECT json_group_array(json_object('name', t.name, 'text', t.output)) FROM main.tool_results AS t \
              WHERE t.response_id = s.id)",
    },
    Lookup {
        name: "calls",
        sql: "(SELECT json_group_array(json_object('name', t.name, 'text', t.arguments)) FROM main.tool_calls AS t \
              WHERE t.response_id = s.id)",
    },
];

static TOOL_CALL: Shape = Shape {
    table: "tool_calls",
    required: &["id", "response_id", "name", "arguments", "tool_call_id"],
    index: &["id", "response_id", "name"],
    lookups: &[
        Lookup {
            name: "call",
            sql: "(SELECT json_object('id', r.id, 'trace', r.conversation_id, 'at', r.datetime_utc, 'ms', r.duration_ms) \
                  FROM main.responses AS r WHERE r.id = s.response_id)",
        },
        // The result is logged with the response that it is given to, which is one of the next.
        Lookup {
            name: "result",
            sql: "(SELECT json_object('output', t.output, 'exception', t.\"exception\") FROM main.tool_results AS t \
                  WHERE t.id BETWEEN s.id - 200 AND s.id + 200 AND t.tool_call_id = s.tool_call_id \
                  ORDER BY t.response_id > s.response_id DESC, abs(t.id - s.id) LIMIT 1)",
        },
        Lookup {
            name: "next_utc",
            sql: "(SELECT r.datetime_utc FROM main.tool_results AS t JOIN main.responses AS r ON r.id = t.response_id \
                  WHERE t.id BETWEEN s.id - 200 AND s.id + 200 AND t.tool_call_id = s.tool_call_id \
                  AND t.response_id > s.response_id LIMIT 1)",
        },
    ],
    detail_lookups: &[],
};

static LOG: Shape = Shape {
    table: "logs",
    required: &["id", "model", "prompt", "response", "datetime_utc", "chat_id"],
    index: &["id", "chat_id", "model", "duration_ms", "datetime_utc"],
    lookups: &[
        Lookup {
            name: "title",
            sql: "(SELECT substr(c.prompt, 1, 200) FROM main.logs AS c WHERE c.id = coalesce(s.chat_id, s.id))",
        },
        Lookup {
            name: "began",
            sql: "(SELECT c.datetime_utc FROM main.logs AS c WHERE c.id = coalesce(s.chat_id, s.id))",
        },
        ANSWERED,
    ],
    detail_lookups: &[],
};

/// The span of the conversation.
fn root_of(trace: Id) -> Id {
    Id::synthetic(&[b"llm conversation", &trace.bits().to_be_bytes()])
}

/// A prompt and its answer, and the conversation that goes on with it.
fn call(row: &Row<'_, '_>, word: &str, out: &mut Batch) {
    let trace = ["thread_id", "conversation_id", "chat_id"].iter().find_map(|name| row.id(name, out));
    let Some(span) = row.id("id", out) else {
        out.problem(Reason::MissingId, Some(row.place.at), "row without an id");
        return;
    };
    // A prompt that belongs to no conversation is one by itself.
    let trace = trace.unwrap_or(span);
    let start = row.time("datetime_utc", out);
    let end = start.map(|start| start.plus(nanos(row.count("duration_ms").unwrap_or(0))));
    let root = root_of(trace);

    let mut update = row.span(trace, span);
    update.parent = Parent::Span(root);
    row.set_times(&mut update, start, end, out);
    update.kind = Some(SpanKind::Llm);
    update.status = Some(Status::Ok);
    let asked = row.text("model").unwrap_or_default();
    update.name = out.intern(asked);
    update.span_type = out.intern(word);
    let model = row.text("answered").or_else(|| row.text("resolved_model")).unwrap_or(asked);
    // `anthropic/claude-3-5-sonnet`: the plugin goes before the model.
    let (provider, model) = model.split_once('/').unwrap_or(("", model));
    update.model = out.intern(model);
    update.provider = out.intern(provider);
    update.session = out.intern(&trace.display(&out.strings).to_string());

    let mut counters = Counters::default();
    for (name, counter) in [("input_tokens", Counter::Input), ("output_tokens", Counter::Output)] {
        if let Some(count) = row.count(name) {
            counters.set(counter, count);
        }
    }
    if let Some(details) = row.text("token_details") {
        match serde_json::from_str::<Json>(details) {
            Ok(details) => counters.read(&details, ""),
            Err(_) => out.problem(Reason::BadType, Some(row.place.at), "token_details are no JSON"),
        }
    }
    update.usage = counters.normalise(Convention::Unknown, provider);

    let mut whole = SpanUpdate::new(trace, root, row.place.stamp);
    whole.parent = Parent::Root;
    whole.kind = Some(SpanKind::Workflow);
    whole.status = Some(Status::Ok);
    whole.start = row.time("began", out).or(start).map(Timed::written);
    whole.end = end.map(Timed::written);
    whole.name = out.intern(row.text("title").unwrap_or(word));
    whole.span_type = out.intern(word);
    whole.session = update.session;
    out.push(whole);
    out.push(update);
}

fn nanos(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(crate::model::NANOS_PER_MS)
}

/// A call of a tool, as soon as its prompt is there too.
fn tool(row: &Row<'_, '_>, out: &mut Batch) {
    let call: Option<Json> = row.text("call").and_then(|text| serde_json::from_str(text).ok());
    let (Some(call), Some(number)) = (call, row.count("id")) else { return };
    let part = |name: &str| call.get(name).and_then(Json::as_str).unwrap_or_default();
    let Some(asker) = out.id(part("id")) else { return };
    let trace = out.id(part("trace")).unwrap_or(asker);
    let span = Id::synthetic(&[b"llm tool call", &asker.bits().to_be_bytes(), &number.to_be_bytes()]);
    let mut update = row.span(trace, span);
    update.parent = Parent::Span(root_of(trace));
    let ms = call.get("ms").and_then(Json::as_u64).unwrap_or(0);
    let asked = UnixNanos::parse(part("at")).map(|start| start.plus(nanos(ms)));
    let next: Option<UnixNanos> = row.time("next_utc", out);
    update.start = asked.map(Timed::inferred);
    update.end = match (asked, next) {
        (Some(asked), Some(next)) => Some(Timed::inferred(next.max(asked))),
        (asked, _) => asked.map(Timed::inferred),
    };
    update.kind = Some(SpanKind::Tool);
    update.tool = row.symbol(if row.text("tool_name").is_some() { "tool_name" } else { "name" }, out);
    update.name = update.tool;
    update.span_type = out.intern("tool_call");
    let result: Option<Json> = row.text("result").and_then(|text| serde_json::from_str(text).ok());
    let failure = result.as_ref().and_then(|result| result.get("exception")).and_then(Json::as_str);
    update.status = Some(if failure.is_some() { Status::Error } else { Status::Ok });
    if let Some(failure) = failure {
        update.error = out.intern(&error_line(failure));
    }
    update.session = out.intern(&trace.display(&out.strings).to_string());
    out.push(update);
}
