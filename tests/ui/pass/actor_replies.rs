//! How each reply reaches the caller.

#![allow(dead_code)]

use std::{fmt, io};

use smarm::{CallError, ReplyTo};

type Fallible<T, E = io::Error> = Result<T, E>;
type Backwards<E, T> = Result<T, E>;

struct Replies;

#[smarm::actor]
impl Replies {
    pub fn value(&self) -> u8 {
        1
    }
    pub fn option(&self) -> Option<u8> {
        None
    }
    pub fn result(&self) -> Result<u8, String> {
        Ok(1)
    }
    pub fn io(&self) -> io::Result<u8> {
        Ok(1)
    }
    pub fn formatted(&self) -> fmt::Result {
        Ok(())
    }
    pub fn own_alias(&self) -> Fallible<u8> {
        Ok(1)
    }
    #[call(flat)]
    pub fn flat(&self) -> Fallible<u8> {
        Ok(1)
    }
    #[call(flat)]
    pub fn backwards(&self) -> Backwards<String, u8> {
        Ok(1)
    }
    #[call(nested)]
    pub fn nested(&self) -> io::Result<u8> {
        Ok(1)
    }
    #[call]
    pub fn unit(&self) {}
    #[call]
    #[allow(clippy::unused_unit)]
    pub fn said_unit(&self) -> () {}
    #[cast]
    #[allow(clippy::unused_unit)]
    pub fn cast_unit(&self) -> () {}
    #[cast]
    pub fn cast_io(&self) -> io::Result<u8> {
        Ok(1)
    }
    pub fn deferred(&self, reply: ReplyTo<u8>) {
        reply.send(1);
    }
    pub fn deferred_result(&self, key: u8, reply: ReplyTo<Result<u8, String>>) {
        reply.send(Ok(key));
    }
    #[call(nested)]
    pub fn deferred_nested(&self, reply: ReplyTo<Result<u8, String>>) {
        reply.send(Ok(1));
    }
    pub fn passed_on(&self, answer: ReplyTo<u8>) -> bool {
        answer.send(1);
        true
    }
    #[cast]
    pub fn thrown_on(&self, answer: ReplyTo<u8>) {
        answer.send(1);
    }
    pub fn peer(&self) -> <Self as smarm::Actor>::Handle {
        unreachable!()
    }
    pub fn finish(self) {}
    pub fn finish_with(self: Self) -> io::Result<u8> {
        Ok(1)
    }
    pub fn typed(self: &Self) {}
    pub fn typed_mut(self: &mut Self) {}
}

fn uses(it: &RepliesHandle) {
    let _: Result<u8, CallError> = it.value();
    let _: Result<Option<u8>, CallError> = it.option();
    let _: Result<u8, CallError<String>> = it.result();
    let _: Result<u8, CallError<io::Error>> = it.io();
    let _: Result<(), CallError<fmt::Error>> = it.formatted();
    let _: Result<io::Result<u8>, CallError> = it.own_alias();
    let _: Result<u8, CallError<io::Error>> = it.flat();
    let _: Result<u8, CallError<String>> = it.backwards();
    let _: Result<io::Result<u8>, CallError> = it.nested();
    let _: Result<(), CallError> = it.unit();
    let _: Result<(), CallError> = it.said_unit();
    let _: () = it.cast_unit();
    let _: () = it.cast_io();
    let _: Result<u8, CallError> = it.deferred();
    let _: Result<u8, CallError<String>> = it.deferred_result(1);
    let _: Result<Result<u8, String>, CallError> = it.deferred_nested();
    let _ = |answer| -> Result<bool, CallError> { it.passed_on(answer) };
    let _ = |answer| -> () { it.thrown_on(answer) };
    let _: Result<RepliesHandle, CallError> = it.peer();
    let _: () = it.finish();
    let _: Result<u8, CallError<io::Error>> = it.finish_with();
    it.typed();
    it.typed_mut();
}

fn main() {
    Replies.finish();
}
