//! A crate whose own names are those of the prelude, and arguments that are called as the expansion might call its own.

#![no_implicit_prelude]
#![allow(dead_code)]

type Result<T> = ::std::result::Result<T, Oops>;

struct Oops;
struct Option;
struct Vec;
struct Box;
struct String;
struct Duration;
struct ControlFlow;
struct Infallible;
struct PhantomData;
struct CallError;
struct ExitReason;
struct Pid;
struct Timer;

trait Send {}
trait Sync {}
trait Clone {}
trait Copy {}
trait Debug {}
trait Hash {}
trait PartialEq {}
trait Eq {}
trait Into {}
trait Handle {}
trait Actor {}
trait Drop {}

fn drop() {}

mod core {}
mod std {}
mod smarm {}

struct Hostile {
    actor: u8,
}

#[::smarm::actor]
impl Hostile {
    pub fn message(&mut self, message: u8, ctx: u8, reply: u8) -> u8 {
        message + ctx + reply + self.actor
    }

    pub fn last(self, last: Option, options: Vec, actor: Box) -> Result<String> {
        let _ = (last, options, actor, self);
        ::std::result::Result::Err(Oops)
    }

    pub fn ctx(&self, context: &mut ::smarm::Ctx<Self>, index: u8, news: Option, ticks: u8) {
        let _ = (context, index, news, ticks);
    }

    pub fn reply(&self, __reply: ::smarm::ReplyTo<Option>, timeout: Duration, #[into] value: Vec) {
        let _ = (timeout, value);
        __reply.send(Option);
    }

    pub fn r#type(&self, r#match: u8) -> u8 {
        r#match
    }

    pub fn eq(&self, other: u8) -> bool {
        other == self.actor
    }

    pub fn hash(&self) {}

    pub fn fmt(&self) {}

    pub fn cast(&mut self) {}

    pub fn call(&mut self) {}

    pub fn with_timeout(&mut self) {}

    pub fn send(&mut self, mut amount: u8) {
        amount += 1;
        self.actor = amount;
    }

    #[every("1s")]
    fn ticks(&self, index: &mut ::smarm::Ctx<Self>) {
        let _ = index;
    }
}

fn uses(handle: &HostileHandle) {
    let _: ::std::result::Result<u8, ::smarm::CallError> = handle.message(1, 2, 3);
    let _: ::std::result::Result<String, ::smarm::CallError<Oops>> = handle.last(Option, Vec, Box);
    let _: ::std::result::Result<Option, ::smarm::CallError> = handle.reply(Duration, Vec);
    let _ = |message| match message {
        HostileMsg::Type { r#match: 1, .. } => 1,
        _ => 2,
    };
}

fn main() {}
