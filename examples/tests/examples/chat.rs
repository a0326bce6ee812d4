//! The slow member misses lines, and only that one.

use crate::support::{example, run};

#[test]
fn the_reader_hears_everything_and_the_skimmer_what_it_can() {
    let run = run(&mut example("chat"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let line = |start: &str| run.out.lines().find(|line| line.starts_with(start)).expect("it is printed");
    assert_eq!(line("the reader "), "the reader  heard 12 lines, missed 0");
    let skimmed = line("the skimmer ");
    let numbers: Vec<usize> = skimmed.split(|c: char| !c.is_ascii_digit()).flat_map(str::parse).collect();
    assert_eq!(numbers.iter().sum::<usize>(), 12, "{skimmed}");
    let letters = format!("smarm has counted {} dead letters", numbers[1]);
    assert_eq!(run.out.lines().last(), Some(letters.as_str()), "each missed line is one");
}
