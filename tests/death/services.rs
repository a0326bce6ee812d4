//! Programs that signals end, one per argument: the tests of death/signals.rs send them and look at the exit codes. What happens is told on
//! standard error, one word a line.

use smarm::net::{TcpListener, TcpStream};
use smarm::{channel, is_shutting_down, mask_kill, on_shutdown, sleep, spawn, wait_for_shutdown};
use std::io::{self, Read, Write};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

#[global_allocator]
static ALLOC: smarm::Alloc = smarm::Alloc::system();

const HOUR: Duration = Duration::from_secs(3600);

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("service") => service::main(),
        Some("sleeper") => sleeper::main(),
        Some("code") => code::main(),
        Some("error") => error::main(),
        Some("panics") => panics::main(),
        Some("caller") => caller::main(),
        Some("hangs") => hangs::main(),
        Some("waits") => waits::main(),
        Some("handler") => handler::main(),
        Some("status") => status::main(),
        Some("unheard") => unheard::main(),
        Some("at-the-start") => at_the_start(),
        Some("after-the-end") => after_the_end(),
        Some("deadlock") => deadlock::main(),
        Some("plain") => plain(),
        Some("tcp") => tcp::main(),
        other => panic!("no program {other:?}"),
    }
}

fn tell(what: &str) {
    // In one piece, and not through a lock that somebody who is stuck may hold.
    io::stderr().write_all(format!("{what}\n").as_bytes()).ok();
}

/// Tells of its end.
struct Tells(&'static str);

impl Drop for Tells {
    fn drop(&mut self) {
        tell(self.0);
    }
}

struct Server;

#[smarm::actor(timeout = none)]
impl Server {
    pub(crate) fn echo(&self, n: u64) -> u64 {
        n
    }
    #[on_exit]
    fn bye(&mut self, why: &smarm::ExitReason) {
        tell(&format!("server: {why}"));
    }
}

mod service {
    use super::*;

    #[smarm::main(alloc = false, shutdown_timeout = "1min")]
    pub(crate) fn main() {
        Server.start();
        drop(spawn(|| {
            let _tells = Tells("actor");
            sleep(HOUR);
        }));
        on_shutdown(|| tell("hook"));
        tell("ready");
        wait_for_shutdown();
        tell("root");
    }
}

mod sleeper {
    use super::*;

    #[smarm::main(alloc = false, shutdown_timeout = "1min")]
    pub(crate) fn main() {
        let _tells = Tells("unwinds");
        tell("ready");
        loop {
            sleep(HOUR);
        }
    }
}

mod code {
    use super::*;

    #[smarm::main(alloc = false, shutdown_timeout = "1min")]
    pub(crate) fn main() -> ExitCode {
        tell("ready");
        wait_for_shutdown();
        ExitCode::from(7)
    }
}

mod error {
    use super::*;

    #[smarm::main(alloc = false, shutdown_timeout = "1min")]
    pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
        tell("ready");
        wait_for_shutdown();
        Err("no luck today".into())
    }
}

mod panics {
    use super::*;

    #[smarm::main(alloc = false, shutdown_timeout = "1min")]
    pub(crate) fn main() {
        tell("ready");
        wait_for_shutdown();
        panic!("the root gives up");
    }
}

/// Under load, and with no word about the end.
mod caller {
    use super::*;

    // On a busy machine a thread may stand still, with a lock that another one wants.
    #[smarm::main(alloc = false, workers = 2, shutdown_timeout = "1min", stall_after = "1min")]
    pub(crate) fn main() -> Result<(), smarm::CallError> {
        let server = Server.start();
        for _ in 0..4 {
            let server = server.clone();
            drop(spawn(move || {
                for n in 0.. {
                    assert_eq!(server.echo(n).unwrap(), n);
                }
            }));
        }
        tell("ready");
        loop {
            server.echo(1)?;
        }
    }
}

/// Not in a function under a macro of smarm's, which would put a safe point in the loop.
fn spin() {
    loop {
        std::thread::yield_now();
    }
}

/// Has an actor that comes to no safe point.
mod hangs {
    use super::*;

    #[smarm::main(alloc = false, workers = 2, shutdown_timeout = "200ms")]
    pub(crate) fn main() {
        let spinning = smarm::Builder::new().name("spinning").own_thread().spawn(|| {
            tell("ready");
            spin();
        });
        drop(spinning.unwrap());
        wait_for_shutdown();
    }
}

/// Has a hook that takes its time.
mod waits {
    use super::*;

    #[smarm::main(alloc = false, workers = 2, shutdown_timeout = "10min")]
    pub(crate) fn main() {
        on_shutdown(|| {
            let _tells = Tells("hook");
            tell("waits");
            sleep(HOUR);
        });
        drop(spawn(|| {
            struct Looks;
            impl Drop for Looks {
                fn drop(&mut self) {
                    tell(&signals_of("self"));
                }
            }
            let _looks = Looks;
            loop {
                smarm::check!();
            }
        }));
        tell("ready");
        wait_for_shutdown();
        unreachable!("the hook does not return");
    }
}

/// The lines about signals of a process.
fn signals_of(process: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let lines: Vec<_> =
        status.lines().filter(|line| line.starts_with("Sig") && !line.starts_with("SigQ")).collect();
    lines.join("\n")
}

/// Has a handler of its own for `SIGTERM`.
mod handler {
    use super::*;

    static HEARD: AtomicBool = AtomicBool::new(false);

    extern "C" fn hear(_: libc::c_int) {
        HEARD.store(true, SeqCst);
    }

    pub(crate) fn main() -> ExitCode {
        // SAFETY: the handler only stores.
        unsafe { libc::signal(libc::SIGTERM, hear as *const () as libc::sighandler_t) };
        run()
    }

    fn run() -> ExitCode {
        #[smarm::main(alloc = false)]
        fn main() -> ExitCode {
            tell("ready");
            while !HEARD.load(SeqCst) {
                sleep(Duration::from_millis(1));
            }
            assert!(!is_shutting_down());
            ExitCode::from(5)
        }
        main()
    }
}

/// Tells what it does with signals, and what a child of its does.
mod status {
    use super::*;

    #[smarm::main(alloc = false)]
    pub(crate) fn main() {
        tell(&signals_of("self"));
        let child = smarm::block_on_io(|| Command::new("cat").arg("/proc/self/status").output());
        let child = String::from_utf8(child.unwrap().stdout).unwrap();
        child.lines().filter(|line| line.starts_with("Sig")).for_each(|line| tell(&format!("child {line}")));
        tell("ready");
        sleep(HOUR);
    }
}

/// Leaves signals alone.
mod unheard {
    use super::*;

    #[smarm::main(alloc = false, signals = false)]
    pub(crate) fn main() {
        tell("ready");
        sleep(HOUR);
    }
}

fn raise() {
    // SAFETY: a signal to oneself.
    unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
}

/// A signal comes as soon as it is heard: before there is a runtime, or a little later.
fn at_the_start() -> ExitCode {
    let is_heard = || {
        let caught = signals_of("self");
        let line = caught.lines().find(|line| line.starts_with("SigCgt")).unwrap();
        let mask = u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap();
        mask & 1 << (libc::SIGTERM - 1) != 0
    };
    let raiser = std::thread::spawn(move || {
        while !is_heard() {}
        raise();
    });
    let code = sleeper::main();
    raiser.join().unwrap();
    code
}

/// A signal comes when the runtime is gone.
fn after_the_end() -> ExitCode {
    fn run() {
        #[smarm::main(alloc = false)]
        fn main() {}
        main();
    }
    run();
    raise();
    ExitCode::SUCCESS
}

/// All actors wait for a signal, or for each other, longer than a deadlock is given.
mod deadlock {
    use super::*;

    #[smarm::main(alloc = false, deadlock = smarm::runtime::Deadlock::Fail)]
    pub(crate) fn main() {
        let server = Server.start();
        drop(spawn(move || server.join()));
        let (_kept, rx) = channel::<()>();
        drop(spawn(move || rx.recv()));
        tell("ready");
        wait_for_shutdown();
    }
}

/// No macro: signals are the program's, which hears of them in a thread of its own.
fn plain() -> ExitCode {
    static HEARD: AtomicBool = AtomicBool::new(false);
    extern "C" fn hear(_: libc::c_int) {
        HEARD.store(true, SeqCst);
    }
    // SAFETY: the handler only stores.
    unsafe { libc::signal(libc::SIGTERM, hear as *const () as libc::sighandler_t) };
    let runtime = smarm::runtime::init(smarm::runtime::Config::exact(2));
    let handle = runtime.handle();
    std::thread::spawn(move || {
        while !HEARD.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        handle.shutdown();
    });
    match runtime.try_run(|| {
        Server.start();
        tell("ready");
        sleep(HOUR);
    }) {
        Err(smarm::ExitReason::Shutdown) => ExitCode::from(3),
        other => panic!("{other:?}"),
    }
}

/// A server of lines that counts them in an actor, and answers each with its number.
mod tcp {
    use super::*;

    struct Counter(u64);

    #[smarm::actor]
    impl Counter {
        pub(crate) fn next(&mut self) -> u64 {
            self.0 += 1;
            self.0
        }
        #[on_exit]
        fn bye(&mut self) {
            tell(&format!("counted {}", self.0));
        }
    }

    #[smarm::main(alloc = false, workers = 2, stall_after = "1min")]
    pub(crate) fn main() -> io::Result<()> {
        let counter = Counter(0).start();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        tell(&format!("port {}", listener.local_addr()?.port()));
        let listener = std::sync::Arc::new(listener);
        let acceptor = {
            let listener = std::sync::Arc::clone(&listener);
            spawn(move || accept(&listener, &counter))
        };
        // While the counter is there.
        on_shutdown(move || {
            listener.close();
            drop(acceptor.join());
        });
        wait_for_shutdown();
        Ok(())
    }

    fn accept(listener: &TcpListener, counter: &CounterHandle) {
        let mut connections = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            let counter = counter.clone();
            connections.retain(|connection: &smarm::JoinHandle<_>| !connection.is_finished());
            connections.push(spawn(move || serve(stream, &counter)));
        }
        // Those between two requests end, the others after theirs.
        connections.iter().for_each(smarm::JoinHandle::kill);
        connections.into_iter().for_each(|connection| drop(connection.join()));
    }

    fn serve(mut stream: TcpStream, counter: &CounterHandle) -> io::Result<()> {
        let mut request = [0];
        while stream.read(&mut request)? == 1 {
            mask_kill(|| {
                let answer = counter.next().map_err(io::Error::other)?;
                stream.write_all(format!("{answer}\n").as_bytes())
            })?;
        }
        Ok(())
    }
}
