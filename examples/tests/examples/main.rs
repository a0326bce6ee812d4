//! Runs the examples as their users do, and checks what they print.

mod bank;
mod chat;
mod http;
mod https;
mod kv;
mod pipeline;
mod quickstart;
mod redis;
mod sources;
mod supervised;
mod support;
mod websocket;
mod wordcount;
