//! The table as a page: Markdown between two marks in `docs/BENCHMARKS.md`, and a chart beside it.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use smarm_benches::workload::{Goal, Workload};

use crate::chart;

const BEGIN: &str = "<!-- `compare --write` writes from here -->";
const END: &str = "<!-- to here -->";

/// A workload with one number of workers.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) workload: Workload,
    pub(crate) operations: u64,
    pub(crate) workers: usize,
    /// Medians of wall time in nanoseconds.
    pub(crate) medians: Vec<(&'static str, f64)>,
    /// The rival that smarm is compared with.
    pub(crate) rival: &'static str,
    /// Smallest, median and largest of the rounds' ratios, on the wall.
    pub(crate) wall: [f64; 3],
    /// The median of the ratios of processor time.
    pub(crate) cpu: f64,
}

/// Writes both.
///
/// # Errors
///
/// A sentence, if the page has no marks or a file cannot be written.
pub(crate) fn write(rows: &[Row], rounds: usize, load: [&str; 2]) -> Result<(), String> {
    let docs = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"));
    let page = docs.join("BENCHMARKS.md");
    let told = |error: std::io::Error| format!("{}: {error}", page.display());
    let text = std::fs::read_to_string(&page).map_err(told)?;
    let text = replaced(&text, &section(rows, rounds, load))
        .ok_or_else(|| format!("{} lacks a line {BEGIN:?} or {END:?}", page.display()))?;
    std::fs::write(&page, text).map_err(told)?;
    std::fs::write(docs.join("benchmarks.svg"), chart::svg(rows)).map_err(|error| error.to_string())
}

fn replaced(text: &str, section: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{section}\n{END}{after}"))
}

fn section(rows: &[Row], rounds: usize, load: [&str; 2]) -> String {
    let mut text = machine(rows);
    write!(
        text,
        "Medians of {rounds} interleaved samples, nanoseconds of wall time per operation. Load average before: {}, after: {}.\n\n\
         ![smarm's time as a part of the best rival's, on a scale of powers of two](benchmarks.svg)\n\n",
        load[0], load[1]
    )
    .expect(INFALLIBLE);
    text += "| from | work | N | workers | smarm | best rival | wall, ratio | its spread | CPU ratio | goal | others |\n";
    text += "|---|---|---|---|---|---|---|---|---|---|---|\n";
    rows.iter().for_each(|row| text += &line(row));
    text
}

const INFALLIBLE: &str = "a string takes all";

fn line(row: &Row) -> String {
    let time =
        |name: &str| row.medians.iter().find(|(other, _)| *other == name).map_or(f64::NAN, |(_, time)| *time);
    let others = row.medians.iter().filter(|(name, _)| !["smarm", row.rival].contains(name));
    let others: Vec<String> = others.map(|(name, time)| format!("{name} {}", rounded(*time))).collect();
    format!(
        "| {} | `{}`: {} | {} | {} | {} | {} {} | {} | {:.2} to {:.2} | {:.2} | {} | {} |\n",
        row.workload.group(),
        row.workload,
        row.workload.title(),
        row.operations,
        row.workers,
        rounded(time("smarm")),
        row.rival,
        rounded(time(row.rival)),
        emphasised(row.wall[1]),
        row.wall[0],
        row.wall[2],
        row.cpu,
        verdict(row),
        if others.is_empty() { "–".to_owned() } else { others.join(", ") },
    )
}

/// The goal, and whether it is reached.
fn verdict(row: &Row) -> String {
    let goal = row.workload.goal(row.workers);
    let Some(limit) = goal.ratio() else { return "–".to_owned() };
    let (clock, ratio) =
        if matches!(goal, Goal::AtMostCpu(_)) { ("CPU ", row.cpu) } else { ("", row.wall[1]) };
    format!("{clock}≤ {limit}: {}", if ratio <= limit { "yes" } else { "no" })
}

/// What smarm loses stands out.
fn emphasised(ratio: f64) -> String {
    if ratio > 1.0 { format!("**{ratio:.2}**") } else { format!("{ratio:.2}") }
}

fn rounded(nanos: f64) -> String {
    if nanos < 100.0 { format!("{nanos:.1}") } else { format!("{nanos:.0}") }
}

/// Processor, kernel, compiler, the peers that took part, day.
fn machine(rows: &[Row]) -> String {
    let file = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = file("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    format!(
        "{}, {} processors, Linux {}, {}, {}. ",
        model.trim_start_matches([' ', '\t', ':']),
        std::thread::available_parallelism().map_or(0, usize::from),
        file("/proc/sys/kernel/osrelease").split('-').next().unwrap_or_default().trim(),
        tools(rows).join(", "),
        said_by("date", &["+%F"]),
    )
}

fn tools(rows: &[Row]) -> Vec<String> {
    const OTP: &str = "io:format(\"Erlang/OTP ~s\", [erlang:system_info(otp_release)]), halt().";
    let took_part =
        |name: &str| rows.iter().any(|row| row.medians.iter().any(|(runtime, _)| *runtime == name));
    let mut tools = vec![said_by("rustc", &["--version"]).split(" (").next().unwrap_or_default().to_owned()];
    if took_part("go") {
        tools.push(said_by("go", &["env", "GOVERSION"]));
    }
    if took_part("erlang") {
        tools.push(said_by("erl", &["-noshell", "-eval", OTP]));
    }
    tools
}

fn said_by(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
