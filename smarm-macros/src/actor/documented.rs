//! The expansion that `docs/ACTORS.md` shows is the real one, of the account in `examples/bank.rs`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Item, ItemImpl};

use super::expand;

const EXAMPLE: &str = include_str!("../../../examples/bank.rs");
const PAGE: &str = include_str!("../../../docs/ACTORS.md");

fn account() -> ItemImpl {
    let file = syn::parse_file(EXAMPLE).expect("examples compile");
    let actor = file.items.into_iter().find_map(|item| match item {
        Item::Impl(block) if !block.attrs.is_empty() => Some(block),
        _ => None,
    });
    actor.expect("the bank has an actor")
}

/// What the macro adds to the user's `impl`.
fn generated() -> String {
    let mut account = account();
    account.attrs.clear();
    let all = text(&expand(TokenStream::new(), account.into_token_stream()));
    let begin = all.find("#[doc=\"Themessages").expect("the message type comes behind the user's `impl`");
    all[begin..].to_owned()
}

fn documented() -> String {
    let (_, shown) = PAGE.split_once("```rust,ignore\n").expect("the page shows an expansion");
    let (shown, _) = shown.split_once("```").expect("the expansion ends");
    text(&shown.parse().expect("it is Rust"))
}

/// Tokens as text, but for what a formatter adds or takes away: spaces, commas, braces around a `match` arm, raw strings for comments.
fn text(tokens: &TokenStream) -> String {
    let text = tokens.to_string().replace("r\"", "\"");
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, ',' | '{' | '}')).collect()
}

#[test]
fn the_page_shows_the_real_expansion() {
    let (generated, documented) = (generated(), documented());
    let same = generated.bytes().zip(documented.bytes()).take_while(|(one, other)| one == other).count();
    assert!(
        generated == documented,
        "docs/ACTORS.md shows another expansion. It has\n{}\nwhere the macro writes\n{}",
        &documented[same..],
        &generated[same..],
    );
}
