//! Keeping within the memory that was given: finished runs leave, and come back when they are looked at or told about.

use super::super::model::{Mode, Model};
use super::super::msg::Effect;
use crate::model::Batch;
use crate::store::TraceIx;
use crate::text;

/// Lets runs go while there is too much, and asks for those that are wanted.
pub(super) fn keep_within(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(limit) = model.memory.limit else { return };
    let open = open_traces(model);
    let left = model.store.evict(limit, |trace| open.contains(&trace));
    if left > 0 && !std::mem::replace(&mut model.memory.told, true) {
        model.say(format!(
            "the index reached {}: the oldest finished runs leave memory and come back when they are opened",
            text::bytes(limit as u64)
        ));
    }
    let away: Vec<TraceIx> = open.into_iter().filter(|trace| model.store.is_evicted(*trace)).collect();
    // There is something new about these, so they are asked for even if that failed before.
    let wanted = model.store.take_wanted();
    model.memory.asked.retain(|asked| !wanted.contains(asked));
    for trace in wanted.into_iter().chain(away) {
        ask(model, trace, effects);
    }
}

/// Takes a run back that was read again.
pub(super) fn restored(model: &mut Model, trace: TraceIx, read: Result<Batch, String>) {
    match read {
        Ok(batch) => {
            model.memory.asked.retain(|asked| *asked != trace);
            if !model.store.restore(trace, &batch) {
                model.complain("a run came back other than it left: its source changed meanwhile".to_owned());
            }
        }
        // Stays asked for: asking again and again would change nothing, as long as there is nothing new about it.
        Err(why) => {
            model.store.not_restored(trace);
            model.complain(format!("a run that left memory can't be read again: {why}"));
        }
    }
}

fn ask(model: &mut Model, trace: TraceIx, effects: &mut Vec<Effect>) {
    if !model.memory.asked.contains(&trace) {
        model.memory.asked.push(trace);
        let view = model.store.trace(trace);
        let ranges = model.store.record_ranges(trace);
        effects.push(Effect::Restore(trace, view.id(), ranges, view.last_activity()));
    }
}

/// The traces of the run that is open, of the one that is about to be, and of the part of a conversation that is looked at.
fn open_traces(model: &Model) -> Vec<TraceIx> {
    let mut open: Vec<TraceIx> = [model.waterfall.run, model.runs.selected()]
        .into_iter()
        .flatten()
        .flat_map(|run| model.store.trace(run).run_traces())
        .collect();
    for mode in &model.modes {
        if let Mode::Conversation(conversation) = mode {
            open.extend(conversation.traces());
        }
    }
    open.dedup();
    open
}
