//! The keys of `#[smarm::actor]`.

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{Expr, ExprCall, Ident, Lit, Path, Result};

use crate::advice;
use crate::attr::Setting;
use crate::mistakes::{Mistakes, refuse};
use crate::value::{self, Value, literal, magnitude};

/// The settings that passed.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) mailbox: Option<Mailbox>,
    /// A variant of `Overflow`.
    pub(crate) overflow: Option<Ident>,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) stack: Option<Value>,
    pub(crate) name: Option<Expr>,
    pub(crate) handle: Option<Ident>,
    pub(crate) message: Option<Ident>,
    pub(crate) derive: Option<TokenStream>,
    pub(crate) stop_on_drop: bool,
    pub(crate) own_thread: bool,
    /// `crate = path`
    pub(crate) smarm: Option<Path>,
}

pub(crate) enum Mailbox {
    Bounded(Expr),
    Unbounded,
}

pub(crate) enum Timeout {
    After(Value),
    Never,
}

struct Key {
    name: &'static str,
    /// A setting that is right; it ends the sentence about one without a value.
    example: &'static str,
    take: fn(&mut Options, &Key, Setting) -> Result<()>,
}

const KEYS: [Key; 11] = [
    Key { name: "mailbox", example: "mailbox = bounded(64)", take: mailbox },
    Key { name: "overflow", example: "overflow = reject", take: overflow },
    Key { name: "timeout", example: "timeout = \"5s\"", take: timeout },
    Key { name: "stack", example: "stack = \"1M\"", take: stack },
    Key { name: "name", example: "name = \"teller\"", take: name },
    Key { name: "handle", example: "handle = Teller", take: handle },
    Key { name: "msg", example: "msg = TellerMsg", take: message },
    Key { name: "derive", example: "derive(Debug)", take: derive },
    Key { name: "stop_on_drop", example: "stop_on_drop", take: stop_on_drop },
    Key { name: "own_thread", example: "own_thread", take: own_thread },
    Key { name: "crate", example: "crate = my_smarm", take: smarm },
];

/// What a policy is called here, and in `Overflow`.
const POLICIES: [(&str, &str); 4] =
    [("park", "Park"), ("reject", "Reject"), ("drop_oldest", "DropOldest"), ("drop_newest", "DropNewest")];

/// The settings that make sense; the others are noted.
pub(crate) fn options(settings: Vec<Setting>, mistakes: &mut Mistakes) -> Options {
    let mut options = Options::default();
    let mut seen: Vec<Ident> = Vec::new();
    for setting in settings {
        let key = &setting.key;
        if seen.contains(key) {
            mistakes.note(key, format!("`{key}` is given twice; keep one of them"));
            continue;
        }
        seen.push(key.clone());
        if let Err(mistake) = take(&mut options, setting) {
            mistakes.add(mistake);
        }
    }
    check_overflow(&options, mistakes);
    options
}

fn take(options: &mut Options, setting: Setting) -> Result<()> {
    let written = setting.key.to_string();
    match KEYS.iter().find(|key| key.name == written) {
        Some(key) => (key.take)(options, key, setting),
        None => {
            let advice = advice::key(&written, KEYS.iter().map(|key| key.name));
            refuse(&setting.key, format!("unknown key `{written}`; {advice}"))
        }
    }
}

/// The value of a setting that has one.
fn value(key: &Key, setting: Setting) -> Result<Expr> {
    let Setting { key: name, value, .. } = setting;
    value.map_or_else(|| refuse(&name, format!("`{name}` needs a value: write `{}`", key.example)), Ok)
}

fn mailbox(options: &mut Options, key: &Key, setting: Setting) -> Result<()> {
    let value = value(key, setting)?;
    options.mailbox = Some(match &value {
        Expr::Path(path) if path.path.is_ident("unbounded") => Mailbox::Unbounded,
        Expr::Call(ExprCall { func, args, .. }) if is_word(func, "bounded") && args.len() == 1 => {
            Mailbox::Bounded(bound(&args[0])?)
        }
        _ => {
            return refuse(
                &value,
                "`mailbox` takes `bounded(n)`, room for n messages, or `unbounded`: write `mailbox = bounded(64)`",
            );
        }
    });
    Ok(())
}

fn bound(value: &Expr) -> Result<Expr> {
    match literal(value) {
        Some(Lit::Int(number)) if magnitude(number) == 0 => {
            refuse(value, "a mailbox needs room for a message: write `bounded(1)` or more")
        }
        None | Some(Lit::Int(_)) => Ok(value.clone()),
        Some(_) => refuse(value, "`bounded` takes a number of messages: write `bounded(64)`"),
    }
}

fn overflow(options: &mut Options, key: &Key, setting: Setting) -> Result<()> {
    let value = value(key, setting)?;
    let policy = POLICIES.iter().find(|(word, _)| is_word(&value, word));
    match policy {
        Some((_, variant)) => {
            options.overflow = Some(Ident::new(variant, value.span()));
            Ok(())
        }
        None => refuse(
            &value,
            "`overflow` takes `park`, `reject`, `drop_oldest` or `drop_newest`: what becomes of a cast when the \
             mailbox is full",
        ),
    }
}

fn check_overflow(options: &Options, mistakes: &mut Mistakes) {
    if let (Some(Mailbox::Unbounded), Some(policy)) = (&options.mailbox, &options.overflow) {
        mistakes.note(policy, "an unbounded mailbox is never full: remove `overflow`, or write `bounded(n)`");
    }
}

fn timeout(options: &mut Options, key: &Key, setting: Setting) -> Result<()> {
    let value = value(key, setting)?;
    let place = value.span();
    options.timeout = Some(match is_word(&value, "none") {
        true => Timeout::Never,
        false => Timeout::After(value::time(key.name, value).map_err(|_| {
            let sentence =
                "`timeout` takes a time, such as `\"5s\"` or `\"100ms\"`, a `Duration`, or `none` to wait for ever";
            syn::Error::new(place, sentence)
        })?),
    });
    Ok(())
}

fn stack(options: &mut Options, key: &Key, setting: Setting) -> Result<()> {
    options.stack = Some(value::size(key.name, value(key, setting)?)?);
    Ok(())
}

fn name(options: &mut Options, key: &Key, setting: Setting) -> Result<()> {
    let value = value(key, setting)?;
    match literal(&value) {
        None | Some(Lit::Str(_)) => options.name = Some(value),
        Some(_) => return refuse(&value, "`name` takes text: write `name = \"teller\"`"),
    }
    Ok(())
}

fn handle(options: &mut Options, key: &Key, setting: Setting) -> Result<()> {
    options.handle = Some(new_type(key, setting)?);
    Ok(())
}

fn message(options: &mut Options, key: &Key, setting: Setting) -> Result<()> {
    options.message = Some(new_type(key, setting)?);
    Ok(())
}

/// The name of a type that is generated.
fn new_type(key: &Key, setting: Setting) -> Result<Ident> {
    let value = value(key, setting)?;
    match &value {
        Expr::Path(path) if path.path.get_ident().is_some() => path.path.require_ident().cloned(),
        _ => refuse(
            &value,
            format!("`{}` takes the name of the type to generate: write `{}`", key.name, key.example),
        ),
    }
}

fn derive(options: &mut Options, _: &Key, setting: Setting) -> Result<()> {
    options.derive = setting.list;
    match &options.derive {
        Some(_) => Ok(()),
        None => refuse(&setting.key, "`derive` takes a list in parentheses: write `derive(Debug)`"),
    }
}

fn stop_on_drop(options: &mut Options, _: &Key, setting: Setting) -> Result<()> {
    options.stop_on_drop = true;
    stands_alone(setting)
}

fn own_thread(options: &mut Options, _: &Key, setting: Setting) -> Result<()> {
    options.own_thread = true;
    stands_alone(setting)
}

/// A setting that is on when it is written.
fn stands_alone(setting: Setting) -> Result<()> {
    match setting.value {
        None => Ok(()),
        Some(value) => refuse(&value, format!("`{}` stands alone: remove the value", setting.key)),
    }
}

fn smarm(options: &mut Options, key: &Key, setting: Setting) -> Result<()> {
    options.smarm = Some(value::path(value(key, setting)?)?);
    Ok(())
}

fn is_word(value: &Expr, word: &str) -> bool {
    matches!(value, Expr::Path(path) if path.path.is_ident(word))
}
