//! The calls for `async` code: what `ActorRef::to_async` gives, a method for each call.

use proc_macro2::TokenStream;
use quote::quote;

use crate::actor::Actor;
use crate::actor::expand::handle::passed;
use crate::actor::marks::Shape;
use crate::actor::message::{Message, Reply};

impl Actor {
    /// Nothing, if there are no calls.
    pub(super) fn async_calls(&self) -> Option<TokenStream> {
        let calls = self.messages.iter().filter_map(|message| Some((message, message.reply()?)));
        let methods = calls.map(|(message, reply)| self.async_method(message, reply)).collect::<Vec<_>>();
        (!methods.is_empty()).then(|| {
            let (definition, traits) = (self.async_struct(), self.async_traits());
            let methods = self.implement_async(None, &quote!(#(#methods)*));
            quote!(#definition #methods #traits)
        })
    }

    fn async_struct(&self) -> TokenStream {
        let Self { smarm, name, async_calls, .. } = self;
        let (generics, message, allowed) = (self.generics(), self.message_of(), self.allowed());
        let bounds = &generics.where_clause;
        let doc = format!(" The calls of a running `{name}` for `async` code: `handle.actor().to_async()`.");
        quote! {
            #[doc = #doc]
            #[allow(private_bounds)]
            #(#allowed)*
            pub struct #async_calls #generics #bounds {
                actor: #smarm::ActorRef<#message>,
            }
        }
    }

    fn async_method(&self, message: &Message, reply: &Reply) -> TokenStream {
        let Message { name, attributes, visibility, .. } = message;
        let (smarm, message_type) = (&self.smarm, self.message_of());
        let docs = self.first_doc(message);
        let arguments = message.arguments().map(|(name, ty, into)| {
            let ty = passed(ty, into);
            quote!(#name: #ty)
        });
        let ty = &reply.ty;
        let (future, flat) = match reply.shape {
            Shape::Nested => (quote!(#smarm::CallFuture), None),
            Shape::Flat => (quote!(#smarm::FlatCallFuture), Some(quote!(.flat()))),
        };
        let converted = self.converted(message);
        let (parameter, made) = self.made_with_reply(message);
        quote! {
            #docs
            #(#attributes)*
            #visibility fn #name(&self #(, #arguments)*) -> #future<#message_type, #ty> {
                #converted self.actor.call_async(|#parameter| #made) #flat
            }
        }
    }

    fn async_traits(&self) -> TokenStream {
        let Self { smarm, async_calls, .. } = self;
        let name = async_calls.to_string();
        let clone = quote! {
            fn clone(&self) -> Self { Self { actor: ::core::clone::Clone::clone(&self.actor) } }
        };
        let debug = quote! {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                formatter.debug_tuple(#name).field(&self.actor).finish()
            }
        };
        let clone = self.implement_async(Some(quote!(::core::clone::Clone)), &clone);
        let debug = self.implement_async(Some(quote!(::core::fmt::Debug)), &debug);
        let (allowed, message, generics) = (self.allowed(), self.message_of(), self.sendable_generics());
        let (parameters, arguments, bounds) = generics.split_for_impl();
        quote! {
            #clone
            #debug
            #(#allowed)*
            impl #parameters #smarm::Calls for #message #bounds {
                type Async = #async_calls #arguments;
                fn __async(actor: #smarm::ActorRef<Self>) -> Self::Async { #async_calls { actor } }
            }
        }
    }

    fn implement_async(&self, of: Option<TokenStream>, body: &TokenStream) -> TokenStream {
        let (allowed, async_calls) = (self.allowed(), &self.async_calls);
        let generics = if of.is_none() { self.sendable_generics() } else { self.generics() };
        let (parameters, arguments, bounds) = generics.split_for_impl();
        // Most are not used, and all name what the user may have deprecated.
        let lints = of.is_none().then(|| quote!(#[allow(dead_code, deprecated, clippy::type_complexity)]));
        let of = of.map(|path| quote!(#path for));
        quote! {
            #lints
            #(#allowed)*
            impl #parameters #of #async_calls #arguments #bounds { #body }
        }
    }
}
