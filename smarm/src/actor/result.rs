//! Replies that are `Result`s.

use core::fmt::Debug;

use super::call::CallError;

/// `Result`, seen through its aliases.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is called `Result`, but is not one",
    label = "not a `Result`, nor an alias of it",
    note = "write `#[call(nested)]` before the method: then the reply is this value as it is"
)]
pub trait ResultLike {
    /// What it is about.
    type Ok;
    /// Why there is none.
    type Err;

    /// The result itself.
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
pub fn flat<R: ResultLike>(reply: Result<R, CallError>) -> Result<R::Ok, CallError<R::Err>> {
    match reply {
        Ok(reply) => reply.into_result().map_err(CallError::Reply),
        Err(error) => Err(error.widen()),
    }
}

/// The result of a cast, which has nobody to go to: an error is told of on standard error.
pub fn cast_result<T, E: Debug>(message: &'static str, result: Result<T, E>) {
    if let Err(error) = result {
        eprintln!("smarm: the cast `{message}` failed: {error:?}");
    }
}
