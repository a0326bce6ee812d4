//! `SIGTERM` and `SIGINT` under `#[smarm::main]`: what ends, in which order, and with which exit code. The programs are in services.rs.

use smarm_tests::Watchdog;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// What a panic of `main` gives.
const PANICKED: i32 = 101;
/// What a shell says of a program that a signal has ended: this, and the signal's number.
const BY_SIGNAL: i32 = 128;

/// The line by which the chaos build gives its seed.
fn is_seed(line: &str) -> bool {
    line.starts_with("smarm: chaos,")
}

/// A program that runs.
struct Service {
    child: Child,
    stderr: BufReader<ChildStderr>,
    told: Vec<String>,
    _watchdog: Watchdog,
}

impl Service {
    fn start(program: &str) -> Service {
        Service::of(Command::new(env!("CARGO_BIN_EXE_services")).arg(program), program)
    }

    fn of(command: &mut Command, program: &str) -> Service {
        let watchdog = Watchdog::start(program);
        let mut child = command
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a program to start");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe was asked for"));
        Service { child, stderr, told: Vec::new(), _watchdog: watchdog }
    }

    /// Starts it, and waits until it is ready.
    fn ready(program: &str) -> Service {
        let mut service = Service::start(program);
        service.until("ready");
        service
    }

    /// Reads what it tells, up to a line that begins so; the rest of that line.
    #[track_caller]
    fn until(&mut self, begin: &str) -> String {
        loop {
            let mut line = String::new();
            self.stderr.read_line(&mut line).expect("its standard error");
            assert!(!line.is_empty(), "`{begin}` never came: {:?}", self.told);
            let line = line.trim_end().to_owned();
            if is_seed(&line) {
                continue;
            }
            self.told.push(line.clone());
            if let Some(rest) = line.strip_prefix(begin) {
                return rest.trim().to_owned();
            }
        }
    }

    fn send(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).expect("a number of a process");
        // SAFETY: a signal to a child of ours that nobody has waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// Waits for its end; what it has told.
    fn end(mut self) -> (ExitStatus, Vec<String>) {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).expect("its standard error");
        self.told.extend(rest.lines().filter(|line| !is_seed(line)).map(str::to_owned));
        (self.child.wait().expect("its end"), self.told)
    }

    /// What it has told after it was ready, if it ends with this code.
    #[track_caller]
    fn end_with(self, code: i32) -> Vec<String> {
        let (status, told) = self.end();
        assert_eq!(status.code(), Some(code), "{status}: {told:#?}");
        let begin = told.iter().position(|line| line == "ready").map_or(0, |ready| ready + 1);
        told[begin..].to_vec()
    }
}

fn has(told: &[String], words: &[&str]) -> bool {
    told.iter().any(|line| words.iter().all(|word| line.contains(word)))
}

#[test]
fn a_signal_ends_an_idle_program_in_order_and_with_success() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let service = Service::ready("service");
        service.send(signal);
        let mut told = service.end_with(0);
        assert_eq!(told[..2], ["hook", "server: shutdown"]);
        told[2..].sort_unstable();
        assert_eq!(told[2..], ["actor", "root"]);
    }
}

#[test]
fn a_signal_ends_a_root_that_knows_nothing_of_it_with_success_and_destructors_run() {
    let service = Service::ready("sleeper");
    service.send(libc::SIGTERM);
    assert_eq!(service.end_with(0), ["unwinds"]);
}

#[test]
fn a_root_that_returns_after_a_signal_has_its_own_code() {
    let service = Service::ready("code");
    service.send(libc::SIGTERM);
    assert!(service.end_with(7).is_empty());
    let service = Service::ready("error");
    service.send(libc::SIGTERM);
    assert!(has(&service.end_with(1), &["no luck today"]));
}

#[test]
fn a_root_that_panics_after_a_signal_has_the_code_of_a_panic() {
    let service = Service::ready("panics");
    service.send(libc::SIGTERM);
    assert!(has(&service.end_with(PANICKED), &["root", "the root gives up"]));
}

#[test]
fn a_program_under_load_that_knows_nothing_of_signals_ends_with_success_and_in_silence() {
    for _ in 0..10 {
        let service = Service::ready("caller");
        service.send(libc::SIGTERM);
        assert_eq!(service.end_with(0), ["server: shutdown"]);
    }
}

#[test]
fn who_hangs_past_the_deadline_is_named_and_the_code_is_the_signals() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let service = Service::ready("hangs");
        service.send(signal);
        let told = service.end_with(BY_SIGNAL + signal);
        assert!(has(&told, &["the shutdown timeout is over"]), "{told:?}");
        assert!(
            has(&told, &["actor 'spinning'", "services.rs:", "does not come to a safe point"]),
            "{told:?}"
        );
        assert!(!has(&told, &["root"]), "{told:?}");
    }
}

#[test]
fn a_second_signal_kills_all_at_once_and_leaves_a_third_to_the_system() {
    for (first, second) in [(libc::SIGTERM, libc::SIGTERM), (libc::SIGTERM, libc::SIGINT)] {
        let mut service = Service::ready("waits");
        service.send(first);
        service.until("waits");
        service.send(second);
        let told = service.end_with(BY_SIGNAL + second);
        assert!(told.iter().any(|line| line == "hook"), "{told:?}");
        let caught = mask(&told, "SigCgt");
        assert_eq!(caught & (bit(libc::SIGTERM) | bit(libc::SIGINT)), 0, "{told:?}");
    }
}

#[test]
fn a_signal_that_is_sent_twice_at_once_is_one() {
    for _ in 0..10 {
        let service = Service::ready("service");
        // As coreutils' `timeout` does, which forwards to the program, and then to its group.
        service.send(libc::SIGTERM);
        service.send(libc::SIGTERM);
        assert_eq!(service.end_with(0).len(), 4);
    }
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// The mask in the line that begins so.
#[track_caller]
fn mask(told: &[String], begin: &str) -> u64 {
    let line = told.iter().find(|line| line.starts_with(begin)).expect("it tells of its signals");
    u64::from_str_radix(line.split_whitespace().last().expect("a mask"), 16).expect("a mask is a number")
}

#[test]
fn a_handler_of_the_program_is_left_alone() {
    let service = Service::ready("handler");
    service.send(libc::SIGTERM);
    assert!(service.end_with(5).is_empty());
}

#[test]
fn a_signal_that_the_parent_has_ignored_stays_so_and_children_inherit_nothing() {
    let program = env!("CARGO_BIN_EXE_services");
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' TERM; exec \"$0\" status", program]);
    let mut service = Service::of(&mut command, "status");
    service.until("ready");
    let told = service.told.clone();
    let (term, int) = (bit(libc::SIGTERM), bit(libc::SIGINT));
    let ignored = term | bit(libc::SIGPIPE); // that one by the standard library
    assert_eq!(mask(&told, "SigIgn") & (ignored | int), ignored, "{told:?}");
    assert_eq!(mask(&told, "SigCgt") & (term | int), int, "{told:?}");
    assert_eq!(mask(&told, "SigBlk"), 0, "{told:?}");
    assert_eq!(mask(&told, "child SigBlk"), 0, "{told:?}");
    assert_eq!(mask(&told, "child SigCgt"), 0, "{told:?}");
    // What is ignored is so in children too: that is the parent's wish. The standard library puts `SIGPIPE` back.
    assert_eq!(mask(&told, "child SigIgn") & (term | int | bit(libc::SIGPIPE)), term, "{told:?}");
    service.send(libc::SIGTERM);
    service.send(libc::SIGINT);
    service.end_with(0);
}

#[test]
fn a_program_may_ask_for_its_signals_to_be_left_alone() {
    let service = Service::ready("unheard");
    service.send(libc::SIGTERM);
    let (status, told) = service.end();
    assert_eq!(status.signal(), Some(libc::SIGTERM), "{status}: {told:?}");
}

#[test]
fn a_signal_that_comes_while_the_runtime_starts_ends_it() {
    for _ in 0..20 {
        let told = Service::start("at-the-start").end_with(0);
        assert!(told.iter().all(|line| line == "unwinds"), "{told:?}");
    }
}

#[test]
fn a_signal_that_comes_after_the_end_of_the_runtime_has_its_default_meaning() {
    let (status, told) = Service::start("after-the-end").end();
    assert_eq!(status.signal(), Some(libc::SIGTERM), "{status}: {told:?}");
}

#[test]
fn to_wait_for_a_signal_is_no_deadlock() {
    let service = Service::ready("deadlock");
    // Nobody can be sure of what will not happen; a deadlock is certain after one second.
    std::thread::sleep(Duration::from_millis(2500));
    service.send(libc::SIGTERM);
    assert_eq!(service.end_with(0), ["server: shutdown"]);
}

#[test]
fn a_program_without_the_macro_hears_of_signals_itself_and_begins_the_shutdown_from_a_thread() {
    let service = Service::ready("plain");
    service.send(libc::SIGTERM);
    assert_eq!(service.end_with(3), ["server: shutdown"]);
}

/// Asks until there is no answer. How many answers came, and the last of them.
fn ask(port: u16, answered: &AtomicU64) -> u64 {
    let mut last = 0;
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else { return last };
    let mut answers = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut stream = stream;
    let mut line = String::new();
    while stream.write_all(b"?").is_ok() && answers.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        last = line.trim().parse().expect("a number, and the whole of it");
        line.clear();
        answered.fetch_add(1, SeqCst);
    }
    assert!(line.is_empty(), "half an answer: {line:?}");
    last
}

#[test]
fn under_load_every_request_that_was_begun_is_answered() {
    for _ in 0..5 {
        let mut service = Service::start("tcp");
        let port = service.until("port").parse().expect("a port");
        let answered = Arc::new(AtomicU64::new(0));
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let answered = Arc::clone(&answered);
                std::thread::spawn(move || {
                    // New connections too, until there is nobody to connect to.
                    while ask(port, &answered) > 0 {}
                })
            })
            .collect();
        while answered.load(SeqCst) < 500 {
            std::thread::yield_now();
        }
        service.send(libc::SIGTERM);
        let told = service.end_with(0);
        clients.into_iter().for_each(|client| client.join().expect("whole answers"));
        let counted = told.iter().find_map(|line| line.strip_prefix("counted ")).expect("it tells");
        assert_eq!(counted.parse(), Ok(answered.load(SeqCst)), "{told:?}");
        assert_eq!(told.len(), 2, "{told:?}");
    }
}
