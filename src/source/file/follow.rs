//! Following a path: what is read, in which order, and what happens when it becomes something else.

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::Utc;

use super::super::open::{Follow, Over, Reader};
use super::super::watch::Watch;
use super::super::{SourceEvent, SourceState};
use super::backfill::{Backfill, SMALL, newest_lines};
use super::content::{CHUNK, Change, Content};
use crate::model::{Batch, UnixNanos};

/// How long a file that was rotated away is still read: its writer may not have noticed yet.
const KEEP_OLD: Duration = Duration::from_secs(6);
/// How long a last line without its end is held before it is looked at again.
const REST: Duration = Duration::from_millis(250);

pub(super) struct Follower<'a> {
    reader: &'a Reader,
    path: &'a Path,
    current: Option<Content>,
    /// Contents that were rotated away, and since when.
    old: Vec<(Content, Instant)>,
    backfill: Option<Backfill>,
    caught_up: bool,
    state: Option<SourceState>,
    buffer: Vec<u8>,
    watch: Option<Watch>,
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
            watch: None,
        }
    }

    pub(super) fn run(mut self) -> Result<(), Over> {
        if self.reader.follow == Follow::Once {
            return self.read_once();
        }
        // Watching begins before the first look, so that nothing falls between.
        self.watch = Some(Watch::new(self.path));
        loop {
            self.look()?;
            if let Some(backfill) = &mut self.backfill {
                let content = self.current.as_ref();
                let batches = content.map_or_else(Vec::new, |content| backfill.next(content, now()));
                let (done, total) = backfill.progress();
                let over = batches.is_empty();
                for batch in batches {
                    self.reader.send(SourceEvent::Batch(batch))?;
                }
                self.reader.send(SourceEvent::Progress { done, total })?;
                if over {
                    self.backfill = None;
                    self.catch_up()?;
                }
                continue;
            }
            if self.reader.stop.is_stopped() || self.reader.tx.is_closed() {
                return Err(Over);
            }
            if let Some(watch) = &self.watch {
                watch.wait(REST);
            }
        }
    }

    /// Reads the file to its end, once.
    fn read_once(&mut self) -> Result<(), Over> {
        let mut content = match Content::open(self.path) {
            Ok(content) => content,
            Err(error) => return self.say(SourceState::Failed(format!("failed to open: {error}"))),
        };
        let recognised = content.detect(self.reader, self.path, true)?;
        if recognised {
            let size = content.len();
            let independent = content.decoding().is_some_and(|decoding| decoding.format.independent_lines);
            if independent && size > SMALL {
                // Whole lines by several threads, the rest as usual.
                let end = newest_lines(&content.file, size);
                if let Some(mut backfill) = content.decoding().map(|decoding| Backfill::new(decoding, end)) {
                    loop {
                        let batches = backfill.next(&content, now());
                        if batches.is_empty() {
                            break;
                        }
                        for batch in batches {
                            self.reader.send(SourceEvent::Batch(batch))?;
                        }
                        let (done, total) = backfill.progress();
                        self.reader.send(SourceEvent::Progress { done, total })?;
                    }
                }
                content.skip_to(end);
            }
            self.drain(&mut content)?;
            let mut last = Batch::default();
            content.finish(now(), &mut last);
            self.deliver(last)?;
        }
        self.catch_up()?;
        self.reader.send(SourceEvent::Ended)
    }

    /// One look at everything: old contents, the current one, the path.
    fn look(&mut self) -> Result<(), Over> {
        let mut old = std::mem::take(&mut self.old);
        for (content, _) in &mut old {
            self.drain(content)?;
        }
        old.retain(|(_, since)| since.elapsed() < KEEP_OLD);
        self.old = old;

        if let Some(mut content) = self.current.take() {
            match content.check() {
                Ok(Change::Same) => {
                    self.begin(&mut content)?;
                    self.drain(&mut content)?;
                    self.current = Some(content);
                }
                Ok(Change::Rewritten(how)) => {
                    self.backfill = None;
                    self.say(SourceState::Replaced(how.to_owned()))?;
                    let mut again = content.restarted();
                    self.begin(&mut again)?;
                    self.drain(&mut again)?;
                    self.current = Some(again);
                }
                Err(error) => {
                    self.say(SourceState::Blocked(format!("failed to read: {error}")))?;
                    self.current = Some(content);
                }
            }
        }
        self.look_at_path()
    }

    /// Opens what is at the path, if it is not what is being read.
    fn look_at_path(&mut self) -> Result<(), Over> {
        if self.current.as_ref().is_some_and(|content| content.is_at(self.path)) {
            return Ok(());
        }
        let mut next = match Content::open(self.path) {
            Ok(next) => next,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let what = if self.current.is_some() { "the file is gone" } else { "no such file yet" };
                self.say(SourceState::Waiting(format!("{what}: waiting for it")))?;
                return self.catch_up();
            }
            Err(error) => {
                self.say(SourceState::Blocked(format!("failed to open, tried again: {error}")))?;
                return self.catch_up();
            }
        };
        if let Some(watch) = &self.watch {
            watch.add_file(self.path);
        }
        if let Some(old) = self.current.take() {
            // Lines written between the last look and the rotation are still in the old file.
            self.finish_backfill(&old)?;
            self.old.push((old, Instant::now()));
            self.say(SourceState::Replaced("rotated or replaced; the new file is followed".to_owned()))?;
        }
        self.begin(&mut next)?;
        self.drain(&mut next)?;
        self.current = Some(next);
        Ok(())
    }

    /// Finds out what a content is and where to begin reading it.
    fn begin(&mut self, content: &mut Content) -> Result<(), Over> {
        if content.decoding().is_some() {
            return Ok(());
        }
        if !content.detect(self.reader, self.path, false)? {
            if content.len() == 0 {
                self.say(SourceState::Waiting("the file is empty: waiting for the first record".to_owned()))?;
            }
            return self.catch_up();
        }
        self.state = None;
        let size = content.len();
        let independent = content.decoding().is_some_and(|decoding| decoding.format.independent_lines);
        if independent && size > SMALL && !self.caught_up {
            let newest = newest_lines(&content.file, size);
            content.skip_to(newest);
            self.backfill = content.decoding().map(|decoding| Backfill::new(decoding, newest));
        }
        Ok(())
    }

    /// Reads all there is now.
    fn drain(&mut self, content: &mut Content) -> Result<(), Over> {
        if content.decoding().is_none() {
            return Ok(());
        }
        let mut read_any = false;
        loop {
            let mut batch = Batch::default();
            let read = match content.read(&mut self.buffer, now(), &mut batch) {
                Ok(read) => read,
                Err(error) => {
                    self.say(SourceState::Blocked(format!("failed to read: {error}")))?;
                    return Ok(());
                }
            };
            self.deliver(batch)?;
            read_any |= read > 0;
            if read < self.buffer.len() {
                break;
            }
            if self.reader.follow == Follow::Once {
                self.reader.send(SourceEvent::Progress { done: content.offset, total: content.len() })?;
            }
        }
        if !read_any {
            let mut batch = Batch::default();
            content.settle(now(), &mut batch);
            self.deliver(batch)?;
        }
        if read_any || self.state.is_none() {
            self.say(SourceState::Live)?;
        }
        if self.backfill.is_none() {
            self.catch_up()?;
        }
        Ok(())
    }

    /// Reads the rest of a back-fill whose file was rotated away.
    fn finish_backfill(&mut self, content: &Content) -> Result<(), Over> {
        if let Some(mut backfill) = self.backfill.take() {
            loop {
                let batches = backfill.next(content, now());
                if batches.is_empty() {
                    break;
                }
                for batch in batches {
                    self.deliver(batch)?;
                }
            }
        }
        Ok(())
    }

    fn deliver(&self, batch: Batch) -> Result<(), Over> {
        if batch.is_empty() { Ok(()) } else { self.reader.send(SourceEvent::Batch(batch)) }
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
