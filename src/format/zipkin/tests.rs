use super::LINES;
use crate::format::testing::is_the_openinference_run;

#[test]
fn the_same_spans_as_in_open_telemetry_say_the_same() {
    for name in ["zipkin/openinference.json", "zipkin/openinference.jsonl"] {
        is_the_openinference_run(&LINES, name);
    }
}
