//! From a commit to the terminal: a real writer process commits runs, the real program shows them in a real
//! pseudo-terminal, and the time from just before each commit until its name stands on the screen is measured.
//!
//! `cargo bench --bench paint`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints and may panic")]
#![allow(missing_docs, reason = "a bench has no users")]

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

const ROWS: u16 = 44;
const COLUMNS: u16 = 150;
const COMMITS: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--write") {
        write_on_request(&arguments[at + 1], &arguments[at + 2]);
        return;
    }
    println!("commit or append until its name is on the screen, ms ({COMMITS} each)");
    println!("{:<28} {:>8} {:>8} {:>8}", "writer", "p50", "p99", "max");
    for (kind, gap) in [("ndjson", 20), ("sqlite-normal", 20), ("sqlite-full", 20), ("sqlite-normal", 300)] {
        let mut times = measure(kind, Duration::from_millis(gap));
        times.sort_unstable();
        let at = |share: usize| times[(times.len() * share).div_ceil(100) - 1].as_secs_f64() * 1e3;
        let name = format!("{kind}, every {gap} ms");
        println!("{name:<28} {:>8.2} {:>8.2} {:>8.2}", at(50), at(99), at(100));
    }
}

/// The writer process: commits one run for each line it reads.
fn write_on_request(kind: &str, path: &str) {
    let row = |name: &str| {
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        (format!("trace-{name}"), format!("span-{name}"), now)
    };
    let mut file = None;
    let mut database = None;
    if kind == "ndjson" {
        file = Some(std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap());
    } else {
        let connection = rusqlite::Connection::open(path).unwrap();
        let synchronous = if kind == "sqlite-full" { "FULL" } else { "NORMAL" };
        connection.execute_batch(&format!("pragma journal_mode=wal; pragma synchronous={synchronous};")).ok();
        connection
            .execute_batch(
                "create table if not exists execution_spans(trace_id text, span_id text primary key, \
                 parent_span_id text, name text, span_type text, started_at text, ended_at text, status text)",
            )
            .unwrap();
        database = Some(connection);
    }
    println!("ready");
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).unwrap() > 0 {
        let name = line.trim().to_owned();
        let (trace, span, now) = row(&name);
        if let Some(file) = &mut file {
            let record = format!(
                "{{\"trace_id\":\"{trace}\",\"span_id\":\"{span}\",\"parent_span_id\":null,\"name\":\"{name}\",\"span_type\":\"workflow_run\",\"started_at\":\"{now}\",\"ended_at\":\"{now}\",\"status\":\"completed\"}}\n"
            );
            file.write_all(record.as_bytes()).unwrap();
        }
        if let Some(database) = &database {
            database
                .execute(
                    "insert into execution_spans values(?1, ?2, null, ?3, 'workflow_run', ?4, ?4, 'completed')",
                    [&trace, &span, &name, &now],
                )
                .unwrap();
        }
        line.clear();
    }
}

fn measure(kind: &str, gap: Duration) -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(if kind == "ndjson" { "run.ndjson" } else { "run.db" });
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--write", kind])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut requests = writer.stdin.take().unwrap();
    let mut ready = [0u8; 6];
    writer.stdout.take().unwrap().read_exact(&mut ready).unwrap();
    writeln!(requests, "first").unwrap();

    let (mut child, bytes) = watch(&path);
    let mut screen = vt100::Parser::new(ROWS.try_into().unwrap(), COLUMNS.try_into().unwrap(), 0);
    wait_for(&mut screen, &bytes, "first");
    let mut times = Vec::new();
    for at in 0..COMMITS {
        std::thread::sleep(gap);
        while let Ok(chunk) = bytes.try_recv() {
            screen.process(&chunk);
        }
        let name = format!("probe{at:04}x");
        let began = Instant::now();
        writeln!(requests, "{name}").unwrap();
        wait_for(&mut screen, &bytes, &name);
        times.push(began.elapsed());
    }
    child.kill().unwrap();
    drop(requests);
    writer.wait().unwrap();
    times
}

fn watch(path: &Path) -> (Box<dyn portable_pty::Child + Send + Sync>, Receiver<Vec<u8>>) {
    let size = PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
    let pty = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_tracetui"));
    command.arg("watch");
    command.arg(path);
    command.env("TERM", "xterm-256color");
    let child = pty.slave.spawn_command(command).unwrap();
    let mut reader = pty.master.try_clone_reader().unwrap();
    let (tx, rx) = channel();
    std::thread::spawn(move || {
        // The terminal stays open for as long as its output is read.
        let _master = pty.master;
        let mut buffer = vec![0; 65_536];
        while let Ok(read) = reader.read(&mut buffer) {
            if read == 0 || tx.send(buffer[..read].to_vec()).is_err() {
                break;
            }
        }
    });
    (child, rx)
}

fn wait_for(screen: &mut vt100::Parser, bytes: &Receiver<Vec<u8>>, name: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    while !screen.screen().contents().contains(name) {
        let left = until.saturating_duration_since(Instant::now());
        let chunk = bytes
            .recv_timeout(left)
            .unwrap_or_else(|_| panic!("{name} never came:\n{}", screen.screen().contents()));
        screen.process(&chunk);
    }
}
