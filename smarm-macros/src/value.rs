//! The values of settings that every attribute has: sizes, times, the path of smarm.

use syn::{Expr, Lit, LitInt, Path, Result};

use crate::mistakes::refuse;

/// The limit of the runtime, which checks it again: a macro crate cannot import from its user.
const MAX_STACK_BYTES: u64 = 8 << 20;

/// The value of a setting, as it is to be emitted.
pub(crate) enum Value {
    /// The user's expression; its type is rustc's business.
    Written(Expr),
    Bytes(u64),
    Milliseconds(u64),
}

/// A number of bytes, or text such as `"1M"`; any other expression is left to rustc.
pub(crate) fn size(name: &str, value: Expr) -> Result<Value> {
    let bytes = match literal(&value) {
        None => return Ok(Value::Written(value)),
        Some(Lit::Int(number)) if !has_unit(number) => Some(magnitude(number)),
        Some(Lit::Str(text)) => scaled(&text.value(), &[("K", 1 << 10), ("M", 1 << 20)]),
        Some(_) => None,
    };
    match bytes {
        None => refuse(
            &value,
            format!("`{name}` takes bytes, such as `1 << 20`, or a size such as `\"1M\"` or `\"256K\"`"),
        ),
        Some(0) => refuse(&value, format!("`{name}` cannot be 0: the smallest stack is `\"128K\"`")),
        Some(bytes @ 1..=MAX_STACK_BYTES) => Ok(Value::Bytes(bytes)),
        Some(_) => refuse(&value, format!("`{name}` is too large: write `\"8M\"` or less")),
    }
}

/// A `Duration`, or text such as `"5s"`.
pub(crate) fn time(name: &str, value: Expr) -> Result<Value> {
    let milliseconds = match literal(&value) {
        None => return Ok(Value::Written(value)),
        Some(Lit::Str(text)) => scaled(&text.value(), &[("ms", 1), ("s", 1000), ("min", 60_000)]),
        Some(_) => None,
    };
    match milliseconds {
        Some(milliseconds) => Ok(Value::Milliseconds(milliseconds)),
        None => {
            refuse(&value, format!("`{name}` takes a time, such as `\"5s\"` or `\"100ms\"`, or a `Duration`"))
        }
    }
}

/// The path after `crate =`.
pub(crate) fn path(value: Expr) -> Result<Path> {
    match value {
        Expr::Path(path) if path.qself.is_none() => Ok(path.path),
        value => {
            refuse(value, "`crate` takes the path under which smarm is known here, as in `crate = my_smarm`")
        }
    }
}

/// A literal, also in parentheses or as an argument of the `macro_rules!` macro that wrote the attribute.
pub(crate) fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(literal) => Some(&literal.lit),
        Expr::Paren(inner) => literal(&inner.expr),
        Expr::Group(inner) => literal(&inner.expr),
        _ => None,
    }
}

/// What does not fit is larger than every limit.
pub(crate) fn magnitude(number: &LitInt) -> u64 {
    number.base10_parse().unwrap_or(u64::MAX)
}

/// `8M` without quotes is an integer with the suffix `M`.
fn has_unit(number: &LitInt) -> bool {
    !matches!(number.suffix(), "" | "usize")
}

/// `text` as a whole number and one of the units; a number that does not fit is larger than every limit.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    let fits = |number: u64| number.checked_mul(*scale);
    (digits > 0).then(|| number.parse().ok().and_then(fits).unwrap_or(u64::MAX))
}
