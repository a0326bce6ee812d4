//! A tree with a worker that crashes, and goes on:
//!
//! ```text
//!   supervisor (rest for one) ──┬── printer  a server: one line after the other
//!                               ├── parser   a server: panics when it is given no number
//!                               └── feed     a thread actor: asks the parser, by its name
//! ```
//!
//! Each crash is one line on standard error; the parser is started again, and then the feed, which came after it. Without an argument it runs until
//! Ctrl-C; with a number it shuts itself down after so many words. Either way the tree stops in order, and the exit code is 0.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use smarm::supervisor::{Backoff, Child, Supervisor};
use smarm::{CallError, Ctx, ExitReason, Name};

const WORDS: [&str; 5] = ["12", "7", "seven", "30", "1e3"];
const PAUSE: Duration = Duration::from_millis(20);

/// Handles found by these names are valid before and after a restart.
static PRINTER: Name<PrinterHandle> = Name::new("printer");
static PARSER: Name<ParserHandle> = Name::new("parser");

struct Printer;

#[smarm::actor]
impl Printer {
    #[on_start]
    fn begin(&mut self, ctx: &mut Ctx<Self>) {
        PRINTER.register(&ctx.handle()).ok(); // one that was restarted has it
    }

    pub fn line(&mut self, text: String) {
        println!("{text}");
    }

    #[on_exit]
    fn end(&mut self, why: &ExitReason) {
        println!("printer ends: {why}");
    }
}

struct Parser {
    sum: u32,
}

#[smarm::actor]
impl Parser {
    #[on_start]
    fn begin(&mut self, ctx: &mut Ctx<Self>) {
        PARSER.register(&ctx.handle()).ok();
        say("parser starts, with a sum of 0");
    }

    /// Adds a number, and tells the sum. Lets it crash if it is none.
    pub fn add(&mut self, word: String) -> u32 {
        self.sum += word.parse::<u32>().unwrap_or_else(|error| panic!("{word:?}: {error}"));
        self.sum
    }

    #[on_exit]
    fn end(&mut self, why: &ExitReason) {
        if why.panic().is_none() {
            println!("parser ends: {why}"); // the printer is about to be stopped, too
        }
    }
}

fn say(text: impl Into<String>) {
    if let Ok(printer) = PRINTER.get() {
        printer.line(text.into());
    }
}

/// Feeds words to the parser, for ever or until there were so many. Where it was is kept over restarts.
fn feed(next: &AtomicUsize, most: Option<usize>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let parser = PARSER.get()?;
    loop {
        let at = next.fetch_add(1, Relaxed);
        if most == Some(at) {
            smarm::shutdown();
            smarm::wait_for_shutdown();
            return Ok(());
        }
        match parser.add(WORDS[at % WORDS.len()].into()) {
            Ok(sum) => say(format!("sum {sum}")),
            Err(CallError::Down { reason, .. }) => say(format!("no sum: {}", first_words(&reason))),
            Err(error) => return Err(error.into()),
        }
        smarm::sleep(PAUSE);
    }
}

fn first_words(reason: &ExitReason) -> String {
    reason.panic().map_or_else(|| reason.to_string(), |info| info.message().to_owned())
}

#[smarm::main]
fn main() -> Result<(), Box<dyn Error>> {
    let most = std::env::args().nth(1).map(|most| most.parse()).transpose()?;
    let next = Arc::new(AtomicUsize::new(0));
    let tree = Supervisor::rest_for_one()
        .intensity(50, Duration::from_secs(1))
        .backoff(Backoff::constant(Duration::from_millis(5)))
        .child(Child::new("printer", || Printer))
        .child(Child::new("parser", || Parser { sum: 0 }))
        .child(Child::new("feed", move || feed(&next, most)))
        .start()?;
    println!("{} children run", tree.count_children()?.active);
    smarm::wait_for_shutdown();
    println!("the supervisor has ended: {}", tree.join());
    Ok(())
}
