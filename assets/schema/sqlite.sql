-- tracetui's own span store (SQLite), version 1.
--
-- One row is one span. A span is inserted when it starts and updated when it ends, so a row without `ended_at` is a
-- span that is under way, or whose writer was killed. Field names are those of FlowMaestro's `execution_spans`.
--
-- Writers: WAL, synchronous=NORMAL, busy_timeout, BEGIN IMMEDIATE. Readers need only SELECT.
-- All times are UTC text of one fixed width, `2026-02-04T17:00:00.000000Z`, so that text order is time order.
-- All JSON columns hold JSON text; SQL NULL means "nothing was recorded".

-- "TTUI" in ASCII: marks the file as ours. A file with another mark is never written to.
PRAGMA application_id = 1414813001;
-- The version of this schema. A store of a newer version is never written to.
PRAGMA user_version = 1;

CREATE TABLE execution_spans (
  -- The trace: all spans of one run of a workflow or agent. UUID, 32 hex digits or any other text.
  trace_id       TEXT NOT NULL,
  -- The span; unique within its trace.
  span_id        TEXT NOT NULL,
  -- The span that this one runs in; NULL for the root.
  parent_span_id TEXT,
  -- What is shown: name of the workflow, step, agent, tool or model.
  name           TEXT NOT NULL,
  -- workflow_run, node_execution, agent_run, agent_iteration, model_generation, tool_execution, tool_validation,
  -- memory_operation, vector_search, embedding_generation, database_query, http_request, external_api, processor_run,
  -- validation; other words are kept as they are.
  span_type      TEXT NOT NULL,
  -- Id of the workflow run, node or agent that the span is about.
  entity_id      TEXT,
  -- When it started.
  started_at     TEXT NOT NULL,
  -- When it ended; NULL while it runs or waits.
  ended_at       TEXT,
  -- ended_at - started_at in milliseconds, with a fraction where it is known; NULL while it runs or waits.
  duration_ms    NUMERIC,
  -- started, completed, failed, cancelled, suspended, skipped, timeout, partial.
  status         TEXT NOT NULL,
  -- JSON object. Known keys:
  --   userId, sessionId, requestId, workflowName, nodeId, nodeName, nodeType, agentName, toolName, toolCallId;
  --   model, provider, temperature, maxTokens, finishReason, completionStartTime (time of the first token);
  --   promptTokens (all input tokens; cacheReadTokens and cacheWriteTokens are parts of it),
  --   completionTokens (all output tokens; reasoningTokens is a part of it), totalTokens (the sum of the two);
  --   inputCost, outputCost, totalCost in US dollars, where the provider reports them;
  --   attempt (1 for the first), maxAttempts, retryOf (span id), backoffMs (milliseconds waited before this attempt);
  --   iteration, maxIterations; reason (of a skipped step); suspendReason, suspendedAt, resumedAt, decision;
  --   failureReason.
  attributes     TEXT NOT NULL DEFAULT '{}',
  -- JSON: messages or prompt, tool arguments, parameters of a step. Payloads come last: a reader of the columns above
  -- does not have to walk the overflow pages of a long one.
  input          TEXT,
  -- JSON: the answer so far, tool result, result of a step.
  output         TEXT,
  -- JSON object: message, type, code, stack.
  error          TEXT,
  -- When the row was first written, and when last: their distance to the times above is the writer's lag.
  created_at     TEXT NOT NULL,
  updated_at     TEXT NOT NULL,
  PRIMARY KEY (trace_id, span_id)
);

-- Newest runs first.
CREATE INDEX execution_spans_roots ON execution_spans (started_at DESC) WHERE parent_span_id IS NULL;
-- What is under way.
CREATE INDEX execution_spans_open ON execution_spans (started_at DESC) WHERE ended_at IS NULL;
-- One trace in order of time (the primary key finds one span).
CREATE INDEX execution_spans_trace ON execution_spans (trace_id, started_at);
-- Spans by time, by type, by what they are about, by outcome.
CREATE INDEX execution_spans_started ON execution_spans (started_at DESC);
CREATE INDEX execution_spans_type ON execution_spans (span_type, started_at DESC);
CREATE INDEX execution_spans_entity ON execution_spans (entity_id, span_type, started_at DESC)
  WHERE entity_id IS NOT NULL;
CREATE INDEX execution_spans_failed ON execution_spans (started_at DESC)
  WHERE status NOT IN ('started', 'completed');
-- Spans of a user.
CREATE INDEX execution_spans_user ON execution_spans (json_extract(attributes, '$.userId'), started_at DESC)
  WHERE parent_span_id IS NULL;
