//! Whoever is killed, no acknowledged write is lost.

use crate::support::{example, run};

#[test]
fn no_acknowledged_write_is_lost() {
    for seed in ["1", "2", "3"] {
        let run = run(example("kv").args(["1", seed]));
        assert_eq!(run.code, Some(0), "{run:?}");
        let lines: Vec<_> = run.out.lines().collect();
        assert_eq!(lines[2], "0 acknowledged writes lost", "{run:?}");
        let (writes, kills) = lines[1].split_once(" writes acknowledged, ").expect("two counts");
        assert!(writes.parse::<u32>().expect("a count") > 0 && !kills.starts_with("0 "), "{run:?}");
    }
}
