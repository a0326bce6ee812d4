//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use smarm_benches::contender::Kind;
use smarm_benches::workload::Workload;

use crate::peer;
use crate::sample::{Program, Request};

pub(crate) const USAGE: &str = "\
usage: compare list [--scale F] [--go PATH] [--erlang PATH]
       compare [--only WORKLOAD,..] [--rounds N] [--runtimes RUNTIME,..] [--workers 1,2] [--scale F] [--go PATH] [--erlang PATH] [--write]

  --only      workloads, by their names or those they have in other suites (default: all; `compare list` has them)
  --rounds    samples of each runtime (default: 7)
  --runtimes  of smarm, tokio, may, actix, kameo, ractor, threads (default: all that the workload is a question to)
  --workers   worker counts (default: 1,2)
  --scale     multiplies every size; figures away from 1 are for a quick look only
  --go        the program built from benches/peers/go
  --erlang    benches/peers/erlang/peers; what is missing for it, or for Go, is said, and it is left out
  --write     also writes the table into docs/BENCHMARKS.md, and a chart into docs/benchmarks.svg";

/// What to compare.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) workloads: Vec<Workload>,
    pub(crate) rounds: usize,
    pub(crate) programs: Vec<Program>,
    /// Names and paths of the programs in other languages.
    pub(crate) peers: Vec<(&'static str, PathBuf)>,
    pub(crate) workers: Vec<usize>,
    pub(crate) scale: f64,
    /// Whether the page is written anew.
    pub(crate) write: bool,
}

/// What this process is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take samples of all runtimes, each in a process of its own.
    Compare(Args),
    /// Be such a process.
    Sample {
        kind: Kind,
        request: Request,
    },
    /// Print what there is to compare.
    List(Args),
    Help,
}

impl Command {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Args {
            workloads: Workload::all(),
            rounds: 7,
            programs: Kind::ALL.map(Program::Ourselves).to_vec(),
            peers: Vec::new(),
            workers: vec![1, 2],
            scale: 1.0,
            write: false,
        };
        let mut is_list = false;
        while let Some(word) = words.next() {
            if word == "--help" || word == "-h" {
                return Ok(Self::Help);
            }
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "list" => is_list = true,
                "sample" => return Self::parse_sample(words),
                "--only" => args.workloads = list(&value()?)?,
                "--rounds" => args.rounds = positive(&value()?)?,
                "--runtimes" => {
                    args.programs = list(&value()?)?.into_iter().map(Program::Ourselves).collect();
                }
                "--workers" => {
                    args.workers = value()?.split(',').map(positive).collect::<Result<_, _>>()?;
                }
                "--scale" => args.scale = number(&value()?)?,
                "--write" => args.write = true,
                _ => {
                    let peer = peer_of(&word).ok_or_else(|| format!("{word} is unknown"))?;
                    args.peers.push((peer, PathBuf::from(value()?)));
                }
            }
        }
        Ok(if is_list { Self::List(args) } else { Self::Compare(args) })
    }

    /// `sample RUNTIME WORKLOAD WORKERS SIZE`, as [`Program`] writes it.
    fn parse_sample(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut next = || words.next().ok_or("sample takes RUNTIME WORKLOAD WORKERS SIZE".to_owned());
        let kind = next()?.parse()?;
        let workload = next()?.parse()?;
        let workers = positive(&next()?)?;
        let size = number(&next()?)?;
        Ok(Self::Sample { kind, request: Request { workload, workers, size } })
    }
}

/// The one whose option this is.
fn peer_of(word: &str) -> Option<&'static str> {
    let name = word.strip_prefix("--")?;
    peer::NAMES.into_iter().find(|known| *known == name)
}

fn list<T: FromStr<Err = String>>(words: &str) -> Result<Vec<T>, String> {
    words.split(',').map(str::parse).collect()
}

fn positive(word: &str) -> Result<usize, String> {
    number(word).and_then(|n| if n == 0 { Err("0 is too few".to_owned()) } else { Ok(n) })
}

fn number<T: FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{word:?} is not a number that fits here"))
}
