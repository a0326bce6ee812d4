//! Judging what was read: which keys there are, which values they take, which functions can be run.
//!
//! Each refusal is one sentence on the user's own tokens that says what to write instead. What a literal shows to be
//! wrong is refused here; what only a type or a computed value can show is left to rustc and to `Config`, which point
//! at the same tokens.

use syn::spanned::Spanned;
use syn::{Expr, ExprRange, Ident, Lit, Path, RangeLimits, Result, ReturnType, Safety, Type};

use crate::advice;
use crate::attr::{Function, Setting};
use crate::mistakes::{Mistakes, refuse};
use crate::value::{self, Value, literal, magnitude};

/// The limit of `smarm::runtime::Config`, which checks it again: a macro crate cannot import from its user.
const MAX_WORKERS: u64 = 1024;

/// Which attribute was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attr {
    Main,
    Test,
}

impl Attr {
    /// The last segment of its path.
    fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Test => "test",
        }
    }

    /// What it makes of a function, as the subject of a sentence.
    fn subject(self) -> &'static str {
        match self {
            Self::Main => "`main`",
            Self::Test => "a test",
        }
    }
}

/// The settings that passed.
#[derive(Default)]
pub(crate) struct Options {
    /// `crate = path`
    pub(crate) smarm: Option<Path>,
    pub(crate) workers: Option<Workers>,
    /// Calls of `Config`'s methods, in the order they were written.
    pub(crate) calls: Vec<(Ident, Value)>,
    pub(crate) watchdog: Option<Value>,
    /// `alloc = false`
    pub(crate) own_allocator: bool,
    /// `signals = false`
    pub(crate) own_signals: bool,
}

pub(crate) enum Workers {
    Exactly(Expr),
    /// Closed, and with both ends.
    Between(ExprRange),
}

struct Key {
    name: &'static str,
    takes: Takes,
    /// The attribute that alone has it.
    only: Option<Attr>,
    /// A value that is right; it ends the sentence about a missing one.
    example: &'static str,
}

#[derive(Clone, Copy)]
enum Takes {
    Workers,
    Number,
    /// A number, which may be 0.
    Count,
    Function,
    Size,
    Policy,
    Time,
    Watchdog,
    Alloc,
    Signals,
    Path,
}

const KEYS: [Key; 15] = [
    Key { name: "workers", takes: Takes::Workers, only: None, example: "4" },
    Key { name: "alloc_interval", takes: Takes::Number, only: None, example: "128" },
    Key { name: "timeslice_cycles", takes: Takes::Number, only: None, example: "300_000" },
    Key { name: "stack_size", takes: Takes::Size, only: None, example: "\"256K\"" },
    Key { name: "root_stack_size", takes: Takes::Size, only: None, example: "\"8M\"" },
    Key { name: "deadlock", takes: Takes::Policy, only: None, example: "smarm::runtime::Deadlock::Fail" },
    Key { name: "shutdown_timeout", takes: Takes::Time, only: None, example: "\"5s\"" },
    Key { name: "stall_after", takes: Takes::Time, only: None, example: "\"10ms\"" },
    Key { name: "spares", takes: Takes::Count, only: None, example: "4" },
    Key { name: "blocking_threads", takes: Takes::Number, only: None, example: "512" },
    Key { name: "on_stall", takes: Takes::Function, only: None, example: "my_function" },
    Key { name: "alloc", takes: Takes::Alloc, only: Some(Attr::Main), example: "false" },
    Key { name: "signals", takes: Takes::Signals, only: Some(Attr::Main), example: "false" },
    Key { name: "watchdog", takes: Takes::Watchdog, only: Some(Attr::Test), example: "\"60s\"" },
    Key { name: "crate", takes: Takes::Path, only: None, example: "my_smarm" },
];

/// The settings that make sense for `attr`; the others are noted.
pub(crate) fn options(attr: Attr, settings: Vec<Setting>, mistakes: &mut Mistakes) -> Options {
    let mut options = Options::default();
    let mut seen = Vec::new();
    for Setting { key, value, .. } in settings {
        if seen.contains(&key) {
            mistakes.note(&key, format!("`{key}` is given twice; keep one of them"));
            continue;
        }
        seen.push(key.clone());
        if let Err(mistake) = take(attr, key, value, &mut options) {
            mistakes.add(mistake);
        }
    }
    options
}

fn take(attr: Attr, name: Ident, value: Option<Expr>, options: &mut Options) -> Result<()> {
    let key = key(attr, &name)?;
    let Some(value) = value else {
        return refuse(&name, format!("`{name}` needs a value: write `{name} = {}`", key.example));
    };
    match key.takes {
        Takes::Workers => options.workers = Some(workers(value)?),
        Takes::Number => options.calls.push((name, number(key, value)?)),
        Takes::Count => options.calls.push((name, count(key, value)?)),
        Takes::Function => options.calls.push((name, function_value(key, value)?)),
        Takes::Size => options.calls.push((name, value::size(key.name, value)?)),
        Takes::Policy => options.calls.push((name, policy(key, value)?)),
        Takes::Time => options.calls.push((name, value::time(key.name, value)?)),
        Takes::Watchdog => options.watchdog = Some(watchdog(key, value)?),
        Takes::Alloc => options.own_allocator = !switch(key, &value)?,
        Takes::Signals => options.own_signals = !switch(key, &value)?,
        Takes::Path => options.smarm = Some(value::path(value)?),
    }
    Ok(())
}

fn key(attr: Attr, name: &Ident) -> Result<&'static Key> {
    let written = name.to_string();
    match KEYS.iter().find(|key| key.name == written) {
        Some(Key { only: Some(other), .. }) if *other != attr => {
            refuse(name, format!("`{written}` is a key of `#[smarm::{}]` only; remove it", other.name()))
        }
        Some(key) => Ok(key),
        None => refuse(name, format!("unknown key `{written}`; {}", advice(attr, &written))),
    }
}

fn advice(attr: Attr, written: &str) -> String {
    let known = KEYS.iter().filter(|key| key.only.is_none_or(|only| only == attr)).map(|key| key.name);
    advice::key(written, known)
}

fn workers(value: Expr) -> Result<Workers> {
    match value {
        Expr::Range(range) => worker_range(range),
        value => check_workers(&value).map(|()| Workers::Exactly(value)),
    }
}

fn worker_range(range: ExprRange) -> Result<Workers> {
    let ExprRange { start: Some(min), limits: RangeLimits::Closed(_), end: Some(max), .. } = &range else {
        return refuse(&range, "`workers` takes a range with both ends, as in `1..=4`");
    };
    check_workers(min)?;
    check_workers(max)?;
    match (literal_number(min), literal_number(max)) {
        (Some(min), Some(max)) if min > max => {
            refuse(&range, format!("no number is in `{min}..={max}`: write the smaller one first"))
        }
        _ => Ok(Workers::Between(range)),
    }
}

fn check_workers(value: &Expr) -> Result<()> {
    match literal(value) {
        None => Ok(()),
        Some(Lit::Int(number)) => match magnitude(number) {
            0 => refuse(value, "a runtime needs a worker: write 1 or more"),
            1..=MAX_WORKERS => Ok(()),
            _ => refuse(value, format!("too many workers: write {MAX_WORKERS} or fewer")),
        },
        Some(_) => refuse(value, "`workers` takes a number, such as `4`, or a range, such as `1..=4`"),
    }
}

fn number(key: &Key, value: Expr) -> Result<Value> {
    let Key { name, example, .. } = key;
    match literal(&value) {
        Some(Lit::Int(number)) if magnitude(number) == 0 => {
            refuse(&value, format!("`{name}` cannot be 0: write 1 or more, such as `{example}`"))
        }
        None | Some(Lit::Int(_)) => Ok(Value::Written(value)),
        Some(_) => refuse(&value, format!("`{name}` takes a whole number, such as `{example}`")),
    }
}

fn count(key: &Key, value: Expr) -> Result<Value> {
    let Key { name, example, .. } = key;
    match literal(&value) {
        None | Some(Lit::Int(_)) => Ok(Value::Written(value)),
        Some(_) => refuse(&value, format!("`{name}` takes a whole number, such as `{example}`")),
    }
}

fn function_value(key: &Key, value: Expr) -> Result<Value> {
    let Key { name, example, .. } = key;
    match literal(&value) {
        None => Ok(Value::Written(value)),
        Some(_) => {
            refuse(&value, format!("`{name}` takes a function or a closure: write `{name} = {example}`"))
        }
    }
}

fn policy(key: &Key, value: Expr) -> Result<Value> {
    let Key { name, example, .. } = key;
    match literal(&value) {
        None => Ok(Value::Written(value)),
        Some(_) => refuse(&value, format!("`{name}` takes a policy: write `{name} = {example}`")),
    }
}

fn watchdog(key: &Key, value: Expr) -> Result<Value> {
    let place = value.span();
    match value::time(key.name, value)? {
        Value::Milliseconds(0) => {
            Err(syn::Error::new(place, "`watchdog` cannot be 0: no test would be in time"))
        }
        limit => Ok(limit),
    }
}

/// Said in the source: what is generated depends on it.
fn switch(key: &Key, value: &Expr) -> Result<bool> {
    match literal(value) {
        Some(Lit::Bool(switch)) => Ok(switch.value),
        _ => refuse(value, format!("`{}` takes `true` or `false`", key.name)),
    }
}

fn literal_number(value: &Expr) -> Option<u64> {
    match literal(value)? {
        Lit::Int(number) => Some(magnitude(number)),
        _ => None,
    }
}

/// The sentence for an attribute on something else than a function.
pub(crate) fn no_function(attr: Attr) -> String {
    format!("`#[smarm::{}]` goes on a function only", attr.name())
}

/// Notes why `function` cannot be run, if it cannot.
pub(crate) fn function(attr: Attr, function: &Function, mistakes: &mut Mistakes) {
    check_name(attr, function, mistakes);
    check_attributes(attr, function, mistakes);
    check_qualifiers(attr, function, mistakes);
    check_generics(attr, function, mistakes);
    check_arguments(attr, function, mistakes);
}

fn check_name(attr: Attr, function: &Function, mistakes: &mut Mistakes) {
    let name = &function.signature.ident;
    if attr == Attr::Main && name != "main" {
        mistakes.note(
            name,
            "`#[smarm::main]` goes on `fn main` only: rename the function, or move the attribute",
        );
    }
}

fn check_attributes(attr: Attr, function: &Function, mistakes: &mut Mistakes) {
    for other in &function.attributes {
        if other.path().segments.last().is_some_and(|last| last.ident == attr.name()) {
            let name = attr.name();
            mistakes
                .note(other, format!("`#[smarm::{name}]` is enough: remove this second `{name}` attribute"));
        }
    }
}

fn check_qualifiers(attr: Attr, function: &Function, mistakes: &mut Mistakes) {
    let signature = &function.signature;
    let subject = attr.subject();
    if let Some(word) = &signature.constness {
        mistakes.note(word, format!("{subject} cannot be `const`: it runs actors; remove the word"));
    }
    if let Some(word) = &signature.asyncness {
        mistakes.note(
            word,
            format!("{subject} is not `async` under smarm: remove the word; what waits parks the actor, without `.await`"),
        );
    }
    if let Safety::Unsafe(word) = &signature.safety {
        mistakes
            .note(word, format!("{subject} cannot be `unsafe`: put an `unsafe` block into the body instead"));
    }
    if let Some(abi) = &signature.abi {
        mistakes.note(
            abi,
            format!("{subject} cannot be `extern`: smarm calls it, with Rust's own ABI; remove it"),
        );
    }
}

fn check_generics(attr: Attr, function: &Function, mistakes: &mut Mistakes) {
    let generics = &function.signature.generics;
    let subject = attr.subject();
    if !generics.params.is_empty() {
        mistakes.note(
            generics,
            format!("{subject} cannot be generic: nothing would choose the parameters; remove them"),
        );
    }
    if let Some(bounds) = &generics.where_clause {
        mistakes.note(bounds, format!("{subject} has no parameters to bound: remove the `where` clause"));
    }
}

fn check_arguments(attr: Attr, function: &Function, mistakes: &mut Mistakes) {
    let arguments = &function.signature.inputs;
    if arguments.is_empty() {
        return;
    }
    mistakes.note(
        arguments,
        match attr {
            Attr::Main => "`main` takes no arguments: read the program's with `std::env::args()`",
            Attr::Test => "a test takes no arguments: make what it needs in its body",
        },
    );
}

/// Whether a function returns `()`, said or unsaid.
pub(crate) fn returns_unit(output: &ReturnType) -> bool {
    match output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => matches!(&**ty, Type::Tuple(tuple) if tuple.elems.is_empty()),
    }
}
