//! A module imports only from the rows above its own: the list that docs/ARCHITECTURE.md explains.

use crate::{Breach, check, code_lines, files, read, root};
use std::collections::BTreeSet;
use std::path::Path;

/// Which of the two columns above the waist a module is in; below it there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// What a machine gives, the waist, and what sees everything.
    Both,
    /// What runs tasks.
    Runs,
    /// What uses them.
    Uses,
}

use Side::{Both, Runs, Uses};

/// Row, side and name of every module at the top of the crate.
const TABLE: &[(u8, Side, &str)] = &[
    (0, Both, "sys"),
    (0, Both, "pid"),
    (0, Both, "exit"),
    (1, Both, "fiber"),
    (2, Both, "task"),
    (3, Runs, "driver"),
    (4, Runs, "sched"),
    (3, Uses, "channel"),
    (3, Uses, "sync"),
    (3, Uses, "time"),
    (3, Uses, "io"),
    (4, Uses, "net"),
    (3, Uses, "blocking"),
    (3, Uses, "future"),
    (4, Uses, "fs"),
    (4, Uses, "tokio"),
    (4, Uses, "actor"),
    (5, Uses, "supervisor"),
    (6, Both, "runtime"),
];

/// The façade, what macros expand to, and macros: they name everything and contain no logic.
const EXEMPT: &[&str] = &["lib", "__private", "macros"];

/// The one inversion: `task` names its host, and the façade says which type that is. So wakes go down without `dyn`.
const INVERSION: (&str, &str) = ("task", "Host");

fn place_of(module: &str) -> Option<(u8, Side)> {
    TABLE.iter().find(|(_, _, name)| *name == module).map(|&(row, side, _)| (row, side))
}

/// Why `from` may not import `to`, if so.
fn forbidden(from: &str, to: &str) -> Option<String> {
    if from == to || (from, to) == INVERSION {
        return None;
    }
    let Some((to_row, to_side)) = place_of(to) else {
        return Some(format!(
            "`crate::{to}` is a path through the façade: import from the module that has it"
        ));
    };
    let (row, side) = place_of(from).unwrap_or_else(|| panic!("`{from}` has no row"));
    if to_row >= row {
        return Some(format!("`{from}` (row {row}) imports `{to}` (row {to_row}): only from the rows above"));
    }
    let across = matches!((side, to_side), (Runs, Uses) | (Uses, Runs));
    across.then(|| format!("`{from}` imports `{to}`: only `runtime` sees both sides"))
}

/// The module at the top of the crate that a file belongs to.
fn module_of(source_folder: &Path, file: &Path) -> String {
    let below = file.strip_prefix(source_folder).expect("a file of that folder");
    let first = below.components().next().expect("a path with a name").as_os_str();
    Path::new(first).with_extension("").to_string_lossy().into_owned()
}

fn breaches(module: &str, file: &Path, source: &str) -> Vec<Breach> {
    if EXEMPT.contains(&module) {
        return Vec::new();
    }
    if place_of(module).is_none() {
        return vec![Breach::new(file, 1, format!("`{module}` has no row in the table of layers"))];
    }
    let breach = |(line, to): (usize, String)| forbidden(module, &to).map(|why| Breach::new(file, line, why));
    imports(source).into_iter().filter_map(breach).collect()
}

/// All that is named as `crate::..` outside comments and strings: line and first segment.
///
/// Relative paths that climb out of their module are looked at by [`climbs`].
fn imports(source: &str) -> Vec<(usize, String)> {
    // One text, so that a `use` may go over lines; the offsets tell the line again.
    let lines = code_lines(source);
    let text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
    let line_at = |offset: usize| text[..offset].matches('\n').count() + 1;
    let mut found = Vec::new();
    for (offset, _) in text.match_indices("crate") {
        let word_before = text[..offset].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        let behind = text[offset + "crate".len()..].trim_start();
        let Some(path) = behind.strip_prefix("::").filter(|_| !word_before) else { continue };
        found.extend(first_segments(path).into_iter().map(|name| (line_at(offset), name)));
    }
    found
}

/// The first segments of `a::b`, or of each branch of `{a::{b, c}, d}`.
fn first_segments(path: &str) -> Vec<String> {
    let path = path.trim_start();
    let Some(group) = path.strip_prefix('{') else {
        let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(path.len());
        return vec![path[..end].to_owned()];
    };
    let mut depth = 0_u32;
    let mut branches = vec![String::new()];
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => branches.push(String::new()),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if c != ',' || depth > 0 {
            branches.last_mut().expect("at least one").push(c);
        }
    }
    branches.retain(|branch| !branch.trim().is_empty());
    branches.iter().flat_map(|branch| first_segments(branch)).collect()
}

/// A `super` that leaves the top module: `depth` is how far below it the file's own module is.
fn climbs(file: &Path, source: &str, depth: usize) -> Vec<Breach> {
    let mut found = Vec::new();
    for (line, code) in code_lines(source) {
        // An inline module may say `super` for its own file, so one more than the file's depth is looked for there.
        let climbed = code.matches("super::").count();
        let chained = (1..=climbed).rev().find(|n| code.contains(&"super::".repeat(*n))).unwrap_or(0);
        let inline = usize::from(code.starts_with(char::is_whitespace));
        if chained > depth + inline {
            found.push(Breach::new(
                file,
                line,
                "`super` leaves the module: say `crate::`, so that layers can be seen",
            ));
        }
    }
    found
}

/// How far a file's module is below the top module: `task.rs` and `task/mod.rs` 0, `task/state.rs` 1.
fn depth_of(source_folder: &Path, file: &Path) -> usize {
    let below = file.strip_prefix(source_folder).expect("a file of that folder");
    let folders = below.components().count() - 1;
    if below.ends_with("mod.rs") { folders - 1 } else { folders }
}

#[test]
fn modules_import_only_from_the_rows_above_them() {
    let source = root().join("smarm/src");
    check(&files(&source, "rs"), |file, text| {
        let module = module_of(&source, file);
        let mut found = breaches(&module, file, text);
        if !EXEMPT.contains(&module.as_str()) {
            found.extend(climbs(file, text, depth_of(&source, file)));
        }
        found
    });
}

#[test]
fn every_module_has_a_row() {
    let source = root().join("smarm/src");
    let modules: BTreeSet<String> =
        files(&source, "rs").iter().map(|file| module_of(&source, file)).collect();
    let strangers: Vec<_> =
        modules.iter().filter(|m| place_of(m).is_none() && !EXEMPT.contains(&m.as_str())).collect();
    assert!(strangers.is_empty(), "no row for {strangers:?}");
    assert!(!read(&source.join("lib.rs")).is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(module: &str, source: &str) -> Option<String> {
        breaches(module, Path::new("x.rs"), source).into_iter().next().map(|breach| breach.to_string())
    }

    #[test]
    fn downward_imports_are_fine() {
        let source = "use crate::task::park;\nuse crate::{pid::Pid, sys};\nfn f() { crate::exit::g() }";
        assert_eq!(first("channel", source), None);
        assert_eq!(first("runtime", "use crate::{sched, actor, supervisor, driver::timer};"), None);
        assert_eq!(first("task", "use crate::task::state::State;"), None);
    }

    #[test]
    fn an_upward_import_is_found() {
        let breach = first("task", "\nuse crate::sched::worker;").expect("a breach");
        assert_eq!(breach, "x.rs:2: `task` (row 2) imports `sched` (row 4): only from the rows above");
    }

    #[test]
    fn an_import_from_the_same_row_is_found() {
        assert!(first("channel", "use crate::time::sleep;").is_some());
        assert!(first("sys", "use crate::pid::Pid;").is_some());
    }

    #[test]
    fn an_import_across_the_sides_is_found() {
        assert!(first("sched", "use crate::channel::Sender;").expect("a breach").contains("both sides"));
        assert!(first("actor", "use crate::driver;").expect("a breach").contains("both sides"));
        assert!(first("supervisor", "crate::sched::go()").is_some());
    }

    #[test]
    fn paths_in_bodies_groups_and_over_lines_are_found() {
        assert!(first("fiber", "fn f() { let x = crate::runtime::now(); }").is_some());
        assert!(first("fiber", "use crate::{\n    sys::{stack, arch},\n    task,\n};").is_some());
        assert!(first("fiber", "pub(in crate::sched) fn f() {}").is_some());
    }

    #[test]
    fn paths_through_the_facade_are_found() {
        assert_eq!(first("task", "use crate::Host;"), None);
        assert!(first("channel", "use crate::Host;").is_some());
        assert!(first("actor", "use crate::Sender;").expect("a breach").contains("façade"));
    }

    #[test]
    fn comments_strings_and_other_words_are_not_imports() {
        let source =
            "// crate::sched\n/// [`f`](crate::runtime::f)\nlet s = \"crate::sched\"; mycrate::sched::f();";
        assert_eq!(first("task", source), None);
    }

    #[test]
    fn a_module_without_a_row_is_found() {
        assert!(first("util", "").expect("a breach").contains("no row"));
        assert_eq!(first("lib", "use crate::runtime::init;"), None);
    }

    #[test]
    fn climbing_out_of_a_module_is_found() {
        let file = Path::new("x.rs");
        assert_eq!(climbs(file, "use super::super::sched;", 1).len(), 1);
        assert_eq!(climbs(file, "use super::state;", 1), []);
        assert_eq!(climbs(file, "use super::sched;", 0).len(), 1);
        assert_eq!(climbs(file, "mod tests {\n    use super::*;\n}", 0), []);
    }

    #[test]
    fn modules_and_depths_come_from_paths() {
        let source = Path::new("/s");
        for (file, module, depth) in
            [("/s/pid.rs", "pid", 0), ("/s/task/mod.rs", "task", 0), ("/s/task/state.rs", "task", 1)]
        {
            assert_eq!(module_of(source, Path::new(file)), module);
            assert_eq!(depth_of(source, Path::new(file)), depth);
        }
    }
}
