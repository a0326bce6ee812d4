//! Writing what an actor stands for: the message type, the handle, the `Actor` impl and `start`.
//!
//! Three rules keep rustc's words about it few and in the right place:
//! - No generated item has a bound that a user's type could miss. What must be `Send` is asserted in `start`, once per
//!   type and on its own tokens; everything else is unconditional.
//! - What the user named (methods, arguments, types) keeps the user's spans, so that an editor's "go to definition"
//!   lands there. What only the expansion names has the macro's hygiene, and clashes with no argument.
//! - Names of the standard library are full paths: a user may have an `Option`, or a `Result`, of their own.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, GenericParam, Generics, Type, parse_quote};

use super::hook::{self, Hook};
use super::marks::{Event, Shape};
use super::message::{Kind, Message, Parameter, Reply};
use super::options::{Mailbox, Timeout};
use super::parse::{Block, Item};
use super::signature::Takes;
use super::{Actor, Refused, types};
use crate::attr::Function;

impl ToTokens for Actor {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.block.to_tokens(tokens);
        tokens.extend([self.message_enum(), self.handle_struct(), self.handle_impls()]);
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

    /// `impl<..> Trait for Handle<..> where .. { .. }`, or an inherent one.
    fn implement(&self, of: Option<TokenStream>, generics: &Generics, body: &TokenStream) -> TokenStream {
        let allowed = self.allowed();
        let handle = &self.handle;
        let (parameters, arguments, bounds) = generics.split_for_impl();
        let of = of.map(|path| quote!(#path for));
        quote! {
            #[allow(deprecated)]
            #(#allowed)*
            impl #parameters #of #handle #arguments #bounds { #body }
        }
    }

    /// `CounterMsg<K, V>`
    fn message_of(&self) -> TokenStream {
        let name = &self.message_type;
        let generics = self.generics();
        let (_, arguments, _) = generics.split_for_impl();
        quote!(#name #arguments)
    }

    fn message_enum(&self) -> TokenStream {
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
            #[allow(deprecated, private_bounds, private_interfaces)]
            #(#allowed)*
            pub enum #name #generics #bounds {
                #(#variants,)*
                #never
            }
        }
    }

    /// Uses the type parameters that no message uses.
    fn never(&self) -> Option<TokenStream> {
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
    fn first_doc(&self, message: &Message) -> TokenStream {
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

    fn handle_struct(&self) -> TokenStream {
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

    fn handle_impls(&self) -> TokenStream {
        let methods = self.messages.iter().map(|message| self.handle_method(message));
        let refused = self.refused.iter().map(|refused| self.refused_method(refused));
        let verbs = self.verbs();
        let sendable = self.sendable_generics();
        let methods = self.implement(None, &sendable, &quote!(#(#methods)* #(#refused)* #verbs));
        let message = self.message_of();
        let smarm = &self.smarm;
        let handle = self.implement(
            Some(quote!(#smarm::Handle)),
            &sendable,
            &quote! {
                type Msg = #message;
                fn actor(&self) -> &#smarm::ActorRef<Self::Msg> { &self.actor }
            },
        );
        let traits = self.common_traits();
        quote!(#methods #handle #traits)
    }

    fn handle_method(&self, message: &Message) -> TokenStream {
        let Message { name, attributes, visibility, .. } = message;
        let docs = self.first_doc(message);
        let arguments = message.arguments().map(|(name, ty, into)| match into {
            false => quote!(#name: #ty),
            true => quote!(#name: impl ::core::convert::Into<#ty>),
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
        let converted = message
            .arguments()
            .filter(|(.., into)| *into)
            .map(|(name, ty, _)| quote!(let #name: #ty = ::core::convert::Into::into(#name);));
        let fields = message.arguments().map(|(name, ..)| name);
        let Some(reply) = message.reply() else {
            return quote!(#(#converted)* self.actor.cast(#message_type::#variant { #(#fields),* }));
        };
        let (local, slot) = match message.reply_parameter() {
            Some(name) => (name.clone(), quote!(#name)),
            None => {
                let local = local("reply");
                (local.clone(), quote!(__reply: #local))
            }
        };
        let call = quote! {
            self.actor.call(|#local| #message_type::#variant { #(#fields,)* #slot })
        };
        let call = match reply.shape {
            Shape::Nested => call,
            Shape::Flat => {
                let ty = &reply.ty;
                quote!(#smarm::__private::flat::<#ty, _, _>(#call))
            }
        };
        quote!(#(#converted)* #call)
    }

    /// The handle's method for a method that cannot be a message. It never returns, which is a value of every type.
    fn refused_method(&self, refused: &Refused) -> TokenStream {
        let Refused { message, generics } = refused;
        let Message { name, visibility, .. } = message;
        let conditions = message.conditions();
        let bounds = &generics.where_clause;
        let arguments = message.arguments().map(|(_, ty, into)| match into {
            false => quote!(_: #ty),
            true => quote!(_: impl ::core::convert::Into<#ty>),
        });
        let output = message.reply().map(|reply| self.output(reply, &types::boxed(&reply.ty)));
        quote! {
            #(#conditions)*
            #visibility fn #name #generics(&self #(, #arguments)*) #output #bounds { loop {} }
        }
    }

    /// What every handle can do, but for what a refused message is called.
    fn verbs(&self) -> TokenStream {
        let smarm = &self.smarm;
        let message = self.message_of();
        let verbs = [
            (
                "timeout",
                quote! {
                    /// The same actor, through a handle whose calls wait this long.
                    pub fn timeout(&self, timeout: ::core::time::Duration) -> Self {
                        Self { actor: self.actor.with_timeout(::core::option::Option::Some(timeout)) }
                    }
                },
            ),
            (
                "try_send",
                quote! {
                    /// Sends a cast if there is room in the mailbox, and hands it back if not. Never parks.
                    pub fn try_send(
                        &self,
                        message: #message
                    ) -> ::core::result::Result<(), #smarm::channel::TrySendError<#message>> {
                        self.actor.try_send(message)
                    }
                },
            ),
            (
                "send_after",
                quote! {
                    /// Sends a cast when the delay is over.
                    pub fn send_after(&self, delay: ::core::time::Duration, message: #message) -> #smarm::Timer {
                        self.actor.send_after(delay, message)
                    }
                },
            ),
            (
                "pid",
                quote! {
                    /// The actor's pid.
                    pub fn pid(&self) -> #smarm::Pid { self.actor.pid() }
                },
            ),
            (
                "stop",
                quote! {
                    /// Ends the actor once it has handled what was sent before. Returns at once; [`join`](Self::join) waits.
                    pub fn stop(&self) { self.actor.stop() }
                },
            ),
            (
                "kill",
                quote! {
                    /// Kills the actor at its next safe point.
                    pub fn kill(&self) { self.actor.kill() }
                },
            ),
            (
                "join",
                quote! {
                    /// Waits for the actor's end, and tells why it ended.
                    pub fn join(&self) -> #smarm::ExitReason { self.actor.join() }
                },
            ),
            (
                "actor",
                quote! {
                    /// What else can be done with the actor.
                    pub fn actor(&self) -> &#smarm::ActorRef<#message> { &self.actor }
                },
            ),
        ];
        let is_taken = |verb: &str| self.refused.iter().any(|refused| refused.message.name == verb);
        verbs.into_iter().filter(|(verb, _)| !is_taken(verb)).map(|(_, verb)| verb).collect()
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

    fn actor_impl(&self) -> TokenStream {
        let Self { smarm, handle, block: Block { self_type, .. }, .. } = self;
        let allowed = self.allowed();
        let generics = self.sendable_generics();
        let (parameters, arguments, bounds) = generics.split_for_impl();
        let message = self.message_of();
        let actor = local("actor");
        let options = self.server_options();
        let (dispatch, last, hooks) = (self.dispatch(), self.last(), self.hooks());
        quote! {
            #[allow(deprecated, unreachable_code)]
            #(#allowed)*
            unsafe impl #parameters #smarm::Actor for #self_type #bounds {
                type Msg = #message;
                type Handle = #handle #arguments;

                fn __options() -> #smarm::__private::ServerOptions { #options }

                fn __handle(#actor: #smarm::ActorRef<Self::Msg>) -> Self::Handle { #handle { #actor } }

                #dispatch
                #last
                #hooks
            }
        }
    }

    fn server_options(&self) -> TokenStream {
        let Self { smarm, options, .. } = self;
        let name = options
            .name
            .as_ref()
            .map_or_else(|| self.name.to_string().to_token_stream(), ToTokens::to_token_stream);
        let mailbox = options.mailbox.iter().map(|mailbox| match mailbox {
            Mailbox::Bounded(messages) => quote!(.bounded(#messages)),
            Mailbox::Unbounded => quote!(.unbounded()),
        });
        let overflow =
            options.overflow.iter().map(|policy| quote!(.overflow(#smarm::__private::Overflow::#policy)));
        let timeout = options.timeout.iter().map(|timeout| match timeout {
            Timeout::After(time) => quote!(.timeout(::core::option::Option::Some(#time))),
            Timeout::Never => quote!(.timeout(::core::option::Option::None)),
        });
        let stack = options.stack.iter().map(|size| quote!(.stack_size(#size)));
        let stop_on_drop = options.stop_on_drop.then(|| quote!(.stop_on_drop()));
        let options = quote! {
            #smarm::__private::ServerOptions::new(#name)
                #(#mailbox)* #(#overflow)* #(#timeout)* #(#stack)* #stop_on_drop
        };
        self.with_periods(options)
    }

    /// The options, with the times of `#[every(..)]` and `#[idle(..)]`, each under its method's `#[cfg]`s.
    fn with_periods(&self, options: TokenStream) -> TokenStream {
        let local = local("options");
        let periods = self.hooks.iter().filter_map(|Hook { event, conditions, .. }| match event {
            Event::Every(period) => Some(quote!(#(#conditions)* let #local = #local.every(#period);)),
            Event::Idle(period) => Some(quote!(#(#conditions)* let #local = #local.idle(#period);)),
            Event::Start | Event::Exit | Event::Down => None,
        });
        let periods = periods.collect::<Vec<_>>();
        match periods.is_empty() {
            true => options,
            false => quote!(let #local = #options; #(#periods)* #local),
        }
    }

    fn dispatch(&self) -> TokenStream {
        let smarm = &self.smarm;
        let (message, ctx) = (local("message"), local("ctx"));
        let message_type = &self.message_type;
        let arms = self.messages.iter().map(|it| {
            let conditions = it.conditions();
            let arm = match it.takes {
                Takes::Reference => self.arm(it, &ctx),
                Takes::Value => {
                    let (variant, last) = (&it.variant, local("last"));
                    quote!(#last @ #message_type::#variant { .. } => return ::core::ops::ControlFlow::Break(#last),)
                }
            };
            quote!(#(#conditions)* #arm)
        });
        let never = self.never().map(|_| quote!(#message_type::__Never(never, _) => match never {},));
        quote! {
            fn __dispatch(
                &mut self,
                #message: Self::Msg,
                #ctx: &mut #smarm::Ctx<Self>
            ) -> ::core::ops::ControlFlow<Self::Msg> {
                match #message { #(#arms)* #never }
                ::core::ops::ControlFlow::Continue(())
            }
        }
    }

    /// The messages that take the actor by value.
    fn last(&self) -> Option<TokenStream> {
        let smarm = &self.smarm;
        let (message, ctx) = (local("message"), local("ctx"));
        let arms = self.messages.iter().filter(|it| it.takes == Takes::Value).map(|it| {
            let conditions = it.conditions();
            let arm = self.arm(it, &ctx);
            quote!(#(#conditions)* #arm)
        });
        let arms = arms.collect::<Vec<_>>();
        (!arms.is_empty()).then(|| {
            quote! {
                fn __last(self, #message: Self::Msg, #ctx: &mut #smarm::Ctx<Self>) {
                    match #message { #(#arms)* _ => {} }
                }
            }
        })
    }

    /// Takes the message apart, and calls the user's method.
    fn arm(&self, message: &Message, ctx: &Ident) -> TokenStream {
        let (smarm, message_type) = (&self.smarm, &self.message_type);
        let Message { name, variant, .. } = message;
        let reply = local("reply");
        let fields = message.parameters.iter().filter_map(Parameter::name).map(ToTokens::to_token_stream);
        let slot = message.slot().map(|_| quote!(__reply: #reply));
        let fields = fields.chain(slot);
        let arguments = message.parameters.iter().map(|parameter| parameter.name().unwrap_or(ctx));
        let actor = quote!(self);
        let place = match message.kind {
            Kind::Cast { result: Some(place) } => place,
            _ => Span::call_site(),
        };
        let call = quote_spanned!(place=> Self::#name(#actor #(, #arguments)*));
        let run = match message.kind {
            Kind::Call(_) if message.slot().is_some() => quote!(#reply.send(#call)),
            Kind::Cast { result: Some(_) } => {
                let name = format!("{}::{}", self.name, message.name);
                quote!(#smarm::__private::cast_result(#name, #call))
            }
            Kind::Call(_) | Kind::Cast { result: None } => call,
        };
        quote!(#message_type::#variant { #(#fields),* } => #run,)
    }

    fn hooks(&self) -> TokenStream {
        let once = self.hooks.iter().filter(|hook| !matches!(hook.event, Event::Every(_)));
        let once = once.map(|hook| self.hook(hook));
        let every = self.every();
        quote!(#(#once)* #every)
    }

    fn hook(&self, hook: &Hook) -> TokenStream {
        let smarm = &self.smarm;
        let Hook { event, name, parameters, conditions } = hook;
        let (ctx, news) = (local("ctx"), local("news"));
        let (method, takes) = match event {
            Event::Exit => ("__on_exit", Some(quote!(#news: &#smarm::ExitReason,))),
            Event::Down => ("__on_down", Some(quote!(#news: #smarm::Down,))),
            Event::Idle(_) => ("__idle", None),
            Event::Start | Event::Every(_) => ("__on_start", None),
        };
        let method = format_ident!("{method}");
        let arguments = parameters.iter().map(|parameter| match parameter {
            hook::Parameter::Ctx => &ctx,
            hook::Parameter::News => &news,
        });
        quote! {
            #(#conditions)*
            fn #method(&mut self, #takes #ctx: &mut #smarm::Ctx<Self>) { Self::#name(self #(, #arguments)*) }
        }
    }

    /// The methods of `#[every(..)]`, in the order of their periods.
    fn every(&self) -> Option<TokenStream> {
        let smarm = &self.smarm;
        let (ctx, index, actor, ticks) = (local("ctx"), local("index"), local("actor"), local("ticks"));
        let hooks = self.hooks.iter().filter(|hook| matches!(hook.event, Event::Every(_)));
        let hooks = hooks.map(|Hook { name, parameters, conditions, .. }| {
            let arguments = parameters.iter().map(|_| &ctx);
            quote!(#(#conditions)* |#actor, #ctx| Self::#name(#actor #(, #arguments)*))
        });
        let hooks = hooks.collect::<Vec<_>>();
        (!hooks.is_empty()).then(|| {
            quote! {
                fn __every(&mut self, #index: usize, #ctx: &mut #smarm::Ctx<Self>) {
                    let #ticks: &[fn(&mut Self, &mut #smarm::Ctx<Self>)] = &[#(#hooks),*];
                    #ticks[#index](self, #ctx)
                }
            }
        })
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

impl Message {
    fn arguments(&self) -> impl Iterator<Item = (&Ident, &Type, bool)> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Argument { name, ty, into } => Some((name, ty, *into)),
            Parameter::Ctx | Parameter::Reply { .. } => None,
        })
    }

    fn reply(&self) -> Option<&Reply> {
        match &self.kind {
            Kind::Call(reply) => Some(reply),
            Kind::Cast { .. } => None,
        }
    }

    /// The `ReplyTo` parameter, if there is one.
    fn reply_parameter(&self) -> Option<&Ident> {
        self.parameters.iter().find_map(|parameter| match parameter {
            Parameter::Reply { name, .. } => Some(name),
            Parameter::Argument { .. } | Parameter::Ctx => None,
        })
    }

    /// The reply, if the message has a field of its own for it.
    fn slot(&self) -> Option<&Reply> {
        self.reply().filter(|_| self.reply_parameter().is_none())
    }
}

impl Parameter {
    /// The field, if the message has one for it.
    fn name(&self) -> Option<&Ident> {
        match self {
            Self::Argument { name, .. } | Self::Reply { name, .. } => Some(name),
            Self::Ctx => None,
        }
    }
}
