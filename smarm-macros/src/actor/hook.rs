//! Judging a method that the actor calls by itself.

use syn::{Attribute, Ident, ReturnType, Signature};

use super::marks::{Event, Marks};
use super::signature::{self, Takes, Typed};
use super::types;
use crate::attr::Function;
use crate::mistakes::Mistakes;

pub(crate) struct Hook {
    pub(crate) event: Event,
    pub(crate) name: Ident,
    pub(crate) parameters: Vec<Parameter>,
    /// The `#[cfg]`s of the method.
    pub(crate) conditions: Vec<Attribute>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    Ctx,
    /// `why: &ExitReason`, `down: Down`, `exit: Exit`
    News,
}

impl Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Start => "on_start",
            Self::Exit => "on_exit",
            Self::Down => "on_down",
            Self::LinkedExit => "on_linked_exit",
            Self::Every(_) => "every",
            Self::Idle(_) => "idle",
        }
    }

    /// What a hook may take beside the context.
    fn news(&self) -> Option<&'static str> {
        match self {
            Self::Exit => Some("why: &ExitReason"),
            Self::Down => Some("down: Down"),
            Self::LinkedExit => Some("exit: Exit"),
            Self::Start | Self::Every(_) | Self::Idle(_) => None,
        }
    }
}

/// The hooks that `function` is; worthless once something is noted.
pub(crate) fn judge(function: &Function, takes: Takes, marks: Marks, mistakes: &mut Mistakes) -> Vec<Hook> {
    let signature = &function.signature;
    if let Some(other) = [&marks.call, &marks.cast, &marks.skip].into_iter().flatten().next() {
        mistakes.note(&other.0, format!("a hook is no message: remove {other}"));
    }
    signature::check_qualifiers("a hook", signature, mistakes);
    check_generics(signature, mistakes);
    check_output(signature, mistakes);
    if takes == Takes::Value {
        mistakes.note(signature.receiver(), "the actor goes on after a hook: write `&mut self`");
    }
    let conditions = function.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let hook = |(event, _)| Hook {
        parameters: parameters(&event, signature, mistakes),
        name: signature.ident.clone(),
        conditions: conditions.clone().cloned().collect(),
        event,
    };
    marks.hooks.into_iter().map(hook).collect()
}

fn check_generics(signature: &Signature, mistakes: &mut Mistakes) {
    if !signature.generics.params.is_empty() {
        mistakes.note(
            &signature.generics,
            "a hook cannot be generic: nothing would choose the parameters; remove them",
        );
    }
}

fn check_output(signature: &Signature, mistakes: &mut Mistakes) {
    if let ReturnType::Type(_, ty) = &signature.output {
        mistakes.note(
            ty,
            "nobody reads what a hook returns: remove the type; to end the actor, panic or `ctx.stop()`",
        );
    }
}

fn parameters(event: &Event, signature: &Signature, mistakes: &mut Mistakes) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for typed in signature::parameters(signature) {
        let parameter = if signature::is_ctx(&typed) {
            signature::check_ctx(&typed, mistakes);
            Parameter::Ctx
        } else {
            check_news(event, &typed, mistakes);
            Parameter::News
        };
        if parameters.contains(&parameter) {
            mistakes.note(typed.ty, format!("`#[{}]` gives this once: remove the parameter", event.name()));
        }
        parameters.push(parameter);
    }
    parameters
}

fn check_news(event: &Event, typed: &Typed<'_>, mistakes: &mut Mistakes) {
    let lent = types::reference(typed.ty);
    let fits = match event {
        Event::Exit => lent.is_some_and(|reference| types::is_called(&reference.elem, "ExitReason")),
        Event::Down => types::is_called(typed.ty, "Down"),
        Event::LinkedExit => types::is_called(typed.ty, "Exit"),
        Event::Start | Event::Every(_) | Event::Idle(_) => false,
    };
    if fits {
        return;
    }
    let name = event.name();
    let sentence = match event.news() {
        Some(news) => format!("`#[{name}]` takes `{news}`, `ctx: &mut Ctx<Self>`, both or nothing"),
        None => format!("`#[{name}]` takes `ctx: &mut Ctx<Self>`, or nothing"),
    };
    mistakes.note(typed.ty, sentence);
}

/// Notes the second of two hooks for what happens once. Two that are `#[cfg]`ed may exclude each other.
pub(crate) fn check_repeated(hooks: &[Hook], hook: &Hook, mistakes: &mut Mistakes) {
    let name = hook.event.name();
    let again = hooks.iter().any(|other| other.event.name() == name && other.conditions.is_empty());
    if again && hook.conditions.is_empty() && !matches!(hook.event, Event::Every(_)) {
        mistakes
            .note(&hook.name, format!("an actor has one `#[{name}]`: call this method from the first one"));
    }
}
