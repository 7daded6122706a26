//! A watched writer must not notice.

use std::path::Path;
use std::time::Duration;

use tracetui::source::sqlite::Follow;

use super::scenarios::{db, put};
use super::support::{Watch, Writer};

/// Commits of the writer in [`a_writer_is_not_held_up_and_its_log_does_not_grow`].
const COMMITS: usize = 3000;

/// Commits one by one, never waiting for a lock; leaves the largest size of the log beside the database.
pub(super) fn commits(path: &Path) {
    let c = db(path, "wal");
    c.pragma_update(None, "synchronous", "normal").unwrap();
    // Whoever stood in the way would fail a commit.
    c.busy_timeout(Duration::ZERO).unwrap();
    let wal = format!("{}-wal", path.display());
    let mut largest = 0;
    for i in 0..COMMITS {
        put(&c, [i]);
        largest = largest.max(std::fs::metadata(&wal).unwrap().len());
        std::thread::sleep(Duration::from_micros(200));
    }
    std::fs::write(format!("{}.largest", path.display()), largest.to_string()).unwrap();
}

/// The largest log, in bytes.
fn measure(watched: bool) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.db");
    let mut watch = watched.then(|| Watch::start(&path, Follow::Live));
    let mut writer = Writer::start("commits", &path);
    while writer.is_running() {
        match &mut watch {
            Some(watch) => watch.take_for(Duration::from_millis(5)),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    writer.finish();
    if let Some(watch) = &mut watch {
        watch.until("all commits", Duration::from_secs(10), |told| told.spans.len() == COMMITS);
    }
    std::fs::read_to_string(dir.path().join("run.db.largest")).unwrap().parse().unwrap()
}

/// What it costs the writer in time is for `scripts/writer-harm.py` to tell: clocks make no tests.
#[test]
fn a_writer_is_not_held_up_and_its_log_does_not_grow() {
    let (alone, watched) = (measure(false), measure(true));
    assert!(watched <= 2 * alone, "log: {watched} bytes watched, {alone} alone");
}

#[test]
fn a_resting_database_is_not_touched() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let dir = tempfile::tempdir().unwrap();
    // As a folder that everybody may write into: what can go wrong does.
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let path = dir.path().join("run.db");
    put(&db(&path, "wal"), 0..50);
    let look = || {
        let mut names: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        let meta = std::fs::metadata(&path).unwrap();
        (names, std::fs::read(&path).unwrap(), meta.mtime_nsec(), meta.ino())
    };
    let before = look();
    assert_eq!(before.0, ["run.db"], "the writer tidied up");
    let mut watch = Watch::start(&path, Follow::Live);
    watch.until("all rows", Duration::from_secs(5), |told| told.caught_up && told.spans.len() == 50);
    assert!(matches!(watch.told.states.last(), Some(tracetui::source::SourceState::Snapshot(_))));
    watch.take_for(Duration::from_millis(600));
    assert!(before == look(), "looked at: {:?}", look().0);
    // And goes live when a writer comes.
    let c = db(&path, "wal");
    put(&c, [50]);
    watch.until("the new row", Duration::from_secs(5), |told| told.has(50));
    assert!(watch.told.spans.values().all(|seen| seen.repeated == 0));
    assert_eq!(watch.told.states.last(), Some(&tracetui::source::SourceState::Live));
    // A writer that ends a while after its last commit finds itself alone and tidies up.
    watch.take_for(Duration::from_millis(800));
    drop(c);
    assert_eq!(look().0, ["run.db"]);
    watch.take_for(Duration::from_millis(600));
    assert_eq!(look().0, ["run.db"]);
}
