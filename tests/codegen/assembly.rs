//! Reads the assembly that rustc writes for x86-64: as much of it as the rules need.

use std::collections::HashMap;

/// Calls that do not come back. The compiler puts nothing behind them, and what follows belongs to another block.
const NO_RETURN: [&str; 5] =
    ["13expect_failed", "13unwrap_failed", "13resume_unwind", "18panic_bounds_check", "_Unwind_Resume"];

/// How a line shows that it computes the address of a thread-local, or goes through it. In lower case.
const THREAD_LOCAL: [&str; 6] = ["%fs:", "__tls_get_addr", "@tls", "@tpoff", "@gottpoff", "@dtpoff"];

/// A function: its symbol, and its instructions and local labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) symbol: String,
    pub(crate) lines: Vec<String>,
}

impl Function {
    /// Whether a line of it calls, jumps to or takes the address of this function.
    pub(crate) fn mentions(&self, path: &str) -> bool {
        self.lines.iter().any(|line| names(line, path))
    }

    /// The lines that compute the address of a thread-local, or go through it.
    pub(crate) fn thread_locals(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str).filter(|line| {
            let line = line.to_ascii_lowercase();
            THREAD_LOCAL.iter().any(|access| line.contains(access))
        })
    }

    /// For each line, the operand that names what it calls; nothing for lines that call nothing, or nobody knows what.
    ///
    /// Where a register is called, that is what the function loads into it, if it loads one symbol only.
    pub(crate) fn callees(&self) -> Vec<Option<&str>> {
        let registers = self.registers();
        let callee = |line| match split(line) {
            (call, operand) if call.starts_with("call") => match operand.strip_prefix("*%") {
                Some(register) => registers.get(register).copied().flatten(),
                None => Some(operand),
            },
            _ => None,
        };
        self.lines.iter().map(|line| callee(line)).collect()
    }

    /// The registers into which an address from the table of symbols is loaded; nothing for those with several.
    fn registers(&self) -> HashMap<&str, Option<&str>> {
        let mut registers = HashMap::new();
        for line in &self.lines {
            if let (_, operands) = split(line)
                && let Some((source, register)) = operands.rsplit_once(", %")
                && source.contains("@GOTPCREL(%rip)")
            {
                let known = registers.entry(register).or_insert(Some(source));
                *known = known.filter(|known| *known == source);
            }
        }
        registers
    }

    /// For each line, the lines that may run after it.
    pub(crate) fn successors(&self) -> Vec<Vec<usize>> {
        let labels: HashMap<_, _> = self
            .lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| Some((line.strip_suffix(':')?, index)))
            .collect();
        let after = |(index, line): (usize, &String)| {
            let (instruction, operand) = split(line);
            let goes_on = !instruction.starts_with("jmp") && !ends(instruction, operand);
            let target = instruction.starts_with('j').then(|| labels.get(operand).copied()).flatten();
            let next = (goes_on && index + 1 < self.lines.len()).then_some(index + 1);
            next.into_iter().chain(target).collect()
        };
        self.lines.iter().enumerate().map(after).collect()
    }
}

/// The instruction and its operands.
fn split(line: &str) -> (&str, &str) {
    let (instruction, operands) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (instruction, operands.trim())
}

/// Whether nothing runs after this instruction in its function.
fn ends(instruction: &str, operand: &str) -> bool {
    instruction.starts_with("ret")
        || instruction == "ud2"
        || instruction.starts_with("call") && NO_RETURN.iter().any(|symbol| operand.contains(symbol))
}

/// Whether the text has the symbol of the function with this mangled path, and not only of something inside it.
///
/// Both manglings write a path alike. The older one puts a hash behind it.
pub(crate) fn names(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let rest = &text[at + path.len()..];
        rest.starts_with("17h") || !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
    })
}

/// All functions of a file.
pub(crate) fn functions(text: &str) -> Vec<Function> {
    let mut functions: Vec<Function> = Vec::new();
    let mut announced = "";
    let mut inside = false;
    for line in text.lines() {
        let code = line.split(" # ").next().unwrap_or_default().trim();
        if let Some(symbol) =
            code.strip_prefix(".type").and_then(|rest| rest.trim().strip_suffix(",@function"))
        {
            announced = symbol;
        } else if let Some(label) = code.strip_suffix(':').filter(|label| !label.starts_with(".L")) {
            inside = label == announced;
            if inside {
                functions.push(Function { symbol: label.to_owned(), lines: Vec::new() });
            }
        } else if code.starts_with(".Lfunc_end") {
            inside = false;
        } else if inside && (code.ends_with(':') || !code.starts_with(['.', '#'])) && !code.is_empty() {
            let function = functions.last_mut().expect("inside of one");
            function.lines.push(code.to_owned());
        }
    }
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
	.file	\"a.rs\"
	.type	_ZN1a1f17h00E,@function
_ZN1a1f17h00E:
	.cfi_startproc
	movq	_ZN1a1g17h11E@GOTPCREL(%rip), %r14
.LBB0_1:
	#APP
	# rax
	#NO_APP
	callq	*%r14
	testq	%rax, %rax
	jne	.LBB0_1
	retq
.Lfunc_end0:
	.size	_ZN1a1f17h00E, .Lfunc_end0-_ZN1a1f17h00E
	.type	.Ldata,@object
.Ldata:
	.asciz	\"%fs:\"
_ZN1a4DATA17h22E:
	.quad	_ZN1a1g17h11E
	.type	_RNvCs1_1a1g,@function
_RNvCs1_1a1g:
	movq	%fs:_RNvCs1_1a1h@TPOFF, %rax
	jmp	_RNvCs1_1a1i@PLT
.Lfunc_end1:
";

    #[test]
    fn functions_are_told_from_data_and_directives() {
        let functions = functions(TEXT);
        let symbols: Vec<_> = functions.iter().map(|function| function.symbol.as_str()).collect();
        assert_eq!(symbols, ["_ZN1a1f17h00E", "_RNvCs1_1a1g"]);
        assert_eq!(functions[0].lines.len(), 6);
        assert_eq!(functions[0].lines[1], ".LBB0_1:");
        assert_eq!(functions[1].lines[1], "jmp\t_RNvCs1_1a1i@PLT");
    }

    #[test]
    fn a_call_through_a_register_is_followed() {
        let functions = functions(TEXT);
        let callees = functions[0].callees();
        assert_eq!(callees.iter().flatten().collect::<Vec<_>>(), [&"_ZN1a1g17h11E@GOTPCREL(%rip)"]);
    }

    #[test]
    fn a_register_that_holds_two_functions_in_turn_is_not_followed() {
        let lines = ["movq a@GOTPCREL(%rip), %rbx", "movq b@GOTPCREL(%rip), %rbx", "callq *%rbx"];
        let function = Function { symbol: "f".into(), lines: lines.map(String::from).into() };
        assert_eq!(function.callees(), [None, None, None]);
    }

    #[test]
    fn a_conditional_jump_has_two_successors_and_a_return_none() {
        let functions = functions(TEXT);
        let successors: [&[usize]; 6] = [&[1], &[2], &[3], &[4], &[5, 1], &[]];
        assert_eq!(functions[0].successors(), successors);
        assert_eq!(functions[1].successors(), [vec![1], vec![]]);
    }

    #[test]
    fn thread_locals_are_seen_in_every_model() {
        let lines = [
            "movq %fs:0, %rax",
            "leaq x@TLSLD(%rip), %rdi",
            "data16 leaq x@tlsgd(%rip), %rdi",
            "callq __tls_get_addr@PLT",
            "movq x@GOTTPOFF(%rip), %rax",
            "movq x@DTPOFF(%rax), %rax",
        ];
        let mut function = Function { symbol: "f".into(), lines: lines.map(String::from).into() };
        assert_eq!(function.thread_locals().count(), lines.len());
        function.lines = vec!["movq x@GOTPCREL(%rip), %rax".into(), "callq x@PLT".into()];
        assert_eq!(function.thread_locals().count(), 0);
    }

    #[test]
    fn a_path_is_found_in_both_manglings_but_not_inside_another() {
        for symbol in
            ["_ZN1a1f17h00E", "_RNvCs1_1a1f", "callq *_RNvCs1_1a1f@GOTPCREL(%rip)", "_RNvCs1_1a1f.llvm.1"]
        {
            assert!(names(symbol, "1a1f"), "{symbol}");
        }
        for symbol in ["_ZN1a1f28_$u7b$$u7b$closure$u7d$$u7d$17h00E", "_RNCNvCs1_1a1f0", "_ZN1a1g17h00E"] {
            assert!(!names(symbol, "1a1f"), "{symbol}");
        }
    }
}
