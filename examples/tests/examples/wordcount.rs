//! wordcount agrees with the tools everybody has, and survives bad input.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Run, empty_folder, example, repository, run};

fn wordcount<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Run {
    run(example("wordcount").args(arguments))
}

/// `wordcount --all`, on paths.
fn all_words<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Run {
    run(example("wordcount").arg("--all").args(paths.into_iter().map(|path| path.as_ref().to_owned())))
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder of ours");
    fs::write(&path, content).expect("a folder of ours");
    path
}

fn assert_skipped(run: &Run, path: &Path, why: &str) {
    let complaint = format!("wordcount: {}: {why}", path.display());
    assert!(run.err.lines().any(|line| line.starts_with(&complaint)), "no line {complaint:?} in {run:?}");
}

// ---- the counts --------------------------------------------------------------------------------------------------

#[test]
fn counts_equal_those_of_tr_sort_and_uniq_on_this_repository() {
    let parts = stable_parts_of_the_repository();
    let files: Vec<_> = find_files(&parts).into_iter().filter(|file| is_text(file)).collect();
    assert!(files.len() > 10, "the repository has more text than that: {files:?}");
    let expected = tr_sort_uniq(&files);

    let by_file = all_words(&files);
    assert_eq!(by_file.code, Some(0), "{}", by_file.err);
    assert_same_lines(&by_file.out, &expected);

    let by_folder = all_words(&parts);
    assert_eq!(by_folder.code, Some(0), "{}", by_folder.err);
    assert_same_lines(&by_folder.out, &expected);
}

/// Everything at the top of the repository but hidden files and build folders, which may change during the test.
fn stable_parts_of_the_repository() -> Vec<PathBuf> {
    let entries = fs::read_dir(repository()).expect("the repository is readable");
    let names = entries.map(|entry| entry.expect("the repository is readable").file_name());
    let stable = names.filter(|name| {
        let name = name.to_string_lossy();
        !name.starts_with('.') && !name.starts_with("target")
    });
    stable.map(|name| repository().join(name)).collect()
}

/// The files wordcount promises to look at.
fn find_files(parts: &[PathBuf]) -> Vec<PathBuf> {
    let left_out = ["-type", "d", "(", "-name", ".git", "-o", "-name", "target", ")", "-prune"];
    let mut find = Command::new("find");
    let found = run(find.arg("-H").args(parts).args(left_out).args(["-o", "-type", "f", "-print0"]));
    assert_eq!(found.code, Some(0), "{}", found.err);
    found.out.split_terminator('\0').map(PathBuf::from).collect()
}

fn is_text(file: &Path) -> bool {
    let bytes = fs::read(file).expect("the repository's files are readable");
    !bytes.contains(&0) && str::from_utf8(&bytes).is_ok()
}

/// The pipeline in wordcount's header, on given files.
fn tr_sort_uniq(files: &[PathBuf]) -> String {
    let pipeline = "for file; do cat \"$file\"; echo; done | tr -cs A-Za-z '\\n' | tr A-Z a-z | grep . \
                    | LC_ALL=C sort | uniq -c | LC_ALL=C sort -k1,1nr -k2";
    let counted = run(Command::new("sh").args(["-c", pipeline, "sh"]).args(files));
    assert_eq!(counted.code, Some(0), "{}", counted.err);
    counted.out
}

/// As `assert_eq!`, but shows one line and not ten thousand.
fn assert_same_lines(ours: &str, theirs: &str) {
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.lines().count(), theirs.lines().count());
}

#[test]
fn words_are_runs_of_ascii_letters_in_lower_case() {
    let file = write(&empty_folder("letters"), "text", "Don't count NAÏVE_x1Y\n\ndon");
    let run = all_words([file]);
    assert_eq!(
        run.out,
        "      2 don\n      1 count\n      1 na\n      1 t\n      1 ve\n      1 x\n      1 y\n"
    );
}

#[test]
fn files_are_cut_one_by_one() {
    let folder = empty_folder("one_by_one");
    let paths = [write(&folder, "a", "half"), write(&folder, "b", "way")];
    assert_eq!(all_words(paths).out, "      1 half\n      1 way\n");
}

#[test]
fn a_path_given_twice_counts_twice() {
    let file = write(&empty_folder("twice"), "text", "word");
    assert_eq!(all_words([&file, &file]).out, "      2 word\n");
}

#[test]
fn more_files_than_any_channel_holds_are_all_counted() {
    let folder = empty_folder("many");
    for number in 0..1000 {
        write(&folder, &format!("{}/{number}", number % 7), "one more");
    }
    assert_eq!(all_words([folder]).out, "   1000 more\n   1000 one\n");
}

#[test]
fn a_large_file_is_counted_to_its_end() {
    let file = write(&empty_folder("large"), "text", "again ".repeat(1_000_000) + "end");
    assert_eq!(all_words([file]).out, "1000000 again\n      1 end\n");
}

// ---- what is printed ---------------------------------------------------------------------------------------------

#[test]
fn top_prints_the_most_frequent_words_then_a_summary() {
    let file = write(&empty_folder("top"), "text", "b a c b a d");
    let run = wordcount([OsStr::new("--top"), OsStr::new("3"), file.as_os_str()]);
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(lines[..4], ["      2 a", "      2 b", "      1 c", ""]);
    assert_eq!(lines[4..7], ["files   1 (0 skipped)", "bytes   11", "words   6 (4 distinct)"]);
    assert!(lines[7].starts_with("seconds ") && lines[8].starts_with("rate "), "{run:?}");
    assert_eq!(run.err, "", "no progress line where there is no terminal");
}

#[test]
fn without_a_path_it_counts_this_repository() {
    let run = wordcount(["--top", "1"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let expected = format!("wordcount: no path given, counting {}", repository().display());
    assert_eq!(run.err.lines().next(), Some(expected.as_str()));
}

#[test]
fn a_senseless_command_line_exits_with_2() {
    for arguments in [&["--bottom"][..], &["--top"], &["--top", "many"]] {
        let run = wordcount(arguments);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.err.contains("usage: wordcount"), "{run:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let file = write(&empty_folder("closed"), "text", "word");
    let mut command = example("wordcount");
    let mut child = command.arg(file).stdout(Stdio::piped()).spawn().expect("timeout is installed");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("a child of ours").code(), Some(0));
}

#[test]
fn a_full_disk_is_a_failure() {
    let file = write(&empty_folder("full"), "text", "word");
    let full = File::create("/dev/full").expect("Linux has /dev/full");
    let status = example("wordcount").arg(file).stdout(full).stderr(Stdio::null()).status();
    assert_eq!(status.expect("timeout is installed").code(), Some(1));
}

// ---- what is skipped ---------------------------------------------------------------------------------------------

#[test]
fn what_cannot_be_counted_is_reported_and_the_rest_is_counted() {
    let folder = empty_folder("mixed");
    let good = write(&folder, "good", "good words");
    let binary = write(&folder, "binary", b"bad\0words");
    let invalid = write(&folder, "invalid", b"bad \xff words");
    let missing = folder.join("missing");
    // Readable by its mode, yet reading it fails, for the superuser too.
    let unreadable = PathBuf::from("/proc/self/mem");

    let run = all_words([&missing, &binary, &invalid, &unreadable, &good]);
    assert_eq!(run.out, "      1 good\n      1 words\n");
    assert_skipped(&run, &missing, "No such file or directory");
    assert_skipped(&run, &binary, "a binary file");
    assert_skipped(&run, &invalid, "invalid UTF-8 at byte 4");
    assert_skipped(&run, &unreadable, "");
    assert!(run.err.contains("files   1 (4 skipped)"), "{run:?}");
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn a_disk_image_is_not_read_to_its_end() {
    let image = empty_folder("image").join("image");
    // A terabyte that takes no room: reading it would take all memory, or the watchdog.
    File::create(&image).and_then(|file| file.set_len(1 << 40)).expect("the file system has sparse files");
    let run = all_words([&image]);
    // Not left behind: whoever copies the target folder would wait for hours.
    fs::remove_file(&image).expect("a file of ours");
    assert_skipped(&run, &image, "a binary file");
}

#[test]
fn a_nul_byte_anywhere_makes_a_binary_file() {
    let file = write(&empty_folder("late"), "late", "word ".repeat(100_000) + "\0");
    assert_skipped(&all_words([&file]), &file, "a binary file");
}

#[test]
fn nothing_counted_is_a_failure() {
    let folder = empty_folder("nothing");
    let missing = folder.join("missing");
    let binary = write(&folder, "binary", b"\0");
    for path in [missing, binary, empty_folder("nothing_at_all")] {
        let run = wordcount([&path]);
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{run:?}");
        assert!(run.err.contains("no text file could be read"), "{run:?}");
    }
}

#[test]
fn an_empty_file_is_a_text_without_words() {
    let run = all_words([write(&empty_folder("empty"), "text", "")]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), ""), "{run:?}");
}

#[test]
fn links_are_followed_only_if_they_are_given() {
    let folder = empty_folder("links");
    let file = write(&folder, "inside/text", "word");
    symlink(&folder, folder.join("inside/loop")).expect("a folder of ours");
    symlink(&file, folder.join("inside/again")).expect("a folder of ours");
    symlink("itself", folder.join("itself")).expect("a folder of ours");

    assert_eq!(all_words([&folder]).out, "      1 word\n");
    assert_eq!(all_words([folder.join("inside/loop"), folder.join("inside/again")]).out, "      2 word\n");
    assert_skipped(&all_words([folder.join("itself")]), &folder.join("itself"), "Too many levels");
}

#[test]
fn a_pipe_is_not_opened() {
    let folder = empty_folder("pipe");
    write(&folder, "text", "word");
    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("coreutils are installed").success());
    let run = all_words([&folder]);
    assert_eq!(run.out, "      1 word\n");
    assert_skipped(&run, &pipe, "neither a file nor a folder");
}

#[test]
fn build_and_git_folders_are_read_only_if_they_are_given() {
    let folder = empty_folder("left_out");
    write(&folder, "text", "word");
    write(&folder, "deep/target/text", "product");
    write(&folder, ".git/text", "object");
    write(&folder, ".hidden/target", "hidden");
    assert_eq!(all_words([&folder]).out, "      1 hidden\n      1 word\n");
    assert_eq!(all_words([folder.join("deep/target")]).out, "      1 product\n");
}

#[test]
fn a_path_that_looks_like_an_option_comes_after_two_dashes() {
    let folder = empty_folder("dashes");
    File::create(folder.join("--all"))
        .and_then(|mut file| file.write_all(b"word"))
        .expect("a folder of ours");
    let run = run(example("wordcount").current_dir(&folder).args(["--all", "--", "--all"]));
    assert_eq!(run.out, "      1 word\n");
}
