//! Writing the expression.
//!
//! ```text
//! {
//!     let __guard0 = guard;                      what the user wrote, each evaluated once, in its order
//!     let __of1 = receiver;
//!     let __argument1 = value;
//!     enum __Won<T0, T1> { A0(T0), A1(T1) }
//!     let __won = {
//!         let __arm0 = receiver.recv_in_select();
//!         let __arm1 = __of1.send_in_select(__argument1);
//!         match select(&[Some(Arm::alternative(&__arm0)), ..], Order::Fair) {
//!             0 => __Won::A0(Arm::chosen(__arm0)),
//!             ..
//!         }
//!     };                                         what has lost is gone
//!     match __won {
//!         __Won::A0(won) => { let pattern = receiver.recv_won(won); body }
//!         ..
//!     }
//! }
//! ```
//!
//! Where an arm's receiver is a variable, or a field of one, it is named again where the arm has won: a oneshot and a `JoinHandle` are
//! used up there and nowhere else, and the compiler knows which arms have them still. Any other receiver is an expression, which is kept.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Ident, Pat, Path, UnOp};

use super::{Arm, Operation, Select, Verb};

impl Select {
    pub(super) fn expand(&self) -> TokenStream {
        let private = Private::of(&self.smarm);
        let arms: Vec<_> =
            self.arms.iter().enumerate().map(|(number, arm)| Writer::new(number, arm, &private)).collect();
        let (types, variants): (Vec<_>, Vec<_>) =
            arms.iter().map(|arm| (format_ident!("T{}", arm.number), &arm.variant)).unzip();
        let evaluated = arms.iter().map(Writer::evaluate);
        let made = arms.iter().map(Writer::make);
        let choice = self.choice(&arms, &private);
        let bodies = arms.iter().map(Writer::body);
        let default = self.default.as_ref().map(|default| &default.body);
        let default_variant = default.map(|_| quote!(Default,));
        let default_body = default.map(|body| quote!(__Won::Default => #body,));
        let private = private.path();
        quote! {{
            #(#evaluated)*
            enum __Won<#(#types),*> { #(#variants(#types),)* #default_variant }
            let __won = {
                #[allow(unused_imports)]
                use #private::JoinServer as _;
                #(#made)*
                #choice
            };
            #[allow(clippy::let_unit_value)]
            match __won { #(#bodies)* #default_body }
        }}
    }

    fn choice(&self, arms: &[Writer<'_>], private: &Private) -> TokenStream {
        let private = private.path();
        let order = if self.is_biased { quote!(Biased) } else { quote!(Fair) };
        let choosable = arms.iter().map(Writer::choosable);
        let arguments = quote!(&[#(#choosable),*], #private::Order::#order);
        let won = arms.iter().map(Writer::won);
        let numbers = 0..arms.len();
        if self.default.is_some() {
            return quote! {
                match #private::select_now(#arguments) {
                    #(::core::option::Option::Some(#numbers) => #won,)*
                    _ => __Won::Default,
                }
            };
        }
        quote! {
            match #private::select(#arguments) {
                #(#numbers => #won,)*
                _ => ::core::unreachable!(),
            }
        }
    }
}

/// Where the macro finds what it names.
struct Private(TokenStream);

impl Private {
    fn of(smarm: &Path) -> Self {
        Self(quote!(#smarm::__private::select))
    }

    fn path(&self) -> &TokenStream {
        &self.0
    }
}

/// How an arm names its receiver.
enum Receiver<'a> {
    /// As the user did.
    Place(&'a Expr),
    /// By a variable that keeps a reference to it.
    Borrowed(&'a Expr),
    /// By a variable that keeps it.
    Kept(&'a Expr),
}

impl<'a> Receiver<'a> {
    fn of(expression: &'a Expr) -> Self {
        match expression {
            place if is_plain_place(place) => Self::Place(place),
            Expr::Index(_) | Expr::Field(_) => Self::Borrowed(expression),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => Self::Borrowed(expression),
            _ => Self::Kept(expression),
        }
    }
}

/// A variable, or a field of one: it may be named twice.
fn is_plain_place(expression: &Expr) -> bool {
    match expression {
        Expr::Path(_) => true,
        Expr::Field(field) => is_plain_place(&field.base),
        Expr::Paren(inner) => is_plain_place(&inner.expr),
        Expr::Group(inner) => is_plain_place(&inner.expr),
        Expr::Unary(unary) => matches!(unary.op, UnOp::Deref(_)) && is_plain_place(&unary.expr),
        _ => false,
    }
}

/// What stands in the parentheses.
fn written_argument(arm: &Arm) -> Option<&Expr> {
    match &arm.operation {
        Operation::Method { argument, .. } => argument.as_ref(),
        Operation::Descriptor { descriptor, .. } => Some(descriptor),
        Operation::Time { time, .. } => Some(time),
    }
}

/// What stands in a body: braces in braces would be too many for the compiler.
fn statements(body: &Expr) -> TokenStream {
    match body {
        Expr::Block(block) if block.label.is_none() && block.attrs.is_empty() => {
            block.block.stmts.iter().map(ToTokens::to_token_stream).collect()
        }
        other => quote!(#other),
    }
}

/// One arm, with the names that it has in the expansion.
struct Writer<'a> {
    number: usize,
    arm: &'a Arm,
    private: &'a Private,
    guard: Ident,
    of: Ident,
    argument: Ident,
    made: Ident,
    variant: Ident,
}

impl<'a> Writer<'a> {
    fn new(number: usize, arm: &'a Arm, private: &'a Private) -> Self {
        let named = |word: &str, span: Span| {
            Ident::new(&format!("__{word}{number}"), Span::mixed_site().located_at(span))
        };
        let local = |word| named(word, Span::mixed_site());
        // An error about it is shown where the user wrote it.
        let argument = written_argument(arm).map_or_else(Span::mixed_site, Spanned::span);
        Self {
            number,
            arm,
            private,
            guard: local("guard"),
            of: local("of"),
            argument: named("argument", argument),
            made: local("arm"),
            variant: format_ident!("A{number}"),
        }
    }

    fn receiver(&self) -> Option<Receiver<'a>> {
        match &self.arm.operation {
            Operation::Method { receiver, .. } => Some(Receiver::of(receiver)),
            _ => None,
        }
    }

    /// The `let`s of what is to be evaluated once. Behind a guard that is false, nothing is.
    fn evaluate(&self) -> TokenStream {
        let Self { guard, of, argument, .. } = self;
        let guarded = self.arm.guard.as_ref().map(|condition| quote!(let #guard: bool = #condition;));
        let kept = match self.receiver() {
            Some(Receiver::Kept(expression)) => Some(quote!(#expression)),
            Some(Receiver::Borrowed(expression)) => Some(quote!(&#expression)),
            Some(Receiver::Place(_)) | None => None,
        };
        let of = kept.map(|value| self.unless_guarded(of, &value));
        let argument = written_argument(self.arm).map(|value| self.unless_guarded(argument, &quote!(#value)));
        quote!(#guarded #of #argument)
    }

    fn unless_guarded(&self, name: &Ident, value: &TokenStream) -> TokenStream {
        let guard = &self.guard;
        if self.arm.guard.is_none() {
            return quote!(let #name = #value;);
        }
        let (some, none) = (quote!(::core::option::Option::Some), quote!(::core::option::Option::None));
        quote!(let #name = if #guard { #some(#value) } else { #none };)
    }

    /// Makes the arm; behind a guard, an `Option` of one.
    fn make(&self) -> TokenStream {
        let Self { guard, of, argument, made, .. } = self;
        if self.arm.guard.is_none() {
            let arm = self.constructor(&quote!(#of), &quote!(#argument));
            return quote!(let #made = #arm;);
        }
        let arm = self.constructor(&quote!(__of), &quote!(#argument));
        let of = match self.receiver() {
            Some(Receiver::Kept(_) | Receiver::Borrowed(_)) => Some(quote! {
                let ::core::option::Option::Some(__of) = &#of else { ::core::unreachable!() };
            }),
            _ => None,
        };
        let argument = written_argument(self.arm).map(|_| {
            quote!(let ::core::option::Option::Some(#argument) = #argument else { ::core::unreachable!() };)
        });
        quote! {
            let #made = if #guard {
                #of
                #argument
                ::core::option::Option::Some(#arm)
            } else {
                ::core::option::Option::None
            };
        }
    }

    fn constructor(&self, of: &TokenStream, argument: &TokenStream) -> TokenStream {
        let private = self.private.path();
        match &self.arm.operation {
            Operation::Method { name, argument: written, .. } => {
                let of = self.named(of);
                let method = format_ident!("{name}_in_select", span = name.span());
                let argument = written.as_ref().map(|_| argument);
                quote!(#of.#method(#argument))
            }
            Operation::Descriptor { verb, descriptor } => {
                let function = match verb {
                    Verb::Writable => quote!(writable_in_select),
                    _ => quote!(readable_in_select),
                };
                quote_spanned!(descriptor.span()=> #private::#function(#argument))
            }
            Operation::Time { word, time } => quote_spanned!(time.span()=> #private::#word(#argument)),
        }
    }

    /// The receiver, by the user's name or by this one.
    fn named(&self, of: &TokenStream) -> TokenStream {
        match self.receiver() {
            Some(Receiver::Place(place)) => quote!(#place),
            _ => of.clone(),
        }
    }

    /// The arm as the runtime sees it.
    fn choosable(&self) -> TokenStream {
        let (made, private) = (&self.made, self.private.path());
        match self.arm.guard {
            None => quote!(::core::option::Option::Some(#private::Arm::alternative(&#made))),
            Some(_) => quote!(::core::option::Option::as_ref(&#made).map(#private::Arm::alternative)),
        }
    }

    /// What has come of it, if it has won.
    fn won(&self) -> TokenStream {
        let Self { made, variant, .. } = self;
        let private = self.private.path();
        match self.arm.guard {
            None => quote!(__Won::#variant(#private::Arm::chosen(#made))),
            Some(_) => quote! {
                match #made {
                    ::core::option::Option::Some(arm) => __Won::#variant(#private::Arm::chosen(arm)),
                    ::core::option::Option::None => ::core::unreachable!(),
                }
            },
        }
    }

    fn body(&self) -> TokenStream {
        let Self { variant, arm, .. } = self;
        let body = statements(&arm.body);
        let won = Ident::new("__won", Span::mixed_site());
        let value = self.value(&won);
        let pattern = match &arm.pattern {
            Some(pattern @ Pat::Or(_)) => quote!((#pattern)),
            Some(pattern) => quote!(#pattern),
            None => quote!(()),
        };
        quote!(__Won::#variant(#won) => { let #pattern = #value; #body })
    }

    /// What the operation would have returned.
    fn value(&self, won: &Ident) -> TokenStream {
        let of = &self.of;
        let Operation::Method { verb, name, .. } = &self.arm.operation else { return quote!(#won) };
        if !verb.may_use_up() {
            return quote!(#won);
        }
        let method = format_ident!("{name}_won", span = name.span());
        let is_option = self.arm.guard.is_some() && !matches!(self.receiver(), Some(Receiver::Place(_)));
        let private = self.private.path();
        let import = quote! {
            #[allow(unused_imports)]
            use #private::JoinServer as _;
        };
        if is_option {
            return quote! {{
                #import
                let ::core::option::Option::Some(__of) = #of else { ::core::unreachable!() };
                __of.#method(#won)
            }};
        }
        let of = self.named(&quote!(#of));
        quote!({ #import #of.#method(#won) })
    }
}
