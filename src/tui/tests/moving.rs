//! Moving about: counts, pages, panels, folding, and the way back.

use super::{Screen, story};
use crate::tui::model::Focus;
use crate::tui::msg::Effect;

fn wide() -> Screen {
    let mut screen = Screen::of(150, 44, &story::wide(100));
    screen.press("enter");
    screen
}

fn ticket(keys: &str) -> Screen {
    let mut screen = Screen::of(150, 44, &story::ticket());
    screen.press("enter").press(keys);
    screen
}

#[test]
fn labels_say_what_a_tool_was_called_with_and_what_a_step_is_about() {
    let tool = |id: &str, tool: &str, name: &str| {
        story::span("t", id, "tool_execution", name).under("root").attribute("tool", tool).at(10, 20).line()
    };
    let step = story::span("t", "step", "node_execution", "TC-401 Clone inputs").under("root");
    let lines = story::span("t", "root", "workflow_run", "session").at(0, 100).line()
        + &tool("a", "Bash", "Bash: ls -la && sleep 1")
        + &tool("b", "get_weather", "execute_tool get_weather")
        + &tool("c", "search", "search")
        + &tool("d", "Bash", "Bash: cargo test --workspace --all-features --no-fail-fast -- --nocapture")
        + &tool("e", "Ba", "Bash more")
        + &step.attribute("step", "TC-401").at(30, 40).line()
        + &story::span("t", "x", "agent_run", "invoke_agent x y")
            .under("root")
            .attribute("agent", "x")
            .at(50, 60)
            .line();
    let mut screen = Screen::of(150, 44, &lines);
    screen.press("enter");
    let labels: Vec<String> = ["a", "b", "c", "e", "step", "x"]
        .iter()
        .map(|id| {
            let mut spans = screen.model.store.spans();
            spans.find(|span| span.id_text() == *id).expect("a span").label().to_owned()
        })
        .collect();
    assert_eq!(
        labels,
        ["Bash: ls -la && sleep 1", "get_weather", "search", "Ba", "TC-401 Clone inputs", "x"]
    );
    assert!(screen.shows(" Bash: cargo test --wo"), "{}", screen.draw());
    assert!(!screen.shows("--nocapture"), "cut at its end: {}", screen.draw());
    // What is filtered for is the tool, not what it is called here.
    while !screen.span().starts_with("Bash: ") {
        screen.press("j");
    }
    screen.press(".");
    assert_eq!(screen.model.filter_text, "tool:Bash");
}

#[test]
fn counts() {
    let mut screen = wide();
    assert_eq!(screen.press("5 j").span(), "tool-0004");
    assert_eq!(screen.press("1 0 j").span(), "tool-0014");
    assert_eq!(screen.press("2 k").span(), "tool-0012");
    assert_eq!(screen.press("9 9 9 j").span(), "tool-0099");
    assert_eq!(screen.press("3 G").span(), "tool-0001");
    assert_eq!(screen.press("4 g g").span(), "tool-0002");
    // A count is for one key.
    assert_eq!(screen.press("j").span(), "tool-0003");
}

#[test]
fn ends_and_pages() {
    let mut screen = wide();
    assert_eq!(screen.press("G").span(), "tool-0099");
    assert_eq!(screen.press("g g").span(), "wide");
    assert_eq!(screen.press("k").span(), "wide");
    let page = usize::from(crate::tui::view::Layout::of(&screen.model).bars.height);
    screen.press("pagedown");
    assert_eq!(screen.model.waterfall.position(), Some(page));
    screen.press("ctrl-u");
    assert_eq!(screen.model.waterfall.position(), Some(page - page / 2));
    screen.press("home ctrl-d");
    assert_eq!(screen.model.waterfall.position(), Some(page / 2));
    assert_eq!(screen.press("end").span(), "tool-0099");
}

#[test]
fn a_begun_sequence_can_be_given_up() {
    let mut screen = wide();
    screen.press("5 j ]");
    assert!(screen.shows("next error"), "{}", screen.draw());
    screen.press("esc");
    assert!(screen.model.pending.is_empty());
    assert_eq!((screen.model.focus, screen.span().as_str()), (Focus::Waterfall, "tool-0004"));
    // What doesn't go on with the sequence is a key of its own.
    assert_eq!(screen.press("] j").span(), "tool-0005");
    // Esc gives up a count, and nothing else.
    screen.press("1 2 esc");
    assert_eq!((screen.model.focus, screen.model.count), (Focus::Waterfall, None));
    assert_eq!(screen.press("j").span(), "tool-0006");
}

#[test]
fn esc_goes_back_level_by_level_and_never_leaves() {
    let mut screen = Screen::of(150, 44, &story::all());
    screen.press("f").type_in("kind:llm").press("enter enter enter enter / g p t enter Z");
    let level = |screen: &Screen| {
        let model = &screen.model;
        (model.full_screen, model.search.is_on(), model.focus, model.detail.open, model.filter_text.clone())
    };
    let mut levels = vec![level(&screen)];
    for _ in 0..12 {
        screen.press("esc");
        if *levels.last().expect("one") != level(&screen) {
            levels.push(level(&screen));
        }
    }
    let filter = "kind:llm".to_owned();
    assert_eq!(
        levels,
        [
            (true, true, Focus::Waterfall, true, filter.clone()),
            (false, true, Focus::Waterfall, true, filter.clone()),
            (false, false, Focus::Waterfall, true, filter.clone()),
            (false, false, Focus::Waterfall, false, filter.clone()),
            (false, false, Focus::Runs, false, filter),
            (false, false, Focus::Runs, false, String::new()),
        ]
    );
    assert!(screen.asked.is_empty(), "{:?}", screen.asked);
}

#[test]
fn ctrl_c_leaves_from_everywhere() {
    for keys in ["", "enter", "enter enter enter", "f", "f m o", "/", "m", ":", "?", "P", "]", "5", "Z"] {
        let mut screen = Screen::of(150, 44, &story::all());
        screen.press(keys).press("ctrl-c");
        assert!(matches!(screen.asked[..], [Effect::Interrupt]), "after {keys}: {:?}", screen.asked);
    }
}

#[test]
fn q_leaves_but_not_where_it_is_a_letter() {
    for (keys, leaves) in
        [("", true), ("enter", true), ("f", false), ("m", false), (":", false), ("?", false)]
    {
        let mut screen = Screen::of(150, 44, &story::all());
        screen.press(keys).press("q");
        assert_eq!(matches!(screen.asked[..], [Effect::Quit]), leaves, "after {keys}");
    }
}

#[test]
fn ctrl_z_suspends_from_everywhere() {
    for keys in ["", "enter", "f m", "m", ":", "?"] {
        let mut screen = Screen::of(150, 44, &story::all());
        screen.press(keys).press("ctrl-z");
        assert!(matches!(screen.asked[..], [Effect::Suspend]), "after {keys}: {:?}", screen.asked);
    }
}

#[test]
fn tab_goes_round_the_panels() {
    let mut screen = Screen::of(150, 44, &story::all());
    let mut seen = Vec::new();
    for _ in 0..2 {
        screen.press("tab");
        seen.push(screen.model.focus);
    }
    assert_eq!(seen, [Focus::Waterfall, Focus::Runs]);
    screen.press("d tab tab");
    assert_eq!(screen.model.focus, Focus::Detail);
    screen.press("shift-tab");
    assert_eq!(screen.model.focus, Focus::Waterfall);
    // Closing the panel that has the keys gives them to the one beside it.
    screen.press("tab d");
    assert_eq!(screen.model.focus, Focus::Waterfall);
}

#[test]
fn folding_keeps_the_selection() {
    let mut screen = ticket("j");
    assert_eq!(screen.span(), "Extract Intent");
    screen.press("space");
    assert_eq!(screen.span(), "Extract Intent");
    assert!(screen.line("Extract Intent").contains("×1"), "{}", screen.draw());
    assert!(!screen.tree().contains(&"  qwen2.5-coder".to_owned()));
    screen.press("l");
    assert_eq!(screen.span(), "Extract Intent");
    assert_eq!(screen.press("l").span(), "qwen2.5-coder");
    // On a leaf h goes to the parent, there it folds, and then it goes up again.
    assert_eq!(screen.press("h").span(), "Extract Intent");
    assert_eq!(screen.press("h").tree().len(), 7);
    assert_eq!(screen.press("h").span(), "ticket-generation");
    screen.check();
}

#[test]
fn folding_everything_selects_what_hides_the_selection() {
    let mut screen = ticket("G");
    assert_eq!(screen.span(), "gpt-4o");
    screen.press("z 2");
    assert_eq!(screen.span(), "FindingsToQuestions");
    assert_eq!(
        screen.tree(),
        ["ticket-generation", " Extract Intent", " Preflight Validation", " FindingsToQuestions"]
    );
    screen.press("z M");
    assert_eq!((screen.span().as_str(), screen.tree().len()), ("ticket-generation", 1));
    screen.press("z R");
    assert_eq!((screen.span().as_str(), screen.tree().len()), ("ticket-generation", 8));
    // With a count, from that depth.
    assert_eq!(screen.press("2 z M").tree().len(), 4);
    // What is unfolded by hand stays so although the rest is folded to a depth.
    screen.press("z 2 j space");
    assert_eq!(screen.tree()[2], "  qwen2.5-coder");
    screen.check();
}

fn wrapped() -> String {
    let s = |id: &str, kind: &str| story::span("w", id, kind, id);
    [
        s("root", "agent_run").at(0, 1_000),
        s("outer", "model_generation").under("root").at(0, 900).call("gpt-4o", (10, 10), Some(0.1)),
        s("inner", "model_generation").under("outer").at(100, 800).failed("no"),
        s("leaf", "tool_execution").under("inner").at(100, 200),
        s("second", "model_generation").under("root").at(910, 990),
        s("second-inner", "model_generation").under("second").at(920, 980),
    ]
    .iter()
    .map(story::Span::line)
    .collect()
}

#[test]
fn leaving_wrappers_out_keeps_the_selection() {
    let mut screen = Screen::of(150, 44, &wrapped());
    screen.press("enter");
    assert_eq!(screen.tree(), ["root", " outer", "  inner", "   leaf", " second"]);
    screen.press("w G");
    assert_eq!(screen.span(), "second-inner");
    screen.press("w").check();
    assert_eq!(screen.span(), "second");
}

#[test]
fn long_lists_scroll_with_a_margin() {
    let mut screen = wide();
    screen.press("5 0 j");
    let (offset, at) = (screen.model.waterfall.offset, screen.model.waterfall.position().unwrap());
    screen.press("k k k");
    assert_eq!(screen.model.waterfall.offset, offset, "moving back inside the screen doesn't scroll");
    screen.press("4 0 k").check();
    assert!(screen.model.waterfall.offset < offset && at > 0);
}
