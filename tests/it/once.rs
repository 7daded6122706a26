//! Calls that count once, whatever tells about them and in whatever order.

use super::live::Live;
use super::program::tracetui;

const SESSION: &str = "11111111-2222-4333-8444-555555555555";

fn chat(span: u8, response: &str, start: u64, input: u64) -> String {
    let from = 1_762_869_600 + start;
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"scope":{{"name":"x"}},"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00000000000000{span:02x}","name":"chat llama3.1","startTimeUnixNano":"{from}000000000","endTimeUnixNano":"{}000000000","attributes":[{{"key":"gen_ai.operation.name","value":{{"stringValue":"chat"}}}},{{"key":"gen_ai.request.model","value":{{"stringValue":"llama3.1:8b"}}}},{{"key":"gen_ai.response.id","value":{{"stringValue":"{response}"}}}},{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"{input}"}}}},{{"key":"gen_ai.usage.output_tokens","value":{{"intValue":"10"}}}}]}}]}}]}}]}}"#,
        from + 1
    ) + "\n"
}

/// Ollama's `OpenAI` endpoint picks one of 999 ids: two calls a minute apart that drew the same number are two calls.
#[test]
fn ids_that_servers_draw_from_a_few_do_not_hide_calls() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("calls.jsonl");
    std::fs::write(&path, chat(1, "chatcmpl-417", 0, 1000) + &chat(2, "chatcmpl-417", 60, 2000))
        .expect("written");
    let report = tracetui(&["report", "--json", &path.to_string_lossy()]).json();
    assert_eq!(report["totals"]["tokens"]["input"], 3000, "{}", report["totals"]);
}

/// A folder is what can be read in it: a database or a compressed log of something else is left out.
fn answer(uuid: &str, output: u64, stop: &str) -> String {
    format!(
        r#""type":"assistant","uuid":"{uuid}","timestamp":"2026-11-21T10:00:04.500Z","requestId":"req_2","message":{{"id":"msg_01CCCCCCCCCCCCCCCCCCCCCC","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[{{"type":"text","text":"x"}}],"stop_reason":{stop},"usage":{{"input_tokens":10,"output_tokens":{output}}}}}"#
    )
}

/// The session's own file repeats, as progress, what a subagent was answered when the answer began; the subagent's file
/// has the whole answer. Which file is opened first must not matter.
#[test]
fn progress_and_a_subagents_file_give_the_same_sums_in_any_order() {
    let line = |rest: &str| format!(r#"{{"sessionId":"{SESSION}","cwd":"/x",{rest}}}"#) + "\n";
    let main = line(
        r#""type":"user","uuid":"u1","parentUuid":null,"timestamp":"2026-11-21T10:00:00.000Z","isSidechain":false,"message":{"role":"user","content":"go"}"#,
    ) + &line(&format!(
        r#""type":"progress","uuid":"p1","parentUuid":"u1","timestamp":"2026-11-21T10:00:05.000Z","isSidechain":false,"parentToolUseID":"toolu_1","data":{{"type":"agent_progress","agentId":"abc","message":{{{}}}}}"#,
        answer("s2", 2, "null")
    ));
    let sub = line(
        r#""type":"user","uuid":"s1","parentUuid":null,"timestamp":"2026-11-21T10:00:03.000Z","isSidechain":true,"agentId":"abc","message":{"role":"user","content":"do"}"#,
    ) + &line(&format!(
        r#""parentUuid":"s1","isSidechain":true,"agentId":"abc",{}"#,
        answer("s2", 500, "\"end_turn\"")
    ));
    let folder = tempfile::tempdir().expect("folder");
    let (main_path, sub_path) = (folder.path().join("main.jsonl"), folder.path().join("sub.jsonl"));
    std::fs::write(&main_path, main).expect("written");
    std::fs::write(&sub_path, sub).expect("written");
    let mut outputs = Vec::new();
    for order in [[&main_path, &sub_path], [&sub_path, &main_path]] {
        let mut live = Live::new();
        let mut spans = 0;
        for path in order {
            live.follow(path);
            live.until("spans", |store| {
                store.spans().filter(|span| span.usage().is_some()).count() == 1
                    && store.spans().map(|span| span.payloads().len()).sum::<usize>() > spans
            });
            std::thread::sleep(std::time::Duration::from_millis(200));
            live.until("rest", |_| true);
            spans = live.store.spans().map(|span| span.payloads().len()).sum::<usize>();
        }
        outputs.push(live.store.totals().tokens.output);
    }
    assert_eq!(outputs, [500, 500]);
}
