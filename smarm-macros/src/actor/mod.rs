//! `#[smarm::actor]`: methods are messages.
//!
//! [`parse`] takes the `impl` apart, [`marks`] takes smarm's own attributes from its methods, [`message`] and [`hook`]
//! judge them, [`expand`] writes the message type, the handle and the `Actor` impl. The user's `impl` comes out as it
//! went in, without those attributes and with checks in its loops: it can be tested without a runtime.
//!
//! Every mistake is noted and none stops the work. A refused method gets a handle method that never returns
//! ([`expand`]), so that its uses elsewhere are no errors too.

#[cfg(test)]
mod documented;
mod expand;
mod hook;
mod marks;
mod message;
mod options;
mod parse;
mod signature;
#[cfg(test)]
mod tests;
mod types;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{FnArg, GenericParam, Generics, Receiver, Visibility};

use self::hook::Hook;
use self::marks::Marks;
use self::message::Message;
use self::options::Options;
use self::parse::{Block, Item};
use crate::attr::{self, Function};
use crate::checkpoint;
use crate::mistakes::Mistakes;

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let (settings, mut mistakes) = attr::settings(attribute);
    let options = options::options(settings, &mut mistakes);
    let actor = parse::block(item.clone(), &mut mistakes)
        .and_then(|block| Actor::judge(options, block, &mut mistakes));
    let expansion = match actor {
        Ok(actor) => actor.into_token_stream(),
        Err(mistake) => {
            mistakes.add(mistake);
            item
        }
    };
    let mistakes = mistakes.into_tokens();
    quote! { #mistakes #expansion }
}

/// What was understood of an annotated `impl`.
struct Actor {
    options: Options,
    /// The path of smarm.
    smarm: TokenStream,
    name: Ident,
    message_type: Ident,
    handle: Ident,
    /// What has the calls for `async` code.
    async_calls: Ident,
    /// The user's `impl`, as it is emitted.
    block: Block,
    messages: Vec<Message>,
    hooks: Vec<Hook>,
    refused: Vec<Refused>,
    /// The type has a lifetime, and so can be no actor.
    borrows: bool,
}

/// A method that is no message, and gets a handle method nevertheless.
struct Refused {
    message: Message,
    generics: Generics,
}

/// What becomes of a function in the `impl`.
enum Role<'a> {
    Message(&'a Receiver),
    Hook(&'a Receiver),
    Plain,
}

impl Actor {
    fn judge(options: Options, block: Block, mistakes: &mut Mistakes) -> syn::Result<Self> {
        let name = type_name(&block)?;
        let smarm = match &options.smarm {
            Some(path) => path.to_token_stream(),
            None => quote!(::smarm),
        };
        let handle = options.handle.clone().unwrap_or_else(|| format_ident!("{name}Handle"));
        let mut actor = Self {
            message_type: options.message.clone().unwrap_or_else(|| format_ident!("{name}Msg")),
            async_calls: format_ident!("{handle}Async"),
            handle,
            borrows: check_lifetimes(&block, mistakes),
            options,
            smarm,
            name,
            block,
            messages: Vec::new(),
            hooks: Vec::new(),
            refused: Vec::new(),
        };
        actor.judge_items(mistakes);
        Ok(actor)
    }

    fn judge_items(&mut self, mistakes: &mut Mistakes) {
        let mut items = std::mem::take(&mut self.block.items);
        for item in &mut items {
            if let Item::Function(function) = item {
                checkpoint::function(&self.smarm, function);
                let mut found = Mistakes::default();
                self.judge_function(function, &mut found);
                mistakes.append(found);
            }
        }
        self.block.items = items;
    }

    /// `found` is empty, and says afterwards whether this function is refused.
    fn judge_function(&mut self, function: &mut Function, found: &mut Mistakes) {
        let marks = marks::take(&mut function.attributes, found);
        check_start(function, found);
        match role(function, &marks, found) {
            Role::Message(receiver) => {
                let takes = signature::takes(receiver, found);
                let message = message::judge(function, takes, &marks, &self.block.self_type, found);
                self.admit(message, function, found);
                function.signature.inputs.iter_mut().for_each(strip_into);
            }
            Role::Hook(receiver) => {
                let takes = signature::takes(receiver, found);
                let others = self.hooks.len();
                for hook in hook::judge(function, takes, marks, found) {
                    hook::check_repeated(&self.hooks, &hook, found);
                    self.hooks.push(hook);
                }
                if !found.is_empty() {
                    self.hooks.truncate(others);
                }
            }
            Role::Plain => {}
        }
    }

    fn admit(&mut self, message: Message, function: &Function, found: &mut Mistakes) {
        // A second method of the same name is rustc's to refuse, and once is enough.
        if self.messages.iter().any(|other| other.name == message.name && message::may_meet(other, &message))
        {
            return;
        }
        message::check_variant(&self.messages, &message, found);
        if found.is_empty() && !self.borrows {
            self.messages.push(message);
        } else {
            self.refused.push(Refused { message, generics: function.signature.generics.clone() });
        }
    }
}

/// The name that the generated types are named after.
fn type_name(block: &Block) -> syn::Result<Ident> {
    match types::last_segment(&block.self_type) {
        Some(segment) => Ok(segment.ident.clone()),
        None => Err(syn::Error::new_spanned(
            &block.self_type,
            "an actor is a type with a name of its own: write a struct, and its `impl`",
        )),
    }
}

/// Whether the type borrows, which is noted.
fn check_lifetimes(block: &Block, mistakes: &mut Mistakes) -> bool {
    let sentence = "an actor owns its state, and outlives whoever starts it: own what is borrowed, or share it in an `Arc`";
    let parameters =
        block.generics.params.iter().filter(|parameter| matches!(parameter, GenericParam::Lifetime(_)));
    let parameters = parameters.map(ToTokens::to_token_stream).collect::<Vec<_>>();
    // `impl View<'_>` has no parameter to point at.
    let borrows = match parameters.is_empty() && !types::obstacles(&block.self_type).is_empty() {
        true => vec![block.self_type.to_token_stream()],
        false => parameters,
    };
    borrows.iter().for_each(|tokens| mistakes.note(tokens, sentence));
    !borrows.is_empty()
}

fn check_start(function: &Function, mistakes: &mut Mistakes) {
    if function.signature.ident == "start" {
        let sentence = "`start` is generated, and starts the actor: call this function `begin`, or so";
        mistakes.note(&function.signature.ident, sentence);
    }
}

fn role<'a>(function: &'a Function, marks: &Marks, mistakes: &mut Mistakes) -> Role<'a> {
    let Some(receiver) = function.signature.receiver() else {
        for mark in marks.all() {
            mistakes.note(
                &mark.0,
                format!("{mark} goes on a method: give this function a receiver, such as `&mut self`"),
            );
        }
        return Role::Plain;
    };
    if !marks.hooks.is_empty() {
        return Role::Hook(receiver);
    }
    let kind = marks.call.iter().chain(&marks.cast);
    match &marks.skip {
        Some(skip) => kind.for_each(|_| {
            mistakes.note(&skip.0, "`#[skip]` says that this is no message: keep one of the two");
        }),
        None if is_private(&function.visibility) => kind.for_each(|mark| {
            let sentence = format!("a private method is no message: write `pub fn`, or remove {mark}");
            mistakes.note(&mark.0, sentence);
        }),
        None => return Role::Message(receiver),
    }
    Role::Plain
}

fn is_private(visibility: &Visibility) -> bool {
    match visibility {
        Visibility::Public(_) => false,
        Visibility::Restricted(restricted) => restricted.path.is_ident("self"),
        Visibility::Inherited => true,
    }
}

fn strip_into(input: &mut FnArg) {
    if let FnArg::Typed(typed) = input {
        typed.attrs.retain(|attribute| !attribute.path().is_ident("into"));
    }
}
