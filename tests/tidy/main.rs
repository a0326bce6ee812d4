//! What keeps the source tidy: its layers, the reasons beside its `unsafe` and its atomics, its links, nothing half done.
//!
//! Each rule is a function over text, tested on planted violations, and one test that applies it to the repository.

mod layers;
mod leftovers;
mod links;
mod reasons;

use std::fmt;
use std::path::{Path, PathBuf};

/// A breach of a rule, as a compiler would show it.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    file: PathBuf,
    line: usize,
    what: String,
}

impl Breach {
    fn new(file: &Path, line: usize, what: impl Into<String>) -> Breach {
        Breach { file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// The repository's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a member of a workspace")
}

/// All files below a folder with this extension, but for what was built or belongs to git.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && !name.starts_with("target") {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Applies a rule to all of these files, and fails with all that it found.
#[track_caller]
fn check(files: &[PathBuf], rule: impl Fn(&Path, &str) -> Vec<Breach>) {
    assert!(!files.is_empty(), "a rule that looks at no file proves nothing");
    let breaches: Vec<_> = files.iter().flat_map(|file| rule(file, &read(file))).collect();
    let list: Vec<_> = breaches.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} breaches:\n{}", list.len(), list.join("\n"));
}

/// The lines of a Rust file, numbered from 1, with comments and the contents of strings taken out.
///
/// Not a parser: it knows line comments, block comments, strings, raw strings, and characters well enough for a search.
fn code_lines(source: &str) -> Vec<(usize, String)> {
    let mut lexer = Lexer::default();
    source.lines().enumerate().map(|(index, line)| (index + 1, lexer.strip(line))).collect()
}

/// Where the end of a line left us.
#[derive(Default)]
enum Lexer {
    #[default]
    Code,
    Comment(usize),
    Text,
    Raw(usize),
}

impl Lexer {
    fn strip(&mut self, line: &str) -> String {
        let mut code = String::new();
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            rest = match self {
                Lexer::Code if rest.starts_with("//") => break,
                Lexer::Code => self.code(rest, first, &mut code),
                Lexer::Comment(_) => self.comment(rest, first),
                Lexer::Text => self.text(rest, first, &mut code),
                Lexer::Raw(_) => self.raw(rest, first, &mut code),
            };
        }
        code
    }

    fn code<'a>(&mut self, rest: &'a str, first: char, code: &mut String) -> &'a str {
        if let Some(rest) = rest.strip_prefix("/*") {
            *self = Lexer::Comment(1);
            return rest;
        }
        if let Some((hashes, rest)) = raw_string(rest, code) {
            *self = Lexer::Raw(hashes);
            code.push('"');
            return rest;
        }
        if first == '\''
            && let Some(rest) = character(rest)
        {
            code.push_str("' '");
            return rest;
        }
        if first == '"' {
            *self = Lexer::Text;
        }
        code.push(first);
        &rest[first.len_utf8()..]
    }

    fn comment<'a>(&mut self, rest: &'a str, first: char) -> &'a str {
        let Lexer::Comment(depth) = self else { unreachable!("asked for in a comment") };
        if let Some(rest) = rest.strip_prefix("/*") {
            *depth += 1;
            return rest;
        }
        if let Some(rest) = rest.strip_prefix("*/") {
            *depth -= 1;
            if *depth == 0 {
                *self = Lexer::Code;
            }
            return rest;
        }
        &rest[first.len_utf8()..]
    }

    fn text<'a>(&mut self, rest: &'a str, first: char, code: &mut String) -> &'a str {
        if first == '\\' {
            return rest.get(2..).unwrap_or("");
        }
        if first == '"' {
            *self = Lexer::Code;
            code.push('"');
        }
        &rest[first.len_utf8()..]
    }

    fn raw<'a>(&mut self, rest: &'a str, first: char, code: &mut String) -> &'a str {
        let Lexer::Raw(hashes) = self else { unreachable!("asked for in a raw string") };
        let end = format!("\"{}", "#".repeat(*hashes));
        if let Some(rest) = rest.strip_prefix(&end) {
            *self = Lexer::Code;
            code.push('"');
            return rest;
        }
        &rest[first.len_utf8()..]
    }
}

/// The number of hashes of a raw string that starts here, and what is behind its opening quote.
fn raw_string<'a>(rest: &'a str, before: &str) -> Option<(usize, &'a str)> {
    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let rest = rest.strip_prefix('b').or_else(|| rest.strip_prefix('c')).unwrap_or(rest);
    let rest = rest.strip_prefix('r')?;
    let quote = rest.trim_start_matches('#');
    Some((rest.len() - quote.len(), quote.strip_prefix('"')?))
}

/// What is behind a character literal that starts here; nothing if it is a lifetime.
fn character(rest: &str) -> Option<&str> {
    let inside = rest.strip_prefix('\'')?;
    if let Some(escape) = inside.strip_prefix('\\') {
        let skipped = escape.chars().next()?.len_utf8();
        return escape[skipped..].split_once('\'').map(|(_, rest)| rest);
    }
    inside[inside.chars().next()?.len_utf8()..].strip_prefix('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(source: &str) -> Vec<String> {
        code_lines(source).into_iter().map(|(_, line)| line.trim().to_owned()).collect()
    }

    #[test]
    fn comments_and_strings_are_taken_out() {
        let source = "let a = \"x // y\"; // z\n/* b\n/* c */ d */ let e = 1;\nlet f = r#\"g \" h\"#; i";
        assert_eq!(stripped(source), ["let a = \"\";", "", "let e = 1;", "let f = \"\"; i"]);
    }

    #[test]
    fn strings_go_on_over_lines_and_escapes() {
        assert_eq!(stripped("f(\"a \\\" b\nc\", d); // e"), ["f(\"", "\", d);"]);
    }

    #[test]
    fn lifetimes_are_no_characters() {
        assert_eq!(
            stripped("fn f<'a>(x: &'a str) -> char { '\"' } // '"),
            ["fn f<'a>(x: &'a str) -> char { ' ' }"]
        );
        assert_eq!(stripped("let x = ['\\'', '\\n', '\\u{1F600}'];"), ["let x = [' ', ' ', ' '];"]);
    }

    #[test]
    fn a_name_that_ends_in_r_starts_no_raw_string() {
        assert_eq!(stripped("bar(\"x\"); for\"y\""), ["bar(\"\"); for\"\""]);
    }
}
