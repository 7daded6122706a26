//! Usage of calls that only their turns tell.
//!
//! What the SDK sends to its own backend has no usage on responses and no details on that of generations, but sums on
//! turns and tasks. A turn asks one model once, so that its usage is its call's; agents that ran as tools within it are
//! in its sum and are taken off, each being a task of its own.

use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};

use crate::format::usage::{Convention, Counters};
use crate::model::{Id, SpanKind, SpanUpdate, Usage};

/// Spans that are remembered until what they are in ends.
const MAX_OPEN: usize = 1 << 14;

/// What has ended within spans that go on.
#[derive(Default)]
pub(super) struct Turns {
    /// By the span that they are in.
    inside: FxHashMap<Id, Inside>,
}

#[derive(Clone, Copy, Default)]
struct Inside {
    calls: u32,
    /// The last of them that said less than a turn does.
    call: Option<Id>,
    /// Sums of tasks.
    tasks: Sums,
}

#[derive(Clone, Copy, Default)]
struct Sums([u64; 4]);

impl Sums {
    fn of(usage: &Usage) -> Self {
        let counters = [usage.input, usage.output, usage.cache_read, usage.cache_write];
        Self(counters.map(Option::unwrap_or_default))
    }

    fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].saturating_add(other.0[at])))
    }

    /// The usage without these; `None` when they are more than it.
    fn off(self, mut usage: Usage) -> Option<Usage> {
        let counters = [&mut usage.input, &mut usage.output, &mut usage.cache_read, &mut usage.cache_write];
        for (counter, sum) in counters.into_iter().zip(self.0) {
            *counter = match *counter {
                Some(count) => Some(count.checked_sub(sum)?),
                None => None,
            };
        }
        Some(usage)
    }
}

impl Turns {
    /// A span has ended: what that says about the usage of a call within it.
    pub(super) fn ended(
        &mut self,
        span: &SpanUpdate,
        above: Option<Id>,
        data: &Map<String, Json>,
    ) -> Option<SpanUpdate> {
        let inside = self.inside.remove(&span.span).unwrap_or_default();
        let sums = data.get("data").and_then(|data| data.get("usage")).filter(|usage| usage.is_object());
        let own = sums.and_then(|usage| Counters::from_json(usage).normalise(Convention::Unknown, ""));
        let (mut call, mut tasks) = (None, Sums::default());
        match span.kind {
            Some(SpanKind::Llm) => call = Some(span),
            Some(SpanKind::Step) => tasks = own.map(|usage| Sums::of(&usage)).unwrap_or_default(),
            Some(SpanKind::Iteration) => {
                let (1, Some(call), Some(own)) = (inside.calls, inside.call, own) else { return None };
                let mut update = SpanUpdate::new(span.trace, call, span.stamp);
                update.usage = Some(inside.tasks.off(own)?);
                return Some(update);
            }
            _ => tasks = inside.tasks,
        }
        let above = above?;
        if self.inside.len() >= MAX_OPEN && !self.inside.contains_key(&above) {
            return None;
        }
        if call.is_none() && tasks.0 == [0; 4] {
            return None;
        }
        let outer = self.inside.entry(above).or_default();
        if let Some(call) = call {
            outer.calls += 1;
            let details = call.usage.is_some_and(|usage| usage.cache_read.is_some());
            outer.call = (!details).then_some(call.span);
        }
        outer.tasks = outer.tasks.plus(tasks);
        None
    }
}
