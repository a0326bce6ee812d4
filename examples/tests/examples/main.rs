//! Runs the examples as their users do, and checks what they print.

mod quickstart;
mod support;
mod wordcount;
