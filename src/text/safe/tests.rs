use proptest::prelude::*;

use super::*;

/// What the pseudo-terminal checker of the hostile corpus accepts as drawn text: the same lists, written down here.
fn check(text: &str) -> Result<(), String> {
    let bidi = ['\u{61c}', '\u{200e}', '\u{200f}'];
    let invisible = "\u{ad}\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180c}\u{180d}\u{180e}\u{200b}\u{200c}\
        \u{2060}\u{2061}\u{2062}\u{2063}\u{2064}\u{206a}\u{206b}\u{206c}\u{206d}\u{206e}\u{206f}\u{3164}\u{feff}\
        \u{ffa0}\u{fff9}\u{fffa}\u{fffb}\u{2028}\u{2029}";
    let combining = regex::Regex::new(r"^[\p{Mn}\p{Me}]$").unwrap();
    let mut run = 0;
    let mut previous = None;
    for c in text.chars() {
        let code = c as u32;
        if c.is_control() {
            return Err(format!("control {code:x}"));
        }
        if bidi.contains(&c) || matches!(code, 0x202a..=0x202e | 0x2066..=0x2069) {
            return Err(format!("bidi {code:x}"));
        }
        if invisible.contains(c) || matches!(code, 0xe0000..=0xe0fff) {
            return Err(format!("invisible {code:x}"));
        }
        if code & 0xfffe == 0xfffe || matches!(code, 0xfdd0..=0xfdef) {
            return Err(format!("noncharacter {code:x}"));
        }
        let joins = matches!(code, 0x200d | 0xfe0f | 0xfe0e | 0x1f1e6..=0x1f1ff)
            || (code > 0x7f && combining.is_match(c.encode_utf8(&mut [0; 4])))
            || (run > 0 && previous == Some(ZWJ));
        run = if joins { run + 1 } else { 0 };
        if run > 32 {
            return Err("cluster".into());
        }
        previous = Some(c);
    }
    Ok(())
}

fn assert_safe(raw: &str) -> String {
    let safe = display_safe(raw).into_owned();
    assert_eq!(check(&safe), Ok(()), "{raw:?}");
    assert_eq!(display_safe(&safe), safe, "not idempotent: {raw:?}");
    assert!(safe.len() <= MAX_LINE);
    assert!(safe.graphemes(true).all(|cluster| cluster_width(cluster) > 0 && cluster.chars().count() <= 32));
    safe
}

/// The payloads of the corpus, by their idea; written with escapes.
fn payloads() -> Vec<String> {
    vec![
        "\x1b[31;1;5;7mRED\x1b[8mHIDDEN".into(),
        "\x1b[2J\x1b[H\x1b[3J\x1b[999;1H\x1b[1A\x1b[2Kfake line".into(),
        "\x1b]0;TITLE\x07\x1b]8;;https://evil.example/\x1b\\click\x1b]52;c;?\x07".into(),
        "\x1bP$qm\x1b\\\x1b_Gf=100;AAAA\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\".into(),
        "\u{9b}31m\u{9d}0;x\u{9c}\u{90}q\u{85}".into(),
        "a\rb\x08c\x07\x05\x0e\x0f\x7f\x1a\x18\0".into(),
        "\x1b[\x1b]0;never ends".into(),
        "user\u{202e}\u{2066}// ssecca nimda\u{2069}\u{2066} begin\u{202d}\u{61c}\u{200f}\u{200e}\u{2067}\u{2068}".into(),
        "pass\u{200b}word\u{200c}\u{200d}\u{2060}\u{feff}\u{ad}\u{34f}\u{180e}\u{2061}\u{2062}\u{2063}\u{206a}\u{206f}".into(),
        format!("Z{}", "\u{301}\u{316}\u{489}\u{20dd}".repeat(2500)),
        format!("{}\u{1f466}", "\u{1f468}\u{200d}".repeat(2000)),
        "\u{1f1e6}".repeat(4001),
        format!("Z{}{}{}", "\u{301}".repeat(31), "\u{1f1e6}".repeat(40), "\u{301}".repeat(40)),
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e007f}".into(),
        "v\u{fe0f}\u{fe0e}\u{e0100}\u{e0101}\u{2764}\u{fe0f}\u{2764}\u{fe0e}".into(),
        "\u{fffe}\u{ffff}\u{1fffe}\u{10ffff}\u{e000}\u{f0000}\u{fdd0}\u{378}\u{fff9}a\u{fffa}b\u{fffb}".into(),
        "\u{1112}".repeat(10_000),
        "\u{1161}\u{11ab}\u{301}x\u{202e}\u{301}".into(),
    ]
}

#[test]
fn controls_become_pictures_and_the_rest_notation() {
    assert_eq!(display_safe("a\x1b[2Jb"), "a␛[2Jb");
    assert_eq!(display_safe("a\nb\tc\r\n\0"), "a␊b c␍␊␀");
    assert_eq!(display_safe("\x7f\u{9b}\u{202e}\u{200b}"), r"\u{7f}\u{9b}\u{202e}\u{200b}");
    assert_eq!(display_safe("\u{e0041}\u{fdd0}\u{378}\u{e000}"), r"\u{e0041}\u{fdd0}\u{378}\u{e000}");
    assert_eq!(display_safe("\u{301}x"), r"\u{301}x");
    assert_eq!(display_safe("v\u{fe0f}"), r"v\u{fe0f}");
    assert_eq!(display_safe("a\u{200d}b"), r"a\u{200d}b");
}

#[test]
fn every_payload_passes_the_checker_and_stays_visible() {
    for payload in payloads() {
        let safe = assert_safe(&payload);
        assert_ne!(safe, payload);
    }
    let split = display_safe("A\x1b").into_owned() + &display_safe("[2J]0;x\x07");
    assert_eq!(check(&split), Ok(()));
}

#[test]
fn clean_text_of_many_scripts_is_borrowed_unchanged() {
    for clean in [
        "",
        "plain ASCII ~!",
        "Größe, naïve e\u{301}, Ω, ж, gpt-4\u{43e}",
        "日本語ｱﾞｶﾞ 한국어 각\u{1112}\u{1161}\u{11ab} ﷽ 𝔘𝔫 Ａ \u{2e3b}",
        "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 ❤️ 1️⃣ 👩🏻‍❤️‍💋‍👨🏿 🇫🇷🇩🇪",
        "กำ வொ हिन्दी العربية עברית",
        "│├▼◆◇●✓✗◌▸━▆▋░ … – →",
        "␛[2J and \\u{202e} as literal text, \u{fffd}",
    ] {
        assert!(matches!(display_safe(clean), Cow::Borrowed(_)), "{clean:?}");
        assert_eq!(check(clean), Ok(()));
        let (text, marks) = SafeText::with_marks(clean);
        assert_eq!((text.as_str(), marks.len()), (clean, 0));
    }
}

#[test]
fn no_quick_accepted_character_is_hidden() {
    for c in (0..0x11_0000).filter_map(char::from_u32).filter(|&c| is_plain_char(c)) {
        assert!(!tables::contains(&tables::HIDDEN, c) && !is_zero_width(c), "{:x}", c as u32);
    }
}

#[test]
fn long_clusters_are_capped_with_a_count() {
    let zalgo = assert_safe(&format!("Z{}!", "\u{301}".repeat(10_000)));
    assert_eq!(zalgo, format!("Z{}\\u{{+9969}}!", "\u{301}".repeat(31)));
    let flags = assert_safe(&"\u{1f1e6}".repeat(40));
    assert_eq!(flags, format!("{}\\u{{+9}}", "\u{1f1e6}".repeat(31)));
    let family = assert_safe(&"\u{1f468}\u{200d}".repeat(5));
    assert_eq!(family.matches('\u{200d}').count(), 3);
}

#[test]
fn a_huge_string_is_cut_before_it_is_segmented() {
    let started = std::time::Instant::now();
    for unit in ["x", "\u{301}", "\u{202e}", "é", "👨‍👩‍👧", "\u{1b}"] {
        let huge = unit.repeat(20_000_000 / unit.len());
        let safe = assert_safe(&huge);
        assert!(
            safe.ends_with('…') && safe.len() > MAX_LINE - 64 || unit == "\u{301}",
            "{unit:?} {}",
            safe.len()
        );
    }
    assert!(started.elapsed().as_secs() < 60);
    for length in MAX_LINE - 6..MAX_LINE + 6 {
        assert_eq!(display_safe(&"x".repeat(length)).len(), length.min(MAX_LINE));
        assert_safe(&format!("{}\u{1b}", "é".repeat(length / 2)));
    }
}

#[test]
fn lines_split_on_newlines_only() {
    let lines: Vec<_> = SafeText::lines("a\r\n\tb\rc\n").map(SafeText::into_string).collect();
    assert_eq!(lines, ["a", "    b␍c", ""]);
    assert_eq!(display_safe_lines("a\r\n\x1b\n"), "a\n␛\n");
    assert!(matches!(display_safe_lines("a\nb"), Cow::Borrowed("a\nb")));
}

#[test]
fn marks_point_at_the_replacements() {
    let (text, marks) = SafeText::with_marks("a\x1bb\u{202e}");
    let marked: Vec<_> = marks.iter().map(|range| &text.as_str()[range.clone()]).collect();
    assert_eq!(marked, ["␛", r"\u{202e}"]);
}

#[test]
fn truncation_is_exact_at_small_widths() {
    let text = SafeText::new("日本語abc");
    assert_eq!(text.width(), 9);
    for (cells, end, middle) in [
        (0, "", ""),
        (1, "…", "…"),
        (2, "…", "…"),
        (3, "日…", "…c"),
        (4, "日…", "日…c"),
        (8, "日本語a…", "日本…abc"),
        (9, "日本語abc", "日本語abc"),
    ] {
        assert_eq!(text.truncate_end(cells).as_str(), end, "{cells}");
        assert_eq!(text.truncate_middle(cells).as_str(), middle, "{cells}");
        assert_eq!(text.fit(cells).width(), cells);
    }
    let family = SafeText::new("👩‍👩‍👧‍👦x");
    assert_eq!((family.truncate_end(2).as_str(), family.truncate_end(3).as_str()), ("…", "👩‍👩‍👧‍👦x"));
    assert_eq!(SafeText::new("").truncate_end(0).as_str(), "");
}

#[test]
fn wrapping_breaks_at_spaces() {
    let words = SafeText::new("one two three-four");
    let wrap = |cells| words.wrap(cells).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(wrap(7), ["one two", "three-f", "our"]);
    assert_eq!(wrap(0), [""; 0]);
    assert_eq!(wrap(1).len(), 16);
    assert_eq!(SafeText::new("日x").wrap(1).len(), 2);
    assert_eq!(SafeText::new("").wrap(5).len(), 1);
    assert_eq!(SafeText::new("   ab").wrap(2).last().map(ToString::to_string), Some("ab".into()));
}

fn hostile_text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "\u{1b}",
        "\u{7f}",
        "\u{9b}",
        "\u{202e}",
        "\u{200d}",
        "\u{fe0f}",
        "\u{fe0e}",
        "\u{301}",
        "\u{20e3}",
        "\u{1f1e6}",
        "👩",
        "❤",
        "🏽",
        "1",
        "a",
        " ",
        "\t",
        "\n",
        "\r",
        "\u{e0041}",
        "\u{600}",
        "\u{d4e}",
        "\u{1112}",
        "\u{1161}",
        "\u{11ab}",
        "\u{ff9e}",
        "क",
        "\u{94d}",
        "日",
        "\u{302e}",
        "\u{1b44}",
    ]);
    let piece = prop_oneof![
        4 => odd.prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => (prop::sample::select(vec!["\u{301}", "\u{1f1e6}", "\u{200d}👩", "\u{1161}"]), 1..80usize)
            .prop_map(|(unit, times)| unit.repeat(times)),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn anything_is_safe_and_idempotent(raw in hostile_text(), cells in 0..30usize) {
        let safe = assert_safe(&raw);
        for line in SafeText::lines(&raw) {
            prop_assert_eq!(check(line.as_str()), Ok(()));
        }
        let text = SafeText::from_string(safe.clone());
        for cut in [text.truncate_end(cells), text.truncate_middle(cells)] {
            prop_assert!(cut.width() <= cells);
            prop_assert_eq!(check(cut.as_str()), Ok(()));
        }
        prop_assert_eq!(text.fit(cells).width(), cells);
        for line in text.wrap(cells) {
            prop_assert!(line.width() <= cells);
        }
        let (marked, marks) = SafeText::with_marks(&raw);
        prop_assert_eq!(marked.as_str(), safe.as_str());
        prop_assert!(marks.iter().all(|mark| safe.get(mark.clone()).is_some()));
    }

    #[test]
    fn printable_ascii_never_changes(raw in "[ -~]{0,200}") {
        prop_assert!(matches!(display_safe(&raw), Cow::Borrowed(_)));
        prop_assert_eq!(SafeText::new(&raw).width(), raw.len());
    }
}
