//! What a panic says.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The payload of the panic that `f` ends with.
///
/// # Panics
///
/// When `f` returns.
#[track_caller]
pub fn panic_payload<T>(f: impl FnOnce() -> T) -> Box<dyn Any + Send> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it was to panic and did not"),
        Err(payload) => payload,
    }
}

/// The message of the panic that `f` ends with.
///
/// # Panics
///
/// When `f` returns, or panics with something that is no text.
#[track_caller]
pub fn panic_message<T>(f: impl FnOnce() -> T) -> String {
    message_of(&*panic_payload(f)).expect("a panic with a message").to_owned()
}

/// The text of a payload, if it is one.
pub fn message_of(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}
