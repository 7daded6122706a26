//! What happens to logs while they are watched: nothing is lost and nothing is told twice.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::support::{Watch, Writer, padded, record};

/// Records of each part of a script.
const N: u64 = 20;

/// What a perfect reader ends up with.
struct Expected {
    seen: Vec<u64>,
    /// May be lost, because nobody could have read them.
    optional: Vec<u64>,
    never: Vec<u64>,
}

fn all(parts: u64) -> Expected {
    Expected { seen: (0..parts * N).collect(), optional: Vec::new(), never: Vec::new() }
}

fn part(at: u64) -> std::ops::Range<u64> {
    at * N..(at + 1) * N
}

/// A path beside another one.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn run(name: &str, is_there: bool, script: Script) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(format!("{name}.ndjson"));
    if is_there {
        fs::write(&path, b"").expect("an empty log");
    }
    let mut watch = Watch::live(&path);
    let expected = script(&path, &mut watch);
    watch.sees(expected.seen.iter().copied());
    // What would come twice would come soon.
    watch.take_for(Duration::from_millis(400));
    for (id, (times, _)) in &watch.told.records {
        assert_eq!(*times, 1, "{name}: record {id} was told {times} times; {:?}", watch.told.states);
        assert!(
            expected.seen.contains(id) || expected.optional.contains(id),
            "{name}: record {id} was not expected"
        );
        assert!(!expected.never.contains(id), "{name}: record {id} was never whole");
    }
}

/// The scripts by name; the flag says whether the file is there at the start.
macro_rules! scripts {
    ($($name:ident $is_there:literal)*) => {
        &[$((stringify!($name), $is_there, scripts::$name)),*]
    };
}

type Script = fn(&Path, &mut Watch) -> Expected;

/// They mostly wait: all at the same time.
#[test]
fn nothing_is_lost_and_nothing_told_twice() {
    std::thread::scope(|scope| {
        let runs: Vec<_> = SCRIPTS
            .iter()
            .map(|&(name, is_there, script)| (name, scope.spawn(move || run(name, is_there, script))))
            .collect();
        let failed: Vec<_> =
            runs.into_iter().filter_map(|(name, run)| run.join().is_err().then_some(name)).collect();
        assert!(failed.is_empty(), "failed: {failed:?}");
    });
}

static SCRIPTS: &[(&str, bool, Script)] = scripts! {
    append true
    partial true
    utf8_split true
    byte_by_byte true
    rename_create true
    rename_burst true
    rename_late_write true
    rename_twice_fast true
    copytruncate true
    copytruncate_slow true
    truncate_regrow_bigger true
    truncate_same_size true
    shrink_half true
    replace_smaller true
    replace_bigger true
    delete_recreate true
    delete_recreate_late true
    absent_at_start false
    nul_hole true
    symlink_swap false
    chmod_lost true
    long_line_between true
    kill9_torn true
    mtime_back true
    late_writer_tears_the_last_line true
    shrink_inside_a_line true
    emptied_and_left true
    preallocated true
    folder_comes_later false
};

mod scripts {
    use super::*;

    pub(super) fn append(path: &Path, _: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        for id in 0..5 * N {
            log.records([id]);
            std::thread::sleep(Duration::from_millis(1));
        }
        all(5)
    }

    pub(super) fn partial(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        for id in part(0) {
            let bytes = padded(id, 200);
            for piece in bytes.chunks(bytes.len() / 3 + 1) {
                log.bytes(piece);
                watch.take_for(Duration::from_millis(5));
            }
        }
        all(1)
    }

    pub(super) fn utf8_split(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        for id in part(0) {
            let text = String::from_utf8(record(id)).expect("text");
            let text = text.replacen(&format!("live-{id}"), &format!("live-{id}-日本🦀"), 1);
            text.as_bytes().chunks(7).for_each(|piece| log.bytes(piece));
            watch.take_for(Duration::from_millis(3));
        }
        assert!(watch.told.problems.is_empty());
        all(1)
    }

    pub(super) fn byte_by_byte(path: &Path, _: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        for id in part(0) {
            record(id).chunks(1).for_each(|byte| log.bytes(byte));
        }
        all(1)
    }

    pub(super) fn rename_create(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        watch.sees(part(0));
        fs::rename(path, beside(path, ".1")).expect("renamed");
        let mut log = Writer::open(path);
        log.records(part(1));
        all(2)
    }

    pub(super) fn rename_burst(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        watch.sees(part(0));
        log.records(part(1));
        fs::rename(path, beside(path, ".1")).expect("renamed");
        let mut log = Writer::open(path);
        log.records(part(2));
        all(3)
    }

    pub(super) fn rename_late_write(path: &Path, watch: &mut Watch) -> Expected {
        let mut old = Writer::open(path);
        old.records(part(0));
        watch.sees(part(0));
        fs::rename(path, beside(path, ".1")).expect("renamed");
        let mut log = Writer::open(path);
        log.records(part(2));
        watch.sees(part(2));
        watch.take_for(Duration::from_millis(300));
        old.records(part(1));
        all(3)
    }

    pub(super) fn rename_twice_fast(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        watch.sees(part(0));
        fs::rename(path, beside(path, ".2")).expect("renamed");
        Writer::open(path).records(part(1));
        fs::rename(path, beside(path, ".1")).expect("renamed");
        Writer::open(path).records(part(2));
        let seen = part(0).chain(part(2)).collect();
        Expected { seen, optional: part(1).collect(), never: Vec::new() }
    }

    pub(super) fn copytruncate(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        watch.sees(part(0));
        log.records(N..N + 5);
        fs::copy(path, beside(path, ".1")).expect("copied");
        Writer::open(path).truncate(0);
        log.records(part(2));
        let seen = part(0).chain(part(2)).collect();
        Expected { seen, optional: (N..N + 5).collect(), never: Vec::new() }
    }

    pub(super) fn copytruncate_slow(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        watch.sees(part(0));
        fs::copy(path, beside(path, ".1")).expect("copied");
        log.truncate(0);
        watch.take_for(Duration::from_millis(300));
        log.records(part(1));
        all(2)
    }

    pub(super) fn truncate_regrow_bigger(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        watch.sees(part(0));
        log.truncate(0);
        log.records(N..3 * N);
        all(3)
    }

    pub(super) fn truncate_same_size(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(1000..1000 + N);
        watch.sees(1000..1000 + N);
        log.truncate(0);
        log.records(2000..2000 + N);
        let seen = (1000..1000 + N).chain(2000..2000 + N).collect();
        Expected { seen, optional: Vec::new(), never: Vec::new() }
    }

    pub(super) fn shrink_half(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        watch.sees(part(0));
        let bytes = fs::read(path).expect("readable");
        let middle = bytes.len() / 2;
        let end = middle + bytes[middle..].iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        log.truncate(end as u64);
        watch.take_for(Duration::from_millis(300));
        log.records(part(1));
        all(2)
    }

    pub(super) fn replace_smaller(path: &Path, watch: &mut Watch) -> Expected {
        Writer::open(path).records(part(0));
        watch.sees(part(0));
        let new = beside(path, ".tmp");
        Writer::open(&new).records(N..N + N / 2);
        fs::rename(new, path).expect("renamed");
        Expected { seen: (0..N + N / 2).collect(), optional: Vec::new(), never: Vec::new() }
    }

    pub(super) fn replace_bigger(path: &Path, watch: &mut Watch) -> Expected {
        Writer::open(path).records(part(0));
        watch.sees(part(0));
        let new = beside(path, ".tmp");
        Writer::open(&new).records(N..4 * N);
        fs::rename(new, path).expect("renamed");
        all(4)
    }

    pub(super) fn delete_recreate(path: &Path, watch: &mut Watch) -> Expected {
        Writer::open(path).records(part(0));
        watch.sees(part(0));
        fs::remove_file(path).expect("removed");
        Writer::open(path).records(part(1));
        all(2)
    }

    pub(super) fn delete_recreate_late(path: &Path, watch: &mut Watch) -> Expected {
        Writer::open(path).records(part(0));
        watch.sees(part(0));
        fs::remove_file(path).expect("removed");
        watch.until("that the file is gone", super::super::support::Told::is_waiting);
        Writer::open(path).records(part(1));
        all(2)
    }

    pub(super) fn absent_at_start(path: &Path, watch: &mut Watch) -> Expected {
        assert!(watch.told.states.is_empty() || watch.told.is_waiting());
        watch.until("that nothing is there", super::super::support::Told::is_waiting);
        Writer::open(path).records(part(0));
        all(1)
    }

    pub(super) fn nul_hole(path: &Path, watch: &mut Watch) -> Expected {
        // The writer keeps its old place: zeros, then lines.
        let mut log = Writer::open_at_start(path);
        log.records(part(0));
        watch.sees(part(0));
        log.truncate(0);
        log.records(part(1));
        all(2)
    }

    pub(super) fn symlink_swap(path: &Path, watch: &mut Watch) -> Expected {
        let (a, b, new) = (beside(path, ".a"), beside(path, ".b"), beside(path, ".l"));
        let mut log = Writer::open(&a);
        symlink(&a, path).expect("linked");
        log.records(part(0));
        watch.sees(part(0));
        Writer::open(&b).records(part(1));
        symlink(&b, &new).expect("linked");
        fs::rename(new, path).expect("renamed");
        all(2)
    }

    pub(super) fn chmod_lost(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        watch.sees(part(0));
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("changed");
        log.records(part(1));
        watch.take_for(Duration::from_millis(300));
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("changed");
        log.records(part(2));
        all(3)
    }

    pub(super) fn long_line_between(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        log.bytes(b"{\"junk\":\"");
        let piece = vec![b'A'; 1 << 20];
        (0..32).for_each(|_| log.bytes(&piece));
        log.bytes(b"\"}\n");
        log.records(part(1));
        watch.sees(part(1));
        // Problems may come in a batch after the records that follow them.
        let too_long = tracetui::model::Reason::LineTooLong;
        watch.until("the long line", |told| told.problems.count(too_long) == 1);
        all(2)
    }

    pub(super) fn kill9_torn(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        log.bytes(&padded(9999, 300)[..150]);
        watch.sees(part(0));
        // The next writer goes on in the middle of that line.
        Writer::open(path).records(part(1));
        let seen = part(0).chain(N + 1..2 * N).collect();
        Expected { seen, optional: vec![N], never: vec![9999] }
    }

    pub(super) fn mtime_back(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        watch.sees(part(0));
        log.set_modified(UNIX_EPOCH);
        log.records(part(1));
        log.set_modified(UNIX_EPOCH);
        all(2)
    }

    /// A rotated file whose last line gets its end only after the rotation.
    pub(super) fn late_writer_tears_the_last_line(path: &Path, watch: &mut Watch) -> Expected {
        let mut old = Writer::open(path);
        old.records(0..N - 1);
        let last = record(N - 1);
        old.bytes(&last[..50]);
        watch.sees(0..N - 1);
        fs::rename(path, beside(path, ".1")).expect("renamed");
        Writer::open(path).records(part(1));
        watch.sees(part(1));
        old.bytes(&last[50..]);
        all(2)
    }

    /// The cut goes through a line, which another writer then ends in another way.
    pub(super) fn shrink_inside_a_line(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open(path);
        log.records(part(0));
        watch.sees(part(0));
        let size = fs::metadata(path).expect("there").len();
        let record = record(N - 1);
        // A new record in place of the last one, of which a beginning is left.
        log.truncate(size - 20);
        watch.take_for(Duration::from_millis(300));
        log.bytes(b"\n");
        log.records(part(1));
        watch.sees(part(1));
        assert!(record.len() > 20 && watch.told.problems.skipped() == 1, "{:?}", watch.told.problems);
        all(2)
    }

    pub(super) fn emptied_and_left(path: &Path, watch: &mut Watch) -> Expected {
        for at in 0..4 {
            let mut log = Writer::open(path);
            log.truncate(0);
            log.records(part(at));
            watch.sees(part(at));
        }
        all(4)
    }

    /// Room made beforehand is filled with zeros until lines are written into it.
    pub(super) fn preallocated(path: &Path, watch: &mut Watch) -> Expected {
        let mut log = Writer::open_at_start(path);
        log.truncate(1 << 16);
        for id in part(0) {
            log.records([id]);
            watch.sees([id]);
        }
        assert_eq!(watch.told.segments.len(), 1, "the content is the same: {:?}", watch.told.states);
        all(1)
    }

    pub(super) fn folder_comes_later(path: &Path, watch: &mut Watch) -> Expected {
        let folder = path.parent().expect("a folder");
        fs::remove_dir(folder).expect("removed");
        watch.take_for(Duration::from_millis(300));
        fs::create_dir(folder).expect("made");
        let mut log = Writer::open(path);
        log.records(part(0));
        watch.sees(part(0));
        log.bytes(b"\n");
        log.records(part(1));
        all(2)
    }
}

impl Writer {
    fn truncate(&mut self, size: u64) {
        self.file().set_len(size).expect("cut");
    }

    fn set_modified(&mut self, time: std::time::SystemTime) {
        self.file().set_modified(time).expect("set");
    }
}
