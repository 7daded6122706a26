//! Where records of any JSON log keep what is known about a span: the usual names, or those the user gives.

use rustc_hash::{FxHashMap, FxHashSet};

use serde_json::Value as Json;

use super::super::json::{Fault, Reader, Value};
use crate::text::nearest;

macro_rules! fields {
    ($($(#[doc = $about:literal])+ $field:ident = $name:literal [$($path:literal)*];)*) => {
        /// What a record may say.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum Field { $($(#[doc = $about])+ $field,)* }

        /// Every field: its name for `--map`, what it is, and where it usually is.
        const FIELDS: &[(Field, &str, &str, &[&str])] =
            &[$((Field::$field, $name, concat!($($about),+), &[$($path),*]),)*];
    };
}

fields! {
    /// trace id; records without one belong to the trace that the file is
    Trace = "trace" ["trace_id" "traceId" "trace" "trace.id" "run_id" "runId" "request_id" "requestId" "correlation_id" "correlationId"];
    /// span id; without one each record is a span
    Span = "span" ["span_id" "spanId" "span.id"];
    /// id of the parent span
    Parent = "parent" ["parent_span_id" "parentSpanId" "parent_id" "parentId"];
    /// what the span is called
    Name = "name" ["name" "event" "operation" "message" "msg" "eventName" "event_name" "action"];
    /// workflow, step, agent, llm, tool or another word for its kind
    Kind = "kind" ["kind" "span_type" "spanType" "type"];
    /// when it began
    Start = "start" ["start" "start_time" "startTime" "started_at" "startedAt"];
    /// when it ended
    End = "end" ["end" "end_time" "endTime" "ended_at" "endedAt" "finished_at" "completed_at"];
    /// when it was written: the end of what has a duration
    Time = "time" ["time" "timestamp" "ts" "@timestamp" "datetime" "date" "created_at" "createdAt" "t"];
    /// duration in milliseconds
    DurationMs = "duration_ms" ["duration_ms" "durationMs" "elapsed_ms" "elapsedMs" "latency_ms" "latencyMs" "took_ms" "tookMs" "responseTime" "duration" "latency" "elapsed" "took"];
    /// duration in seconds
    DurationS = "duration_s" ["duration_s" "duration_seconds" "durationSeconds" "elapsed_seconds" "latency_seconds"];
    /// duration in microseconds
    DurationUs = "duration_us" ["duration_us" "durationUs" "duration_micros"];
    /// duration in nanoseconds
    DurationNs = "duration_ns" ["duration_ns" "durationNs" "duration_nanos"];
    /// how it stands: started, completed, failed and their like
    Status = "status" ["status" "state" "outcome"];
    /// level of a log line; error and above make a failed span
    Level = "level" ["level" "severity" "severity_text" "severityText" "log.level" "levelname" "lvl"];
    /// what went wrong
    Error = "error" ["error" "err" "exception" "error_message" "errorMessage"];
    /// name of the model
    Model = "model" ["model" "model_name" "modelName" "llm.model" "gen_ai.response.model" "gen_ai.request.model"];
    /// its provider
    Provider = "provider" ["provider" "llm.provider" "gen_ai.provider.name" "gen_ai.system"];
    /// input tokens
    In = "in" ["input_tokens" "inputTokens" "prompt_tokens" "promptTokens" "tokens_in" "gen_ai.usage.input_tokens"];
    /// output tokens
    Out = "out" ["output_tokens" "outputTokens" "completion_tokens" "completionTokens" "tokens_out" "gen_ai.usage.output_tokens"];
    /// input tokens that came from a cache
    CacheRead = "cache_read" ["cache_read_tokens" "cacheReadTokens" "cached_tokens" "cachedTokens"];
    /// input tokens that were written to a cache
    CacheWrite = "cache_write" ["cache_write_tokens" "cacheWriteTokens"];
    /// output tokens spent on reasoning
    Reasoning = "reasoning" ["reasoning_tokens" "reasoningTokens"];
    /// all tokens
    Total = "total" ["total_tokens" "totalTokens"];
    /// an object with counters of tokens under their usual names
    Usage = "usage" ["usage" "token_usage" "tokenUsage"];
    /// cost in US dollars
    Cost = "cost" ["cost_usd" "costUsd" "cost" "total_cost" "totalCost"];
    /// name of the workflow
    Workflow = "workflow" ["workflow" "workflow_name" "workflowName"];
    /// name of the step
    Step = "step" ["step" "step_name" "stepName" "node"];
    /// name of the agent
    Agent = "agent" ["agent" "agent_name" "agentName"];
    /// name of the tool
    Tool = "tool" ["tool" "tool_name" "toolName"];
    /// user id
    User = "user" ["user_id" "userId" "user"];
    /// session or conversation id
    Session = "session" ["session_id" "sessionId" "conversation_id" "conversationId" "thread_id" "threadId"];
    /// name of the service
    Service = "service" ["service" "service.name" "service_name" "app" "logger"];
    /// the request or prompt
    Input = "input" ["input" "prompt" "request" "messages" "arguments"];
    /// the answer
    Output = "output" ["output" "response" "completion" "result"];
}

const COUNT: usize = FIELDS.len();
/// Longest path, bytes.
const MAX_PATH: usize = 200;
/// Deepest path, parts.
const MAX_PARTS: usize = 8;

/// Where each field is: several places for one, the first that holds something wins.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// What the user gave.
    own: Vec<(Field, String)>,
    /// Full paths with their fields and ranks.
    paths: FxHashMap<String, Vec<(Field, usize)>>,
    /// What may lead to one.
    prefixes: FxHashSet<String>,
}

/// What a record was found to say.
pub(super) type Values<'a> = [Option<(usize, Value<'a>)>; COUNT];

impl Mapping {
    /// The usual names.
    pub fn usual() -> Self {
        Self::of(&[])
    }

    /// Reads `field=path` pairs; a path's parts are separated by dots. Fields that are not named keep their usual names.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut own = Vec::new();
        for pair in pairs {
            let Some((name, path)) = pair.split_once('=') else {
                return Err(format!("{} is no field=path, as in trace=ctx.id", shortened(pair)));
            };
            own.push(entry(name.trim(), path.trim())?);
        }
        Ok(Self::of(&own))
    }

    /// Reads a table of fields and paths.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let own = pairs.into_iter().map(|(name, path)| entry(name, path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::of(&own))
    }

    fn of(own: &[(Field, String)]) -> Self {
        let mut mapping =
            Self { own: own.to_vec(), paths: FxHashMap::default(), prefixes: FxHashSet::default() };
        for (rank, (field, path)) in own.iter().enumerate() {
            mapping.add(path, *field, rank);
        }
        for (field, _, _, paths) in FIELDS {
            if own.iter().any(|(named, _)| named == field) {
                continue;
            }
            for (rank, path) in paths.iter().enumerate() {
                mapping.add(path, *field, rank);
            }
        }
        mapping
    }

    fn add(&mut self, path: &str, field: Field, rank: usize) {
        self.paths.entry(path.to_owned()).or_default().push((field, rank));
        for (at, _) in path.match_indices('.') {
            self.prefixes.insert(path.get(..at).unwrap_or_default().to_owned());
        }
    }

    /// How many of some records each path that the user gave leads to something in.
    pub(crate) fn fits<'a>(&self, records: impl Iterator<Item = &'a [u8]>) -> Vec<Fit> {
        let pair = |(field, path): &(Field, String)| {
            let name = FIELDS.iter().find(|(known, ..)| known == field).map_or("", |(_, name, ..)| *name);
            Fit { pair: format!("{name}={path}"), fits: 0, records: 0 }
        };
        let mut fits: Vec<Fit> = self.own.iter().map(pair).collect();
        for record in records {
            let Ok(record) = serde_json::from_slice::<Json>(record) else { continue };
            for (fit, (_, path)) in fits.iter_mut().zip(&self.own) {
                fit.records += 1;
                fit.fits += usize::from(leads(&record, path));
            }
        }
        fits
    }

    /// Reads the object that comes next.
    pub(super) fn read<'a>(&self, reader: &mut Reader<'a>) -> Result<Values<'a>, Fault> {
        let mut values: Values<'a> = std::array::from_fn(|_| None);
        self.object(reader, &mut String::new(), 0, &mut values)?;
        Ok(values)
    }

    /// As deep as paths go and no deeper.
    fn object<'a>(
        &self,
        reader: &mut Reader<'a>,
        path: &mut String,
        depth: usize,
        values: &mut Values<'a>,
    ) -> Result<(), Fault> {
        reader.enter_object()?;
        while let Some(key) = reader.next_key()? {
            let before = path.len();
            if key.len() + before > MAX_PATH {
                reader.skip()?;
                continue;
            }
            if before > 0 {
                path.push('.');
            }
            path.push_str(&key);
            let leads = depth < MAX_PARTS && self.prefixes.contains(path) && reader.peek() == Some(b'{');
            match self.paths.get(path) {
                Some(fields) => {
                    let inside = leads.then(|| reader.clone());
                    let value = reader.value()?;
                    for &(field, rank) in fields {
                        set(values, field, rank, &value);
                    }
                    if let Some(mut inside) = inside {
                        self.object(&mut inside, path, depth + 1, values)?;
                    }
                }
                None if leads => self.object(reader, path, depth + 1, values)?,
                None => reader.skip()?,
            }
            path.truncate(before);
        }
        Ok(())
    }
}

/// How a path that the user gave fits some records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// `field=path`.
    pub pair: String,
    /// Records in which the path leads to something.
    pub fits: usize,
    /// Records that were looked at.
    pub records: usize,
}

/// Whether a path leads to something, by names with dots in them or objects within. As deep as a path has parts.
fn leads(value: &Json, path: &str) -> bool {
    let Some(members) = value.as_object() else { return false };
    if members.get(path).is_some_and(|value| !value.is_null()) {
        return true;
    }
    path.match_indices('.').any(|(at, _)| {
        let (name, rest) = (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default());
        members.get(name).is_some_and(|inside| leads(inside, rest))
    })
}

/// The value of a field.
pub(super) fn get<'v, 'a>(values: &'v Values<'a>, field: Field) -> &'v Value<'a> {
    const NOTHING: &Value<'static> = &Value::Null;
    values.get(field as usize).and_then(Option::as_ref).map_or(NOTHING, |(_, value)| value)
}

fn set<'a>(values: &mut Values<'a>, field: Field, rank: usize, value: &Value<'a>) {
    // An object under a name that is usually text says nothing.
    let holds = match value {
        Value::Null => false,
        Value::Text(text) => !text.trim().is_empty(),
        Value::Object(_) | Value::Array(_) => {
            matches!(field, Field::Input | Field::Output | Field::Error | Field::Usage)
        }
        _ => true,
    };
    if let Some(slot) = values.get_mut(field as usize)
        && holds
        && slot.as_ref().is_none_or(|(known, _)| rank <= *known)
    {
        *slot = Some((rank, value.clone()));
    }
}

/// One pair of a mapping.
fn entry(name: &str, path: &str) -> Result<(Field, String), String> {
    let found = FIELDS.iter().find(|(_, known, ..)| known.eq_ignore_ascii_case(name));
    let Some((field, ..)) = found else {
        let near = nearest(FIELDS.iter().map(|(_, known, ..)| *known), name);
        let all: Vec<&str> = FIELDS.iter().map(|(_, known, ..)| *known).collect();
        return Err(format!(
            "{} is no field, the nearest is {near}; the fields are {}",
            shortened(name),
            all.join(", ")
        ));
    };
    let path = path.strip_prefix("$.").or_else(|| path.strip_prefix('.')).unwrap_or(path);
    let parts = path.split('.').count();
    if path.is_empty() || path.split('.').any(str::is_empty) {
        return Err(format!("{name}= needs a path such as ctx.id"));
    }
    if path.len() > MAX_PATH || parts > MAX_PARTS {
        return Err(format!("the path of {name} is too long: at most {MAX_PARTS} parts, {MAX_PATH} bytes"));
    }
    Ok((*field, path.to_owned()))
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The fields a mapping may name, with what they are.
pub fn map_fields() -> impl Iterator<Item = (&'static str, &'static str)> {
    FIELDS.iter().map(|(_, name, about, _)| (*name, about.trim()))
}
