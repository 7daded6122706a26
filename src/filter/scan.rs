//! The parser's hands: what it reads letter by letter.

use std::ops::Range;

use winnow::LocatingSlice;
use winnow::Parser as _;
use winnow::combinator::{alt, delimited, opt, peek};
use winnow::error::EmptyError;
use winnow::stream::Location as _;
use winnow::token::{any, take, take_while};

use super::ast::{Op, ends_word, starts_operator};
use super::parse::{FilterError, Parser, Raw};

impl<'s> Parser<'s> {
    /// Text in quotes; the caller saw the opening one.
    pub(super) fn quoted(&mut self) -> Raw {
        let open = self.at();
        self.skip_char();
        let mut parts = vec![String::new()];
        let mut push = |c: Option<char>| match c {
            Some(c) => parts.last_mut().into_iter().for_each(|part| part.push(c)),
            None => parts.push(String::new()),
        };
        loop {
            let start = self.at();
            match self.skip_char() {
                None => {
                    self.error(open..open + 1, "this quote is not closed".to_owned(), None);
                    break;
                }
                Some('"') => break,
                Some('*') => push(None),
                Some('\\') => match self.escape(start) {
                    Some(c) => push(Some(c)),
                    None => push(Some('\\')),
                },
                Some(c) => push(Some(c)),
            }
        }
        Raw { parts, span: open..self.at() }
    }

    /// What stands after a backslash; `None` leaves the backslash as it is.
    fn escape(&mut self, start: usize) -> Option<char> {
        let escaped = match self.next_char()? {
            c @ ('"' | '\\' | '*') => c,
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'u' => {
                let code = unicode_escape.parse_next(&mut self.input).ok();
                if code.is_none() {
                    let message = "a character is written \\u{1f600}".to_owned();
                    self.error(start..self.at(), message, None);
                }
                return code;
            }
            _ => {
                let message =
                    "a backslash stands before \" \\ * n r t or u{…}; write \\\\ for itself".to_owned();
                self.error(start..start + 1, message, Some("\\\\".to_owned()));
                return None;
            }
        };
        self.skip_char();
        Some(escaped)
    }

    /// An operator; after a field's name there may be spaces before one that compares.
    pub(super) fn operator(&mut self, after_field: bool) -> Option<Op> {
        let space = self.rest().len() - self.rest().trim_start().len();
        if space > 0 {
            let next = self.rest().trim_start();
            let comparison =
                next.starts_with(['<', '>', '=', '~']) || next.starts_with("!=") || next.starts_with("!~");
            if !after_field || !comparison {
                return None;
            }
            self.skip_space();
        }
        opt(alt::<_, _, EmptyError, _>((
            "!=".value(Op::IsNot),
            "!~".value(Op::HasNot),
            ">=".value(Op::Ge),
            "<=".value(Op::Le),
            ">".value(Op::Gt),
            "<".value(Op::Lt),
            alt(("==", "=", ":")).value(Op::Is),
            "~".value(Op::Has),
        )))
        .parse_next(&mut self.input)
        .ok()
        .flatten()
    }

    /// The run of characters up to a space, parenthesis, quote or operator.
    pub(super) fn word(&mut self) -> &'s str {
        let rest = self.rest();
        let end = rest
            .char_indices()
            .find(|&(at, c)| {
                let after = rest.get(at + 1..).unwrap_or_default();
                ends_word(c) || starts_operator(c) || c == '!' && after.starts_with(['=', '~'])
            })
            .map_or(rest.len(), |(at, _)| at);
        take::<_, _, EmptyError>(end_in_chars(rest, end)).parse_next(&mut self.input).unwrap_or_default()
    }

    /// Complains when a word or value is followed by something without a space between.
    pub(super) fn expect_gap(&mut self) {
        let start = self.at();
        if matches!(self.next_char(), Some('"' | '(')) {
            let message = "text with quotes or parentheses goes into quotes as a whole".to_owned();
            self.error(start..start + 1, message, None);
        }
    }

    pub(super) fn error(&mut self, span: Range<usize>, message: String, suggestion: Option<String>) {
        self.out.errors.push(FilterError { span, message, suggestion });
    }

    pub(super) fn at(&self) -> usize {
        self.input.current_token_start()
    }

    pub(super) fn rest(&self) -> &'s str {
        self.input.as_ref()
    }

    pub(super) fn next_char(&mut self) -> Option<char> {
        peek(any::<_, EmptyError>).parse_next(&mut self.input).ok()
    }

    pub(super) fn skip_char(&mut self) -> Option<char> {
        any::<_, EmptyError>.parse_next(&mut self.input).ok()
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'s str {
        take_while::<_, _, EmptyError>(0.., wanted).parse_next(&mut self.input).unwrap_or_default()
    }

    pub(super) fn eat(&mut self, literal: &'static str) -> bool {
        opt::<_, _, EmptyError, _>(literal).parse_next(&mut self.input).is_ok_and(|found| found.is_some())
    }

    pub(super) fn at_keyword(&self, keyword: &str) -> bool {
        let rest = self.rest();
        let same = rest.get(..keyword.len()).is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        same && rest.get(keyword.len()..).and_then(|after| after.chars().next()).is_none_or(ends_word)
    }

    pub(super) fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.at_keyword(keyword);
        if found {
            (0..keyword.len()).for_each(|_| _ = self.skip_char());
            self.skip_space();
        }
        found
    }
}

fn end_in_chars(text: &str, end: usize) -> usize {
    text.get(..end).map_or(0, |before| before.chars().count())
}

fn unicode_escape(input: &mut LocatingSlice<&str>) -> Result<char, EmptyError> {
    delimited("u{", take_while(1..=6, |c: char| c.is_ascii_hexdigit()), "}")
        .verify_map(|digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32))
        .parse_next(input)
}
