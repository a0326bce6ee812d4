//! Reading the arms.
//!
//! What is wrong with an arm's words ends the reading, since nobody knows where the next arm begins; what is wrong with their meaning does not.

use proc_macro2::TokenStream;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::token::{Brace, Paren};
use syn::{Expr, ExprCall, ExprMethodCall, Ident, Pat, Path, Token};

use super::{Arm, Default, Operation, Select, Verb};
use crate::mistakes::{Mistakes, refuse};

/// What can be waited for, for those who wrote something else.
const CHOICE: &str = "`select!` can wait for `rx.recv()`, `tx.send(value)`, `listener.accept()`, `handle.join()`, \
     `socket.wait_readable()`, `socket.wait_writable()`, `io::wait_readable(&fd)`, `io::wait_writable(&fd)`, \
     `after(duration)` and `at(instant)`";

/// The select, if its words can be made out.
pub(super) fn select(input: TokenStream) -> (Option<Select>, Mistakes) {
    let mut mistakes = Mistakes::default();
    let read = |input: ParseStream<'_>| read(input, &mut mistakes);
    let select = read.parse2(input);
    let select = select.map_err(|mistake| mistakes.add(mistake)).ok();
    (select, mistakes)
}

/// The path of smarm, which the outer macro has put before the user's words; then these.
fn read(input: ParseStream<'_>, mistakes: &mut Mistakes) -> syn::Result<Select> {
    let smarm = input.call(Path::parse_mod_style)?;
    input.parse::<Token![;]>()?;
    let is_biased = input.peek(Ident) && input.peek2(Token![;]);
    if is_biased {
        let word: Ident = input.parse()?;
        input.parse::<Token![;]>()?;
        if word != "biased" {
            mistakes.note(
                &word,
                "only `biased;` may stand before the arms: they are looked at in their order then",
            );
        }
    }
    let mut select = Select { smarm, is_biased, arms: Vec::new(), default: None };
    while !input.is_empty() {
        arm(input, &mut select, mistakes)?;
    }
    Ok(select)
}

/// One arm, into the select; or a note of what is wrong with it.
fn arm(input: ParseStream<'_>, select: &mut Select, mistakes: &mut Mistakes) -> syn::Result<()> {
    if let Some(word) = default_word(input)? {
        let guard = guard(input)?;
        if let Some(guard) = guard {
            mistakes.note(guard, "`default` has no guard: it is for when no other arm is ready");
        }
        let body = body(input, "default => ..")?;
        if select.default.is_some() {
            mistakes.note(&word, "there is a `default` already");
        }
        select.default = Some(Default { word, body });
        return Ok(());
    }
    let pattern = pattern(input)?;
    let written: Expr = input.parse()?;
    let guard = guard(input)?;
    let body = body(input, "value = rx.recv() => ..")?;
    match operation(written) {
        Ok(operation) => select.arms.push(Arm { pattern, operation, guard, body }),
        Err(mistake) => mistakes.add(mistake),
    }
    Ok(())
}

/// `default`, before `=>` or a guard.
fn default_word(input: ParseStream<'_>) -> syn::Result<Option<Ident>> {
    if input.peek(Token![else]) {
        return Err(
            input.error("`select!` has no `else`: write `default => ..`, for when no other arm is ready")
        );
    }
    // A keyword to the parser, in Rust a name like others.
    if !(input.peek(Token![default]) && (input.peek2(Token![=>]) || input.peek2(Token![if]))) {
        return Ok(None);
    }
    let word: Token![default] = input.parse()?;
    Ok(Some(Ident::new("default", word.span)))
}

/// `pattern =`; nothing before a time.
fn pattern(input: ParseStream<'_>) -> syn::Result<Option<Pat>> {
    if is_time(input) {
        return Ok(None);
    }
    let ahead = input.fork();
    match Pat::parse_multi_with_leading_vert(&ahead) {
        Ok(pattern) if ahead.peek(Token![=]) && !ahead.peek(Token![=>]) => {
            input.advance_to(&ahead);
            input.parse::<Token![=]>()?;
            Ok(Some(pattern))
        }
        Ok(pattern) if ahead.peek(Token![->]) => {
            refuse(pattern, "the result stands first: write `result = rx.recv() => ..`")
        }
        _ => without_pattern(input),
    }
}

/// Why there is no `pattern =` here.
fn without_pattern<T>(input: ParseStream<'_>) -> syn::Result<T> {
    let ahead = input.fork();
    match ahead.parse::<Expr>() {
        Ok(written) if ahead.peek(Token![=>]) || ahead.peek(Token![if]) => refuse(
            written,
            "bind the result, as in `result = rx.recv() => ..`; to ignore it, write `_ = rx.recv() => ..`",
        ),
        _ => Err(input.error("expected an arm, as in `result = rx.recv() => ..`")),
    }
}

/// `after(..)` or `at(..)`, and no pattern of that name.
fn is_time(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    let is_word = ahead.parse::<Ident>().is_ok_and(|word| word == "after" || word == "at");
    is_word
        && ahead.peek(Paren)
        && ahead.parse::<proc_macro2::TokenTree>().is_ok()
        && (ahead.peek(Token![=>]) || !ahead.peek(Token![=]))
}

fn guard(input: ParseStream<'_>) -> syn::Result<Option<Expr>> {
    if input.peek(Token![,]) && input.peek2(Token![if]) {
        return Err(input.error("no comma before a guard: write `value = rx.recv() if condition => ..`"));
    }
    if !input.peek(Token![if]) {
        return Ok(None);
    }
    input.parse::<Token![if]>()?;
    input.parse().map(Some)
}

/// `=> body`, and the comma where one has to be.
fn body(input: ParseStream<'_>, form: &str) -> syn::Result<Expr> {
    if !input.peek(Token![=>]) {
        return Err(input.error(format!("expected `=>` and what is to be done, as in `{form}`")));
    }
    input.parse::<Token![=>]>()?;
    let is_in_braces = input.peek(Brace);
    let body = Expr::parse_with_earlier_boundary_rule(input)?;
    let ends = is_in_braces || is_block(&body) || input.is_empty() || input.peek(Token![,]);
    if !ends {
        return Err(input.error("expected a comma before the next arm"));
    }
    input.parse::<Option<Token![,]>>()?;
    Ok(body)
}

fn is_block(body: &Expr) -> bool {
    matches!(
        body,
        Expr::Block(_)
            | Expr::If(_)
            | Expr::Match(_)
            | Expr::Loop(_)
            | Expr::While(_)
            | Expr::ForLoop(_)
            | Expr::Unsafe(_)
    )
}

fn operation(written: Expr) -> syn::Result<Operation> {
    match written {
        Expr::MethodCall(call) => method(call),
        Expr::Call(call) => function(call),
        Expr::Paren(inner) => operation(*inner.expr),
        Expr::Group(inner) => operation(*inner.expr),
        Expr::Try(question) => refuse(
            question.question_token,
            "`?` goes into the arm: `result = rx.recv() => { let value = result?; .. }`",
        ),
        Expr::Await(future) => refuse(
            future.await_token,
            "`select!` waits for operations of smarm, not for futures: leave `.await` out",
        ),
        other => refuse(other, CHOICE),
    }
}

fn method(call: ExprMethodCall) -> syn::Result<Operation> {
    let name = call.method;
    let Some(verb) = Verb::of(&name) else { return refuse(&name, instead_of(&name)) };
    let wanted = usize::from(verb == Verb::Send);
    if call.args.len() != wanted {
        let sentence = match verb {
            Verb::Send => "`send` takes the value: `result = tx.send(value) => ..`".to_owned(),
            _ => format!(
                "`{name}` takes nothing: the time goes into an arm of its own, `after(duration) => ..`"
            ),
        };
        return refuse(&name, sentence);
    }
    let argument = call.args.into_iter().next();
    Ok(Operation::Method { receiver: *call.receiver, verb, name, argument })
}

/// What to write instead of a method that cannot be selected on.
fn instead_of(name: &Ident) -> String {
    let written = name.to_string();
    let base = written.strip_prefix("try_");
    if let Some(base) = base.filter(|base| Verb::ALL.iter().any(|(word, _)| word == base)) {
        return format!(
            "write `{base}`: for when nothing is ready there is an arm of its own, `default => ..`"
        );
    }
    let base = written.strip_suffix("_timeout").filter(|base| Verb::ALL.iter().any(|(word, _)| word == base));
    if let Some(base) = base {
        return format!("write `{base}`: the time goes into an arm of its own, `after(duration) => ..`");
    }
    CHOICE.to_owned()
}

fn function(call: ExprCall) -> syn::Result<Operation> {
    let Expr::Path(path) = &*call.func else { return refuse(call, CHOICE) };
    let Some(last) = path.path.segments.last() else { return refuse(call, CHOICE) };
    let name = last.ident.clone();
    let is_word = path.path.segments.len() == 1;
    let is_time = is_word && (name == "after" || name == "at");
    let interest = Verb::of(&name).filter(|verb| matches!(verb, Verb::Readable | Verb::Writable));
    if name == "sleep" || name == "sleep_until" {
        let word = if name == "sleep" { "after(duration)" } else { "at(instant)" };
        return refuse(&call.func, format!("write `{word} => ..`"));
    }
    if !is_time && interest.is_none() {
        return refuse(&call.func, CHOICE);
    }
    if call.args.len() != 1 {
        let form = if is_time { format!("{name}(time)") } else { format!("{name}(&descriptor)") };
        return refuse(&call.func, format!("`{name}` takes one argument: write `{form}`"));
    }
    let argument = call.args.into_iter().next().expect("counted above");
    Ok(match interest {
        Some(verb) => Operation::Descriptor { verb, descriptor: argument },
        None => Operation::Time { word: name, time: argument },
    })
}
