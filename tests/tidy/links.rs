//! Relative links in Markdown files lead to files that exist, and those with the name of a test to the file that has it.

use crate::{Breach, check, files, read, root};
use std::path::Path;

fn dead_links(file: &Path, text: &str) -> Vec<Breach> {
    let folder = file.parent().expect("a file is in a folder");
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for target in targets(line) {
            let path = target.split(['#', '?']).next().expect("a split has a first part");
            if !is_elsewhere(target) && !path.is_empty() && !folder.join(path).exists() {
                found.push(Breach::new(file, index + 1, format!("a dead link to `{target}`")));
            }
        }
    }
    found
}

/// The targets of `[text](target)`, `[text](target "title")` and `[label]: target` in a line; not those in code spans.
fn targets(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (offset, _) in line.match_indices("](") {
        let in_code = line[..offset].matches('`').count() % 2 == 1;
        let target = line[offset + 2..].split([')', ' ']).next().unwrap_or_default();
        if !in_code {
            found.push(target.trim_matches(['<', '>']));
        }
    }
    let definition = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]: "));
    found.extend(definition.and_then(|(_, target)| target.split_whitespace().next()));
    found
}

fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

/// The links in a page whose text is the name of a test, where the file that they lead to has no test of that name.
fn lost_tests(file: &Path, text: &str) -> Vec<Breach> {
    let folder = file.parent().expect("a file is in a folder");
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (name, target) in named_tests(line) {
            let source = folder.join(target);
            if !source.exists() || !read(&source).contains(&format!("#[test]\nfn {name}() {{")) {
                found.push(Breach::new(file, index + 1, format!("`{target}` has no test `{name}`")));
            }
        }
    }
    found
}

/// Name and target of each ``[`name`](../tests/..)`` in a line.
fn named_tests(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.match_indices("[`").filter_map(|(offset, _)| {
        let (name, rest) = line[offset + 2..].split_once("`](")?;
        let (target, _) = rest.split_once(')')?;
        let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        (is_name && target.contains("tests/") && target.ends_with(".rs")).then_some((name, target))
    })
}

#[test]
fn relative_links_lead_to_files_that_exist() {
    check(&files(root(), "md"), dead_links);
}

#[test]
fn tests_that_a_page_names_exist() {
    check(&files(root(), "md"), lost_tests);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(text: &str) -> usize {
        dead_links(&Path::new(env!("CARGO_MANIFEST_DIR")).join("x.md"), text).len()
    }

    #[test]
    fn a_dead_link_is_found() {
        assert_eq!(dead("see [there](no-such-file.md) and [here](Cargo.toml)"), 1);
        assert_eq!(dead("[label]: no-such-file.md"), 1);
        assert_eq!(dead("[there](no-such-folder/x.md#part \"title\")"), 1);
    }

    #[test]
    fn living_and_foreign_links_are_fine() {
        assert_eq!(
            dead("[a](Cargo.toml) [b](src/lib.rs#part) [c](#part) [d](https://example.org/x) [e](..)"),
            0
        );
    }

    #[test]
    fn a_test_that_is_gone_is_found() {
        let lost = |text: &str| lost_tests(&root().join("x.md"), text).len();
        let here = "tests/tidy/links.rs";
        assert_eq!(lost(&format!("[`no_such_test`]({here}) [`tests_that_a_page_names_exist`]({here})")), 1);
        assert_eq!(lost("| a | [`some_test`](tests/no_such_file.rs) |"), 1);
        assert_eq!(lost(&format!("[`lost_tests`]({here}) is a function")), 1);
        assert_eq!(
            lost(&format!("[links.rs]({here}), [`tidy/links.rs`]({here}), [`a_module`](smarm/src/lib.rs)")),
            0
        );
    }

    #[test]
    fn code_is_not_looked_at() {
        assert_eq!(dead("`[a](b.md)`\n```\n[a](b.md)\n```\n"), 0);
        assert_eq!(dead("```\n[a](b.md)\n```\n[a](b.md)"), 1);
    }
}
