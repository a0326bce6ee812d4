//! Reading what the user wrote: the attribute's `key = value` list, and the function under it.
//!
//! Nothing is judged here, only taken apart. Two rules keep an editor useful while somebody types:
//! - a setting that does not parse is noted and skipped, and the settings after it are read;
//! - a function's body is one token tree that nobody looks into. A half-typed body must not cost the user the
//!   function, and with it every completion and every other error in the file.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::token::Paren;
use syn::{Attribute, Expr, Ident, Result, Signature, Token, Visibility, parenthesized};

use crate::mistakes::Mistakes;

/// One `key`, `key = value` or `key(list)` of the attribute; which of them is right depends on the key.
pub(crate) struct Setting {
    pub(crate) key: Ident,
    pub(crate) value: Option<Expr>,
    pub(crate) list: Option<TokenStream>,
}

/// A function, taken apart as far as its opening brace.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenTree,
}

/// The settings of an attribute, and what of it is none.
pub(crate) fn settings(attribute: TokenStream) -> (Vec<Setting>, Mistakes) {
    let mut mistakes = Mistakes::default();
    let list = |input: ParseStream<'_>| Ok(setting_list(input, &mut mistakes));
    match list.parse2(attribute) {
        Ok(settings) => (settings, mistakes),
        Err(mistake) => {
            mistakes.add(mistake);
            (Vec::new(), mistakes)
        }
    }
}

fn setting_list(input: ParseStream<'_>, mistakes: &mut Mistakes) -> Vec<Setting> {
    let mut settings = Vec::new();
    while !input.is_empty() {
        match setting(input) {
            Ok(setting) => settings.push(setting),
            Err(mistake) => mistakes.add(mistake),
        }
        // After a mistake whatever is left of the setting, else the comma alone.
        skip_past_comma(input, mistakes);
    }
    settings
}

fn setting(input: ParseStream<'_>) -> Result<Setting> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error("expected a key and its value, as in `workers = 4`"));
    }
    let key = input.call(Ident::parse_any)?;
    if !input.peek(Token![=]) {
        let list = list(input)?;
        skip_to_comma(input);
        return Ok(Setting { key, value: None, list });
    }
    input.parse::<Token![=]>()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(Setting { key, value: None, list: None });
    }
    let value = input.parse()?;
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error(format!("expected `,` after the value of `{key}`")));
    }
    Ok(Setting { key, value: Some(value), list: None })
}

fn list(input: ParseStream<'_>) -> Result<Option<TokenStream>> {
    if !input.peek(Paren) {
        return Ok(None);
    }
    let content;
    parenthesized!(content in input);
    content.parse().map(Some)
}

fn skip_past_comma(input: ParseStream<'_>, mistakes: &mut Mistakes) {
    skip_to_comma(input);
    if !input.is_empty()
        && let Err(mistake) = input.parse::<Token![,]>()
    {
        mistakes.add(mistake);
    }
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) && input.parse::<TokenTree>().is_ok() {}
}

/// The function under the attribute; nothing if something else is there.
pub(crate) fn function(item: TokenStream) -> Result<Option<Function>> {
    parse_function.parse2(item)
}

fn parse_function(input: ParseStream<'_>) -> Result<Option<Function>> {
    let attributes = input.call(Attribute::parse_outer)?;
    let visibility = input.parse()?;
    if !starts_function(input) {
        input.parse::<TokenStream>()?;
        return Ok(None);
    }
    let signature = input.parse()?;
    let body = body(input)?;
    Ok(Some(Function { attributes, visibility, signature, body }))
}

/// Whether a function follows, and not a constant or something else.
pub(crate) fn starts_function(input: ParseStream<'_>) -> bool {
    let constant = input.peek(Token![const])
        && !input.peek2(Token![fn])
        && !input.peek2(Token![async])
        && !input.peek2(Token![unsafe])
        && !input.peek2(Token![extern]);
    !constant
        && (input.peek(Token![fn])
            || input.peek(Token![const])
            || input.peek(Token![async])
            || input.peek(Token![unsafe])
            || input.peek(Token![extern]))
}

/// The body of a function, which nobody looks into.
pub(crate) fn body(input: ParseStream<'_>) -> Result<TokenTree> {
    match input.parse()? {
        TokenTree::Group(group) if is_block(group.delimiter()) => Ok(group.into()),
        tree => Err(syn::Error::new(tree.span(), "expected the function's body, in braces")),
    }
}

/// Braces, or what a `$body:block` of a `macro_rules!` macro arrives in.
fn is_block(delimiter: Delimiter) -> bool {
    matches!(delimiter, Delimiter::Brace | Delimiter::None)
}
