//! The handle: a method for each message, the verbs of every handle, and what makes it a value like any other.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, Type};

use super::local;
use crate::actor::marks::Shape;
use crate::actor::message::{Message, Reply};
use crate::actor::{Actor, Refused, types};

impl Actor {
    pub(super) fn handle_struct(&self) -> TokenStream {
        let Self { smarm, handle, .. } = self;
        let (generics, message, allowed) = (self.generics(), self.message_of(), self.allowed());
        let bounds = &generics.where_clause;
        let doc = format!(
            " A handle to a running `{}`: clone it, send it, keep it as long as you like.",
            self.name
        );
        quote! {
            #[doc = #doc]
            #[allow(private_bounds)]
            #(#allowed)*
            pub struct #handle #generics #bounds {
                actor: #smarm::ActorRef<#message>,
            }
        }
    }

    pub(super) fn handle_impls(&self) -> TokenStream {
        let methods = self.messages.iter().map(|message| self.handle_method(message));
        let refused = self.refused.iter().map(|refused| self.refused_method(refused));
        let verbs = self.verbs();
        let sendable = self.sendable_generics();
        let methods = self.implement(None, &sendable, &quote!(#(#methods)* #(#refused)* #verbs));
        let message = self.message_of();
        let (smarm, actor) = (&self.smarm, local("actor"));
        let handle = self.implement(
            Some(quote!(#smarm::Handle)),
            &sendable,
            &quote! {
                type Msg = #message;
                fn __new(#actor: #smarm::ActorRef<Self::Msg>) -> Self { Self { #actor } }
                fn actor(&self) -> &#smarm::ActorRef<Self::Msg> { &self.actor }
            },
        );
        let traits = self.common_traits();
        quote!(#methods #handle #traits)
    }

    fn handle_method(&self, message: &Message) -> TokenStream {
        let Message { name, attributes, visibility, .. } = message;
        let docs = self.first_doc(message);
        let arguments = message.arguments().map(|(name, ty, into)| {
            let ty = passed(ty, into);
            quote!(#name: #ty)
        });
        let output = message.reply().map(|reply| self.output(reply, &reply.ty));
        let body = self.send(message);
        quote! {
            #docs
            #(#attributes)*
            #visibility fn #name(&self #(, #arguments)*) #output { #body }
        }
    }

    /// What a caller gets for a reply of type `ty`.
    fn output(&self, reply: &Reply, ty: &Type) -> TokenStream {
        let smarm = &self.smarm;
        match (reply.shape, types::arguments(ty, "Result").as_deref()) {
            (Shape::Nested, _) => quote!(-> ::core::result::Result<#ty, #smarm::CallError>),
            (Shape::Flat, Some([value, error])) => {
                quote!(-> ::core::result::Result<#value, #smarm::CallError<#error>>)
            }
            (Shape::Flat, _) => {
                let result = quote_spanned!(ty.span()=> <#ty as #smarm::__private::ResultLike>);
                quote_spanned! {ty.span()=>
                    -> ::core::result::Result<#result::Ok, #smarm::CallError<#result::Err>>
                }
            }
        }
    }

    /// Makes the message, and sends it.
    fn send(&self, message: &Message) -> TokenStream {
        let (message_type, variant, smarm) = (&self.message_type, &message.variant, &self.smarm);
        let converted = self.converted(message);
        let Some(reply) = message.reply() else {
            let fields = message.arguments().map(|(name, ..)| name);
            return quote!(#converted self.actor.cast(#message_type::#variant { #(#fields),* }));
        };
        // A reply through a parameter may come from another actor, so that to wait for this one is not to depend on it.
        let call = match message.reply_parameter() {
            Some(_) => quote!(call_deferred),
            None => quote!(call),
        };
        let (parameter, made) = self.made_with_reply(message);
        let call = quote!(self.actor.#call(|#parameter| #made));
        let call = match reply.shape {
            Shape::Nested => call,
            Shape::Flat => {
                let ty = &reply.ty;
                quote!(#smarm::__private::flat::<#ty, _, _>(#call))
            }
        };
        quote!(#converted #call)
    }

    /// Has the arguments that are `#[into]` be what the message carries.
    pub(super) fn converted(&self, message: &Message) -> TokenStream {
        message
            .arguments()
            .filter(|(.., into)| *into)
            .map(|(name, ty, _)| quote!(let #name: #ty = ::core::convert::Into::into(#name);))
            .collect()
    }

    /// The message of a call, and the name of the right to reply in it.
    pub(super) fn made_with_reply(&self, message: &Message) -> (Ident, TokenStream) {
        let (message_type, variant) = (&self.message_type, &message.variant);
        let fields = message.arguments().map(|(name, ..)| name);
        match message.reply_parameter() {
            Some(name) => (name.clone(), quote!(#message_type::#variant { #(#fields,)* #name })),
            None => {
                let reply = local("reply");
                let made = quote!(#message_type::#variant { #(#fields,)* __reply: #reply });
                (reply, made)
            }
        }
    }

    /// The handle's method for a method that cannot be a message. It never returns, which is a value of every type.
    fn refused_method(&self, refused: &Refused) -> TokenStream {
        let Refused { message, generics } = refused;
        let Message { name, attributes, visibility, .. } = message;
        let docs = self.first_doc(message);
        let bounds = &generics.where_clause;
        let arguments = message.arguments().map(|(_, ty, into)| passed(ty, into));
        let output = message.reply().map(|reply| self.output(reply, &types::boxed(&reply.ty)));
        quote! {
            #docs
            #(#attributes)*
            #visibility fn #name #generics(&self #(, _: #arguments)*) #output #bounds { loop {} }
        }
    }

    /// What every handle can do, but for what a refused message is called.
    fn verbs(&self) -> TokenStream {
        let is_taken = |verb: &str| self.refused.iter().any(|refused| refused.message.name == verb);
        let verbs = self.sending_verbs().into_iter().chain(self.other_verbs());
        verbs.filter(|(verb, _)| !is_taken(verb)).map(|(_, method)| method).collect()
    }

    fn sending_verbs(&self) -> [(&'static str, TokenStream); 3] {
        let smarm = &self.smarm;
        let message = self.message_of();
        let timeout = quote! {
            /// The same actor, through a handle whose calls wait this long.
            pub fn timeout(&self, timeout: ::core::time::Duration) -> Self {
                Self { actor: self.actor.with_timeout(::core::option::Option::Some(timeout)) }
            }
        };
        let try_send = quote! {
            /// Sends a cast if there is room in the mailbox, and hands it back if not. Never parks.
            pub fn try_send(
                &self,
                message: #message
            ) -> ::core::result::Result<(), #smarm::channel::TrySendError<#message>> {
                self.actor.try_send(message)
            }
        };
        let send_after = quote! {
            /// Sends a cast when the delay is over.
            pub fn send_after(&self, delay: ::core::time::Duration, message: #message) -> #smarm::Timer {
                self.actor.send_after(delay, message)
            }
        };
        [("timeout", timeout), ("try_send", try_send), ("send_after", send_after)]
    }

    fn other_verbs(&self) -> [(&'static str, TokenStream); 5] {
        let smarm = &self.smarm;
        let message = self.message_of();
        let pid = quote! {
            /// The actor's pid.
            pub fn pid(&self) -> #smarm::Pid { self.actor.pid() }
        };
        let stop = quote! {
            /// Ends the actor once it has handled what was sent before. Returns at once; [`join`](Self::join) waits.
            pub fn stop(&self) { self.actor.stop() }
        };
        let kill = quote! {
            /// Kills the actor at its next safe point.
            pub fn kill(&self) { self.actor.kill() }
        };
        let join = quote! {
            /// Waits for the actor's end, and tells why it ended.
            pub fn join(&self) -> #smarm::ExitReason { self.actor.join() }
        };
        let actor = quote! {
            /// What else can be done with the actor.
            pub fn actor(&self) -> &#smarm::ActorRef<#message> { &self.actor }
        };
        [("pid", pid), ("stop", stop), ("kill", kill), ("join", join), ("actor", actor)]
    }

    /// What values of every type can do, whatever the messages are.
    fn common_traits(&self) -> TokenStream {
        let name = self.handle.to_string();
        let generics = self.generics();
        let traits = [
            (
                quote!(::core::clone::Clone),
                quote! {
                    fn clone(&self) -> Self { Self { actor: ::core::clone::Clone::clone(&self.actor) } }
                },
            ),
            (
                quote!(::core::fmt::Debug),
                quote! {
                    fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        formatter.debug_tuple(#name).field(&self.actor).finish()
                    }
                },
            ),
            (
                quote!(::core::cmp::PartialEq),
                quote! {
                    fn eq(&self, other: &Self) -> bool { self.actor == other.actor }
                },
            ),
            (quote!(::core::cmp::Eq), quote!()),
            (
                quote!(::core::hash::Hash),
                quote! {
                    fn hash<H: ::core::hash::Hasher>(&self, state: &mut H) {
                        ::core::hash::Hash::hash(&self.actor, state)
                    }
                },
            ),
        ];
        traits.into_iter().map(|(of, body)| self.implement(Some(of), &generics, &body)).collect()
    }

    /// `impl<..> Trait for Handle<..> where .. { .. }`, or an inherent one.
    fn implement(&self, of: Option<TokenStream>, generics: &Generics, body: &TokenStream) -> TokenStream {
        let allowed = self.allowed();
        let handle = &self.handle;
        let (parameters, arguments, bounds) = generics.split_for_impl();
        // Only the methods name what the user may have deprecated, and types as long as the user's.
        let lints = of.is_none().then(|| quote!(#[allow(deprecated, clippy::type_complexity)]));
        let of = of.map(|path| quote!(#path for));
        quote! {
            #lints
            #(#allowed)*
            impl #parameters #of #handle #arguments #bounds { #body }
        }
    }
}

/// What the handle's method takes for an argument of type `ty`.
pub(super) fn passed(ty: &Type, into: bool) -> TokenStream {
    match into {
        false => quote!(#ty),
        true => quote!(impl ::core::convert::Into<#ty>),
    }
}
