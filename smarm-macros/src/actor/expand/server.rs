//! The `Actor` impl: the options, and what the runtime calls.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};

use super::local;
use crate::actor::Actor;
use crate::actor::hook::{self, Hook};
use crate::actor::marks::Event;
use crate::actor::message::{Kind, Message, Parameter};
use crate::actor::options::{Mailbox, Timeout};
use crate::actor::parse::Block;
use crate::actor::signature::Takes;

impl Actor {
    pub(super) fn actor_impl(&self) -> TokenStream {
        let Self { smarm, handle, block: Block { self_type, .. }, .. } = self;
        let allowed = self.allowed();
        let generics = self.sendable_generics();
        let (parameters, arguments, bounds) = generics.split_for_impl();
        let message = self.message_of();
        let options = self.server_options();
        let (dispatch, last, hooks) = (self.dispatch(), self.last(), self.hooks());
        quote! {
            #[allow(deprecated, unreachable_code)]
            #(#allowed)*
            // SAFETY (of what is written here): the generated `start` asserts that state, arguments and replies are `Send + 'static`, and
            // it is checked by the compiler whether it is called or not.
            unsafe impl #parameters #smarm::Actor for #self_type #bounds {
                type Msg = #message;
                type Handle = #handle #arguments;

                fn __options() -> #smarm::__private::ServerOptions { #options }

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
        let own_thread = options.own_thread.then(|| quote!(.own_thread()));
        let options = quote! {
            #smarm::__private::ServerOptions::new(#name)
                #(#mailbox)* #(#overflow)* #(#timeout)* #(#stack)* #stop_on_drop #own_thread
        };
        self.with_periods(options)
    }

    /// The options, with what the hooks need: the times of `#[every(..)]` and `#[idle(..)]`, each under its method's `#[cfg]`s.
    fn with_periods(&self, options: TokenStream) -> TokenStream {
        let local = local("options");
        let periods = self.hooks.iter().filter_map(|Hook { event, conditions, .. }| match event {
            Event::Every(period) => Some(quote!(#(#conditions)* let #local = #local.every(#period);)),
            Event::Idle(period) => Some(quote!(#(#conditions)* let #local = #local.idle(#period);)),
            Event::Start => Some(quote!(#(#conditions)* let #local = #local.on_start();)),
            Event::LinkedExit => Some(quote!(#(#conditions)* let #local = #local.on_linked_exit();)),
            Event::Exit | Event::Down => None,
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
        let arguments = message.parameters.iter().map(|parameter| match parameter {
            Parameter::Argument { name, .. } => name.to_token_stream(),
            Parameter::Reply { name, .. } => quote!(#smarm::__private::received(#name)),
            Parameter::Ctx => ctx.to_token_stream(),
        });
        let actor = quote!(self);
        // An error that cannot be reported, since it is not `Debug`, is rustc's to refuse: on the return type.
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
            Event::LinkedExit => ("__on_linked_exit", Some(quote!(#news: #smarm::Exit,))),
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
