//! The message type: a variant for each message.

use proc_macro2::TokenStream;
use quote::quote;

use crate::actor::Actor;
use crate::actor::message::{Kind, Message, Parameter};

impl Actor {
    pub(super) fn message_enum(&self) -> TokenStream {
        let (name, generics, allowed) = (&self.message_type, self.generics(), self.allowed());
        let bounds = &generics.where_clause;
        let doc = format!(" The messages of `{}`.", self.name);
        let derive = self.options.derive.iter();
        let variants = self.messages.iter().map(|message| self.variant(message));
        let never = self.never();
        quote! {
            #[doc = #doc]
            #(#[derive(#derive)])*
            #[non_exhaustive]
            #[allow(dead_code, deprecated, private_bounds, private_interfaces)]
            #(#allowed)*
            pub enum #name #generics #bounds {
                #(#variants,)*
                #never
            }
        }
    }

    /// Uses the type parameters that no message uses.
    pub(super) fn never(&self) -> Option<TokenStream> {
        let types = self.block.generics.type_params().map(|parameter| &parameter.ident).collect::<Vec<_>>();
        (!types.is_empty()).then(|| {
            quote! {
                #[doc(hidden)]
                __Never(::core::convert::Infallible, ::core::marker::PhantomData<(#(fn() -> #types,)*)>),
            }
        })
    }

    fn variant(&self, message: &Message) -> TokenStream {
        let variant = &message.variant;
        let attributes = message.attributes.iter().filter(|attribute| !attribute.path().is_ident("must_use"));
        let docs = self.first_doc(message);
        let fields = self.fields(message);
        quote!(#docs #(#attributes)* #variant { #(#fields),* })
    }

    fn fields(&self, message: &Message) -> Vec<TokenStream> {
        let smarm = &self.smarm;
        let field = |parameter: &Parameter| match parameter {
            Parameter::Argument { name, ty, .. } => {
                let doc = format!(" The argument `{name}`.");
                Some(quote!(#[doc = #doc] #name: #ty))
            }
            Parameter::Reply { name, ty } => Some(quote!(#[doc = " Where the reply goes."] #name: #ty)),
            Parameter::Ctx => None,
        };
        let slot = message.slot().map(|reply| {
            let ty = &reply.ty;
            quote!(#[doc = " Where the reply goes."] __reply: #smarm::ReplyTo<#ty>)
        });
        message.parameters.iter().filter_map(field).chain(slot).collect()
    }

    /// "Call." or "Cast.", before the user's own words.
    pub(super) fn first_doc(&self, message: &Message) -> TokenStream {
        let kind = match message.kind {
            Kind::Call(_) => " Call.",
            Kind::Cast { .. } => " Cast.",
        };
        let is_documented = message.attributes.iter().any(|attribute| attribute.path().is_ident("doc"));
        let rest = (!is_documented).then(|| {
            let rest = format!(" Runs `{}::{}`.", self.name, message.name);
            quote!(#[doc = #rest])
        });
        quote!(#[doc = #kind] #rest)
    }
}
