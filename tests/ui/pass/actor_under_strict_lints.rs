//! Nothing that is generated trips a lint of the user, clippy's included, and nothing of it counts as `unsafe`.

#![deny(
    warnings,
    unused,
    future_incompatible,
    nonstandard_style,
    rust_2018_idioms,
    missing_docs,
    missing_debug_implementations,
    missing_copy_implementations,
    unreachable_pub,
    unused_qualifications,
    unused_results,
    unused_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    let_underscore_drop,
    unit_bindings,
    variant_size_differences,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
#![allow(clippy::missing_const_for_fn, reason = "a message cannot be `const`")]
#![allow(clippy::needless_pass_by_value, reason = "a message owns what it carries")]
#![forbid(unsafe_code)]

use std::fmt::Debug;

/// A meter.
#[derive(Debug)]
pub struct Meter<T, const N: usize> {
    /// What was seen last.
    seen: [Option<T>; N],
    count: u64,
}

#[smarm::actor(derive(Debug), mailbox = bounded(8), overflow = drop_oldest, stack = "256K", name = "meter")]
impl<T, const N: usize> Meter<T, N>
where
    T: Clone + Debug + Send + 'static,
{
    /// A new one.
    #[must_use]
    pub const fn new(seen: [Option<T>; N]) -> Self {
        Self { seen, count: 0 }
    }

    /// Sees a value.
    pub fn see(&mut self, value: T, at: usize) {
        self.count += 1;
        self.seen[at % N] = Some(value);
    }

    /// How many were seen.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What was seen.
    ///
    /// # Errors
    ///
    /// If nothing was.
    pub fn seen(&self, at: usize) -> Result<T, String> {
        self.seen.get(at).cloned().flatten().ok_or_else(|| "nothing".to_owned())
    }

    /// The same, under its old name.
    #[deprecated(since = "0.1.0", note = "use `seen`")]
    #[must_use]
    pub fn last(&self) -> Option<T> {
        self.seen.first().cloned().flatten()
    }

    pub(crate) fn reset(&mut self, ctx: &mut smarm::Ctx<Self>) {
        self.count = 0;
        *ctx = smarm::Ctx::detached();
    }

    /// A name.
    pub fn rename(&mut self, #[into] name: String, reply: smarm::ReplyTo<usize>) {
        reply.send(name.len());
    }

    /// Takes many.
    #[allow(clippy::too_many_arguments)]
    pub fn many(&mut self, one: u8, two: u8, three: u8, four: u8, five: u8, six: u8, seven: u8) {
        self.count += u64::from(one + two + three + four + five + six + seven);
    }

    /// The last message.
    #[must_use]
    pub fn close(self) -> u64 {
        self.count
    }

    #[on_start]
    fn begin(&mut self) {
        self.count = 0;
    }

    #[on_exit]
    fn end(&mut self, _ctx: &mut smarm::Ctx<Self>, _why: &smarm::ExitReason) {
        self.count = 0;
    }

    #[on_down]
    fn lost(&mut self, _down: smarm::Down) {
        self.count = 0;
    }

    #[every("1s")]
    fn tick(&mut self) {
        self.count += 1;
    }

    #[idle("30s")]
    fn rest(&mut self) {
        self.count = 0;
    }
}

struct Hidden(u8);

#[smarm::actor]
impl Hidden {
    pub(crate) fn swap(&mut self, other: Self) {
        self.0 = other.0;
    }

    pub(crate) fn peer(&self, of: HiddenHandle) -> HiddenHandle {
        let _ = self.0;
        of
    }
}

/// An actor without messages.
#[derive(Clone, Copy, Debug)]
pub struct Idle;

#[smarm::actor]
impl Idle {}

fn main() {
    let mut meter = Meter::<_, 1>::new([None]);
    meter.see(7, 0);
    assert_eq!(meter.seen(0), Ok(7));
    assert_eq!(meter.close(), 1);
    let mut hidden = Hidden(1);
    hidden.swap(Hidden(2));
    assert_eq!(hidden.0, 2);
    assert_eq!(format!("{Idle:?}"), "Idle");
}
