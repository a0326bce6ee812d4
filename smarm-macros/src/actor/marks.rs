//! The attributes that smarm gives to methods: taken from them, since rustc knows none of them.

use proc_macro2::Ident;
use syn::{Attribute, Expr, Meta, Path};

use super::types::text;
use crate::advice;
use crate::mistakes::Mistakes;
use crate::value::{self, Value};

/// What stands above one method.
#[derive(Default)]
pub(crate) struct Marks {
    pub(crate) call: Option<Mark>,
    pub(crate) cast: Option<Mark>,
    pub(crate) skip: Option<Mark>,
    /// How the reply of a call reaches the caller, if `#[call(..)]` says so.
    pub(crate) shape: Option<Shape>,
    pub(crate) hooks: Vec<(Event, Mark)>,
}

/// One of the attributes, as it was written.
pub(crate) struct Mark(pub(crate) Attribute);

impl std::fmt::Display for Mark {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "`#[{}]`", text(self.0.path()))
    }
}

/// How a `Result` reaches the caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `Result<T, CallError<E>>`
    Flat,
    /// `Result<Result<T, E>, CallError>`
    Nested,
}

/// What a hook waits for.
pub(crate) enum Event {
    Start,
    Exit,
    Down,
    LinkedExit,
    Every(Value),
    Idle(Value),
}

const WORDS: [&str; 9] =
    ["call", "cast", "skip", "on_start", "on_exit", "on_down", "on_linked_exit", "every", "idle"];

/// What other frameworks call the same.
const ALIASES: [(&str, &str); 12] = [
    ("init", "on_start"),
    ("started", "on_start"),
    ("pre_start", "on_start"),
    ("on_stop", "on_exit"),
    ("stopped", "on_exit"),
    ("terminate", "on_exit"),
    ("post_stop", "on_exit"),
    ("on_link_died", "on_linked_exit"),
    ("ask", "call"),
    ("tell", "cast"),
    ("interval", "every"),
    ("on_idle", "idle"),
];

/// The name of an attribute that may be smarm's: a bare word, or one behind `smarm::`.
fn word(path: &Path) -> Option<&Ident> {
    let mut segments = path.segments.iter();
    match (segments.next(), segments.next(), segments.next()) {
        (Some(word), None, _) => Some(&word.ident),
        (Some(smarm), Some(word), None) if smarm.ident == "smarm" => Some(&word.ident),
        _ => None,
    }
}

/// Takes the marks from `attributes`.
pub(crate) fn take(attributes: &mut Vec<Attribute>, mistakes: &mut Mistakes) -> Marks {
    let mut marks = Marks::default();
    for attribute in std::mem::take(attributes) {
        let name = word(attribute.path()).map(Ident::to_string).unwrap_or_default();
        if WORDS.contains(&name.as_str()) {
            marks.put(&name, attribute, mistakes);
        } else if let Some(advice) = advice(&name) {
            mistakes.note(attribute, advice);
        } else {
            attributes.push(attribute);
        }
    }
    marks
}

/// What to say of an attribute that is nobody's, but nearly ours. rustc has the word for all others.
fn advice(name: &str) -> Option<String> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, word)| *word);
    let word = alias.or_else(|| advice::slip(name, WORDS))?;
    Some(format!("unknown attribute `{name}`; did you mean `#[{word}]`?"))
}

impl Marks {
    fn put(&mut self, name: &str, attribute: Attribute, mistakes: &mut Mistakes) {
        match name {
            "call" => {
                self.shape = shape(&attribute, mistakes);
                put(&mut self.call, attribute, mistakes);
            }
            "cast" => {
                no_list(&attribute, mistakes);
                put(&mut self.cast, attribute, mistakes);
            }
            "skip" => {
                no_list(&attribute, mistakes);
                put(&mut self.skip, attribute, mistakes);
            }
            _ => self.hooks.extend(event(name, &attribute, mistakes).map(|event| (event, Mark(attribute)))),
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Mark> {
        let hooks = self.hooks.iter().map(|(_, mark)| mark);
        self.call.iter().chain(&self.cast).chain(&self.skip).chain(hooks)
    }
}

fn put(place: &mut Option<Mark>, attribute: Attribute, mistakes: &mut Mistakes) {
    let mark = Mark(attribute);
    if place.is_some() {
        mistakes.note(&mark.0, format!("{mark} is given twice; keep one of them"));
    }
    place.get_or_insert(mark);
}

fn no_list(attribute: &Attribute, mistakes: &mut Mistakes) {
    if let Meta::List(_) | Meta::NameValue(_) = &attribute.meta {
        let name = text(attribute.path());
        mistakes.note(attribute, format!("`#[{name}]` stands alone: remove what follows the name"));
    }
}

fn shape(attribute: &Attribute, mistakes: &mut Mistakes) -> Option<Shape> {
    if let Meta::Path(_) = attribute.meta {
        return None;
    }
    match attribute.parse_args::<Ident>() {
        Ok(word) if word == "flat" => Some(Shape::Flat),
        Ok(word) if word == "nested" => Some(Shape::Nested),
        _ => {
            mistakes.note(attribute, "`#[call]` stands alone, or says `#[call(nested)]` or `#[call(flat)]`");
            None
        }
    }
}

fn event(name: &str, attribute: &Attribute, mistakes: &mut Mistakes) -> Option<Event> {
    let event = match name {
        "on_start" => Event::Start,
        "on_exit" => Event::Exit,
        "on_down" => Event::Down,
        "on_linked_exit" => Event::LinkedExit,
        "every" => Event::Every(period(name, attribute, mistakes)?),
        _ => Event::Idle(period(name, attribute, mistakes)?),
    };
    if let Event::Start | Event::Exit | Event::Down | Event::LinkedExit = event {
        no_list(attribute, mistakes);
    }
    Some(event)
}

/// The time in `#[every("1s")]`.
fn period(name: &str, attribute: &Attribute, mistakes: &mut Mistakes) -> Option<Value> {
    let period = attribute.parse_args::<Expr>().ok().map(|value| value::time(name, value));
    match period {
        Some(Ok(Value::Milliseconds(0))) => {
            mistakes.note(attribute, format!("`#[{name}]` cannot be 0: it would run without end"));
        }
        Some(Ok(period)) => return Some(period),
        Some(Err(_)) | None => mistakes.note(
            attribute,
            format!(
                "`#[{name}]` takes a time: write `#[{name}(\"1s\")]`, or a `Duration` in the parentheses"
            ),
        ),
    }
    None
}
