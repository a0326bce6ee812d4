//! Reading the `impl` block: its head, then one item after the other.
//!
//! By hand, for the sake of editors: bodies are token trees that nobody looks into, and an item that does not parse
//! costs that item alone. syn's own `ItemImpl` would lose the handle with the first half-typed line.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Generics, Result, Token, Type, Visibility, braced, parse_quote};

use crate::attr::{self, Function};
use crate::mistakes::Mistakes;

/// An inherent `impl`, taken apart as far as the signatures in it.
pub(crate) struct Block {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) impl_token: Token![impl],
    pub(crate) generics: Generics,
    pub(crate) self_type: Type,
    pub(crate) inner_attributes: Vec<Attribute>,
    pub(crate) items: Vec<Item>,
}

#[expect(clippy::large_enum_variant, reason = "there are a few per `impl`")]
pub(crate) enum Item {
    Function(Function),
    /// A constant, a type, a macro.
    Other(TokenStream),
}

/// The `impl` under the attribute; if something else is there, a sentence that tells where the attribute belongs.
pub(crate) fn block(item: TokenStream, mistakes: &mut Mistakes) -> Result<Block> {
    (|input: ParseStream<'_>| parse_block(input, mistakes)).parse2(item)
}

fn parse_block(input: ParseStream<'_>, mistakes: &mut Mistakes) -> Result<Block> {
    let attributes = input.call(Attribute::parse_outer)?;
    let visibility = input.parse::<Visibility>()?;
    if !input.peek(Token![impl]) {
        return Err(misplaced(&visibility, input)?);
    }
    let impl_token = input.parse()?;
    let mut generics = if starts_generics(input) { input.parse()? } else { Generics::default() };
    let self_type = input.parse::<Type>()?;
    if input.peek(Token![for]) {
        input.parse::<TokenStream>()?;
        return Err(trait_impl(&self_type));
    }
    generics.where_clause = input.parse()?;
    let content;
    braced!(content in input);
    let inner_attributes = content.call(Attribute::parse_inner)?;
    let items = items(&content, mistakes);
    Ok(Block { attributes, impl_token, generics, self_type, inner_attributes, items })
}

/// `impl <T as Trait>::Type` begins with `<` too, as syn knows.
fn starts_generics(input: ParseStream<'_>) -> bool {
    input.peek(Token![<])
        && (input.peek2(Token![>])
            || input.peek2(Token![#])
            || input.peek2(syn::Lifetime)
            || input.peek2(Token![const])
            || input.peek2(syn::Ident)
                && (input.peek3(Token![:]) || input.peek3(Token![,]) || input.peek3(Token![>])))
}

fn trait_impl(name: &Type) -> syn::Error {
    let name = name.to_token_stream();
    let sentence = format!(
        "`#[smarm::actor]` goes on the type's own `impl`, not on that of a trait: move what shall be a message to \
         `impl Type {{ .. }}`, and call `{name}`'s methods from there"
    );
    syn::Error::new_spanned(name, sentence)
}

/// What to do with an attribute that stands on something else.
fn misplaced(visibility: &Visibility, input: ParseStream<'_>) -> Result<syn::Error> {
    let advice = if input.peek2(Token![impl]) {
        "write a plain `impl Type { .. }`"
    } else if attr::starts_function(input) {
        "for a function there are `#[smarm::main]`, `#[smarm::test]` and `#[smarm::preemptible]`"
    } else if input.peek(Token![struct]) || input.peek(Token![enum]) || input.peek(Token![union]) {
        "write it above `impl Type { .. }`, where the methods are"
    } else if input.peek(Token![trait]) {
        "a trait is no actor; a type is, with the methods of its own `impl`"
    } else {
        "write it above `impl Type { .. }`"
    };
    let head = head(input)?;
    let sentence = format!("`#[smarm::actor]` goes on an `impl` block: {advice}");
    Ok(syn::Error::new_spanned(quote!(#visibility #head), sentence))
}

/// The tokens up to the first bracket of any kind.
fn head(input: ParseStream<'_>) -> Result<TokenStream> {
    let rest = input.parse::<TokenStream>()?;
    Ok(rest.into_iter().take_while(|tree| !matches!(tree, TokenTree::Group(_))).collect())
}

fn items(input: ParseStream<'_>, mistakes: &mut Mistakes) -> Vec<Item> {
    let mut items = Vec::new();
    while !input.is_empty() {
        match item(input, mistakes) {
            Ok(item) => items.push(item),
            Err(mistake) => {
                mistakes.add(mistake);
                skip_item(input);
            }
        }
    }
    items
}

fn item(input: ParseStream<'_>, mistakes: &mut Mistakes) -> Result<Item> {
    let mut attributes = input.call(Attribute::parse_outer)?;
    let visibility = input.parse()?;
    if !attr::starts_function(input) {
        let rest = other(input)?;
        return Ok(Item::Other(quote!(#(#attributes)* #visibility #rest)));
    }
    let ahead = input.fork();
    let signature = ahead.parse().map_err(|mistake| {
        syn::Error::new(mistake.span(), "this method is left out: its signature does not parse")
    })?;
    input.advance_to(&ahead);
    let body = body(input).unwrap_or_else(|mistake| {
        mistakes.add(mistake);
        attributes.push(parse_quote!(#[allow(unused)]));
        never_ending()
    });
    Ok(Item::Function(Function { attributes, visibility, signature, body }))
}

fn body(input: ParseStream<'_>) -> Result<TokenTree> {
    let ahead = input.fork();
    let body = attr::body(&ahead);
    if body.is_ok() || input.peek(Token![;]) {
        input.advance_to(&ahead);
    }
    body
}

/// A body that is not there yet counts as one that has every type.
fn never_ending() -> TokenTree {
    Group::new(Delimiter::Brace, quote!(loop {})).into()
}

/// A constant or a type, up to its semicolon; a macro, up to its braces or semicolon.
fn other(input: ParseStream<'_>) -> Result<TokenStream> {
    let ends_in_braces = !input.peek(Token![const]) && !input.peek(Token![type]);
    let mut item = TokenStream::new();
    while !input.is_empty() {
        let tree = input.parse::<TokenTree>()?;
        let end = is_end(&tree, ends_in_braces);
        item.extend([tree]);
        if end {
            break;
        }
    }
    Ok(item)
}

fn is_end(tree: &TokenTree, braces_end: bool) -> bool {
    match tree {
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Group(group) => braces_end && group.delimiter() == Delimiter::Brace,
        _ => false,
    }
}

/// Goes on behind the braces or the semicolon of an item, or before the attribute or the `pub` of the next one.
fn skip_item(input: ParseStream<'_>) {
    while let Ok(tree) = input.parse::<TokenTree>() {
        if is_end(&tree, true) || input.peek(Token![pub]) || input.peek(Token![#]) {
            break;
        }
    }
}
