//! What is wrong with the user's tokens, collected so that all of it is reported in one go.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Mistakes found so far, each with the tokens it is about.
#[derive(Default)]
pub(crate) struct Mistakes {
    found: Option<syn::Error>,
}

impl Mistakes {
    /// Notes a sentence about `tokens`, which all of them get underlined.
    pub(crate) fn note(&mut self, tokens: impl ToTokens, sentence: impl Display) {
        self.add(syn::Error::new_spanned(tokens, sentence));
    }

    pub(crate) fn add(&mut self, mistake: syn::Error) {
        match &mut self.found {
            Some(found) => found.combine(mistake),
            None => self.found = Some(mistake),
        }
    }

    pub(crate) fn append(&mut self, others: Self) {
        if let Some(mistakes) = others.found {
            self.add(mistakes);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_none()
    }

    /// One `compile_error!` per mistake; nothing if there is none.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.found.map(|mistakes| mistakes.to_compile_error()).unwrap_or_default()
    }
}

/// One mistake, with the tokens it is about.
pub(crate) fn refuse<T>(tokens: impl ToTokens, sentence: impl Display) -> syn::Result<T> {
    Err(syn::Error::new_spanned(tokens, sentence))
}
