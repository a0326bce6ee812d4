//! Nothing half done is left in the source.

use crate::{Breach, check, files, root};
use std::path::Path;

/// Put together here, so that this file does not break its own rule.
const LEFTOVERS: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("dbg", "!("),
    concat!("<<<<", "<<<"),
    concat!(">>>>", ">>>"),
];

fn leftovers(file: &Path, text: &str) -> Vec<Breach> {
    let lines = text.lines().enumerate();
    let found = lines.filter_map(|(index, line)| {
        let word = LEFTOVERS.iter().find(|word| has_word(line, word))?;
        Some(Breach::new(file, index + 1, format!("`{word}` is left over")))
    });
    found.collect()
}

/// Whether a line has this as a word of its own, not as a part of one.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let behind = &line[at + word.len()..];
        !line[..at].ends_with(part) && (word.ends_with('(') || !behind.starts_with(part))
    })
}

#[test]
fn nothing_half_done_is_left() {
    for extension in ["rs", "md", "toml"] {
        check(&files(root(), extension), leftovers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_leftover_is_found() {
        for word in LEFTOVERS {
            let source = format!("fn f() {{\n    {word})\n}}");
            let found = leftovers(Path::new("x.rs"), &source);
            assert_eq!(found.len(), 1, "{word}");
            assert_eq!(found[0].line, 2);
        }
    }

    #[test]
    fn other_words_are_fine() {
        let source = concat!("my_todo", "!(); TO", "DOS; method_to", "do(); XX", "XX");
        assert_eq!(leftovers(Path::new("x.rs"), source), []);
    }
}
