//! A chat room. One member reads slowly, and the room does not wait for it.
//!
//! ```text
//!                          ┌─ line ──▶ reader  (hears everything)
//!   speaker ── say ──▶ room┤
//!                          └─ line ──▶ skimmer (room for 3 lines; the oldest makes room)
//! ```
//!
//! A full mailbox makes its sender wait, unless the actor says otherwise. A room that waited for its slowest member would
//! be as slow. So the skimmer says `overflow = drop_oldest`: it misses lines, and sees by their numbers how many.
//!
//! The two members are actors of different types. The room knows neither: it has a [`Recipient`] of each, which takes
//! lines, whatever else the actor understands.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use smarm::{CallError, Recipient};

/// What is said.
const LINES: [&str; 12] = [
    "Hello!",
    "Anybody here?",
    "I have a question.",
    "How do two actors wait for each other?",
    "Oh, I see.",
    "They do not.",
    "The second one is told.",
    "And a slow reader?",
    "It reads what it can.",
    "Nobody waits for it.",
    "Thank you.",
    "Good night.",
];

/// How long the speaker takes for a line, and the skimmer: four lines are said while it reads one.
const SPEAKING_TIME: Duration = Duration::from_millis(5);
const READING_TIME: Duration = Duration::from_millis(20);

/// One line of the conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    /// Its place in the conversation, from 1.
    number: usize,
    text: String,
}

// ---- the room ----------------------------------------------------------------------------------------------------

#[derive(Default)]
struct Room {
    members: Vec<Recipient<Line>>,
    lines: usize,
}

#[smarm::actor]
impl Room {
    pub fn join_in(&mut self, member: Recipient<Line>) {
        self.members.push(member);
    }

    /// Passes a line on to everybody.
    pub fn say(&mut self, #[into] text: String) {
        self.lines += 1;
        let line = Line { number: self.lines, text };
        for member in &self.members {
            member.cast(line.clone());
        }
    }

    /// How many lines were said.
    pub fn lines(&self) -> usize {
        self.lines
    }
}

// ---- the members -------------------------------------------------------------------------------------------------

/// What a member has heard.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Heard {
    heard: usize,
    missed: usize,
    last: usize,
}

impl Heard {
    fn note(&mut self, line: &Line) {
        self.heard += 1;
        self.missed += line.number - self.last - 1;
        self.last = line.number;
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "heard {} lines, missed {}", self.heard, self.missed)
    }
}

/// Reads everything.
#[derive(Default)]
struct Reader {
    heard: Heard,
}

#[smarm::actor]
impl Reader {
    pub fn hear(&mut self, line: Line) {
        self.heard.note(&line);
    }

    pub fn leave(self) -> Heard {
        self.heard
    }
}

/// Reads slowly, and skips what it is too late for.
#[derive(Default)]
struct Skimmer {
    heard: Heard,
}

#[smarm::actor(mailbox = bounded(3), overflow = drop_oldest)]
impl Skimmer {
    pub fn hear(&mut self, line: Line) {
        println!("{:40}the skimmer reads {:2}", "", line.number);
        smarm::sleep(READING_TIME); // parks this actor; its thread runs the others
        self.heard.note(&line);
    }

    pub fn leave(self) -> Heard {
        self.heard
    }
}

// ---- one evening -------------------------------------------------------------------------------------------------

#[smarm::main]
fn main() -> Result<(), Box<dyn Error>> {
    let (reader, skimmer) = (Reader::default().start(), Skimmer::default().start());
    let room = Room::default().start();
    room.join_in(reader.actor().recipient_with(|line| ReaderMsg::Hear { line }));
    room.join_in(skimmer.actor().recipient_with(|line| SkimmerMsg::Hear { line }));

    let longest = hold_the_conversation(&room, SPEAKING_TIME)?;
    println!("no line kept the room busy for more than {longest:.1?}");
    println!("the reader  {}", reader.leave()?);
    println!("the skimmer {}", skimmer.leave()?);
    println!("smarm has counted {} dead letters", smarm::dead_letters());
    Ok(())
}

/// Says all lines; what the room needed for the longest.
fn hold_the_conversation(room: &RoomHandle, pause: Duration) -> Result<Duration, CallError> {
    let mut longest = Duration::ZERO;
    for (number, line) in (1..).zip(LINES) {
        println!("the speaker says {number:2}: {line}");
        let begin = Instant::now();
        room.say(line);
        assert_eq!(room.lines()?, number); // a call waits its turn: the room has passed the line on
        longest = longest.max(begin.elapsed());
        smarm::sleep(pause);
    }
    Ok(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize) -> Line {
        Line { number, text: String::new() }
    }

    #[test]
    fn a_gap_in_the_numbers_is_what_was_missed() {
        let mut skimmer = Heard::default();
        for number in [1, 2, 5, 12] {
            skimmer.note(&line(number));
        }
        assert_eq!(skimmer, Heard { heard: 4, missed: 8, last: 12 });
    }

    #[test]
    fn a_reader_is_tested_without_an_actor() {
        let mut reader = Reader::default();
        reader.hear(line(1));
        reader.hear(line(2));
        assert_eq!(reader.leave(), Heard { heard: 2, missed: 0, last: 2 });
    }

    #[smarm::test]
    fn the_room_numbers_what_it_passes_on() {
        let reader = Reader::default().start();
        let room = Room::default().start();
        room.join_in(reader.actor().recipient_with(|line| ReaderMsg::Hear { line }));
        room.say("one");
        room.say("two".to_owned());
        assert_eq!(room.lines().unwrap(), 2);
        assert_eq!(reader.leave().unwrap(), Heard { heard: 2, missed: 0, last: 2 });
    }

    /// Never reads on before it is told to.
    struct Sleeper {
        wake: smarm::channel::Receiver<()>,
        heard: Heard,
    }

    #[smarm::actor(mailbox = bounded(3), overflow = drop_oldest)]
    impl Sleeper {
        pub fn hear(&mut self, line: Line) {
            self.wake.recv().ok();
            self.heard.note(&line);
        }

        pub fn leave(self) -> Heard {
            self.heard
        }
    }

    #[smarm::test]
    fn a_member_that_does_not_read_stops_nobody() {
        let (waker, wake) = smarm::channel();
        let sleeper = Sleeper { wake, heard: Heard::default() }.start();
        let room = Room::default().start();
        room.join_in(sleeper.actor().recipient_with(|line| SleeperMsg::Hear { line }));
        hold_the_conversation(&room, Duration::ZERO).unwrap();
        drop(waker);
        let heard = sleeper.leave().unwrap();
        assert_eq!(heard.last, LINES.len());
        assert_eq!(heard.heard + heard.missed, LINES.len());
        assert!(heard.missed > 0, "{heard}");
    }
}
