//! The rules. Each gives back what breaks it.

use super::assembly::{Function, names};
use std::collections::{HashSet, VecDeque};

/// `smarm::task::current::here`.
const ACCESSOR: &str = "5smarm4task7current4here";

/// `smarm::task::alloc::count`, which is in each allocation.
const HOOK: &str = "5smarm4task5alloc5count";

/// `smarm::task::preempt::switch_in_allocation`, where the hook leads if its actor wants that.
const SWITCHING_HOOK: &str = "5smarm4task7preempt20switch_in_allocation";

/// The thread-local that both read.
const THREAD_LOCAL: &str = "5smarm4task7current4HERE";

/// `smarm::sys::arch::x86_64::switch`.
const SWITCH: &str = "5smarm3sys4arch6x86_646switch";

/// The accessor is a function of its own, and the access to the thread-local is in it.
pub(crate) fn accessor_reads(program: &[Function]) -> Vec<String> {
    let accessors: Vec<_> = program.iter().filter(|function| names(&function.symbol, ACCESSOR)).collect();
    let [accessor] = accessors[..] else {
        return vec![format!("{} functions are the accessor, and not one", accessors.len())];
    };
    let reads = accessor.thread_locals().any(|line| line.contains(THREAD_LOCAL));
    let list =
        || format!("{} does not read the thread-local:\n{}", accessor.symbol, accessor.lines.join("\n"));
    if reads { Vec::new() } else { vec![list()] }
}

/// The hook in the allocator is a function of its own, it reads the thread-local there, and nothing that it calls switches or allocates.
pub(crate) fn hook_is_apart(program: &[Function]) -> Vec<String> {
    let hooks: Vec<_> = program.iter().filter(|function| names(&function.symbol, HOOK)).collect();
    let [hook] = hooks[..] else {
        return vec![format!("{} functions are the hook, and not one", hooks.len())];
    };
    let mut violations = Vec::new();
    if !hook.thread_locals().any(|line| line.contains(THREAD_LOCAL)) {
        violations.push(format!("{} does not read the thread-local", hook.symbol));
    }
    for function in reached(hook, program) {
        let wrong = [SWITCH, "__rust_alloc", "__rust_realloc"];
        let wrong = wrong.into_iter().filter(|path| function.mentions(path));
        violations.extend(
            wrong.map(|path| format!("{} is reached from the hook, and calls {path}", function.symbol)),
        );
    }
    violations
}

/// What the hook leads to if its actor wants a switch is a function of its own: it switches, and asks for its actor anew.
pub(crate) fn hook_switches_apart(program: &[Function]) -> Vec<String> {
    let ways: Vec<_> = program.iter().filter(|function| names(&function.symbol, SWITCHING_HOOK)).collect();
    let [way] = ways[..] else {
        return vec![format!("{} functions switch for the hook, and not one", ways.len())];
    };
    let wanted = [(SWITCH, "switch"), (ACCESSOR, "ask who runs")];
    let missing = wanted.into_iter().filter(|(path, _)| !way.mentions(path));
    missing.map(|(_, what)| format!("{} does not {what}", way.symbol)).collect()
}

/// A function, and all those that it leads to.
fn reached<'p>(from: &'p Function, program: &'p [Function]) -> Vec<&'p Function> {
    let mut reached = vec![from];
    let mut next = 0;
    while let Some(function) = reached.get(next).copied() {
        let words: HashSet<_> = function.lines.iter().flat_map(|line| words(line)).collect();
        let new = program.iter().filter(|other| words.contains(other.symbol.as_str()));
        let new: Vec<_> = new.filter(|other| !reached.contains(other)).collect();
        reached.extend(new);
        next += 1;
    }
    reached
}

/// What could be a symbol in a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !(letter.is_alphanumeric() || "_$.".contains(letter)))
}

/// What contains a switch contains no access to a thread-local, smarm's or another's.
pub(crate) fn switches_apart(program: &[Function]) -> Vec<String> {
    let switching: Vec<_> = program.iter().filter(|function| function.mentions(SWITCH)).collect();
    if switching.is_empty() {
        return vec!["no function switches: a rule that looks at nothing proves nothing".to_owned()];
    }
    let accesses = |function: &&Function| -> Vec<String> {
        let symbol = &function.symbol;
        function.thread_locals().map(|line| format!("{symbol} switches, and has `{line}`")).collect()
    };
    switching.iter().flat_map(accesses).collect()
}

/// Each of these functions has a loop that switches, and on every way from a switch back to it the accessor is called so often.
pub(crate) fn loops_ask(program: &[Function], loops: &[(&str, usize)]) -> Vec<String> {
    let complaint = |&(path, wanted): &(&str, usize)| {
        let Some(function) = program.iter().find(|function| names(&function.symbol, path)) else {
            return Some(format!("{path} is not there"));
        };
        match fewest_calls(function, program) {
            None => Some(format!("{path} has no loop that switches")),
            Some(found) if found < wanted => {
                Some(format!("{path} calls the accessor {found} times a round, and not {wanted} times"))
            }
            Some(_) => None,
        }
    };
    loops.iter().filter_map(complaint).collect()
}

/// How often a round of the loop calls the accessor at least: from a switch back to the same one. Nothing if there is no loop.
fn fewest_calls(function: &Function, program: &[Function]) -> Option<usize> {
    let calls = |path: &str| -> Vec<bool> {
        let callees = function.callees();
        callees.iter().map(|callee| callee.is_some_and(|callee| leads(callee, path, program))).collect()
    };
    let (asks, switches) = (calls(ACCESSOR), calls(SWITCH));
    let successors = function.successors();
    let rounds = (0..switches.len()).filter(|&line| switches[line]);
    rounds.filter_map(|line| round(line, &successors, &asks)).min()
}

/// Whether the callee is the function with this path, or one that calls that function itself.
fn leads(callee: &str, path: &str, program: &[Function]) -> bool {
    let direct = names(callee, path);
    direct || program.iter().any(|function| named(callee, &function.symbol) && function.mentions(path))
}

/// Whether an operand is this symbol, up to how it is addressed.
fn named(operand: &str, symbol: &str) -> bool {
    operand
        .trim_start_matches('*')
        .strip_prefix(symbol)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

/// The cheapest way from a line back to itself, where a line that asks costs one and the others nothing.
fn round(start: usize, successors: &[Vec<usize>], asks: &[bool]) -> Option<usize> {
    let mut costs = vec![None; asks.len()];
    let mut queue = VecDeque::from([(start, 0)]);
    while let Some((line, cost)) = queue.pop_front() {
        for &next in &successors[line] {
            let cost = cost + usize::from(asks[next]);
            if costs[next].is_none_or(|known| cost < known) {
                costs[next] = Some(cost);
                queue.push_back((next, cost));
            }
        }
    }
    costs[start]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(symbol: &str, lines: &[&str]) -> Function {
        Function { symbol: symbol.to_owned(), lines: lines.iter().map(|&line| line.to_owned()).collect() }
    }

    const HERE: &str = "_ZN5smarm4task7current4here17h00E";
    const CALL_HERE: &str = "callq *_ZN5smarm4task7current4here17h00E@GOTPCREL(%rip)";
    const LOAD_HERE: &str = "movq _ZN5smarm4task7current4here17h00E@GOTPCREL(%rip), %rbx";
    const CALL_SWITCH: &str = "callq *_ZN5smarm3sys4arch6x86_646switch17h00E@GOTPCREL(%rip)";
    const LOAD_SWITCH: &str = "movq _ZN5smarm3sys4arch6x86_646switch17h00E@GOTPCREL(%rip), %rbx";

    #[test]
    fn an_accessor_that_is_inlined_is_found() {
        assert_eq!(accessor_reads(&[function("main", &["movq %fs:x@TPOFF, %rax"])]).len(), 1);
    }

    #[test]
    fn an_accessor_that_reads_something_else_is_found() {
        assert_eq!(accessor_reads(&[function(HERE, &["movq 8(%rdi), %rax", "retq"])]).len(), 1);
        assert_eq!(accessor_reads(&[function(HERE, &["movq %fs:x@TPOFF, %rax", "retq"])]).len(), 1);
        let good = "movq %fs:_ZN5smarm4task7current4HERE17h00E@TPOFF, %rax";
        assert!(accessor_reads(&[function(HERE, &[good, "retq"])]).is_empty());
    }

    #[test]
    fn a_hook_that_is_inlined_or_reads_something_else_is_found() {
        assert_eq!(hook_is_apart(&[function("main", &["movq %fs:x@TPOFF, %rax"])]).len(), 1);
        let other = function("_ZN5smarm4task5alloc5count17h00E", &["movq %fs:x@TPOFF, %rax", "retq"]);
        assert_eq!(hook_is_apart(&[other]).len(), 1);
    }

    #[test]
    fn a_hook_that_switches_or_allocates_by_a_detour_is_found() {
        let read = "movq %fs:_ZN5smarm4task7current4HERE17h00E@TPOFF, %rax";
        let hook = function("_ZN5smarm4task5alloc5count17h00E", &[read, "jmp look"]);
        let fine = function("look", &["rdtsc", "retq"]);
        assert!(hook_is_apart(&[hook.clone(), fine]).is_empty());
        let switches = function("look", &[CALL_SWITCH, "retq"]);
        assert_eq!(hook_is_apart(&[hook.clone(), switches]).len(), 1);
        let look = function("look", &["callq further@PLT", "retq"]);
        let allocates =
            function("further", &["callq *_RNvCs1_7___rustc12___rust_alloc@GOTPCREL(%rip)", "retq"]);
        assert_eq!(hook_is_apart(&[hook, look, allocates]).len(), 1);
    }

    #[test]
    fn a_switching_hook_that_is_inlined_or_remembers_its_actor_is_found() {
        let symbol = "_ZN5smarm4task7preempt20switch_in_allocation17h00E";
        assert!(hook_switches_apart(&[function(symbol, &[CALL_HERE, CALL_SWITCH, "retq"])]).is_empty());
        assert_eq!(hook_switches_apart(&[function("main", &[CALL_HERE, CALL_SWITCH])]).len(), 1);
        assert_eq!(hook_switches_apart(&[function(symbol, &[CALL_SWITCH, "retq"])]).len(), 1);
        assert_eq!(hook_switches_apart(&[function(symbol, &["retq"])]).len(), 2);
    }

    #[test]
    fn an_address_that_is_kept_across_a_switch_is_found() {
        for switch in [CALL_SWITCH, LOAD_SWITCH] {
            let kept = function("f", &["callq __tls_get_addr@PLT", switch, "movq (%rax), %rax"]);
            let fine = function("g", &[CALL_HERE, switch, CALL_HERE]);
            let apart = function("h", &["movq %fs:0, %rax", CALL_HERE]);
            let violations = switches_apart(&[kept, fine, apart]);
            assert_eq!(violations, ["f switches, and has `callq __tls_get_addr@PLT`"]);
        }
    }

    #[test]
    fn a_program_without_a_switch_proves_nothing() {
        assert_eq!(switches_apart(&[function("f", &["retq"])]).len(), 1);
    }

    fn asked(lines: &[&str]) -> Option<usize> {
        let pid = function("pid", &[CALL_HERE, "retq"]);
        let yield_now = function("yield_now", &[CALL_HERE, CALL_SWITCH, "retq"]);
        fewest_calls(&function("f", lines), &[pid, yield_now])
    }

    #[test]
    fn a_round_that_asks_is_counted_however_it_calls() {
        assert_eq!(asked(&[".L1:", CALL_HERE, CALL_SWITCH, "jne .L1", "retq"]), Some(1));
        assert_eq!(
            asked(&[LOAD_HERE, ".L1:", "callq *%rbx", "callq *%rbx", CALL_SWITCH, "jmp .L1"]),
            Some(2)
        );
        assert_eq!(asked(&[".L1:", "callq pid@PLT", "callq *yield_now@GOTPCREL(%rip)", "jne .L1"]), Some(2));
    }

    #[test]
    fn a_question_that_is_hoisted_out_of_the_loop_is_found() {
        assert_eq!(asked(&[CALL_HERE, ".L1:", CALL_SWITCH, "jne .L1", "retq"]), Some(0));
        assert_eq!(asked(&["callq pid", ".L1:", "callq yield_now", "jne .L1", "retq"]), Some(1));
        assert_eq!(asked(&[".L1:", CALL_SWITCH, "jne .L1", CALL_HERE, "retq"]), Some(0));
    }

    #[test]
    fn a_way_around_the_question_is_found() {
        assert_eq!(asked(&[".L1:", "je .L2", CALL_HERE, ".L2:", CALL_SWITCH, "jmp .L1"]), Some(0));
    }

    #[test]
    fn a_loop_that_is_missing_is_found() {
        assert_eq!(asked(&[CALL_HERE, CALL_SWITCH, "retq"]), None);
        let straight = function("_ZN1a1f17h00E", &[CALL_HERE, CALL_SWITCH, "retq"]);
        assert_eq!(loops_ask(&[straight], &[("1a1f", 1), ("1a1g", 1)]).len(), 2);
    }
}
