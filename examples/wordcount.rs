//! Counts the words of text files with a pool of actors over bounded channels.
//!
//! ```text
//! cargo run --release --example wordcount -- [--top N | --all] [PATH..]
//! ```
//!
//! # How the work flows
//!
//! ```text
//!             "counter 2 is idle"
//!         ┌────────────────────────┐
//!         ▼                        │
//!      walker ─── one path ───▶ counter 0, 1, 2 ..  ─── its table, by `join` ───▶ root
//!         │                        │                                               ▲
//!         └────────────────────────┴─── reports: what was counted, what skipped ───┘
//! ```
//!
//! The walker lists folders and hands a file only to a counter that has said it is idle, so that one huge file delays
//! nobody else and the walker is never more than one file per counter ahead. A receiver has one owner; that is why
//! each counter has a channel of its own instead of all sharing one queue. No channel can grow without limit, and none
//! can deadlock: an idle counter always has room for one path, and the root does nothing but take reports until every
//! sender of reports is gone.
//!
//! A counter keeps a table of its own and returns it as the value of `join`: no lock is held anywhere.
//!
//! # What is a word
//!
//! A maximal run of ASCII letters, in lower case: `Don't` is `don` and `t`, `naïve` is `na` and `ve`. The counts are
//! those of this pipeline, which cuts each file by itself (the `echo` ends a last line without a newline):
//!
//! ```sh
//! find -H PATH.. -type d \( -name .git -o -name target \) -prune -o -type f \
//!     -exec sh -c 'for file; do cat "$file"; echo; done' sh {} + |
//!     tr -cs A-Za-z '\n' | tr A-Z a-z | grep . | LC_ALL=C sort | uniq -c | LC_ALL=C sort -k1,1nr -k2
//! ```
//!
//! `wordcount --all PATH..` prints exactly its lines, in its order: most frequent first, ties by word. The pipeline
//! counts binary files and invalid UTF-8 too; wordcount skips them, so compare where there are none.
//!
//! # What is read
//!
//! Every file below the given paths, hidden ones too, except in folders named `.git` or `target`; a folder that is
//! itself given as PATH is always read. Symbolic links met on the way are not followed (so loops do no harm and nothing
//! is counted twice); one given as PATH is. A path given twice is counted twice. Without a PATH, it counts the
//! repository it was built in, or the current folder where that no longer exists.
//!
//! A path that is missing, cannot be read, is neither file nor folder, has a NUL byte in it (a binary file) or is not
//! valid UTF-8 is reported on standard error and skipped as a whole. The exit code is 0 if at least one file was
//! counted, 1 if none was or the result could not be written, 2 if the command line makes no sense.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, DirEntry, File, FileType};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use smarm::channel::{self, Receiver, Sender};
use smarm::{Builder, JoinHandle};

const USAGE: &str = "usage: wordcount [--top N | --all] [--] [PATH..]

  --top N   print the N most frequent words (default: 20), then a summary
  --all     print every word, and the summary on standard error
  PATH..    files and folders (default: the repository this program was built in)
";

/// Words printed when the command line does not say how many.
const TOP_WORDS: usize = 20;

/// Reports that may wait for the root: enough that a counter does not wait for a slow terminal line by line, and few
/// enough that they cost nothing.
const REPORTS_MAX: usize = 256;

/// A counter gives way after this many words, about a millisecond's worth, for the actors that share its thread.
const WORDS_PER_TURN: u64 = 20_000;

/// Read before the rest of a file: nearly every binary file has its first NUL byte in here.
const FIRST_BLOCK_BYTES: u64 = 64 * 1024;

/// How often the progress line is redrawn: faster than this nobody can read it.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// How often each word was seen.
type Table = HashMap<String, u64>;

/// What walker and counters tell the root about one path.
enum Report {
    Counted { bytes: u64, words: u64 },
    Skipped { path: PathBuf, why: String },
}

#[smarm::main]
fn main() -> ExitCode {
    match Options::parse(std::env::args_os().skip(1)) {
        Ok(Request::Count(options)) => count(&options).unwrap_or_else(|error| {
            eprintln!("wordcount: {error}");
            ExitCode::FAILURE
        }),
        Ok(Request::Help) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Err(mistake) => {
            eprintln!("wordcount: {mistake}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn count(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let started = Instant::now();
    let (reports, inbox) = channel::bounded(REPORTS_MAX);
    let pool = Pool::start(options.paths.clone(), reports)?;
    let totals = watch(&inbox);
    let table = pool.finish()?;
    if totals.files == 0 {
        return Err("no text file could be read".into());
    }
    let summary = totals.summary(table.len(), started.elapsed());
    match print_result(options, table, &summary) {
        // Whoever reads our output, `head` say, has seen enough: that is no failure of ours.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => other?,
    }
    Ok(ExitCode::SUCCESS)
}

// ---- the actors --------------------------------------------------------------------------------------------------

/// One walker and its counters.
struct Pool {
    walker: JoinHandle<()>,
    counters: Vec<JoinHandle<Table>>,
}

impl Pool {
    fn start(paths: Vec<PathBuf>, reports: Sender<Report>) -> io::Result<Self> {
        // Counting needs a processor each, and reading blocks the thread: more counters than that would only wait.
        let size = available_parallelism()?.get();
        let (idle_sender, idle) = channel::bounded(size);
        let mut jobs = Vec::with_capacity(size);
        let mut counters = Vec::with_capacity(size);
        for number in 0..size {
            let (job_sender, inbox) = channel::bounded(1);
            let counter =
                Counter { number, idle: idle_sender.clone(), jobs: inbox, reports: reports.clone() };
            jobs.push(job_sender);
            // An actor stays for life on the worker that starts it. Counters wait until the walker has work, so left to
            // themselves they could all start, and stay, on this worker: `spread` deals all but the first out over the others.
            let builder = Builder::new().name(format!("counter {number}"));
            let builder = if number == 0 { builder } else { builder.spread() };
            counters.push(builder.spawn(move || counter.run())?);
        }
        let walker = Walker { folders: Vec::new(), idle, jobs, reports };
        let walker = Builder::new().name("walker").spawn(move || walker.run(paths))?;
        Ok(Pool { walker, counters })
    }

    /// Waits for all of them, and adds their tables up.
    fn finish(self) -> Result<Table, Box<dyn Error>> {
        // A result without the share of an actor that failed would be wrong without saying so: better none at all.
        self.walker.join().map_err(|reason| format!("the walker failed: {reason}"))?;
        let mut sum = Table::new();
        for counter in self.counters {
            let table = counter.join().map_err(|reason| format!("a counter failed: {reason}"))?;
            for (word, count) in table {
                *sum.entry(word).or_default() += count;
            }
        }
        Ok(sum)
    }
}

/// Finds files and hands each to a counter that is idle.
struct Walker {
    /// Folders found and not yet listed.
    folders: Vec<PathBuf>,
    /// The numbers of the counters that wait for a path.
    idle: Receiver<usize>,
    /// One channel per counter, by number. Dropping them tells the counters that there is nothing left to do.
    jobs: Vec<Sender<PathBuf>>,
    reports: Sender<Report>,
}

impl Walker {
    fn run(mut self, paths: Vec<PathBuf>) {
        for path in paths {
            // `metadata` follows a link: the user has named it and means what it points to.
            let kind = fs::metadata(&path).map(|metadata| metadata.file_type());
            self.visit(path, kind);
            while let Some(folder) = self.folders.pop() {
                self.list(&folder);
            }
        }
    }

    fn list(&mut self, folder: &Path) {
        // This blocks the worker's thread, as every file operation does: there are no asynchronous ones yet.
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.skip(folder.to_owned(), error.to_string()),
        };
        for entry in entries {
            match entry {
                Ok(entry) if is_left_out(&entry) => {}
                Ok(entry) => self.visit(entry.path(), entry.file_type()),
                Err(error) => self.skip(folder.to_owned(), error.to_string()),
            }
        }
    }

    fn visit(&mut self, path: PathBuf, kind: io::Result<FileType>) {
        match kind {
            Ok(kind) if kind.is_dir() => self.folders.push(path),
            Ok(kind) if kind.is_file() => self.hand_out(path),
            Ok(kind) if kind.is_symlink() => {}
            // Opening a pipe or a device could wait for ever.
            Ok(_) => self.skip(path, "neither a file nor a folder".to_owned()),
            Err(error) => self.skip(path, error.to_string()),
        }
    }

    fn hand_out(&self, path: PathBuf) {
        // Only a counter that has failed does not answer or does not listen, and then `Pool::finish` fails with its
        // reason. The path is not counted, but neither is anything else.
        if let Ok(number) = self.idle.recv() {
            self.jobs[number].send(path).ok();
        }
    }

    fn skip(&self, path: PathBuf, why: String) {
        // The root listens as long as there is anybody to report; if it is gone, so is the program.
        self.reports.send(Report::Skipped { path, why }).ok();
    }
}

/// Build products and the version control's own files are nobody's text.
fn is_left_out(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    (name == ".git" || name == "target") && entry.file_type().is_ok_and(|kind| kind.is_dir())
}

/// Counts the words of the files it is given, one after the other.
struct Counter {
    /// Its place among the counters: how the walker knows it.
    number: usize,
    idle: Sender<usize>,
    jobs: Receiver<PathBuf>,
    reports: Sender<Report>,
}

impl Counter {
    /// Asks for files until there are none left, and returns what it has counted.
    fn run(self) -> Table {
        let mut table = Table::new();
        while self.idle.send(self.number).is_ok()
            && let Ok(path) = self.jobs.recv()
        {
            let report = count_file(path, &mut table);
            // As in `Walker::skip`: the root is there for as long as we are.
            self.reports.send(report).ok();
        }
        table
    }
}

fn count_file(path: PathBuf, table: &mut Table) -> Report {
    match read_text(&path) {
        Ok(text) => Report::Counted { bytes: text.len() as u64, words: count_words(&text, table) },
        Err(why) => Report::Skipped { path, why },
    }
}

/// The whole text of a file in lower case, or why it has none. A file is held in one piece, so that it is counted
/// either entirely or not at all: each counter needs memory for the largest text it meets.
fn read_text(path: &Path) -> Result<String, String> {
    let bytes = read_bytes(path).map_err(|error| error.to_string())?;
    if bytes.contains(&0) {
        return Err("a binary file: it has a NUL byte in it".to_owned());
    }
    let mut text = String::from_utf8(bytes)
        .map_err(|error| format!("invalid UTF-8 at byte {}", error.utf8_error().valid_up_to()))?;
    text.make_ascii_lowercase();
    Ok(text)
}

/// The bytes of a file, or its first block if that has a NUL byte: a disk image is not read to its end for nothing.
fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    // This blocks the worker's thread, and with it the actors that live there, until the disk has answered.
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    (&file).take(FIRST_BLOCK_BYTES).read_to_end(&mut bytes)?;
    if !bytes.contains(&0) {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Adds the words of `text`, which is in lower case, to `table`; returns how many they are.
fn count_words(text: &str, table: &mut Table) -> u64 {
    let mut words = 0;
    for word in text.split(|letter: char| !letter.is_ascii_lowercase()).filter(|word| !word.is_empty()) {
        // Not `entry`: it wants an owned word, and most words are there already.
        match table.get_mut(word) {
            Some(count) => *count += 1,
            None => {
                table.insert(word.to_owned(), 1);
            }
        }
        words += 1;
        if words % WORDS_PER_TURN == 0 {
            smarm::yield_now();
        }
    }
    words
}

// ---- the root: reports, progress, result -------------------------------------------------------------------------

#[derive(Default)]
struct Totals {
    files: u64,
    skipped: u64,
    bytes: u64,
    words: u64,
}

impl Totals {
    fn summary(&self, distinct: usize, elapsed: Duration) -> String {
        let Totals { files, skipped, bytes, words } = self;
        let seconds = elapsed.as_secs_f64();
        // Counts are exact in an f64 up to 2^53, and nobody reads a rate to more than three figures.
        let megabytes_per_second = *bytes as f64 / 1e6 / seconds;
        let million_words_per_second = *words as f64 / 1e6 / seconds;
        format!(
            "files   {files} ({skipped} skipped)\n\
             bytes   {bytes}\n\
             words   {words} ({distinct} distinct)\n\
             seconds {seconds:.3}\n\
             rate    {megabytes_per_second:.1} MB/s, {million_words_per_second:.2} million words/s\n"
        )
    }
}

/// Takes reports until walker and counters are gone. Only the root writes to the terminal: a progress line and a
/// complaint can never end up in each other's middle.
fn watch(inbox: &Receiver<Report>) -> Totals {
    let mut totals = Totals::default();
    let mut console = Console::new();
    for report in inbox.iter() {
        match report {
            Report::Counted { bytes, words } => {
                totals.files += 1;
                totals.bytes += bytes;
                totals.words += words;
            }
            Report::Skipped { path, why } => {
                totals.skipped += 1;
                console.complain(&path, &why);
            }
        }
        console.show_progress(&totals);
    }
    console.clear();
    totals
}

/// Standard error, with a progress line at its end if it is a terminal.
struct Console {
    is_terminal: bool,
    drawn: Option<Instant>,
}

impl Console {
    fn new() -> Self {
        Console { is_terminal: io::stderr().is_terminal(), drawn: None }
    }

    fn complain(&mut self, path: &Path, why: &str) {
        self.clear();
        self.write(&format!("wordcount: {}: {why}\n", path.display()));
    }

    fn show_progress(&mut self, totals: &Totals) {
        if self.is_terminal && self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW_INTERVAL) {
            let Totals { files, bytes, words, .. } = totals;
            self.write(&format!("\r\x1b[K{files} files, {} MB, {words} words", bytes / 1_000_000));
            self.drawn = Some(Instant::now());
        }
    }

    fn clear(&mut self) {
        if self.drawn.take().is_some() {
            self.write("\r\x1b[K");
        }
    }

    fn write(&self, text: &str) {
        // If standard error cannot be written, there is no place left to say so, and the count is still good.
        io::stderr().write_all(text.as_bytes()).ok();
    }
}

fn print_result(options: &Options, table: Table, summary: &str) -> io::Result<()> {
    let mut words: Vec<_> = table.into_iter().collect();
    words.sort_unstable_by(|(word, count), (other_word, other_count)| {
        (Reverse(count), word).cmp(&(Reverse(other_count), other_word))
    });
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (word, count) in words.iter().take(options.top.unwrap_or(usize::MAX)) {
        // The columns of `uniq -c`.
        writeln!(out, "{count:>7} {word}")?;
    }
    match options.top {
        Some(_) => write!(out, "\n{summary}")?,
        None => eprint!("{summary}"),
    }
    out.flush()
}

// ---- the command line --------------------------------------------------------------------------------------------

enum Request {
    Count(Options),
    Help,
}

struct Options {
    /// How many words to print; `None` is all of them.
    top: Option<usize>,
    paths: Vec<PathBuf>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Request, String> {
        let mut options = Options { top: Some(TOP_WORDS), paths: Vec::new() };
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--help" | "-h") => return Ok(Request::Help),
                Some("--all") => options.top = None,
                Some("--top") => options.top = Some(parse_top(arguments.next())?),
                Some("--") => options.paths.extend(arguments.by_ref().map(PathBuf::from)),
                Some(option) if option.starts_with('-') => return Err(format!("unknown option {option}")),
                _ => options.paths.push(argument.into()),
            }
        }
        if options.paths.is_empty() {
            options.paths.push(this_repository());
        }
        Ok(Request::Count(options))
    }
}

fn parse_top(value: Option<OsString>) -> Result<usize, String> {
    let value = value.ok_or("--top needs a number")?;
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("--top needs a number, not {value:?}"))
}

/// The repository this program was built in, or the current folder where that no longer exists.
fn this_repository() -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = examples.parent().expect("the examples are a folder of the workspace");
    let chosen = if repository.is_dir() { repository } else { Path::new(".") };
    eprintln!("wordcount: no path given, counting {}", chosen.display());
    chosen.to_owned()
}
