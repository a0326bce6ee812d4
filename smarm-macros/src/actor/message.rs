//! Judging a method that is a message.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, GenericParam, Ident, ReturnType, Signature, Type, Visibility, parse_quote_spanned};

use super::marks::{Marks, Shape};
use super::signature::{self, Takes, Typed};
use super::types::{self, Obstacle, text};
use crate::attr::Function;
use crate::mistakes::Mistakes;

/// A message, and the handle's method that sends it.
pub(crate) struct Message {
    pub(crate) name: Ident,
    pub(crate) variant: Ident,
    /// Those that are carried over.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) takes: Takes,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) kind: Kind,
}

pub(crate) enum Parameter {
    Argument {
        name: Ident,
        ty: Type,
        into: bool,
    },
    /// `ctx: &mut Ctx<Self>`
    Ctx,
    /// `reply: ReplyTo<T>`; the type with its `ReplyTo`.
    Reply {
        name: Ident,
        ty: Type,
    },
}

#[expect(clippy::large_enum_variant, reason = "there are a few per `impl`")]
pub(crate) enum Kind {
    /// What the method returns is dropped, unless it is a `Result` that must be looked at.
    Cast {
        result: Option<Span>,
    },
    Call(Reply),
}

pub(crate) struct Reply {
    /// What the method replies with.
    pub(crate) ty: Type,
    pub(crate) shape: Shape,
}

/// The names that a handle has for itself, and what else to call a message.
const RESERVED: [(&str, &str, &str); 9] = [
    ("pid", "tells the actor's `Pid`", "number"),
    ("stop", "ends the actor", "finish"),
    ("kill", "kills the actor", "abort"),
    ("join", "waits for the actor's end", "enter"),
    ("timeout", "sets how long calls wait", "limit"),
    ("try_send", "sends a message if there is room", "offer"),
    ("send_after", "sends a message later", "schedule"),
    ("actor", "gives the `ActorRef`", "performer"),
    ("clone", "clones the handle", "duplicate"),
];

/// The message that `function` is, as far as one can tell; worthless once something is noted.
pub(crate) fn judge(
    function: &Function,
    takes: Takes,
    marks: &Marks,
    self_type: &Type,
    mistakes: &mut Mistakes,
) -> Message {
    let signature = &function.signature;
    check_name(&signature.ident, mistakes);
    signature::check_qualifiers("a message", signature, mistakes);
    check_generics(signature, mistakes);
    let parameters = parameters(signature, marks, self_type, mistakes);
    let kind = kind(signature, &parameters, marks, self_type, mistakes);
    Message {
        name: signature.ident.clone(),
        variant: variant(&signature.ident, mistakes),
        attributes: carried(&function.attributes),
        visibility: function.visibility.clone(),
        takes,
        parameters,
        kind,
    }
}

fn check_name(name: &Ident, mistakes: &mut Mistakes) {
    if let Some((word, does, other)) = RESERVED.iter().find(|(reserved, ..)| name == reserved) {
        mistakes.note(name, format!("on a handle `{word}` {does}: call the message `{other}`, or so"));
    }
}

/// `get_all` as `GetAll`.
fn variant(name: &Ident, mistakes: &mut Mistakes) -> Ident {
    let capitalised = |word: &str| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    let variant = name.unraw().to_string().split('_').map(capitalised).collect::<String>();
    if syn::parse_str::<Ident>(&variant).is_ok() {
        return Ident::new(&variant, name.span());
    }
    mistakes
        .note(name, format!("no variant of the message type can be called `{variant}`: use another name"));
    name.clone()
}

fn check_generics(signature: &Signature, mistakes: &mut Mistakes) {
    let generics = &signature.generics;
    for parameter in &generics.params {
        let sentence = match parameter {
            GenericParam::Lifetime(_) => "a message owns what it carries: remove the lifetime",
            _ => "a message is a value of one type: name the type, or move the parameter to the `impl`",
        };
        mistakes.note(parameter, sentence);
    }
    if let Some(bounds) = &generics.where_clause {
        mistakes.note(
            bounds,
            "a message is there for every actor of its type: move the `where` clause to the `impl`",
        );
    }
}

fn parameters(
    signature: &Signature,
    marks: &Marks,
    self_type: &Type,
    mistakes: &mut Mistakes,
) -> Vec<Parameter> {
    let answers = marks.cast.is_none() && matches!(signature.output, ReturnType::Default);
    let mut parameters = Vec::new();
    for typed in signature::parameters(signature) {
        let parameter = parameter(&typed, answers, self_type, mistakes);
        check_repeated(&parameters, &parameter, &typed, mistakes);
        parameters.push(parameter);
    }
    parameters
}

fn check_repeated(before: &[Parameter], parameter: &Parameter, typed: &Typed<'_>, mistakes: &mut Mistakes) {
    let repeated = |kind: fn(&Parameter) -> bool| kind(parameter) && before.iter().any(kind);
    if repeated(|parameter| matches!(parameter, Parameter::Ctx)) {
        mistakes.note(typed.ty, "one context is enough: remove this parameter");
    }
    if repeated(|parameter| matches!(parameter, Parameter::Reply { .. })) {
        mistakes.note(typed.ty, "a call has one reply: remove this parameter, or write a return type");
    }
}

fn parameter(typed: &Typed<'_>, answers: bool, self_type: &Type, mistakes: &mut Mistakes) -> Parameter {
    let into = check_attributes(typed, mistakes);
    if signature::is_ctx(typed) {
        signature::check_ctx(typed, mistakes);
        refuse_into(into, mistakes);
        return Parameter::Ctx;
    }
    check_type(typed.ty, mistakes, |obstacle| argument_advice(obstacle, into.is_some()));
    let name = signature::name(typed, mistakes);
    let ty = types::without_self(typed.ty, self_type);
    if answers && types::is_called(typed.ty, "ReplyTo") {
        refuse_into(into, mistakes);
        return Parameter::Reply { name, ty };
    }
    Parameter::Argument { name, ty, into: into.is_some() }
}

fn refuse_into(into: Option<&Attribute>, mistakes: &mut Mistakes) {
    if let Some(into) = into {
        mistakes.note(into, "`#[into]` goes on an argument of the message; this is none: remove it");
    }
}

/// The `#[into]` on a parameter.
fn check_attributes<'a>(typed: &Typed<'a>, mistakes: &mut Mistakes) -> Option<&'a Attribute> {
    for attribute in typed.attributes {
        if attribute.path().is_ident("cfg") {
            mistakes.note(
                attribute,
                "a parameter of a message is always there: write two methods, each with its own `#[cfg]`",
            );
        }
    }
    typed.attributes.iter().find(|attribute| attribute.path().is_ident("into"))
}

fn check_type(ty: &Type, mistakes: &mut Mistakes, advice: impl Fn(&Obstacle) -> String) {
    for obstacle in types::obstacles(ty) {
        let sentence = advice(&obstacle);
        match obstacle {
            Obstacle::Reference(tokens) => mistakes.note(tokens, sentence),
            Obstacle::Lifetime(tokens) => mistakes.note(tokens, sentence),
            Obstacle::ImplTrait(tokens) => mistakes.note(tokens, sentence),
        }
    }
}

fn argument_advice(obstacle: &Obstacle, into: bool) -> String {
    match obstacle {
        Obstacle::Reference(reference) => {
            let (borrowed, owned) = (text(reference), types::owned(reference));
            let into = if into || borrowed != "&str" {
                ""
            } else {
                "; with `#[into]` before it, callers still pass `&str`"
            };
            format!("a message owns what it carries: take `{owned}` instead of `{borrowed}`{into}")
        }
        Obstacle::Lifetime(_) => {
            "a message owns what it carries, and may outlive its sender: take an owned type, or `'static`"
                .to_owned()
        }
        Obstacle::ImplTrait(ty) => {
            let bounds = text(&ty.bounds);
            format!("a message is a value of one type: name the type, or take `Box<dyn {bounds} + Send>`")
        }
    }
}

fn reply_advice(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Reference(reference) => {
            let (borrowed, owned) = (text(reference), types::owned(reference));
            format!(
                "a reply leaves its actor: return `{owned}` instead of `{borrowed}`, or make the method private"
            )
        }
        Obstacle::Lifetime(_) => "a reply leaves its actor: return an owned type, or `'static`".to_owned(),
        Obstacle::ImplTrait(ty) => {
            let bounds = text(&ty.bounds);
            format!("a reply is a value of one type: name the type, or return `Box<dyn {bounds} + Send>`")
        }
    }
}

fn kind(
    signature: &Signature,
    parameters: &[Parameter],
    marks: &Marks,
    self_type: &Type,
    mistakes: &mut Mistakes,
) -> Kind {
    if let (Some(_), Some(cast)) = (&marks.call, &marks.cast) {
        mistakes.note(&cast.0, "a message is a call or a cast: remove one of `#[call]` and `#[cast]`");
    }
    let slot = parameters.iter().find_map(|parameter| match parameter {
        Parameter::Reply { ty, .. } => Some(ty),
        _ => None,
    });
    match (&signature.output, slot) {
        (ReturnType::Type(_, ty), _) if marks.cast.is_some() => cast(ty, mistakes),
        (ReturnType::Type(_, ty), _) => returned(ty, marks, self_type, mistakes),
        (ReturnType::Default, Some(slot)) => answered(slot, marks),
        (ReturnType::Default, None) if marks.call.is_some() => {
            let ty = parse_quote_spanned!(signature.ident.span()=> ());
            Kind::Call(Reply { ty, shape: Shape::Nested })
        }
        (ReturnType::Default, None) => Kind::Cast { result: None },
    }
}

/// `#[cast]` on a method with a return type.
fn cast(ty: &Type, mistakes: &mut Mistakes) -> Kind {
    let is_result = types::is_called(ty, "Result");
    if !is_result && !types::is_unit(ty) {
        let ty_text = text(ty);
        mistakes.note(
            ty,
            format!("a cast has no reply, and this `{ty_text}` would be lost: remove `#[cast]`, or the return type"),
        );
    }
    Kind::Cast { result: is_result.then(|| ty.span()) }
}

/// A call whose reply is what the method returns.
fn returned(ty: &Type, marks: &Marks, self_type: &Type, mistakes: &mut Mistakes) -> Kind {
    if types::is_unit(ty) && marks.call.is_none() {
        mistakes.note(
            ty,
            "a call or a cast? For a cast, which nobody waits for, remove `-> ()`; for a call write `#[call]` above the \
             method",
        );
    }
    if let Type::Never(_) = ty {
        mistakes
            .note(ty, "no reply would ever come: remove `-> !`; an actor ends with `ctx.stop()` or a panic");
        return Kind::Cast { result: None };
    }
    check_type(ty, mistakes, reply_advice);
    let shape = marks.shape.unwrap_or_else(|| shape(ty));
    Kind::Call(Reply { ty: types::without_self(ty, self_type), shape })
}

/// A call whose reply goes through a `ReplyTo<T>`.
fn answered(slot: &Type, marks: &Marks) -> Kind {
    let ty = match types::arguments(slot, "ReplyTo").as_deref() {
        Some([ty]) => (*ty).clone(),
        // rustc says that the type is incomplete.
        _ => parse_quote_spanned!(slot.span()=> ()),
    };
    let shape = marks.shape.unwrap_or_else(|| shape(&ty));
    Kind::Call(Reply { ty, shape })
}

fn shape(ty: &Type) -> Shape {
    if types::is_called(ty, "Result") { Shape::Flat } else { Shape::Nested }
}

/// Notes two messages that would be one variant.
pub(crate) fn check_variant(messages: &[Message], message: &Message, mistakes: &mut Mistakes) {
    let twin = messages.iter().find(|other| other.variant == message.variant && may_meet(other, message));
    if let Some(twin) = twin {
        let (first, second, variant) = (&twin.name, &message.name, &message.variant);
        let sentence =
            format!("`{first}` and `{second}` would both be `{variant}` in the message type: rename one");
        mistakes.note(first, &sentence);
        mistakes.note(second, &sentence);
    }
}

/// Whether two messages can be there at once. Two that are `#[cfg]`ed may exclude each other.
pub(crate) fn may_meet(one: &Message, other: &Message) -> bool {
    one.conditions().next().is_none() || other.conditions().next().is_none()
}

impl Message {
    /// Its `#[cfg]`s.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"))
    }

    pub(crate) fn arguments(&self) -> impl Iterator<Item = (&Ident, &Type, bool)> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Argument { name, ty, into } => Some((name, ty, *into)),
            Parameter::Ctx | Parameter::Reply { .. } => None,
        })
    }

    pub(crate) fn reply(&self) -> Option<&Reply> {
        match &self.kind {
            Kind::Call(reply) => Some(reply),
            Kind::Cast { .. } => None,
        }
    }

    /// The `ReplyTo` parameter, if there is one.
    pub(crate) fn reply_parameter(&self) -> Option<&Ident> {
        self.parameters.iter().find_map(|parameter| match parameter {
            Parameter::Reply { name, .. } => Some(name),
            Parameter::Argument { .. } | Parameter::Ctx => None,
        })
    }

    /// The reply, if the message has a field of its own for it.
    pub(crate) fn slot(&self) -> Option<&Reply> {
        self.reply().filter(|_| self.reply_parameter().is_none())
    }
}

impl Parameter {
    /// The field, if the message has one for it.
    pub(crate) fn name(&self) -> Option<&Ident> {
        match self {
            Self::Argument { name, .. } | Self::Reply { name, .. } => Some(name),
            Self::Ctx => None,
        }
    }
}

/// The attributes that concern whoever sends the message.
pub(crate) fn carried(attributes: &[Attribute]) -> Vec<Attribute> {
    const CARRIED: [&str; 5] = ["doc", "cfg", "deprecated", "must_use", "allow"];
    let is_carried = |attribute: &&Attribute| CARRIED.iter().any(|name| attribute.path().is_ident(name));
    attributes.iter().filter(is_carried).cloned().collect()
}
