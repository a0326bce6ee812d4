//! Counts the words of text files with a pool of servers.
//!
//! ```text
//! cargo run --release --example wordcount -- [--top N | --all] [PATH..]
//! ```
//!
//! # How the work flows
//!
//! ```text
//!                 "a file, please"               "count this"
//!        walker ◀───────────────── feeder 0, 1 .. ────────────▶ counter 0, 1 ..
//!               ─── a path ──────▶        │      ◀── a report ─
//!                                         ▼
//!                                      console: progress, complaints, totals
//! ```
//!
//! Walker, counters and console are servers: state, and methods that are messages. None of them knows another. What
//! wires them is a feeder for each counter, a thread actor of four lines: it asks the walker for a file, has its counter
//! count it, and passes the report on. So a counter that meets a huge file delays nobody else, the walker is never ahead
//! of the counters, and an actor that fails is told to its feeder, which fails with the same reason.
//!
//! Between two files a counter has no stack, and any worker that has nothing else to do takes it. It keeps a table of its
//! own, and gives it away with its last message: no lock is held anywhere.
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

use smarm::{Builder, CallError};

const USAGE: &str = "usage: wordcount [--top N | --all] [--] [PATH..]

  --top N   print the N most frequent words (default: 20), then a summary
  --all     print every word, and the summary on standard error
  PATH..    files and folders (default: the repository this program was built in)
";

/// Words printed when the command line does not say how many.
const TOP_WORDS: usize = 20;

/// Read before the rest of a file: nearly every binary file has its first NUL byte in here.
const FIRST_BLOCK_BYTES: u64 = 64 * 1024;

/// How often the progress line is redrawn: faster than this nobody can read it.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// How often each word was seen.
type Table = HashMap<String, u64>;

/// What became of one path.
#[derive(PartialEq, Eq, Debug)]
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
    let console = Console::new().start();
    let table = count_with_pool(options.paths.clone(), &console)?;
    let totals = console.finish()?;
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

// ---- the pool ----------------------------------------------------------------------------------------------------

/// Has as many counters as there are processors count all files below `paths`.
fn count_with_pool(paths: Vec<PathBuf>, console: &ConsoleHandle) -> Result<Table, Box<dyn Error>> {
    let walker = Walker::new(paths).start();
    let size = available_parallelism().map_or(1, usize::from);
    let tables = smarm::scope(|s| {
        let feeder = |number| {
            // An actor stays for life on the worker that starts it, and a counter begins where its feeder is. Left to themselves
            // all of them could stay on this worker: `spread` deals all but the first out over the others.
            let builder = Builder::new().name(format!("feeder {number}"));
            let builder = if number == 0 { builder } else { builder.spread() };
            s.spawn_with(builder, || feed(Counter::default().start(), &walker, console))
        };
        let feeders = (0..size).map(feeder).collect::<io::Result<Vec<_>>>()?;
        Ok::<_, io::Error>(feeders.into_iter().map(|feeder| feeder.join()).collect::<Vec<_>>())
    })?;
    let mut sum = Table::new();
    for table in tables {
        // A result without the share of an actor that failed would be wrong without saying so: better none at all.
        for (word, count) in table?? {
            *sum.entry(word).or_default() += count;
        }
    }
    Ok(sum)
}

/// Feeds a counter until there is nothing left to count.
fn feed(counter: CounterHandle, walker: &WalkerHandle, console: &ConsoleHandle) -> Result<Table, CallError> {
    while let Some(found) = walker.next()? {
        console.note(match found {
            Found::File(path) => counter.count(path)?,
            Found::Other(skipped) => skipped,
        });
    }
    counter.finish()
}

// ---- the walker --------------------------------------------------------------------------------------------------

/// What the walker comes across.
#[derive(PartialEq, Eq, Debug)]
enum Found {
    File(PathBuf),
    /// Why something is no file to be counted.
    Other(Report),
}

/// Finds files.
struct Walker {
    /// Given, and not yet looked at.
    paths: std::vec::IntoIter<PathBuf>,
    /// Found, and not yet listed.
    folders: Vec<PathBuf>,
    /// Found, and not yet handed out.
    found: Vec<Found>,
}

// A folder on a slow disk may take any time to list, so calls wait for ever.
#[smarm::actor(timeout = none)]
impl Walker {
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths: paths.into_iter(), folders: Vec::new(), found: Vec::new() }
    }

    /// The next file, or why something is none; nothing when all was handed out.
    pub fn next(&mut self) -> Option<Found> {
        while self.found.is_empty() {
            match self.folders.pop() {
                Some(folder) => self.list(&folder),
                None => self.visit_given()?,
            }
        }
        self.found.pop()
    }

    fn visit_given(&mut self) -> Option<()> {
        let path = self.paths.next()?;
        // `metadata` follows a link: the user has named it and means what it points to.
        let kind = fs::metadata(&path).map(|metadata| metadata.file_type());
        self.visit(path, kind);
        Some(())
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
            Ok(kind) if kind.is_file() => self.found.push(Found::File(path)),
            Ok(kind) if kind.is_symlink() => {}
            // Opening a pipe or a device could wait for ever.
            Ok(_) => self.skip(path, "neither a file nor a folder".to_owned()),
            Err(error) => self.skip(path, error.to_string()),
        }
    }

    fn skip(&mut self, path: PathBuf, why: String) {
        self.found.push(Found::Other(Report::Skipped { path, why }));
    }
}

/// Build products and the version control's own files are nobody's text.
fn is_left_out(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    (name == ".git" || name == "target") && entry.file_type().is_ok_and(|kind| kind.is_dir())
}

// ---- a counter ---------------------------------------------------------------------------------------------------

/// Counts the words of the files it is given, one after the other.
#[derive(Default)]
struct Counter {
    table: Table,
}

#[smarm::actor(timeout = none)]
impl Counter {
    /// Counts one file.
    pub fn count(&mut self, path: PathBuf) -> Report {
        match read_text(&path) {
            Ok(text) => Report::Counted { bytes: text.len() as u64, words: self.count_words(&text) },
            Err(why) => Report::Skipped { path, why },
        }
    }

    /// All that was counted: the last message.
    pub fn finish(self) -> Table {
        self.table
    }

    /// Counts the words of `text`, which is in lower case; returns how many they are.
    fn count_words(&mut self, text: &str) -> u64 {
        let mut words = 0;
        // `#[smarm::actor]` puts a check into this loop: a long text lets the actors that share its thread run.
        for word in text.split(|letter: char| !letter.is_ascii_lowercase()).filter(|word| !word.is_empty()) {
            // Not `entry`: it wants an owned word, and most words are there already.
            match self.table.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(self.table.insert(word.to_owned(), 1)),
            }
            words += 1;
        }
        words
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

// ---- the console: progress, complaints, totals -------------------------------------------------------------------------

/// The sum of all reports.
#[derive(Clone, Copy, Default)]
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

/// Standard error, with a progress line at its end if it is a terminal. Only this actor writes there while files are
/// counted: a progress line and a complaint can never end up in each other's middle.
struct Console {
    is_terminal: bool,
    drawn: Option<Instant>,
    totals: Totals,
}

// Whoever reports faster than the terminal can show waits, as it should.
#[smarm::actor(mailbox = bounded(256), timeout = none)]
impl Console {
    pub fn new() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), drawn: None, totals: Totals::default() }
    }

    pub fn note(&mut self, report: Report) {
        match report {
            Report::Counted { bytes, words } => {
                self.totals.files += 1;
                self.totals.bytes += bytes;
                self.totals.words += words;
            }
            Report::Skipped { path, why } => {
                self.totals.skipped += 1;
                self.clear();
                self.write(&format!("wordcount: {}: {why}\n", path.display()));
            }
        }
        self.show_progress();
    }

    /// Takes the progress line away, and gives the totals: the last message.
    pub fn finish(mut self) -> Totals {
        self.clear();
        self.totals
    }

    fn show_progress(&mut self) {
        if self.is_terminal && self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW_INTERVAL) {
            let Totals { files, bytes, words, .. } = self.totals;
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

// ---- the result --------------------------------------------------------------------------------------------------

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

/// The methods of an actor are plain ones: they are tested without a runtime.
#[cfg(test)]
mod tests {
    use super::*;

    fn is_file(found: &Found) -> bool {
        matches!(found, Found::File(_))
    }

    #[test]
    fn a_walker_finds_the_files_below_a_folder() {
        let mut walker = Walker::new(vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")]);
        let found: Vec<_> = std::iter::from_fn(|| walker.next()).collect();
        assert!(found.len() >= 4 && found.iter().all(is_file), "{found:?}");
    }

    #[test]
    fn a_walker_says_what_it_does_not_find() {
        let mut walker = Walker::new(vec!["/nowhere".into(), file!().into()]);
        assert!(matches!(walker.next(), Some(Found::Other(Report::Skipped { .. }))));
        assert!(walker.next().is_some());
        assert_eq!(walker.next(), None);
    }

    #[test]
    fn a_counter_adds_up_what_it_is_given() {
        let mut counter = Counter::default();
        assert_eq!(counter.count_words("one two, one"), 3);
        assert_eq!(counter.count_words("two"), 1);
        assert_eq!(counter.finish(), Table::from([("one".to_owned(), 2), ("two".to_owned(), 2)]));
    }

    #[smarm::test]
    fn a_pool_counts_each_file_once() {
        let console = Console::new().start();
        let this = Path::new(env!("CARGO_MANIFEST_DIR")).join("wordcount.rs");
        let table = count_with_pool(vec![this.clone(), this], &console).unwrap();
        let totals = console.finish().unwrap();
        assert_eq!((totals.files, totals.skipped), (2, 0));
        assert_eq!(table.values().sum::<u64>(), totals.words);
    }
}
