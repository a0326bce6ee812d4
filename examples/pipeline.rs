//! Three stages with bounded mailboxes. The last one is slow, so all become as slow as it is, and no queue grows.
//!
//! ```text
//!   source ── word ──▶ [4] upper ── word ──▶ [4] frame ── word ──▶ [4] printer (5 ms for each)
//! ```
//!
//! A cast to a full mailbox parks its sender until there is room. So the printer holds up the second stage, that one the
//! first, and the first the source: *back-pressure*. Nobody has written any code for it.
//!
//! Each line of the output is one word that the source got rid of: when, and what waited in each mailbox then. The first
//! words go as fast as they can be written; when all mailboxes are full, each has to wait until one is printed.

use std::time::{Duration, Instant};

use smarm::{CallError, Recipient};

/// What the printer needs for a word.
const PRINTING_TIME: Duration = Duration::from_millis(5);

const TEXT: &str = "the printer is slow and so the source has to wait for it although nobody has told \
                    the source about any printer and no mailbox ever has more than four words in it";

// ---- the stages --------------------------------------------------------------------------------------------------

/// Does something with each word, and hands it on.
struct Stage {
    work: fn(String) -> String,
    next: Recipient<String>,
}

#[smarm::actor(mailbox = bounded(4))]
impl Stage {
    pub fn put(&mut self, word: String) {
        self.next.cast((self.work)(word)); // parks while the next one's mailbox is full
    }
}

/// The end of the pipeline, and its bottleneck.
#[derive(Default)]
struct Printer {
    printed: Vec<String>,
}

#[smarm::actor(mailbox = bounded(4))]
impl Printer {
    pub fn put(&mut self, word: String) {
        smarm::sleep(PRINTING_TIME);
        self.printed.push(word);
    }

    /// What was printed: the last message.
    pub fn finish(self) -> Vec<String> {
        self.printed
    }
}

// ---- the pipeline ------------------------------------------------------------------------------------------------

struct Pipeline {
    upper: StageHandle,
    frame: StageHandle,
    printer: PrinterHandle,
}

impl Pipeline {
    /// Starts the stages, the last one first: each is given the next.
    fn start() -> Self {
        let printer = Printer::default().start();
        let next = printer.actor().recipient_with(|word| PrinterMsg::Put { word });
        let frame = Stage { work: frame, next }.start();
        let next = frame.actor().recipient_with(|word| StageMsg::Put { word });
        let upper = Stage { work: upper, next }.start();
        Self { upper, frame, printer }
    }

    /// How many words wait for each stage.
    fn waiting(&self) -> [usize; 3] {
        let infos = [self.upper.actor().info(), self.frame.actor().info(), self.printer.actor().info()];
        infos.map(|info| info.mailbox_len)
    }

    /// Ends the stages in their order, each when it has handed on what it had, and gives what was printed.
    fn finish(self) -> Result<Vec<String>, CallError> {
        for stage in [self.upper, self.frame] {
            stage.stop(); // takes its place behind the words in the mailbox
            stage.join();
        }
        self.printer.finish()
    }
}

fn upper(word: String) -> String {
    word.to_uppercase()
}

fn frame(word: String) -> String {
    format!("[{word}]")
}

#[smarm::main]
fn main() -> Result<(), CallError> {
    let pipeline = Pipeline::start();
    let begin = Instant::now();
    println!("  time  upper frame printer");
    for word in TEXT.split(' ') {
        pipeline.upper.put(word.to_owned()); // parks while the pipeline is full
        println!("{}  {word}", gauge(begin.elapsed(), pipeline.waiting()));
    }
    let printed = pipeline.finish()?;
    println!("{} words in {:.0?}: {}", printed.len(), begin.elapsed(), printed.concat());
    Ok(())
}

/// A line of the output: ` 12 ms  ####  ##..  #...`.
fn gauge(elapsed: Duration, waiting: [usize; 3]) -> String {
    let bars = waiting.map(|words| format!("{:.<4}", "#".repeat(words)));
    format!("{:3} ms  {}", elapsed.as_millis(), bars.join("  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gauge_shows_how_full_the_mailboxes_are() {
        assert_eq!(gauge(Duration::from_millis(12), [4, 2, 0]), " 12 ms  ####  ##..  ....");
    }

    #[smarm::test]
    fn every_word_comes_out_once_and_in_order() {
        let pipeline = Pipeline::start();
        for word in TEXT.split(' ') {
            pipeline.upper.put(word.to_owned());
            assert!(pipeline.waiting().into_iter().all(|words| words <= 4));
        }
        let expected: Vec<_> = TEXT.split(' ').map(|word| frame(upper(word.to_owned()))).collect();
        assert_eq!(pipeline.finish().unwrap(), expected);
    }

    #[smarm::test]
    fn the_source_is_never_further_ahead_than_the_pipeline_has_room() {
        // Four words in each mailbox, and one in the hands of each stage.
        const AHEAD: usize = 3 * 4 + 3;
        let pipeline = Pipeline::start();
        let words = TEXT.split(' ').count();
        let begin = Instant::now();
        for word in TEXT.split(' ') {
            pipeline.upper.put(word.to_owned());
        }
        let printed_at_least = (words - AHEAD) as u32 - 1;
        assert!(begin.elapsed() >= PRINTING_TIME * printed_at_least);
    }
}
