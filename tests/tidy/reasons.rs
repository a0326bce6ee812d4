//! Every `unsafe` says why it is sound, every atomic ordering what it publishes or reads.

use crate::{Breach, check, code_lines, files, root};
use std::path::Path;

/// How many lines above the word its reason may begin.
const REACH: usize = 8;

/// The orderings of atomics; `Less`, `Equal` and `Greater` are of the other `Ordering`.
const ORDERINGS: &[&str] = &["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

/// Lines with an `unsafe` block, impl or block of foreign items and no `SAFETY:` near above.
fn unsafe_without_reason(file: &Path, source: &str) -> Vec<Breach> {
    let needs = |code: &str| {
        let block = |rest: &str| rest.is_empty() || rest.starts_with('{');
        let foreign = |rest: &str| rest.starts_with("extern") && !words(rest).any(|(word, _)| word == "fn");
        let promise = |rest: &str| rest.starts_with("impl") || foreign(rest);
        words(code).any(|(word, rest)| word == "unsafe" && (block(rest) || promise(rest)))
    };
    without(file, source, "SAFETY:", "an `unsafe` without SAFETY", needs)
}

/// Lines that name the ordering of an atomic operation and have no `Ordering:` near above.
fn ordering_without_reason(file: &Path, source: &str) -> Vec<Breach> {
    let needs = |code: &str| {
        let import = code.trim_start().starts_with("use ") || code.trim_start().starts_with("pub use ");
        !import && words(code).any(|(word, _)| ORDERINGS.contains(&word))
    };
    without(file, source, "Ordering:", "an atomic ordering without a reason", needs)
}

fn without(file: &Path, source: &str, label: &str, what: &str, needs: impl Fn(&str) -> bool) -> Vec<Breach> {
    let lines: Vec<&str> = source.lines().collect();
    let code = code_lines(source);
    let end = code.iter().position(|(_, code)| code.trim() == "#[cfg(test)]").unwrap_or(code.len());
    let mut found = Vec::new();
    for (number, code) in &code[..end] {
        let near = &lines[number.saturating_sub(REACH + 1)..*number];
        let said =
            near.iter().any(|line| line.split_once("//").is_some_and(|(_, comment)| comment.contains(label)));
        if needs(code) && !said {
            found.push(Breach::new(file, *number, format!("{what} within the {REACH} lines above")));
        }
    }
    found
}

/// Each word of a line of code and what comes behind it, without the space between.
fn words(code: &str) -> impl Iterator<Item = (&str, &str)> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.split(move |c| !part(c)).filter(|word| !word.is_empty()).map(move |word| {
        let offset = word.as_ptr().addr() - code.as_ptr().addr();
        (word, code[offset + word.len()..].trim_start())
    })
}

#[test]
fn every_unsafe_says_why_it_is_sound() {
    check(&files(&root().join("smarm/src"), "rs"), unsafe_without_reason);
}

#[test]
fn every_atomic_ordering_has_a_reason() {
    check(&files(&root().join("smarm/src"), "rs"), ordering_without_reason);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rule: fn(&Path, &str) -> Vec<Breach>, source: &str) -> Vec<usize> {
        rule(Path::new("x.rs"), source).into_iter().map(|breach| breach.line).collect()
    }

    #[test]
    fn an_unsafe_block_without_reason_is_found() {
        assert_eq!(lines(unsafe_without_reason, "fn f() {\n    unsafe { g() }\n}"), [2]);
        assert_eq!(lines(unsafe_without_reason, "unsafe impl Send for X {}"), [1]);
        assert_eq!(lines(unsafe_without_reason, "let x =\n    unsafe\n    { g() };"), [2]);
        assert_eq!(lines(unsafe_without_reason, "unsafe extern \"C\" {\n    fn f();\n}"), [1]);
    }

    #[test]
    fn a_reason_near_above_or_beside_is_enough() {
        assert_eq!(lines(unsafe_without_reason, "// SAFETY: it is.\nunsafe { g() }"), []);
        assert_eq!(
            lines(unsafe_without_reason, "// SAFETY: it is,\n// for reasons.\nlet x =\n    unsafe { g() };"),
            []
        );
    }

    #[test]
    fn a_reason_too_far_above_is_none() {
        let source = format!("// SAFETY: it is.\n{}unsafe {{ g() }}", "x();\n".repeat(REACH));
        assert_eq!(lines(unsafe_without_reason, &source), [REACH + 2]);
    }

    #[test]
    fn declarations_words_and_tests_need_none() {
        let source = "unsafe extern \"C\" fn e() {}\n#[unsafe(naked)]\nunsafe fn f() {}\npub unsafe trait T {}\n#![deny(unsafe_op_in_unsafe_fn)]\n// unsafe {\n\"unsafe {\"";
        assert_eq!(lines(unsafe_without_reason, source), []);
        assert_eq!(lines(unsafe_without_reason, "#[cfg(test)]\nmod tests { unsafe { g() } }"), []);
    }

    #[test]
    fn an_ordering_without_reason_is_found() {
        assert_eq!(lines(ordering_without_reason, "x.load(Ordering::Acquire);"), [1]);
        assert_eq!(
            lines(ordering_without_reason, "x.compare_exchange(a, b,\n    SeqCst,\n    Relaxed)"),
            [2, 3]
        );
    }

    #[test]
    fn an_ordering_with_reason_is_fine() {
        assert_eq!(lines(ordering_without_reason, "// Ordering: reads what f wrote.\nx.load(Acquire);"), []);
        assert_eq!(
            lines(ordering_without_reason, "use core::sync::atomic::Ordering::{Acquire, Release};"),
            []
        );
        assert_eq!(lines(ordering_without_reason, "a.cmp(b) == Ordering::Less // Relaxed"), []);
    }
}
