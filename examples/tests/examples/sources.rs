//! The examples once more, as modules: so the tests in their own files run, which need no program to be started.

#![allow(dead_code, reason = "nobody calls their `main` here, nor what only `main` calls")]

#[path = "../../bank.rs"]
mod bank;
#[path = "../../chat.rs"]
mod chat;
#[path = "../../http.rs"]
mod http;
#[path = "../../https.rs"]
mod https;
#[cfg(feature = "tokio")]
#[path = "../../hyper.rs"]
mod hyper;
#[path = "../../pipeline.rs"]
mod pipeline;
#[path = "../../quickstart.rs"]
mod quickstart;
#[path = "../../redis/main.rs"]
mod redis;
#[path = "../../websocket.rs"]
mod websocket;
#[path = "../../wordcount.rs"]
mod wordcount;
