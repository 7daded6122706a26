//! Following a path: what is read, in which order, and what happens when it becomes something else.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;

use super::super::batches::Batches;
use super::super::open::{Follow, Over, Reader};
use super::super::place::FileId;
use super::super::watch::Watch;
use super::super::{SourceEvent, SourceState};
use super::backfill::{Backfill, Filled, SMALL, newest_lines};
use super::content::{CHUNK, Content, Step};
use crate::model::UnixNanos;

/// How long a file that was rotated away is still read after its last line: its writer may not have noticed yet.
const KEEP_OLD: Duration = Duration::from_secs(6);
/// Files that were rotated away and are still read, at most.
const MAX_OLD: usize = 16;
/// Chunks of one content that are read before others have their turn.
const TURN: usize = 8;
/// Distance of looks at the growing end while older lines are read.
const GLANCE: Duration = Duration::from_millis(2);

pub(super) struct Follower<'a> {
    reader: &'a Reader,
    path: &'a Path,
    current: Option<Content>,
    /// Contents that were rotated away, and when they spoke last.
    old: Vec<(Content, Instant)>,
    backfill: Option<Backfill>,
    caught_up: bool,
    state: Option<SourceState>,
    buffer: Vec<u8>,
    out: Batches,
}

/// What one turn at a content brought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Idle,
    /// Something, and there may be more.
    Busy,
    Cut,
    Rewritten(&'static str),
}

impl<'a> Follower<'a> {
    pub(super) fn new(reader: &'a Reader, path: &'a Path) -> Self {
        Self {
            reader,
            path,
            current: None,
            old: Vec::new(),
            backfill: None,
            caught_up: false,
            state: None,
            buffer: vec![0; CHUNK],
            out: Batches::default(),
        }
    }

    pub(super) fn run(mut self) -> Result<(), Over> {
        if self.reader.follow == Follow::Once {
            return self.read_once();
        }
        // Watching begins before the first look, so that nothing falls between.
        let mut watch = Watch::new(self.path, &self.reader.stop);
        loop {
            if self.reader.is_over() {
                return Err(Over);
            }
            let busy = self.look(&mut watch)?;
            let filling = self.fill(if busy { Duration::ZERO } else { GLANCE })?;
            if busy {
                watch.found();
            }
            if !busy && !filling {
                watch.wait();
            }
        }
    }

    /// Reads the file to its end, once.
    fn read_once(&mut self) -> Result<(), Over> {
        match Content::open(self.path) {
            Ok(content) => self.read_content(content, None),
            Err(error) => self.say(SourceState::Failed(format!("failed to open: {error}"))),
        }
    }

    /// Reads a file without a name to its end.
    pub(super) fn read_spool(&mut self, spool: Arc<File>, state: SourceState) -> Result<(), Over> {
        match Content::spooled(spool) {
            Ok(content) => self.read_content(content, Some(state)),
            Err(error) => self.say(SourceState::Failed(format!("failed to open: {error}"))),
        }
    }

    fn read_content(&mut self, mut content: Content, state: Option<SourceState>) -> Result<(), Over> {
        content.expect_no_more();
        let unknown = content.detect(self.reader, self.path, true)?;
        if content.decoding().is_some() {
            self.skip_to_newest(&mut content);
            // Here in the order of the file: nobody looks before all is read.
            while self.fill(Duration::from_millis(100))? {
                if self.reader.is_over() {
                    return Err(Over);
                }
            }
            while self.turn(&mut content)? == Turn::Busy {
                let total = content.len().max(content.offset);
                self.reader.send(SourceEvent::Progress { done: content.offset, total })?;
            }
            content.finish(now(), &mut self.out);
            self.deliver()?;
        } else if let Some(state @ SourceState::Failed(_)) = unknown {
            return self.say(state);
        }
        if let Some(state) = state {
            self.say(state)?;
        }
        self.catch_up()?;
        self.reader.send(SourceEvent::Ended)
    }

    /// One look at everything: old contents, the current one, the path. Says whether something was there.
    fn look(&mut self, watch: &mut Watch) -> Result<bool, Over> {
        let mut busy = self.look_at_old()?;
        if let Some(content) = self.current.take() {
            busy |= self.follow(content)?;
        }
        busy |= self.look_at_path(watch)?;
        Ok(busy)
    }

    /// Reads what late writers add to files that were rotated away, and lets go of those that are silent.
    fn look_at_old(&mut self) -> Result<bool, Over> {
        let mut busy = false;
        let old = std::mem::take(&mut self.old);
        let crowd = old.len().saturating_sub(MAX_OLD);
        for (at, (mut content, mut spoke)) in old.into_iter().enumerate() {
            if content.may_be_detected() {
                content.detect(self.reader, self.path, false)?;
            }
            let turn = self.turn(&mut content)?;
            if turn == Turn::Busy {
                (busy, spoke) = (true, Instant::now());
            }
            if turn == Turn::Busy || (turn == Turn::Idle && spoke.elapsed() < KEEP_OLD && at >= crowd) {
                self.old.push((content, spoke));
            } else {
                self.retire(content)?;
            }
        }
        Ok(busy)
    }

    /// Takes leave of a content: a last line without its end is taken or counted.
    fn retire(&mut self, mut content: Content) -> Result<(), Over> {
        if content.decoding().is_none() {
            content.detect(self.reader, self.path, true)?;
            while self.turn(&mut content)? == Turn::Busy {}
        }
        content.finish(now(), &mut self.out);
        self.deliver()
    }

    /// Reads on in the current content, whatever has become of it.
    fn follow(&mut self, mut content: Content) -> Result<bool, Over> {
        let begun = self.begin(&mut content)?;
        let turn = self.turn(&mut content)?;
        match turn {
            Turn::Idle | Turn::Busy => {}
            Turn::Cut => {
                self.cancel_backfill(&content);
                content.resume(self.reader, self.path, &mut self.out)?;
                self.deliver()?;
                self.say(SourceState::Replaced("cut at its end; followed on from there".to_owned()))?;
            }
            Turn::Rewritten(how) => {
                self.cancel_backfill(&content);
                content.finish(now(), &mut self.out);
                self.deliver()?;
                if let Some(decoding) = content.decoding() {
                    self.reader.catalog.limit(decoding.segment, 0);
                    // Some files are always written anew, and nobody wants to be told each time.
                    if !content.is_written_as_a_whole() {
                        self.say(SourceState::Replaced(how.to_owned()))?;
                    }
                }
                content = content.restarted();
                self.begin(&mut content)?;
            }
        }
        self.current = Some(content);
        Ok(begun || turn != Turn::Idle)
    }

    /// Opens what is at the path, if it is not what is being read.
    fn look_at_path(&mut self, watch: &mut Watch) -> Result<bool, Over> {
        let meta = std::fs::metadata(self.path);
        if let (Some(content), Ok(meta)) = (&self.current, &meta)
            && FileId::of(meta) == content.id
        {
            return Ok(false);
        }
        let mut next = match meta.and_then(|_| Content::open(self.path)) {
            Ok(next) => next,
            Err(error) => {
                let gone = error.kind() == std::io::ErrorKind::NotFound;
                self.say(match (gone, self.current.is_some()) {
                    (true, true) => {
                        SourceState::Waiting("the file is gone: waiting for a new one".to_owned())
                    }
                    (true, false) => SourceState::Waiting("no such file yet: waiting for it".to_owned()),
                    _ => SourceState::Blocked(format!("failed to open: {error}; tried again")),
                })?;
                self.catch_up()?;
                return Ok(false);
            }
        };
        watch.add_file();
        if let Some(mut old) = self.current.take() {
            // Lines written between the last look and the rotation are still in the old file.
            self.begin(&mut old)?;
            while self.turn(&mut old)? == Turn::Busy {}
            self.old.push((old, Instant::now()));
            self.say(SourceState::Replaced("rotated or replaced; the new file is followed".to_owned()))?;
        }
        self.begin(&mut next)?;
        self.current = Some(next);
        // It is read in the next turn, which comes at once.
        Ok(true)
    }

    /// Finds out what a content is and where to begin reading it. Says whether that is known since now.
    fn begin(&mut self, content: &mut Content) -> Result<bool, Over> {
        if content.decoding().is_some() {
            return Ok(false);
        }
        if content.may_be_detected()
            && let Some(state) = content.detect(self.reader, self.path, false)?
        {
            self.say(state)?;
        }
        if content.decoding().is_none() {
            self.catch_up()?;
            return Ok(false);
        }
        self.state = None;
        self.skip_to_newest(content);
        Ok(true)
    }

    /// Begins a big file with its newest lines, where its format allows.
    fn skip_to_newest(&mut self, content: &mut Content) {
        let size = content.len();
        let independent = content.decoding().is_some_and(|decoding| decoding.dialect.has_independent_lines());
        if !independent || size <= SMALL || self.backfill.is_some() {
            return;
        }
        let newest = newest_lines(&content.file, size);
        if newest > 0 && content.skip_to(newest).is_ok() {
            let watched = self.reader.follow == Follow::Live;
            self.backfill =
                content.decoding().map(|decoding| Backfill::start(content, decoding, newest, now(), watched));
            self.caught_up = false;
        }
    }

    /// Reads what there is now, up to a few chunks.
    fn turn(&mut self, content: &mut Content) -> Result<Turn, Over> {
        if content.decoding().is_none() {
            return Ok(Turn::Idle);
        }
        let mut turn = Turn::Idle;
        for _ in 0..TURN {
            let step = content.advance(&mut self.buffer, now(), &mut self.out);
            self.deliver()?;
            match step {
                Ok(Step::Read) => turn = Turn::Busy,
                Ok(Step::Idle) => break,
                Ok(Step::Cut) => return Ok(Turn::Cut),
                Ok(Step::Rewritten(how)) => return Ok(Turn::Rewritten(how)),
                Err(error) => {
                    self.say(SourceState::Blocked(format!("failed to read: {error}; tried again")))?;
                    return Ok(Turn::Idle);
                }
            }
        }
        if turn == Turn::Idle {
            content.settle(now(), &mut self.out);
            self.deliver()?;
            if self.backfill.is_none() {
                self.catch_up()?;
            }
        }
        if turn == Turn::Busy || self.state.is_none() {
            self.say(SourceState::Live)?;
        }
        Ok(turn)
    }

    /// Delivers the next part of the older lines; waits for it at most `limit`. Says whether there is more.
    fn fill(&mut self, limit: Duration) -> Result<bool, Over> {
        let Some(backfill) = &mut self.backfill else { return Ok(false) };
        let filled = backfill.next(limit);
        let (done, total) = backfill.progress();
        match filled {
            Filled::NotYet => return Ok(true),
            Filled::Part(batches) => {
                for batch in batches {
                    self.reader.send(SourceEvent::Batch(batch))?;
                }
                self.reader.send(SourceEvent::Progress { done, total })?;
                return Ok(true);
            }
            Filled::Done => {}
            Filled::Broken => {
                let why = "a reader stopped unexpectedly; older lines are missing".to_owned();
                self.reader.send(SourceEvent::State(SourceState::Failed(why)))?;
            }
        }
        self.backfill = None;
        self.catch_up()?;
        Ok(false)
    }

    /// Stops reading older lines of a content that holds something else now.
    fn cancel_backfill(&mut self, content: &Content) {
        let segment = content.decoding().map(|decoding| decoding.segment);
        if self.backfill.as_ref().is_some_and(|backfill| Some(backfill.segment()) == segment) {
            self.backfill = None;
        }
    }

    fn deliver(&mut self) -> Result<(), Over> {
        for batch in self.out.take() {
            self.reader.send(SourceEvent::Batch(batch))?;
        }
        Ok(())
    }

    fn catch_up(&mut self) -> Result<(), Over> {
        if self.caught_up {
            return Ok(());
        }
        self.caught_up = true;
        self.reader.send(SourceEvent::CaughtUp)
    }

    fn say(&mut self, state: SourceState) -> Result<(), Over> {
        if self.state.as_ref() == Some(&state) {
            return Ok(());
        }
        self.state = Some(state.clone());
        self.reader.send(SourceEvent::State(state))
    }
}

fn now() -> UnixNanos {
    UnixNanos(Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX))
}
