//! What messages and hooks have in common: a receiver, parameters with names, and no word before `fn`.

use quote::format_ident;
use syn::{Attribute, FnArg, Ident, Pat, PatIdent, PatType, Receiver, ReceiverKind, Safety, Signature, Type};

use super::types;
use crate::mistakes::Mistakes;

/// How a method takes its actor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Reference,
    /// `self`: there is no actor afterwards.
    Value,
}

/// Notes words that have no meaning for a function that its actor calls. `subject` begins the sentences.
pub(crate) fn check_qualifiers(subject: &str, signature: &Signature, mistakes: &mut Mistakes) {
    if let Some(word) = &signature.constness {
        mistakes.note(word, format!("{subject} cannot be `const`: it runs in its actor; remove the word"));
    }
    if let Some(word) = &signature.asyncness {
        mistakes.note(
            word,
            format!(
                "{subject} is a plain `fn`: remove `async`; what waits parks the actor, without `.await`"
            ),
        );
    }
    if let Safety::Unsafe(word) = &signature.safety {
        mistakes.note(
            word,
            format!("{subject} cannot be `unsafe`: its actor runs it later, and can promise nothing; put an `unsafe` block into the body instead"),
        );
    }
    if let Some(abi) = &signature.abi {
        mistakes.note(
            abi,
            format!("{subject} cannot be `extern`: its actor calls it, with Rust's own ABI; remove it"),
        );
    }
}

/// How `receiver` takes the actor; anything but `self`, `&self` and `&mut self` is noted.
pub(crate) fn takes(receiver: &Receiver, mistakes: &mut Mistakes) -> Takes {
    match &receiver.kind {
        ReceiverKind::Value => Takes::Value,
        // One with another name is declared somewhere, and is noted there.
        ReceiverKind::Reference(_, Some(lifetime), _) if lifetime.ident == "static" => {
            mistakes.note(lifetime, "the actor lends itself for one message only: remove the lifetime");
            Takes::Reference
        }
        ReceiverKind::Typed(_, ty) if types::is_called(ty, "Self") => Takes::Value,
        ReceiverKind::Typed(_, ty) if !borrows_self(ty) => {
            mistakes.note(
                receiver,
                "an actor owns its state: write `&self`, `&mut self`, or `self` for the last message",
            );
            Takes::Reference
        }
        _ => Takes::Reference,
    }
}

/// `self: &Self`, `self: &mut Self`
fn borrows_self(ty: &Type) -> bool {
    types::reference(ty)
        .is_some_and(|reference| reference.lifetime.is_none() && types::is_called(&reference.elem, "Self"))
}

/// A parameter behind the receiver.
pub(crate) struct Typed<'a> {
    pub(crate) attributes: &'a [Attribute],
    pub(crate) pattern: &'a Pat,
    pub(crate) ty: &'a Type,
}

pub(crate) fn parameters(signature: &Signature) -> impl Iterator<Item = Typed<'_>> {
    signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(PatType { attrs, pat, ty, .. }) => Some(Typed { attributes: attrs, pattern: pat, ty }),
        FnArg::Receiver(_) => None,
    })
}

/// The name of a parameter. A pattern is noted, since the message has a field of that name.
pub(crate) fn name(parameter: &Typed<'_>, mistakes: &mut Mistakes) -> Ident {
    match parameter.pattern {
        Pat::Ident(PatIdent { by_ref: None, subpat: None, ident, .. }) => return ident.clone(),
        Pat::Wild(wild) => mistakes.note(wild, "name this parameter: the message has a field of that name"),
        pattern => {
            let (ty, taken_apart) = (types::text(parameter.ty), types::text(pattern));
            let sentence = format!(
                "a parameter of a message is a name: write `value: {ty}`, and `let {taken_apart} = value;` in the body",
            );
            mistakes.note(pattern, sentence);
        }
    }
    format_ident!("value")
}

/// Whether a parameter is the actor's context, or was meant to be. Any other `Ctx` is a type of the user's.
pub(crate) fn is_ctx(parameter: &Typed<'_>) -> bool {
    let lent = types::reference(parameter.ty);
    let ty = lent.map_or(parameter.ty, |reference| &reference.elem);
    let of_self = |of: Vec<&Type>| matches!(&of[..], [of] if types::is_called(of, "Self"));
    types::arguments(ty, "Ctx").is_some_and(|of| is_lent(parameter) || of_self(of))
}

fn is_lent(parameter: &Typed<'_>) -> bool {
    types::reference(parameter.ty).is_some_and(|reference| reference.mutability.is_some())
}

pub(crate) fn check_ctx(parameter: &Typed<'_>, mistakes: &mut Mistakes) {
    if !is_lent(parameter) {
        mistakes.note(parameter.ty, "the context is lent to the method: write `&mut Ctx<Self>`");
    }
}
