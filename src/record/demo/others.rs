//! Other workflows in the mix: an agent that answers customers, and a digest of the day.

use serde_json::{Value, json};

use super::llm::Call;
use super::prompts::lines;
use super::script::{Leaf, Ms, RetriedCall, Script, StepInfo, Stop};
use super::texts::{Case, Model, Texts};
use crate::model::Status;
use crate::record::SpanRow;

fn model<'a>(texts: &'a Texts, name: &str) -> Result<&'a Model, Stop> {
    let error = json!({"message": format!("unknown model {name}"), "code": "unknown_model"});
    texts.model(name).ok_or(Stop { at: 0, status: Status::Error, error })
}

/// The text of a JSON file as JSON.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn finish(script: &mut Script, mut root: SpanRow, result: Result<(Ms, Value), Stop>) {
    match result {
        Ok((end, output)) => {
            root.output = Some(output);
            script.close(root, end + 4, Status::Ok);
        }
        Err(stop) => {
            root.set("failureReason", stop.error["code"].as_str().unwrap_or("failed"));
            script.close_early(root, &stop);
        }
    }
}

/// An agent answers a customer, with tools and a knowledge base.
pub(super) fn support(script: &mut Script, texts: &Texts, case: &Case, fails: bool) {
    let mut root = script.span(None, "customer-support", "agent_run", 0);
    root.entity_id = Some("customer-support".to_owned());
    root.set("agentName", "SupportAgent");
    root.set("topic", case.topic.as_str());
    root.input = Some(json!({"message": case.user}));
    script.note(&root, 0);
    let result = support_turns(script, texts, case, fails, &root);
    finish(script, root, result);
}

fn support_turns(
    s: &mut Script,
    texts: &Texts,
    case: &Case,
    fails: bool,
    root: &SpanRow,
) -> Result<(Ms, Value), Stop> {
    let system = "You help customers of a project tool. Look things up before you answer, act only within the policy, be brief and kind.";
    let remember = Leaf {
        name: "recall customer",
        span_type: "memory_operation",
        facts: vec![("operation", json!("read"))],
        input: json!({"scope": "customer"}),
        output: json!({"facts": ["plan: team", "since 2023", "prefers short answers"]}),
        ms: (4, 35),
    };
    let at = s.leaf(root, remember, 5);
    let at = s.embed(root, &case.user, at + 2);
    let hits = case.documents.iter().map(|text| json!({"text": text, "score": 0.79})).collect();
    let at = s.search(root, "help-center", &case.user, hits, at + 1);
    let knowledge = case.documents.join("\n");

    let mut turn = turn(s, root, 1, at);
    let mut call = Call::new(
        model(texts, "gpt-4o")?,
        system,
        format!("Knowledge:\n{knowledge}\n\nCustomer: {}", case.user),
        json!({"tool": case.tool, "arguments": parsed(&case.arguments)}).to_string(),
    );
    (call.attached, call.seen_percent) = (3_420, 50);
    let at = s.llm(&turn, &call, at + 4)?;
    let args = parsed(&case.arguments);
    let valid = Leaf {
        name: "check arguments",
        span_type: "tool_validation",
        facts: vec![("toolName", json!(case.tool))],
        input: args.clone(),
        output: json!({"valid": true}),
        ms: (1, 4),
    };
    let at = s.leaf(&turn, valid, at + 1);
    let busy =
        json!({"message": "503 Service Unavailable from crm.internal", "type": "HttpError", "code": "503"});
    let at = if fails {
        let errors = vec![(busy.clone(), 900), (busy.clone(), 1_200), (busy, 1_500)];
        let call = RetriedCall { name: &case.tool, args, errors, result: None, ms: (0, 0) };
        match s.tool_with_retries(&turn, &call, at + 1) {
            Ok(at) => at,
            Err(stop) => {
                s.close_early(turn, &stop);
                return Err(stop);
            }
        }
    } else if s.rng.chance(12) {
        let call = RetriedCall {
            name: &case.tool,
            args,
            errors: vec![(busy, 800)],
            result: Some(parsed(&case.result)),
            ms: (90, 700),
        };
        s.tool_with_retries(&turn, &call, at + 1)?
    } else {
        s.tool(&turn, &case.tool, args, parsed(&case.result), (90, 900), at + 1)
    };
    s.close(turn, at + 2, Status::Ok);

    let mut at = at + 3;
    let mut number = 2;
    if !case.action.is_empty() {
        turn = self::turn(s, root, number, at);
        let mut call = Call::new(
            model(texts, "gpt-4o")?,
            system,
            format!("Knowledge:\n{knowledge}\n\nCustomer: {}\n\n{}: {}", case.user, case.tool, case.result),
            json!({"tool": case.action, "arguments": parsed(&case.action_arguments)}).to_string(),
        );
        (call.attached, call.seen_percent) = (3_420, 75);
        at = s.llm(&turn, &call, at + 4)?;
        at = s.tool(
            &turn,
            &case.action,
            parsed(&case.action_arguments),
            parsed(&case.action_result),
            (150, 1_200),
            at + 2,
        );
        s.close(turn, at + 2, Status::Ok);
        at += 3;
        number += 1;
    }

    turn = self::turn(s, root, number, at);
    let mut call = Call::new(
        model(texts, "gpt-4o")?,
        system,
        format!(
            "Knowledge:\n{knowledge}\n\nCustomer: {}\n\n{}: {}\n{}: {}",
            case.user, case.tool, case.result, case.action, case.action_result
        ),
        case.reply.clone(),
    );
    call.temperature = 50;
    (call.attached, call.seen_percent) = (3_420, 80);
    let at = s.llm(&turn, &call, at + 4)?;
    s.close(turn, at + 2, Status::Ok);
    let guard = s.agent(root, "ToneReviewer", json!({"reply": case.reply}), at + 4, |s, agent, at| {
        let call = Call::new(
            model(texts, "claude-haiku-4-5")?,
            "Does the reply promise more than the policy allows, or sound cold? Answer OK or the sentence to change.",
            case.reply.clone(),
            "OK".to_owned(),
        );
        Ok((s.llm(agent, &call, at)?, json!({"verdict": "OK"})))
    })?;
    Ok((guard, json!({"reply": case.reply})))
}

fn turn(s: &mut Script, root: &SpanRow, number: i64, at: Ms) -> SpanRow {
    let mut turn = s.span(Some(root), &format!("Iteration {number}"), "agent_iteration", at);
    turn.set("iteration", number);
    turn.set("maxIterations", 8);
    s.note(&turn, at);
    turn
}

/// Sums up the day: every item on its own, four at a time, then the whole.
pub(super) fn digest(script: &mut Script, texts: &Texts, rounds: i64) {
    let mut root = script.span(None, "nightly-digest", "workflow_run", 0);
    root.entity_id = Some("nightly-digest".to_owned());
    root.input = Some(json!({"sources": ["github", "incidents", "support", "sales", "metrics", "research"]}));
    script.note(&root, 0);
    let result = digest_steps(script, texts, &root, rounds);
    finish(script, root, result);
}

fn digest_steps(s: &mut Script, texts: &Texts, root: &SpanRow, rounds: i64) -> Result<(Ms, Value), Stop> {
    let step = |number, name, kind| StepInfo { number, name, kind, input: json!({}) };
    let collected = json!({"items": texts.items.len() as i64 * rounds});
    let at = s.step(root, &step(1, "Collect Items", "tool"), 4, |s, span, at| {
        let query = Leaf {
            name: "SELECT items",
            span_type: "database_query",
            facts: vec![
                ("queryType", json!("SELECT")),
                ("tableName", json!("items")),
                ("rowCount", collected["items"].clone()),
            ],
            input: json!({"sql": "SELECT * FROM items WHERE day = current_date - 1"}),
            output: collected.clone(),
            ms: (20, 180),
        };
        let at = s.leaf(span, query, at);
        let request = Leaf {
            name: "GET /v1/incidents",
            span_type: "http_request",
            facts: vec![("httpMethod", json!("GET")), ("httpStatusCode", json!(200))],
            input: json!({"url": "https://status.internal/v1/incidents?since=24h"}),
            output: json!({"incidents": 1}),
            ms: (80, 600),
        };
        Ok((s.leaf(span, request, at + 2), collected.clone()))
    })?;
    let at = s.step(root, &step(2, "Summarize Items", "llm"), at + 3, |s, span, at| {
        let mut lanes = [at; 4];
        for _ in 0..rounds {
            for item in &texts.items {
                let mut call = Call::new(
                    model(texts, "claude-haiku-4-5")?,
                    "Sum up the item in one sentence for people who were away. Keep numbers and names.",
                    format!("[{}] {}\n\n{}", item.source, item.title, item.body),
                    item.summary.clone(),
                );
                call.rate_limited = usize::from(s.rng.chance(4));
                // The lane that is free first takes the next item.
                if let Some(lane) = lanes.iter_mut().min() {
                    *lane = s.llm(span, &call, *lane)? + 5;
                }
            }
        }
        let end = lanes.iter().copied().max().unwrap_or(at);
        Ok((end, json!({"summaries": texts.items.len() as i64 * rounds})))
    })?;
    let summaries = lines(&texts.items, |item| format!("- {}", item.summary));
    let digest =
        format!("Good morning. What happened since yesterday:\n{summaries}\nNothing else needs you today.");
    let at = s.step(root, &step(3, "Write Digest", "llm"), at + 3, |s, span, at| {
        let bodies = lines(&texts.items, |item| {
            format!(
                "{}
{}
",
                item.title, item.body
            )
        });
        let mut call = Call::new(
            model(texts, "gemini-2.5-flash")?,
            "Write the digest of the day: most important first, one line each, no adjectives.",
            format!("{summaries}\n\nItems:\n{bodies}"),
            digest.clone(),
        );
        call.temperature = 60;
        Ok((s.llm(span, &call, at)?, json!({"characters": digest.len()})))
    })?;
    let at = s.step(root, &step(4, "Send Digest", "tool"), at + 3, |s, span, at| {
        let args = json!({"channel": "#morning", "text": digest});
        Ok((s.tool(span, "post_message", args, json!({"ok": true}), (120, 700), at), json!({"sent": true})))
    })?;
    Ok((at, json!({"characters": digest.len()})))
}
