//! Runs the examples as their users do, and checks what they print.

mod bank;
mod chat;
mod http;
mod https;
mod pipeline;
mod quickstart;
mod redis;
mod sources;
mod support;
mod websocket;
mod wordcount;
