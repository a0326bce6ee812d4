//! `smarm::select!`: arms are read by `parse`, judged by `valid`, and written by `expand`.

mod expand;
mod parse;
mod valid;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, Ident, Pat, Path};

/// All that stands in one `select!`.
struct Select {
    smarm: Path,
    is_biased: bool,
    arms: Vec<Arm>,
    default: Option<Default>,
}

/// `pattern = operation if guard => body`.
struct Arm {
    pattern: Option<Pat>,
    operation: Operation,
    guard: Option<Expr>,
    body: Expr,
}

/// `default => body`.
struct Default {
    word: Ident,
    body: Expr,
}

enum Operation {
    /// `receiver.verb(argument)`
    Method { receiver: Expr, verb: Verb, name: Ident, argument: Option<Expr> },
    /// `wait_readable(&descriptor)`, whatever its path
    Descriptor { verb: Verb, descriptor: Expr },
    /// `after(duration)`, `at(instant)`
    Time { word: Ident, time: Expr },
}

/// What a method that can be selected on is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Recv,
    Send,
    Accept,
    Join,
    Readable,
    Writable,
}

impl Verb {
    const ALL: [(&str, Self); 6] = [
        ("recv", Self::Recv),
        ("send", Self::Send),
        ("accept", Self::Accept),
        ("join", Self::Join),
        ("wait_readable", Self::Readable),
        ("wait_writable", Self::Writable),
    ];

    fn of(name: &Ident) -> Option<Self> {
        Self::ALL.iter().find(|(word, _)| name == word).map(|(_, verb)| *verb)
    }

    /// Whether what it is called on may be used up, if the arm is chosen: then it has the last word.
    fn may_use_up(self) -> bool {
        matches!(self, Self::Recv | Self::Join)
    }
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let (select, mut mistakes) = parse::select(input);
    if let Some(select) = &select {
        valid::check(select, &mut mistakes);
    }
    match select {
        Some(select) if mistakes.is_empty() => select.expand(),
        _ => {
            let mistakes = mistakes.into_tokens();
            // In the place of a value the compiler takes an error for one of any type: so there are none about the type.
            quote!({ #mistakes })
        }
    }
}
