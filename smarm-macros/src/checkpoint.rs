//! Safe points in loops: `check!()` as the first statement of their bodies.
//!
//! | where a loop stands | what it gets |
//! |---|---|
//! | in a function under a macro of smarm, or a closure passed directly to `spawn` | a check |
//! | there, once unsafe code has begun: in the loop, in a loop around it, or before it | a check that never delivers a kill |
//! | in another closure, an `async` block | none: whoever calls it may not expect to be switched out (`LocalKey::with`) |
//! | in `unsafe`, a nested item, a constant; under `#[no_check]` | none |
//!
//! A kill unwinds. Between the two halves of a `ptr::read` and a `ptr::write` that would drop one value twice, in code
//! whose author had made sure that nothing there can panic; so a kill waits until the function is through with it.
//!
//! A body that does not parse is left as it is: somebody is typing, and rustc has better words for it.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Block, Expr, ExprAsync, ExprCall, ExprClosure, ExprConst, ExprForLoop, ExprLoop,
    ExprMethodCall, ExprRepeat, ExprUnsafe, ExprWhile, GenericArgument, Item, Macro, Safety, Signature, Type,
    parse_quote_spanned,
};

use crate::attr::Function;

/// Puts checks into the loops of `function`, and takes `#[no_check]` from it.
pub(crate) fn function(smarm: &TokenStream, function: &mut Function) {
    let body = TokenStream::from(function.body.clone());
    let exempt = take_no_check(&mut function.attributes);
    if mentions(body.clone(), &["loop", "while", "for"])
        && let Ok(mut body) = syn::parse2::<Block>(body)
    {
        loops(smarm, ground(exempt, &function.signature), &mut body);
        function.body = body.into_token_stream().into_iter().next().expect("a block is one group");
    }
}

/// The same for a function that syn has parsed whole.
pub(crate) fn parsed(
    smarm: &TokenStream,
    attributes: &mut Vec<Attribute>,
    signature: &Signature,
    body: &mut Block,
) {
    let exempt = take_no_check(attributes);
    loops(smarm, ground(exempt, signature), body);
}

fn loops(smarm: &TokenStream, ground: Ground, body: &mut Block) {
    Loops { smarm, ground, unsafe_has_begun: false }.visit_block_mut(body);
}

/// What may be done to the loops at one place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// They are checked.
    Checked,
    /// Somebody else's: left alone, until a closure that is passed to `spawn` begins a stack of its own.
    Foreign,
    /// Left alone, with everything in them.
    Exempt,
}

fn ground(exempt: bool, signature: &Signature) -> Ground {
    let plain = signature.constness.is_none()
        && signature.asyncness.is_none()
        && signature.abi.is_none()
        && !matches!(signature.safety, Safety::Unsafe(_));
    if plain && !exempt { Ground::Checked } else { Ground::Exempt }
}

struct Loops<'a> {
    smarm: &'a TokenStream,
    ground: Ground,
    /// Whether something unsafe precedes, or shares a loop with, what is visited now.
    unsafe_has_begun: bool,
}

impl Loops<'_> {
    /// Visits a part on other ground; nothing is better than `Exempt`.
    fn on(&mut self, ground: Ground, visit: impl FnOnce(&mut Self)) {
        let around = self.ground;
        if around != Ground::Exempt {
            self.ground = ground;
        }
        visit(self);
        self.ground = around;
    }

    /// Visits the parts of a loop, then adds the check to its body.
    fn enter<L: Loop>(&mut self, node: &mut L, visit: fn(&mut Self, &mut L)) {
        let exempt = take_no_check(node.attributes());
        self.unsafe_has_begun |= mentions(node.to_token_stream(), &["unsafe"]);
        let ground = if exempt { Ground::Exempt } else { self.ground };
        self.on(ground, |this| {
            visit(this, node);
            this.check(node);
        });
    }

    /// The statement lies on the loop's keyword, so that a debugger that steps through it stays there.
    fn check(&self, node: &mut impl Loop) {
        if self.ground != Ground::Checked {
            return;
        }
        let place = Span::mixed_site().located_at(node.keyword());
        let name = if self.unsafe_has_begun { "checkpoint_no_kill" } else { "checkpoint" };
        let name = Ident::new(name, place);
        let smarm = self.smarm;
        node.body().stmts.insert(0, parse_quote_spanned!(place=> #smarm::__private::#name();));
    }

    /// Visits the arguments of a call, where a closure is on the ground of whoever runs it.
    fn arguments<'a>(&mut self, runs: Runs, arguments: impl Iterator<Item = &'a mut Expr>) {
        for argument in arguments {
            match closure(argument) {
                Some(closure) if closure.asyncness.is_none() => self.closure(runs, closure),
                _ => self.visit_expr_mut(argument),
            }
        }
    }

    fn closure(&mut self, runs: Runs, closure: &mut ExprClosure) {
        let exempt = take_no_check(&mut closure.attrs);
        let ground = match runs {
            _ if exempt => Ground::Exempt,
            Runs::OnItsOwnStack => Ground::Checked,
            Runs::Here => self.ground,
            Runs::Somewhere => Ground::Foreign,
        };
        let unsafe_around = self.unsafe_has_begun;
        self.unsafe_has_begun &= runs != Runs::OnItsOwnStack;
        self.on(ground, |this| visit_mut::visit_expr_closure_mut(this, closure));
        if runs == Runs::OnItsOwnStack {
            self.unsafe_has_begun = unsafe_around;
        }
    }
}

/// What a function does with a closure that is passed to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    /// `spawn`, a function or a method.
    OnItsOwnStack,
    /// `scope`.
    Here,
    Somewhere,
}

/// What a function of this path does, judged by its name.
fn runs(function: &Expr) -> Runs {
    match function {
        Expr::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "spawn") => {
            Runs::OnItsOwnStack
        }
        Expr::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "scope") => Runs::Here,
        _ => Runs::Somewhere,
    }
}

/// The three kinds of loops, as far as they are alike.
trait Loop: ToTokens {
    fn attributes(&mut self) -> &mut Vec<Attribute>;
    fn keyword(&self) -> Span;
    fn body(&mut self) -> &mut Block;
}

macro_rules! loops {
    ($($kind:ident $keyword:ident),*) => {$(
        impl Loop for $kind {
            fn attributes(&mut self) -> &mut Vec<Attribute> {
                &mut self.attrs
            }

            fn keyword(&self) -> Span {
                self.$keyword.span
            }

            fn body(&mut self) -> &mut Block {
                &mut self.body
            }
        }
    )*};
}

loops!(ExprLoop loop_token, ExprWhile while_token, ExprForLoop for_token);

impl VisitMut for Loops<'_> {
    fn visit_expr_loop_mut(&mut self, node: &mut ExprLoop) {
        self.enter(node, visit_mut::visit_expr_loop_mut);
    }

    fn visit_expr_while_mut(&mut self, node: &mut ExprWhile) {
        self.enter(node, visit_mut::visit_expr_while_mut);
    }

    fn visit_expr_for_loop_mut(&mut self, node: &mut ExprForLoop) {
        self.enter(node, visit_mut::visit_expr_for_loop_mut);
    }

    fn visit_expr_call_mut(&mut self, node: &mut ExprCall) {
        self.visit_expr_mut(&mut node.func);
        self.arguments(runs(&node.func), node.args.iter_mut());
    }

    fn visit_expr_method_call_mut(&mut self, node: &mut ExprMethodCall) {
        self.visit_expr_mut(&mut node.receiver);
        let runs = if node.method == "spawn" { Runs::OnItsOwnStack } else { Runs::Somewhere };
        self.arguments(runs, node.args.iter_mut());
    }

    fn visit_expr_closure_mut(&mut self, node: &mut ExprClosure) {
        self.closure(Runs::Somewhere, node);
    }

    fn visit_expr_async_mut(&mut self, node: &mut ExprAsync) {
        self.on(Ground::Foreign, |this| visit_mut::visit_expr_async_mut(this, node));
    }

    fn visit_expr_unsafe_mut(&mut self, node: &mut ExprUnsafe) {
        self.unsafe_has_begun = true;
        self.on(Ground::Exempt, |this| visit_mut::visit_expr_unsafe_mut(this, node));
    }

    fn visit_macro_mut(&mut self, node: &mut Macro) {
        self.unsafe_has_begun |= mentions(node.tokens.clone(), &["unsafe"]);
    }

    fn visit_item_mut(&mut self, node: &mut Item) {
        let outside = self.unsafe_has_begun;
        self.on(Ground::Exempt, |this| visit_mut::visit_item_mut(this, node));
        self.unsafe_has_begun = outside;
    }

    // What follows is evaluated by the compiler, where nothing can be switched out.

    fn visit_expr_const_mut(&mut self, node: &mut ExprConst) {
        self.on(Ground::Exempt, |this| visit_mut::visit_expr_const_mut(this, node));
    }

    fn visit_expr_repeat_mut(&mut self, node: &mut ExprRepeat) {
        self.visit_expr_mut(&mut node.expr);
        self.on(Ground::Exempt, |this| this.visit_expr_mut(&mut node.len));
    }

    fn visit_type_mut(&mut self, node: &mut Type) {
        self.on(Ground::Exempt, |this| visit_mut::visit_type_mut(this, node));
    }

    fn visit_generic_argument_mut(&mut self, node: &mut GenericArgument) {
        self.on(Ground::Exempt, |this| visit_mut::visit_generic_argument_mut(this, node));
    }
}

/// The closure that `argument` is, also in parentheses.
fn closure(argument: &mut Expr) -> Option<&mut ExprClosure> {
    match argument {
        Expr::Closure(it) => Some(it),
        Expr::Paren(inner) => closure(&mut inner.expr),
        Expr::Group(inner) => closure(&mut inner.expr),
        _ => None,
    }
}

/// Whether `#[no_check]` was among `attributes`, where it is no longer.
fn take_no_check(attributes: &mut Vec<Attribute>) -> bool {
    let before = attributes.len();
    attributes.retain(|attribute| !attribute.path().is_ident("no_check"));
    attributes.len() < before
}

/// Whether one of `words` is in `tokens`, however deep.
fn mentions(tokens: TokenStream, words: &[&str]) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(word) => words.iter().any(|wanted| word == wanted),
        TokenTree::Group(group) => mentions(group.stream(), words),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    /// A function with `CHECK;` for each check, and `QUIET;` for each that delivers no kill.
    fn checked(item: TokenStream) -> String {
        let mut function = crate::attr::function(item).expect("it parses").expect("it is a function");
        super::function(&quote!(::smarm), &mut function);
        let Function { attributes, visibility, signature, body } = function;
        let text = text(quote!(#(#attributes)* #visibility #signature #body));
        let call = |name: &str| format!(":: smarm :: __private :: {name} ()");
        text.replace(&call("checkpoint_no_kill"), "QUIET").replace(&call("checkpoint"), "CHECK")
    }

    /// syn writes the empty parameters of a closure as two tokens.
    fn text(tokens: TokenStream) -> String {
        tokens.to_string().replace("||", "| |")
    }

    #[track_caller]
    fn same(item: TokenStream, expected: TokenStream) {
        assert_eq!(checked(item), text(expected));
    }

    #[track_caller]
    fn unchanged(item: TokenStream) {
        assert_eq!(checked(item.clone()), text(item));
    }

    #[test]
    fn every_kind_of_loop_is_checked_first_thing() {
        same(
            quote! { fn f() { loop { a(); } while b() { c(); } while let Some(x) = d() { e(x); } for g in h() { i(g); } } },
            quote! { fn f() {
                loop { CHECK; a(); }
                while b() { CHECK; c(); }
                while let Some(x) = d() { CHECK; e(x); }
                for g in h() { CHECK; i(g); }
            } },
        );
    }

    #[test]
    fn loops_are_found_however_deep() {
        same(
            quote! { fn f() -> u8 {
                'outer: loop {
                    match a() {
                        B => for c in d() { if e { while f() {} } else { continue 'outer; } },
                        _ if { loop { break true } } => { let g = loop { break 1; }; return g; }
                    }
                    let Some(x) = y else { loop { break; } };
                    (|z| z)({ for i in 0..1 {} });
                }
            } },
            quote! { fn f() -> u8 {
                'outer: loop {
                    CHECK;
                    match a() {
                        B => for c in d() { CHECK; if e { while f() { CHECK; } } else { continue 'outer; } },
                        _ if { loop { CHECK; break true } } => { let g = loop { CHECK; break 1; }; return g; }
                    }
                    let Some(x) = y else { loop { CHECK; break; } };
                    (|z| z)({ for i in 0..1 { CHECK; } });
                }
            } },
        );
    }

    #[test]
    fn closures_that_are_spawned_or_scoped_are_checked() {
        same(
            quote! { fn f() {
                spawn(move || loop { a(); });
                smarm::spawn((|| { for b in c() {} }));
                smarm::scope(|s| { while d() { s.spawn(|| for e in g() {}); } });
                Builder::new().name("x").spawn(|| loop {}).unwrap();
            } },
            quote! { fn f() {
                spawn(move || loop { CHECK; a(); });
                smarm::spawn((|| { for b in c() { CHECK; } }));
                smarm::scope(|s| { while d() { CHECK; s.spawn(|| for e in g() { CHECK; }); } });
                Builder::new().name("x").spawn(|| loop { CHECK; }).unwrap();
            } },
        );
    }

    #[test]
    fn other_closures_and_futures_are_not_but_what_they_spawn_is() {
        same(
            quote! { fn f() {
                LOCAL.with(|a| for b in a {});
                all.iter().map(|c| { loop {} spawn(move || loop { c(); }) });
                let future = async { loop {} spawn(async || loop {}); spawn(|| loop {}); };
                let later = || loop {};
            } },
            quote! { fn f() {
                LOCAL.with(|a| for b in a {});
                all.iter().map(|c| { loop {} spawn(move || loop { CHECK; c(); }) });
                let future = async { loop {} spawn(async || loop {}); spawn(|| loop { CHECK; }); };
                let later = || loop {};
            } },
        );
    }

    #[test]
    fn a_scope_has_the_ground_it_is_opened_on() {
        unchanged(quote! { fn f() { LOCAL.with(|a| scope(|s| loop {})); } });
    }

    #[test]
    fn unsafe_code_is_left_alone() {
        unchanged(quote! { fn f() { unsafe { loop { a(); spawn(|| loop {}); } } } });
        for word in
            [quote!(unsafe), quote!(extern "C"), quote!(const), quote!(async), quote!(unsafe extern "C")]
        {
            unchanged(quote! { #word fn f() { loop {} } });
        }
    }

    #[test]
    fn a_loop_that_contains_unsafe_code_is_checked_without_kill() {
        same(
            quote! { fn f() {
                for a in b() {}
                for c in d() { for e in g() {} unsafe { h() } }
            } },
            quote! { fn f() {
                for a in b() { CHECK; }
                for c in d() { QUIET; for e in g() { QUIET; } unsafe { h() } }
            } },
        );
        same(
            quote! { fn f() { while unsafe { a() } {} } },
            quote! { fn f() { while unsafe { a() } { QUIET; } } },
        );
        same(
            quote! { fn f() { loop { deref!(unsafe { *a }); } } },
            quote! { fn f() { loop { QUIET; deref!(unsafe { *a }); } } },
        );
    }

    #[test]
    fn once_unsafe_code_has_begun_no_kill_comes_between_its_parts() {
        same(
            quote! { fn f() { let a = unsafe { read(b) }; for c in d() {} unsafe { write(b, a) } } },
            quote! { fn f() { let a = unsafe { read(b) }; for c in d() { QUIET; } unsafe { write(b, a) } } },
        );
        same(
            quote! { fn f() { ptr!(unsafe { a }); loop {} } },
            quote! { fn f() { ptr!(unsafe { a }); loop { QUIET; } } },
        );
    }

    #[test]
    fn a_spawned_closure_begins_anew_and_ends_with_itself() {
        same(
            quote! { fn f() { unsafe { a() } spawn(|| { loop {} unsafe { b() } loop {} }); } },
            quote! { fn f() { unsafe { a() } spawn(|| { loop { CHECK; } unsafe { b() } loop { QUIET; } }); } },
        );
        same(
            quote! { fn f() { spawn(|| unsafe { a() }); loop {} } },
            quote! { fn f() { spawn(|| unsafe { a() }); loop { CHECK; } } },
        );
    }

    #[test]
    fn nested_items_are_not_the_functions_own() {
        same(
            quote! { fn f() {
                fn inner() { loop { unsafe { a() } } }
                struct S;
                impl Drop for S { fn drop(&mut self) { loop {} } }
                loop {}
            } },
            quote! { fn f() {
                fn inner() { loop { unsafe { a() } } }
                struct S;
                impl Drop for S { fn drop(&mut self) { loop {} } }
                loop { CHECK; }
            } },
        );
    }

    #[test]
    fn what_the_compiler_evaluates_is_left_alone() {
        unchanged(quote! { fn f() {
            const A: u8 = loop { break 1 };
            static B: u8 = loop { break 1 };
            let c = const { loop { break 1 } };
            let d = [0; { loop { break 1 } }];
            let e: [u8; { loop { break 1 } }] = g::<{ loop { break 1 } }>();
        } });
    }

    #[test]
    fn no_check_leaves_a_loop_and_all_in_it_alone_and_is_removed() {
        same(
            quote! { fn f() { #[no_check] loop { for a in b() { #[no_check] while c() {} } } loop {} } },
            quote! { fn f() { loop { for a in b() { while c() {} } } loop { CHECK; } } },
        );
        same(
            quote! { #[inline] #[no_check] fn f() { loop { spawn(|| loop {}); } } },
            quote! { #[inline] fn f() { loop { spawn(|| loop {}); } } },
        );
        same(
            quote! { fn f() { spawn(#[no_check] || loop {}); map(#[no_check] || { #[no_check] loop {} }); } },
            quote! { fn f() { spawn(|| loop {}); map(|| { loop {} }); } },
        );
        same(quote! { #[no_check] fn f() { a ! ! } }, quote! { fn f() { a ! ! } });
    }

    #[test]
    fn attributes_in_a_loop_stay_first() {
        same(
            quote! { fn f() { for a in b() { #![allow(unused)] c(); } } },
            quote! { fn f() { for a in b() { #![allow(unused)] CHECK; c(); } } },
        );
    }

    #[test]
    fn a_body_that_does_not_parse_is_passed_on() {
        unchanged(quote! { fn f() { loop { let x = foo. ; } } });
        unchanged(quote! { fn f() { for x in } });
    }
}
