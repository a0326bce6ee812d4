//! Standard error, past the standard library's lock: whoever runs here may hold it.

/// Writes in one call. If standard error is closed there is nobody to tell.
pub(crate) fn write(text: &[u8]) {
    // SAFETY: the bytes are initialised, and as many as said.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
}
