//! Replies that are `Result`s.

use core::fmt::Debug;

use super::call::CallError;
use crate::sys::atomic::{AtomicU64, Ordering};

/// `Result`, seen through its aliases.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is merely called `Result`",
    label = "not `core::result::Result`",
    note = "write `#[call(nested)]` above the method, and the caller gets it as it is"
)]
pub trait ResultLike {
    /// What it is about.
    type Ok;
    /// Why there is none.
    type Err;

    /// The result itself.
    ///
    /// # Errors
    ///
    /// Its own.
    fn into_result(self) -> Result<Self::Ok, Self::Err>;
}

impl<T, E> ResultLike for Result<T, E> {
    type Ok = T;
    type Err = E;

    fn into_result(self) -> Self {
        self
    }
}

/// One error for two: the call's, and the server's.
///
/// # Errors
///
/// Either.
pub fn flat<R: ResultLike<Ok = T, Err = E>, T, E>(reply: Result<R, CallError>) -> Result<T, CallError<E>> {
    match reply {
        Ok(reply) => reply.into_result().map_err(CallError::Reply),
        Err(error) => Err(error.widen()),
    }
}

static FAILED_CASTS: AtomicU64 = AtomicU64::new(0);

/// The result of a cast, which has nobody to go to: an error is told of on standard error, and counted.
pub fn cast_result<T, E: Debug>(message: &'static str, result: Result<T, E>) {
    if let Err(error) = result {
        // Ordering: Relaxed. A count.
        FAILED_CASTS.fetch_add(1, Ordering::Relaxed);
        eprintln!("smarm: the cast `{message}` failed: {error:?}");
    }
}

/// How many casts returned an error, in this process: messages that are marked `#[cast]` and return a `Result`. Each was told of on
/// standard error. Never parks.
#[must_use]
pub fn failed_casts() -> u64 {
    // Ordering: Relaxed. A count.
    FAILED_CASTS.load(Ordering::Relaxed)
}
