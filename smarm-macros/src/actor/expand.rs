//! Writing what an actor stands for: the message type, the handle, the `Actor` impl and `start`.
//!
//! Three rules keep rustc's words about it few and in the right place:
//! - No generated item has a bound that a type of the user's could miss. What must be `Send` is asserted in `start`,
//!   once per type and on its own tokens; only type parameters, which cannot be looked at there, are bounded.
//! - What the user named (methods, arguments, types) keeps the user's spans, so that an editor's "go to definition"
//!   lands there. What only the expansion names has the macro's hygiene, and clashes with no argument.
//! - Names of the standard library are full paths: a user may have an `Option`, or a `Result`, of their own.

mod async_calls;
mod handle;
mod messages;
mod server;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, GenericParam, Generics, parse_quote};

use super::Actor;
use super::parse::{Block, Item};
use crate::attr::Function;

impl ToTokens for Actor {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.block.to_tokens(tokens);
        tokens.extend([self.message_enum(), self.handle_struct(), self.handle_impls()]);
        tokens.extend(self.async_calls());
        tokens.extend(self.start());
        if !self.borrows {
            tokens.extend(self.actor_impl());
        }
    }
}

impl ToTokens for Block {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attributes, impl_token, generics, self_type, inner_attributes, items } = self;
        let bounds = &generics.where_clause;
        tokens.extend(quote! {
            #(#attributes)*
            #impl_token #generics #self_type #bounds {
                #(#inner_attributes)*
                #(#items)*
            }
        });
    }
}

impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Function(Function { attributes, visibility, signature, body }) => {
                tokens.extend(quote!(#(#attributes)* #visibility #signature #body));
            }
            Self::Other(item) => item.to_tokens(tokens),
        }
    }
}

/// A binding of the expansion's own, which no argument of that name can meet.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

impl Actor {
    /// The `impl`'s generics, without lifetimes, which are refused.
    fn generics(&self) -> Generics {
        let mut generics = self.block.generics.clone();
        let parameters = std::mem::take(&mut generics.params);
        generics.params =
            parameters.into_iter().filter(|it| !matches!(it, GenericParam::Lifetime(_))).collect();
        generics
    }

    /// The generics of what sends and starts. The types themselves have fewer bounds, so that a handle can be named
    /// where nothing is sent.
    fn sendable_generics(&self) -> Generics {
        let mut generics = self.generics();
        for parameter in generics.type_params_mut() {
            parameter.bounds.push(parse_quote!(::core::marker::Send));
            parameter.bounds.push(parse_quote!('static));
        }
        generics
    }

    /// The lints that the user silenced for the whole `impl`. Few others look at what a macro has written.
    fn allowed(&self) -> impl Iterator<Item = &Attribute> {
        self.block.attributes.iter().filter(|attribute| attribute.path().is_ident("allow"))
    }

    /// `CounterMsg<K, V>`
    fn message_of(&self) -> TokenStream {
        let name = &self.message_type;
        let generics = self.generics();
        let (_, arguments, _) = generics.split_for_impl();
        quote!(#name #arguments)
    }

    /// The method that starts the actor; the one thing that is generated on the user's own type.
    fn start(&self) -> Option<TokenStream> {
        if self.block.functions().any(|function| function.signature.ident == "start") {
            return None;
        }
        let Self { smarm, handle, block: Block { self_type, generics: written, .. }, .. } = self;
        let allowed = self.allowed();
        let generics = self.sendable_generics();
        let (_, arguments, bounds) = generics.split_for_impl();
        let parameters = if self.borrows { written.to_token_stream() } else { generics.to_token_stream() };
        let assertions = self.assertions();
        let start = match self.borrows {
            true => quote!(loop {}),
            false => quote!(#smarm::__private::start(self)),
        };
        Some(quote! {
            #(#allowed)*
            impl #parameters #self_type #bounds {
                /// Starts the actor, and gives a handle to it.
                #[track_caller]
                pub fn start(self) -> #handle #arguments {
                    #assertions
                    #start
                }
            }
        })
    }

    /// What makes the `unsafe impl` sound: state, arguments and replies may go to another thread.
    fn assertions(&self) -> Option<TokenStream> {
        if self.borrows {
            return None;
        }
        let smarm = &self.smarm;
        let messages = self.messages.iter().flat_map(|message| {
            let replies = message.reply().map(|reply| &reply.ty);
            let conditions = message.conditions().collect::<Vec<_>>();
            message
                .arguments()
                .map(|(_, ty, _)| ty)
                .chain(replies)
                .map(move |ty| {
                    let assertion =
                        quote_spanned!(ty.span()=> #smarm::__private::every_argument_and_reply_must_be_send);
                    quote!(#(#conditions)* #assertion::<#ty>();)
                })
                .collect::<Vec<_>>()
        });
        let state = &self.block.self_type;
        let assertion = quote_spanned!(state.span()=> #smarm::__private::the_state_of_an_actor_must_be_send);
        Some(quote!(#(#messages)* #assertion::<#state>();))
    }
}

impl Block {
    fn functions(&self) -> impl Iterator<Item = &Function> {
        self.items.iter().filter_map(|item| match item {
            Item::Function(function) => Some(function),
            Item::Other(_) => None,
        })
    }
}
