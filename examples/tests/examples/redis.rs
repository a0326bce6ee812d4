//! The server, its own client, and the tools of Redis where they are installed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::{example, run};

#[test]
fn it_talks_to_itself_and_stops() {
    let run = run(&mut example("redis"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let expected = [
        "SET greeting hello: OK",
        "GET greeting: hello",
        "SET greeting again NX: (nothing)",
        "INCRBY n 41: 41",
        "INCR n: 42",
        "INCR greeting: (ERR value is not an integer or out of range)",
        "RPUSH list a b c: 3",
        "LRANGE list 0 -1: [a, b, c]",
        "DANCE: (ERR unknown command 'DANCE')",
        "1000 pings in a row",
        "stopped",
    ];
    assert!(run.out.lines().eq(expected), "{run:?}");
}

/// A server that runs until this is dropped.
struct Running {
    server: Child,
    port: String,
}

impl Running {
    fn start() -> Self {
        let mut server = example("redis");
        let mut server =
            server.args(["serve", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("it is piped")).read_line(&mut line).expect("UTF-8");
        let port = line.trim_end().trim_end_matches('/').rsplit(':').next().expect("an address");
        Self { port: port.to_owned(), server }
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.args(["-p", &self.port]);
        command
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // To `timeout`, which passes it on.
        let told = Command::new("kill").arg(self.server.id().to_string()).status().expect("coreutils");
        assert!(told.success());
        self.server.wait().expect("it is a child");
    }
}

fn is_installed(tool: &str) -> bool {
    let is_installed = Command::new(tool).arg("--version").output().is_ok();
    if !is_installed {
        eprintln!("skipped: {tool} is not installed");
    }
    is_installed
}

#[test]
fn redis_cli_talks_to_it() {
    if !is_installed("redis-cli") {
        return;
    }
    let server = Running::start();
    for (words, expected) in [
        (&["SET", "greeting", "hello there"][..], "OK\n"),
        (&["GET", "greeting"], "hello there\n"),
        (&["GET", "nothing"], "\n"),
        (&["RPUSH", "list", "a", "b"], "2\n"),
        (&["LRANGE", "list", "0", "-1"], "a\nb\n"),
        (&["DANCE"], "ERR unknown command 'DANCE'\n\n"),
    ] {
        let run = run(server.tool("redis-cli").args(words));
        assert_eq!((run.out.as_str(), run.code), (expected, Some(0)), "{words:?}: {run:?}");
    }
}

#[test]
fn redis_benchmark_runs_on_it() {
    if !is_installed("redis-benchmark") {
        return;
    }
    let server = Running::start();
    let tests = "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,lrange_100,mset";
    for pipeline in ["1", "16"] {
        let run = run(server
            .tool("redis-benchmark")
            .args(["-q", "-n", "2000", "-r", "100", "-t", tests, "-P", pipeline]));
        assert_eq!(run.code, Some(0), "{run:?}");
        let answered = run.out.matches("requests per second").count();
        assert!(answered >= tests.split(',').count() && !run.out.contains("rror"), "{run:?}");
    }
}
