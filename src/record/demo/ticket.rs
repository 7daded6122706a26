//! The 13 steps that turn a request into a ticket.

use serde_json::{Value, json};

use super::llm::Call;
use super::prompts::numbered;
use super::script::{Leaf, Ms, RetriedCall, Script, StepInfo, Stop};
use super::texts::{Model, Texts, Ticket};
use crate::model::Status;
use crate::record::SpanRow;

/// The steps in their order; step 12 frees what step 0 locked.
pub(super) const STEPS: [&str; 13] = [
    "Initialize and Lock",
    "Extract Intent",
    "Detect Type",
    "Preflight Validation",
    "Review Findings",
    "Gather Repository Context",
    "Gather API Context",
    "Generate Draft Content",
    "Generate Questions",
    "Ask Questions",
    "Refine Draft",
    "Finalize Ticket",
    "Unlock",
];

/// How a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Finished, whatever happens on the way.
    Completed,
    /// The model that writes the draft stays rate limited.
    RateLimited,
    /// A tool of the preflight check times out for good.
    ToolTimeout,
    /// The author cancels when asked to review.
    Cancelled,
}

/// A run of the workflow for one request.
pub(super) struct TicketRun<'a> {
    pub(super) texts: &'a Texts,
    pub(super) ticket: &'a Ticket,
    pub(super) fate: Fate,
    /// How long people take to answer, in milliseconds.
    pub(super) patience: (Ms, Ms),
    /// Whether a tool fails and is retried.
    pub(super) retry: bool,
}

impl TicketRun<'_> {
    /// Writes the run down.
    pub(super) fn play(&self, script: &mut Script) {
        let mut root = script.span(None, "ticket-generation", "workflow_run", 0);
        root.entity_id = Some("ticket-generation".to_owned());
        root.set("nodeCount", STEPS.len());
        root.input = Some(json!({"request": self.ticket.request, "repository": self.ticket.repo}));
        script.note(&root, 0);
        match self.steps(script, &mut root) {
            Ok(end) => {
                root.output =
                    Some(json!({"title": self.ticket.title, "criteria": self.ticket.criteria.len()}));
                script.close(root, end + 5, Status::Ok);
            }
            Err(mut stop) => {
                // Whatever happens, what was locked is freed.
                let unlock = info(12, "system", json!({"after": stop.status.as_str()}));
                if let Ok(end) = script
                    .step(&root, &unlock, stop.at + 4, |_, _, at| Ok((at + 12, json!({"locked": false}))))
                {
                    stop.at = end + 3;
                }
                root.set("failureReason", stop.error["code"].as_str().unwrap_or("cancelled"));
                script.close_early(root, &stop);
            }
        }
    }

    fn steps(&self, script: &mut Script, root: &mut SpanRow) -> Result<Ms, Stop> {
        let ticket = self.ticket;
        let step = info(0, "system", json!({"repository": ticket.repo}));
        let t = script.step(root, &step, 8, |s, span, at| {
            let query = "UPDATE tickets SET locked_by = $1 WHERE id = $2 AND locked_by IS NULL";
            let leaf = Leaf {
                name: "lock ticket",
                span_type: "database_query",
                facts: vec![
                    ("queryType", json!("UPDATE")),
                    ("tableName", json!("tickets")),
                    ("rowCount", json!(1)),
                ],
                input: json!({"sql": query}),
                output: json!({"rows": 1}),
                ms: (4, 60),
            };
            Ok((s.leaf(span, leaf, at), json!({"locked": true})))
        })?;
        let t = self.extract_intent(script, root, t)?;
        let t = self.detect_type(script, root, t)?;
        let t = self.preflight(script, root, t)?;
        let t = self.review(script, root, t)?;
        // Two branches at once; the draft waits for both.
        let repository = self.repository_context(script, root, t)?;
        let api = self.api_context(script, root, t)?;
        let t = self.draft(script, root, repository.max(api))?;
        let t = self.generate_questions(script, root, t)?;
        let t = self.ask(script, root, t)?;
        let t = self.refine(script, root, t)?;
        let t = self.finalize(script, root, t)?;
        script.step(root, &info(12, "system", json!({})), t + 2, |s, _, at| {
            Ok((at + s.rng.range(5, 30), json!({"locked": false})))
        })
    }

    fn model(&self, name: &str) -> Result<&Model, Stop> {
        let missing = || Stop {
            at: 0,
            status: Status::Error,
            error: json!({"message": format!("unknown model {name}"), "code": "unknown_model"}),
        };
        self.texts.model(name).or(self.texts.models.first()).ok_or_else(missing)
    }

    fn extract_intent(&self, script: &mut Script, root: &SpanRow, t: Ms) -> Result<Ms, Stop> {
        let ticket = self.ticket;
        let step = info(1, "llm", json!({"request": ticket.request}));
        script.step(root, &step, t + 2, |s, span, at| {
            let answer = json!({"intent": ticket.intent, "area": ticket.area, "confidence": 0.9});
            let call = Call::new(
                self.model("qwen2.5-coder:14b")?,
                "You read requests from people of all trades. Answer with JSON: intent (one sentence), area, confidence.",
                ticket.request.clone(),
                answer.to_string(),
            );
            Ok((s.llm(span, &call, at)?, answer))
        })
    }

    fn detect_type(&self, script: &mut Script, root: &SpanRow, t: Ms) -> Result<Ms, Stop> {
        let ticket = self.ticket;
        let step = info(2, "llm", json!({"intent": ticket.intent}));
        script.step(root, &step, t + 2, |s, span, at| {
            let answer = json!({"type": ticket.kind, "confidence": 0.93});
            let call = Call::new(
                self.model("gpt-4o-mini")?,
                "Classify the request as feature, bug, task or improvement. Answer with JSON: type, confidence.",
                format!("{}\n\n{}", ticket.intent, ticket.request),
                answer.to_string(),
            );
            Ok((s.llm(span, &call, at)?, answer))
        })
    }

    fn preflight(&self, script: &mut Script, root: &SpanRow, t: Ms) -> Result<Ms, Stop> {
        let ticket = self.ticket;
        let step = info(3, "agent", json!({"type": ticket.kind, "repository": ticket.repo}));
        let findings: Vec<Value> =
            ticket.findings.iter().map(|f| json!({"severity": f.severity, "text": f.text})).collect();
        script.step(root, &step, t + 2, |s, span, at| {
            let input = json!({"intent": ticket.intent});
            let found = json!({"findings": findings});
            let end = s.agent(span, "QuickPreflightValidator", input, at, |s, agent, at| {
                let branch = format!("ticket/{}", ticket.area);
                let workspace = json!({"repository": ticket.repo, "branch": branch});
                let at =
                    s.tool(agent, "getOrCreateWorkspace", workspace, json!({"path": "/workspace/repo"}), (180, 900), at);
                let at = self.validate(s, agent, at)?;
                let mut call = Call::new(
                    self.model("claude-haiku-4-5")?,
                    "You check a request against the code before anybody writes a ticket. Name what is missing, unsafe or contradictory, with its severity.",
                    format!("{}\n\nFiles:\n{}", ticket.intent, self.code(2)),
                    found.to_string(),
                );
                (call.attached, call.seen_percent) = (2_840, 70);
                Ok((s.llm(agent, &call, at + 4)?, found.clone()))
            })?;
            Ok((end, found))
        })
    }

    fn validate(&self, s: &mut Script, agent: &SpanRow, at: Ms) -> Result<Ms, Stop> {
        let args = json!({"repository": self.ticket.repo, "checks": ["auth", "migrations", "tests"]});
        let result = json!({"checked": 42, "findings": self.ticket.findings.len()});
        let timeout = json!({"message": "validate did not answer within 3000 ms", "type": "TimeoutError",
            "code": "ETIMEDOUT"});
        let reset =
            json!({"message": "socket hang up (ECONNRESET)", "type": "NetworkError", "code": "ECONNRESET"});
        let (errors, result) = match (self.fate, self.retry) {
            (Fate::ToolTimeout, _) => {
                (vec![(timeout.clone(), 3_000), (timeout.clone(), 3_000), (timeout, 3_000)], None)
            }
            (_, true) => (vec![(reset, s.rng.range(300, 1_400))], Some(result)),
            (_, false) => return Ok(s.tool(agent, "validate", args, result, (500, 3_200), at + 5)),
        };
        let call = RetriedCall { name: "validate", args, errors, result, ms: (500, 2_400) };
        s.tool_with_retries(agent, &call, at + 5)
    }

    /// A person looks at the findings; the run waits meanwhile.
    fn review(&self, script: &mut Script, root: &mut SpanRow, t: Ms) -> Result<Ms, Stop> {
        let worst = self.ticket.findings.first().map_or("", |finding| finding.text.as_str());
        let step = info(4, "human", json!({"findings": self.ticket.findings.len(), "worst": worst}));
        let mut waiting = root.clone();
        let result = script.step(root, &step, t + 2, |s, span, at| {
            let reply = self.wait_for_person(s, &mut waiting, span, "review of findings", at);
            if self.fate == Fate::Cancelled {
                let error = json!({"message": "cancelled by the author during the review", "type": "Cancelled",
                    "code": "cancelled_by_user"});
                return Err(Stop { at: reply + 20, status: Status::Cancelled, error });
            }
            let note = s.rng.word(&["Good catch, put it into the ticket.", "Fine.", "Yes, must be fixed as well."]);
            span.set("decision", "proceed");
            Ok((reply + 15, json!({"decision": "proceed", "comment": note})))
        });
        *root = waiting;
        result
    }

    /// Suspends a step and with it the run; returns when the answer came.
    fn wait_for_person(
        &self,
        s: &mut Script,
        root: &mut SpanRow,
        span: &mut SpanRow,
        reason: &str,
        at: Ms,
    ) -> Ms {
        let reply = at + s.rng.skewed(self.patience.0, self.patience.1);
        for row in [&mut *span, &mut *root] {
            row.status = Status::Suspended;
            row.set("suspendReason", reason);
            s.note(row, at);
            row.status = Status::Running;
            s.note(row, reply);
        }
        span.set("suspendedAt", s.time(at).to_rfc3339());
        span.set("resumedAt", s.time(reply).to_rfc3339());
        reply
    }

    fn repository_context(&self, script: &mut Script, root: &SpanRow, t: Ms) -> Result<Ms, Stop> {
        let ticket = self.ticket;
        let step = info(5, "agent", json!({"repository": ticket.repo, "area": ticket.area}));
        let summary = json!({"files": ticket.files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>()});
        script.step(root, &step, t + 3, |s, span, at| {
            let end = s.agent(span, "RepoContextAgent", json!({"goal": ticket.intent}), at, |s, agent, at| {
                let at = s.embed(agent, &ticket.intent, at);
                let hits = ticket.files.iter().map(|f| json!({"path": f.path, "score": 0.8})).collect();
                let at = s.search(agent, "code-index", &ticket.intent, hits, at + 2);
                let at = s.tool(
                    agent,
                    "grep",
                    json!({"pattern": ticket.area, "path": "."}),
                    json!({"matches": ticket.files.len() * 7}),
                    (40, 420),
                    at + 3,
                );
                let at = self.scout(s, agent, at)?;
                let mut call = Call::new(
                    self.model("gemini-2.5-flash")?,
                    "Sum up what a developer has to know about this code for the task at hand. Name files and functions.",
                    format!("Task: {}\n\n{}", ticket.intent, self.code(ticket.files.len())),
                    self.context_summary(),
                );
                (call.attached, call.seen_percent) = (5_200 + s.rng.range(0, 9_000), 20);
                Ok((s.llm(agent, &call, at + 4)?, summary.clone()))
            })?;
            Ok((end, summary.clone()))
        })
    }

    /// A sub-agent that reads the files.
    fn scout(&self, s: &mut Script, agent: &SpanRow, at: Ms) -> Result<Ms, Stop> {
        let ticket = self.ticket;
        let input = json!({"area": ticket.area});
        s.agent(agent, "SymbolScout", input, at + 5, |s, scout, at| {
            let mut end = at;
            for (n, file) in ticket.files.iter().enumerate() {
                let mut turn = s.span(Some(scout), &format!("Iteration {}", n + 1), "agent_iteration", end);
                turn.set("iteration", n + 1);
                turn.set("maxIterations", 6);
                s.note(&turn, end);
                let mut call = Call::new(
                    self.model("gpt-4o-mini")?,
                    "You find the symbols that matter. Call read_file, or answer DONE.",
                    format!("Area: {}\nSeen so far: {n} files", ticket.area),
                    json!({"tool": "read_file", "arguments": {"path": file.path}}).to_string(),
                );
                (call.attached, call.seen_percent) = (1_460 + 620 * n as i64, if n == 0 { 0 } else { 80 });
                let at = s.llm(&turn, &call, end + 3)?;
                let result = json!({"path": file.path, "content": file.code});
                end = s.tool(&turn, "read_file", json!({"path": file.path}), result, (8, 70), at + 2) + 3;
                s.close(turn, end, Status::Ok);
            }
            Ok((end, json!({"read": ticket.files.len()})))
        })
    }

    fn api_context(&self, script: &mut Script, root: &SpanRow, t: Ms) -> Result<Ms, Stop> {
        let ticket = self.ticket;
        let step = info(6, "tool", json!({"endpoints": ticket.api}));
        if ticket.api.is_empty() {
            let mut row = script.span(Some(root), STEPS[6], "node_execution", t + 3);
            row.entity_id = Some("step-6".to_owned());
            for (key, value) in [
                ("nodeId", "6"),
                ("nodeName", STEPS[6]),
                ("nodeType", "tool"),
                ("reason", "the request touches no endpoint"),
            ] {
                row.set(key, value);
            }
            script.close(row, t + 3, Status::Skipped);
            return Ok(t + 3);
        }
        script.step(root, &step, t + 3, |s, span, at| {
            let url = format!("https://api.github.com/repos/{}/contents/openapi.yaml", ticket.repo);
            let leaf = Leaf {
                name: "GET openapi.yaml",
                span_type: "http_request",
                facts: vec![
                    ("httpMethod", json!("GET")),
                    ("httpUrl", json!(url)),
                    ("httpStatusCode", json!(200)),
                ],
                input: json!({"url": url}),
                output: json!({"bytes": 48_213, "etag": "W/\"5f2a\""}),
                ms: (120, 800),
            };
            let at = s.leaf(span, leaf, at);
            let args = json!({"paths": ticket.api});
            let at = s.tool(span, "extract_endpoints", args, json!({"found": ticket.api}), (30, 300), at + 4);
            Ok((at, json!({"endpoints": ticket.api})))
        })
    }

    fn draft(&self, script: &mut Script, root: &SpanRow, t: Ms) -> Result<Ms, Stop> {
        let ticket = self.ticket;
        let step = info(7, "llm", json!({"intent": ticket.intent, "type": ticket.kind}));
        script.step(root, &step, t + 3, |s, span, at| {
            let mut call = Call::new(
                self.model("claude-sonnet-4-5")?,
                "You write tickets that a developer can start on at once: problem, what to build, acceptance criteria, files, risks. Plain words, no filler.",
                format!(
                    "Request:\n{}\n\nIntent: {}\nType: {}\n\nFindings:\n{}\n\nCode:\n{}",
                    ticket.request, ticket.intent, ticket.kind, self.findings(), self.code(ticket.files.len())
                ),
                self.draft_text(false),
            );
            call.temperature = 40;
            (call.attached, call.seen_percent) = (4_300 + s.rng.range(0, 3_000), 35);
            match self.fate {
                Fate::RateLimited => (call.rate_limited, call.give_up) = (3, true),
                _ => call.rate_limited = usize::from(s.rng.chance(15)),
            }
            let end = s.llm(span, &call, at)?;
            Ok((end, json!({"characters": call.answer.len()})))
        })
    }

    fn generate_questions(&self, script: &mut Script, root: &SpanRow, t: Ms) -> Result<Ms, Stop> {
        let ticket = self.ticket;
        let step = info(8, "agent", json!({"findings": ticket.findings.len()}));
        let questions = json!({"questions": ticket.questions});
        script.step(root, &step, t + 3, |s, span, at| {
            let end = s.agent(span, "FindingsToQuestionsAgent", json!({}), at, |s, agent, at| {
                let mut call = Call::new(
                    self.model("gpt-4o")?,
                    "You turn findings into questions for the author: short, answerable in a sentence, none that the code answers.",
                    format!("Draft:\n{}\n\nFindings:\n{}", self.draft_text(false), self.findings()),
                    numbered(&ticket.questions),
                );
                call.attached = s.rng.range(700, 1_600);
                let at = s.llm(agent, &call, at)?;
                let leaf = Leaf {
                    name: "no duplicate questions",
                    span_type: "validation",
                    facts: vec![("validationType", json!("questions"))],
                    input: questions.clone(),
                    output: json!({"valid": true}),
                    ms: (1, 6),
                };
                Ok((s.leaf(agent, leaf, at + 1), questions.clone()))
            })?;
            Ok((end, questions.clone()))
        })
    }

    fn ask(&self, script: &mut Script, root: &mut SpanRow, t: Ms) -> Result<Ms, Stop> {
        let ticket = self.ticket;
        let step = info(9, "human", json!({"questions": ticket.questions}));
        let asked = script.rng.chance(45);
        let mut waiting = root.clone();
        let result = script.step(root, &step, t + 2, |s, span, at| {
            if !asked {
                return Ok((at + 30, json!({"answers": ticket.answers, "from": "the request's thread"})));
            }
            let reply = self.wait_for_person(s, &mut waiting, span, "answers to questions", at);
            Ok((reply + 12, json!({"answers": ticket.answers})))
        });
        *root = waiting;
        result
    }

    fn refine(&self, script: &mut Script, root: &SpanRow, t: Ms) -> Result<Ms, Stop> {
        let step = info(10, "llm", json!({"answers": self.ticket.answers}));
        script.step(root, &step, t + 3, |s, span, at| {
            let mut call = Call::new(
                self.model("claude-sonnet-4-5")?,
                "You write tickets that a developer can start on at once: problem, what to build, acceptance criteria, files, risks. Plain words, no filler.",
                format!(
                    "Code:\n{}\n\nDraft:\n{}\n\nQuestions and answers:\n{}",
                    self.code(self.ticket.files.len()), self.draft_text(false), self.answers()
                ),
                self.draft_text(true),
            );
            call.temperature = 30;
            (call.attached, call.seen_percent) = (5_900 + s.rng.range(0, 3_000), 62);
            let end = s.llm(span, &call, at)?;
            Ok((end, json!({"characters": call.answer.len()})))
        })
    }

    fn finalize(&self, script: &mut Script, root: &SpanRow, t: Ms) -> Result<Ms, Stop> {
        let ticket = self.ticket;
        let step = info(11, "tool", json!({"title": ticket.title}));
        script.step(root, &step, t + 3, |s, span, at| {
            let redact = Leaf {
                name: "redact secrets",
                span_type: "processor_run",
                facts: vec![],
                input: json!({"fields": ["body", "comments"]}),
                output: json!({"redacted": 0}),
                ms: (2, 12),
            };
            let at = s.leaf(span, redact, at);
            let key = format!("{}-{}", ticket.area.to_uppercase(), s.rng.range(100, 1_900));
            let args = json!({"title": ticket.title, "type": ticket.kind, "criteria": ticket.criteria});
            let at = s.tool(span, "create_ticket", args, json!({"key": key}), (180, 1_300), at + 2);
            let memory = Leaf {
                name: "remember ticket",
                span_type: "memory_operation",
                facts: vec![("operation", json!("write"))],
                input: json!({"key": key, "text": ticket.intent}),
                output: json!({"stored": true}),
                ms: (5, 40),
            };
            Ok((s.leaf(span, memory, at + 2), json!({"key": key})))
        })
    }
}

fn info(number: usize, kind: &'static str, input: Value) -> StepInfo<'static> {
    StepInfo { number, name: STEPS.get(number).copied().unwrap_or_default(), kind, input }
}
