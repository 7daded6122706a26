//! From the tree to something fast: text is compared by prepared matchers, or once per distinct string.

use super::ast::{Expr, Key, Needle, Op, Test, Value};
use super::block::Range;
use super::matcher::Matcher;
use super::{Lookup, Row, Verdict};
use crate::model::{Field, FieldType, SpanKind, Status};

/// The names that a plain word looks at.
pub(super) const NAMES: [Field; 5] = [Field::Name, Field::Step, Field::Model, Field::Tool, Field::Agent];
/// The text at hand that `text:` looks at before the payload.
pub(super) const TEXTS: [Field; 2] = [Field::Name, Field::Error];

#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) root: Node,
    pub(super) matchers: Vec<Matcher>,
    pub(super) depends_on_time: bool,
    /// Texts and attributes that are looked for in payloads.
    pub(super) texts: Vec<String>,
    pub(super) attributes: Vec<String>,
}

/// Position of a matcher in its program.
pub(super) type MatcherId = usize;

#[derive(Debug)]
pub(super) enum Node {
    Const(bool),
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Not(Box<Node>),
    Status(u16),
    Kind(u16),
    Known(Field),
    /// The comparison as a user wrote it, and the same over the whole numbers that rows hold.
    Number(Field, Op, f64, Range),
    Text(Field, MatcherId),
    Names(MatcherId),
    Attr(Box<str>, MatcherId),
    AttrNumber(Box<str>, Op, f64),
    Payload(Box<str>, MatcherId),
}

impl Program {
    pub(super) fn new(expr: Option<&Expr>) -> Self {
        let mut program = Self::default();
        if let Some(expr) = expr {
            program.root = program.node(expr);
        }
        program
    }

    pub(super) fn needs_payload(&self) -> bool {
        self.root.rank() >= PAYLOAD_RANK
    }

    pub(super) fn matches(&self, row: &impl Row) -> Verdict {
        self.root.eval(row, self)
    }

    pub(super) fn compare(&self, id: MatcherId, text: &str) -> bool {
        self.matchers.get(id).is_some_and(|matcher| matcher.matches(text))
    }

    fn matcher(&mut self, matcher: Matcher) -> MatcherId {
        self.matchers.push(matcher);
        self.matchers.len() - 1
    }

    fn node(&mut self, expr: &Expr) -> Node {
        match expr {
            Expr::And(parts) => Node::And(self.nodes(parts)),
            Expr::Or(parts) => Node::Or(self.nodes(parts)),
            Expr::Not(inner) => Node::Not(Box::new(self.node(inner))),
            Expr::Names(needle) => Node::Names(self.matcher(match needle {
                Needle::Fuzzy(word) => Matcher::fuzzy(word),
                Needle::Whole(pattern) => Matcher::pattern(pattern, false),
                Needle::Contains(pattern) => Matcher::pattern(pattern, true),
            })),
            Expr::Test(test) => match test.op {
                Op::IsNot => Node::Not(Box::new(self.test(test, Op::Is))),
                Op::HasNot => Node::Not(Box::new(self.test(test, Op::Has))),
                op => self.test(test, op),
            },
        }
    }

    /// Cheap parts first: the answer is the same in any order.
    fn nodes(&mut self, parts: &[Expr]) -> Box<[Node]> {
        let mut nodes: Vec<Node> = parts.iter().map(|part| self.node(part)).collect();
        nodes.sort_by_key(Node::rank);
        nodes.into()
    }

    fn test(&mut self, test: &Test, op: Op) -> Node {
        self.depends_on_time |= [Field::Status, Field::Duration].map(Key::Field).contains(&test.key);
        let numbers = test.values.iter().filter_map(|value| match value {
            Value::Number(number) => Some(*number),
            _ => None,
        });
        match &test.key {
            Key::Attr(name) if !self.attributes.contains(name) => self.attributes.push(name.clone()),
            Key::Text => self.texts.extend(test.values.iter().filter_map(|value| match value {
                Value::Literal(text) => Some(text.clone()),
                _ => None,
            })),
            _ => {}
        }
        match &test.key {
            Key::Text => any(test.values.iter().filter_map(|value| match value {
                Value::Literal(text) => {
                    let pattern = super::Pattern::literal(text);
                    Some(Node::Payload(text.as_str().into(), self.matcher(Matcher::pattern(&pattern, true))))
                }
                _ => None,
            })),
            Key::Attr(name) if op.is_comparison() => {
                any(numbers.map(|number| Node::AttrNumber(name.as_str().into(), op, number)))
            }
            Key::Attr(name) => Node::Attr(name.as_str().into(), self.patterns(test, op)),
            Key::Field(field) => match field.field_type() {
                FieldType::Count | FieldType::Money | FieldType::Duration => {
                    let known = test.values.contains(&Value::Any).then_some(Node::Known(*field));
                    let number = |number| Node::Number(*field, op, number, Range::new(*field, op, number));
                    any(known.into_iter().chain(numbers.map(number)))
                }
                FieldType::Word if *field == Field::Status => {
                    let id = self.patterns(test, op);
                    Node::Status(mask(Status::ALL, |status| self.compare(id, status.as_str())))
                }
                FieldType::Word if *field == Field::Kind => {
                    let id = self.patterns(test, op);
                    Node::Kind(mask(SpanKind::ALL, |kind| self.compare(id, kind.as_str())))
                }
                FieldType::Text | FieldType::Word | FieldType::Flag => {
                    Node::Text(*field, self.patterns(test, op))
                }
            },
        }
    }

    fn patterns(&mut self, test: &Test, op: Op) -> MatcherId {
        let matchers = test.values.iter().filter_map(|value| match value {
            Value::Text(pattern) => Some(Matcher::pattern(pattern, op == Op::Has)),
            _ => None,
        });
        let matcher = Matcher::any(matchers.collect());
        self.matcher(matcher)
    }
}

fn any(nodes: impl Iterator<Item = Node>) -> Node {
    let mut nodes: Vec<Node> = nodes.collect();
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        last => Node::Or(nodes.into_iter().chain(last).collect()),
    }
}

fn mask<T: Copy>(all: &[T], wanted: impl Fn(T) -> bool) -> u16 {
    all.iter().enumerate().filter(|(_, value)| wanted(**value)).fold(0, |mask, (at, _)| mask | 1 << at)
}

/// The empty filter matches everything.
impl Default for Node {
    fn default() -> Self {
        Self::Const(true)
    }
}

const PAYLOAD_RANK: u8 = 4;

impl Node {
    /// How dear it is to ask.
    fn rank(&self) -> u8 {
        match self {
            Self::Const(_) | Self::Status(_) | Self::Kind(_) => 0,
            Self::Known(_) | Self::Number(..) => 1,
            Self::Text(..) => 2,
            Self::Names(_) => 3,
            Self::Attr(..) | Self::AttrNumber(..) => PAYLOAD_RANK,
            Self::Payload(..) => PAYLOAD_RANK + 1,
            Self::Not(inner) => inner.rank(),
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::rank).max().unwrap_or(0),
        }
    }

    fn eval(&self, row: &impl Row, program: &Program) -> Verdict {
        let text = |field: Field, id: MatcherId| program.compare(id, &row.text(field));
        match self {
            Self::Const(answer) => (*answer).into(),
            Self::Status(mask) => (mask >> (row.status() as u8) & 1 == 1).into(),
            Self::Kind(mask) => (mask >> (row.kind() as u8) & 1 == 1).into(),
            Self::Known(field) => row.number(*field).is_some().into(),
            Self::Number(field, op, value, _) => {
                row.number(*field).is_some_and(|number| holds(number, *op, *value)).into()
            }
            Self::Text(field, id) => text(*field, *id).into(),
            Self::Names(id) => NAMES.iter().any(|field| text(*field, *id)).into(),
            Self::Attr(name, id) => match row.attribute(name) {
                Lookup::Value(value) => program.compare(*id, &value).into(),
                Lookup::Absent => program.compare(*id, "").into(),
                Lookup::Unknown => Verdict::Unknown,
            },
            Self::AttrNumber(name, op, wanted) => match row.attribute(name) {
                Lookup::Value(value) => {
                    value.trim().parse().is_ok_and(|number: f64| holds(number, *op, *wanted)).into()
                }
                Lookup::Absent => Verdict::No,
                Lookup::Unknown => Verdict::Unknown,
            },
            Self::Payload(needle, id) => {
                let at_hand = TEXTS.iter().any(|field| text(*field, *id));
                if at_hand { Verdict::Yes } else { row.payload_contains(needle) }
            }
            Self::Not(inner) => match inner.eval(row, program) {
                Verdict::Yes => Verdict::No,
                Verdict::No => Verdict::Yes,
                Verdict::Unknown => Verdict::Unknown,
            },
            Self::And(parts) => first(parts, Verdict::No, Verdict::Yes, |part| part.eval(row, program)),
            Self::Or(parts) => first(parts, Verdict::Yes, Verdict::No, |part| part.eval(row, program)),
        }
    }
}

/// `deciding` as soon as a part says so; else unknown if any is, else `otherwise`.
fn first(parts: &[Node], deciding: Verdict, otherwise: Verdict, ask: impl Fn(&Node) -> Verdict) -> Verdict {
    let mut answer = otherwise;
    for part in parts {
        match ask(part) {
            verdict if verdict == deciding => return deciding,
            Verdict::Unknown => answer = Verdict::Unknown,
            _ => {}
        }
    }
    answer
}

#[expect(clippy::float_cmp, reason = "both sides are the nearest float of what a user or a source wrote")]
pub(super) fn holds(number: f64, op: Op, value: f64) -> bool {
    match op {
        Op::Gt => number > value,
        Op::Ge => number >= value,
        Op::Lt => number < value,
        Op::Le => number <= value,
        Op::Is | Op::IsNot | Op::Has | Op::HasNot => number == value,
    }
}

impl From<bool> for Verdict {
    fn from(answer: bool) -> Self {
        if answer { Self::Yes } else { Self::No }
    }
}
