//! What is wrong with a select although each of its arms can be made out.

use proc_macro2::Span;
use syn::Pat;

use super::{Operation, Select};
use crate::mistakes::Mistakes;

/// As many as there are bits in the word in which the runtime notes them.
const MOST_ARMS: usize = 64;

pub(super) fn check(select: &Select, mistakes: &mut Mistakes) {
    if let Some(arm) = select.arms.get(MOST_ARMS) {
        mistakes.note(&arm.body, format!("`select!` has at most {MOST_ARMS} arms"));
    }
    for pattern in select.arms.iter().filter_map(|arm| arm.pattern.as_ref()).filter(|it| is_refutable(it)) {
        mistakes.note(
            pattern,
            "the pattern has to take every result: write `result = .. => match result { .. }`",
        );
    }
    let Some(default) = &select.default else {
        if select.arms.is_empty() && mistakes.is_empty() {
            let sentence = "`select!` needs an arm, as in `value = rx.recv() => ..`";
            mistakes.add(syn::Error::new(Span::call_site(), sentence));
        }
        return;
    };
    if select.arms.is_empty() && mistakes.is_empty() {
        mistakes.note(&default.word, "`default` is for when no other arm is ready, and there is none");
    }
    for arm in &select.arms {
        if let Operation::Time { word, .. } = &arm.operation {
            let sentence = format!("with `default` the select does not wait, so `{word}` has no meaning");
            mistakes.note(word, sentence);
        }
    }
}

/// Whether it surely takes one of two results only. What it does not know is for the compiler to tell.
fn is_refutable(pattern: &Pat) -> bool {
    match pattern {
        Pat::TupleStruct(variant) => {
            let last = variant.path.segments.last();
            last.is_some_and(|name| ["Ok", "Err", "Some"].iter().any(|word| name.ident == word))
        }
        Pat::Paren(inner) => is_refutable(&inner.pat),
        _ => false,
    }
}
