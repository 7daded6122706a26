//! The made-up workflow of `tracetui demo`: runs that look like the real thing, played live into a sink.

mod bulk;
mod clock;
mod llm;
mod others;
mod prompts;
mod rng;
mod script;
mod texts;
mod ticket;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;

use super::{Sink, SinkError, SpanRow};
use crate::model::{NANOS_PER_MS, NANOS_PER_SEC, Status, UnixNanos};

pub use bulk::generate;
pub use clock::{Clock, RealClock, VirtualClock};
use rng::Rng;
use script::{Caller, Frame, Script};
use texts::Texts;
use ticket::{Fate, TicketRun};

/// Finished runs that are there before the demo goes live.
const PAST_RUNS: u32 = 40;
/// The time over which they are spread.
const PAST: i64 = 2 * 3_600 * NANOS_PER_SEC;
/// Runs at once.
const MOST_AT_ONCE: usize = 3;

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The sink failed.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The texts that come with the program are damaged.
    #[error("the demo's texts are damaged: {0}")]
    Texts(#[from] toml::de::Error),
}

/// What to play.
#[derive(Clone, Copy, Debug)]
pub struct Demo {
    /// Decides everything that happens; the same seed tells the same story.
    pub seed: u64,
    /// How many times faster than life; 1 is life.
    pub speed: f64,
    /// Play one run and return, instead of going on until stopped.
    pub once: bool,
    /// How many finished runs of the last two hours to write first.
    pub past_runs: u32,
}

impl Default for Demo {
    fn default() -> Self {
        Self { seed: 42, speed: 1.0, once: false, past_runs: PAST_RUNS }
    }
}

impl Demo {
    /// Plays until `stop` is set, or one run is over if only one was asked for. Spans that are open when it is stopped
    /// are ended as cancelled.
    pub fn play(
        &self,
        sink: &mut dyn Sink,
        clock: &mut dyn Clock,
        stop: &AtomicBool,
    ) -> Result<(), DemoError> {
        let texts = Texts::load()?;
        let mut rng = Rng::new(self.seed);
        self.write_past(sink, &texts, rng.fork(), clock.now())?;

        let mut stage = Stage::default();
        let mut next_run = clock.now();
        let mut started = 0u64;
        while !stop.load(Ordering::Relaxed) {
            let may_start = !(self.once && started > 0) && stage.runs.len() < MOST_AT_ONCE;
            if may_start && (clock.now() >= next_run || stage.runs.is_empty()) {
                let origin = clock.now();
                stage.runs.push(self.live_run(&texts, &mut rng, origin, started).into());
                started += 1;
                next_run = origin.plus(self.pace(rng.range(6_000, 26_000)));
            }
            let Some(frame) = stage.next_at() else { break };
            let wake = if may_start && !self.once { frame.min(next_run) } else { frame };
            clock.wait_until(wake, stop);
            stage.play_until(clock.now(), sink)?;
        }
        stage.cancel(clock.now(), sink)?;
        match sink.flush() {
            Err(SinkError::NotSynced) => Ok(()),
            other => Ok(other?),
        }
    }

    /// The speed, kept to what makes sense.
    fn speed(&self) -> f64 {
        if self.speed.is_finite() && self.speed > 0.0 { self.speed.clamp(0.01, 10_000.0) } else { 1.0 }
    }

    /// Story milliseconds in nanoseconds.
    fn pace(&self, ms: i64) -> i64 {
        (ms as f64 / self.speed()).round() as i64 * NANOS_PER_MS
    }

    /// The first run shows everything: a retry, a person who is asked, two branches. The others come as they come.
    fn live_run(&self, texts: &Texts, rng: &mut Rng, origin: UnixNanos, number: u64) -> Vec<Frame> {
        let kind = match number {
            0 => Kind::Ticket(Fate::Completed),
            1 => Kind::Support { fails: false },
            4 => Kind::Digest,
            _ => Kind::any(rng),
        };
        run(texts, rng, Plan { kind, origin, speed: self.speed(), live: true, first: number == 0 })
    }

    /// Finished runs of the last two hours, each span once, in the order of their ends.
    fn write_past(
        &self,
        sink: &mut dyn Sink,
        texts: &Texts,
        mut rng: Rng,
        now: UnixNanos,
    ) -> Result<(), SinkError> {
        let mut spans = Vec::new();
        let apart = PAST / i64::from(self.past_runs.max(1));
        for n in 0..i64::from(self.past_runs) {
            let jitter = rng.range(0, apart / NANOS_PER_MS) * NANOS_PER_MS;
            let origin = now.plus((n * apart + jitter).saturating_sub(PAST));
            let kind = match n {
                // A morning begins with the digest, and somewhere in it something fails.
                0 => Kind::Digest,
                5 => Kind::Ticket(Fate::RateLimited),
                11 => Kind::Ticket(Fate::Cancelled),
                17 => Kind::Ticket(Fate::ToolTimeout),
                23 => Kind::Support { fails: true },
                _ => Kind::any(&mut rng),
            };
            let frames = run(texts, &mut rng, Plan { kind, origin, speed: 1.0, live: false, first: false });
            let mut last = last_rows(frames);
            // What would still be running is moved back so that it is over.
            let late = last.iter().map(|row| row.ended_at.unwrap_or(now).since(now)).max().unwrap_or(0);
            if late > -NANOS_PER_SEC {
                for row in &mut last {
                    shift(row, -late - NANOS_PER_SEC);
                }
            }
            spans.append(&mut last);
        }
        spans.sort_by_key(|row| row.recorded_at);
        spans.chunks(1_000).try_for_each(|chunk| sink.write(chunk))
    }
}

/// Writes a run down.
fn run(texts: &Texts, rng: &mut Rng, plan: Plan) -> Vec<Frame> {
    let user = rng.pick(&texts.users).cloned().unwrap_or_default();
    // A person's runs of one hour are one session.
    let hour = plan.origin.0 / (3_600 * NANOS_PER_SEC);
    let session = format!(
        "sess_{:08x}",
        Rng::new(hour as u64 ^ user.bytes().map(u64::from).sum::<u64>()).next() as u32
    );
    let caller = Caller { user, session };
    let workflow = plan.kind.workflow();
    let mut script = Script::new(rng.fork(), plan.origin, plan.speed, workflow, &caller);
    match plan.kind {
        Kind::Ticket(fate) => {
            // The first one is the one that pictures are taken of.
            let ticket = if plan.first { texts.tickets.first() } else { rng.pick(&texts.tickets) };
            if let Some(ticket) = ticket {
                let retry = plan.first || rng.chance(40);
                let patience = if plan.live { (6_000, 16_000) } else { (8_000, 240_000) };
                TicketRun { texts, ticket, fate, patience, retry }.play(&mut script);
            }
        }
        Kind::Support { fails } => {
            if let Some(case) = rng.pick(&texts.cases) {
                others::support(&mut script, texts, case, fails);
            }
        }
        Kind::Digest => others::digest(&mut script, texts, rng.range(1, 3)),
    }
    script.finish()
}

#[derive(Clone, Copy)]
struct Plan {
    kind: Kind,
    origin: UnixNanos,
    speed: f64,
    live: bool,
    first: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Ticket(Fate),
    Support { fails: bool },
    Digest,
}

impl Kind {
    fn any(rng: &mut Rng) -> Self {
        match rng.range(0, 99) {
            0..44 => Self::Ticket(Fate::Completed),
            44..48 => Self::Ticket(Fate::RateLimited),
            48..52 => Self::Ticket(Fate::ToolTimeout),
            52..56 => Self::Ticket(Fate::Cancelled),
            56..58 => Self::Support { fails: true },
            _ => Self::Support { fails: false },
        }
    }

    fn workflow(self) -> &'static str {
        match self {
            Self::Ticket(_) => "ticket-generation",
            Self::Support { .. } => "customer-support",
            Self::Digest => "nightly-digest",
        }
    }
}

/// The runs being played and the spans they have open.
#[derive(Default)]
struct Stage {
    runs: Vec<VecDeque<Frame>>,
    open: Vec<SpanRow>,
}

impl Stage {
    /// When the next state is reached.
    fn next_at(&self) -> Option<UnixNanos> {
        self.runs.iter().filter_map(|run| run.front().map(|frame| frame.at)).min()
    }

    /// Writes all states reached by now, in one go.
    fn play_until(&mut self, now: UnixNanos, sink: &mut dyn Sink) -> Result<(), SinkError> {
        let mut due = Vec::new();
        for run in &mut self.runs {
            while run.front().is_some_and(|frame| frame.at <= now) {
                due.extend(run.pop_front().map(|frame| SpanRow { recorded_at: now, ..frame.row }));
            }
        }
        self.runs.retain(|run| !run.is_empty());
        for row in &due {
            self.open.retain(|open| open.span_id != row.span_id);
            if row.ended_at.is_none() {
                self.open.push(row.clone());
            }
        }
        if due.is_empty() { Ok(()) } else { sink.write(&due) }
    }

    /// Ends what is open.
    fn cancel(&mut self, now: UnixNanos, sink: &mut dyn Sink) -> Result<(), SinkError> {
        // Children first, like everything else that ends.
        let mut open: Vec<_> = std::mem::take(&mut self.open);
        open.sort_by_key(|row| std::cmp::Reverse(row.started_at));
        for row in &mut open {
            row.end(now, Status::Cancelled);
        }
        if open.is_empty() { Ok(()) } else { sink.write(&open) }
    }
}

/// The last state of every span, in the order in which they were reached.
fn last_rows(frames: Vec<Frame>) -> Vec<SpanRow> {
    let last: HashMap<String, usize> =
        frames.iter().enumerate().map(|(at, frame)| (frame.row.span_id.clone(), at)).collect();
    let rows = frames.into_iter().enumerate();
    rows.filter(|(at, frame)| last.get(&frame.row.span_id) == Some(at)).map(|(_, frame)| frame.row).collect()
}

/// Moves a span in time, with the times among its attributes.
fn shift(row: &mut SpanRow, nanos: i64) {
    row.started_at = row.started_at.plus(nanos);
    row.ended_at = row.ended_at.map(|end| end.plus(nanos));
    row.recorded_at = row.recorded_at.plus(nanos);
    for key in ["completionStartTime", "suspendedAt", "resumedAt"] {
        let time = row.attributes.get(key).and_then(|value| UnixNanos::parse(value.as_str()?));
        if let Some(time) = time {
            row.set(key, time.plus(nanos).to_rfc3339());
        }
    }
}

#[cfg(test)]
mod tests;
