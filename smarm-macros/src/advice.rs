//! What somebody may have meant who wrote a name that does not exist.

/// The end of the sentence about an unknown key.
pub(crate) fn key<'a>(written: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let begun = known.clone().find(|name| name.starts_with(written));
    match begun.or_else(|| nearest(written, known.clone())) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("the keys are `{}`", known.collect::<Vec<_>>().join("`, `")),
    }
}

/// The word that `written` misses by a slip or two behind its first letter: it can hardly be anything else.
pub(crate) fn slip<const N: usize>(written: &str, words: [&'static str; N]) -> Option<&'static str> {
    let allowed = |word: &str| if word.len() < 5 { 1 } else { 2 };
    words
        .into_iter()
        .find(|word| written.chars().next() == word.chars().next() && slips(written, word) <= allowed(word))
}

/// The name with the fewest slips from `written`, if they are few for its length.
fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (slips, name) = known.map(|name| (slips(written, name), name)).min()?;
    (slips <= name.len().div_ceil(3)).then_some(name)
}

/// The Levenshtein distance: insertions, deletions and replacements of a letter.
fn slips(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, have) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, want) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(have != want);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[row.len() - 1]
}
