//! `#[smarm::preemptible]`: checks in the loops of a function, of the functions of an impl, a trait or a module.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::visit_mut::VisitMut;
use syn::{ImplItemFn, Item, ItemFn, ItemImpl, ItemMod, Safety, Signature, TraitItemFn};

use crate::attr::{self, Setting};
use crate::mistakes::Mistakes;
use crate::{advice, checkpoint, value};

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let (settings, mut mistakes) = attr::settings(attribute);
    let smarm = smarm(settings, &mut mistakes);
    // What does not parse is for rustc to tell.
    let expansion = match syn::parse2::<Item>(item.clone()) {
        Ok(mut item) => {
            check_item(&item, &mut mistakes);
            Functions { smarm }.visit_item_mut(&mut item);
            item.into_token_stream()
        }
        Err(_) => item,
    };
    let mistakes = mistakes.into_tokens();
    quote! { #mistakes #expansion }
}

/// The path of smarm; the attribute has no other key.
fn smarm(settings: Vec<Setting>, mistakes: &mut Mistakes) -> TokenStream {
    let mut smarm = quote!(::smarm);
    for Setting { key, value, .. } in settings {
        match value {
            _ if key != "crate" => {
                let advice = advice::key(&key.to_string(), std::iter::once("crate"));
                mistakes.note(&key, format!("unknown key `{key}`; {advice}"));
            }
            None => mistakes.note(&key, "`crate` needs a value: write `crate = my_smarm`"),
            Some(value) => match value::path(value) {
                Ok(path) => smarm = path.into_token_stream(),
                Err(mistake) => mistakes.add(mistake),
            },
        }
    }
    smarm
}

fn check_item(item: &Item, mistakes: &mut Mistakes) {
    match item {
        Item::Fn(function) => check_function(&function.sig, mistakes),
        Item::Impl(block) if is_drop(block) => mistakes.note(
            &block.trait_.as_ref().expect("`is_drop` found it").0,
            "a destructor is never switched out: remove `#[smarm::preemptible]`",
        ),
        Item::Impl(_) | Item::Trait(_) | Item::Mod(_) => {}
        other => mistakes.note(
            other,
            "`#[smarm::preemptible]` goes on a function, an `impl`, a trait, or a module in braces",
        ),
    }
}

/// Alone under the attribute, a function that gets no checks is a misunderstanding; among others it is left alone.
fn check_function(signature: &Signature, mistakes: &mut Mistakes) {
    let mut refuse = |word: &dyn ToTokens, why: &str| {
        mistakes.note(word.to_token_stream(), format!("{why}: remove `#[smarm::preemptible]`"));
    };
    if let Some(word) = &signature.constness {
        refuse(word, "a `const fn` cannot be switched out");
    }
    if let Some(word) = &signature.asyncness {
        refuse(word, "an `async fn` is switched out by its `.await`s");
    }
    if let Safety::Unsafe(word) = &signature.safety {
        refuse(word, "an `unsafe fn` is never switched out");
    }
    if let Some(abi) = &signature.abi {
        refuse(abi, "a function that other languages call is never switched out");
    }
}

/// Finds the functions of an item, those of inner modules too.
struct Functions {
    smarm: TokenStream,
}

impl VisitMut for Functions {
    fn visit_item_mut(&mut self, item: &mut Item) {
        match item {
            Item::Fn(function) => self.visit_item_fn_mut(function),
            Item::Impl(block) if !is_drop(block) => self.visit_item_impl_mut(block),
            Item::Trait(definition) => self.visit_item_trait_mut(definition),
            Item::Mod(module) => self.visit_item_mod_mut(module),
            _ => {}
        }
    }

    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        for item in module.content.iter_mut().flat_map(|(_, items)| items) {
            self.visit_item_mut(item);
        }
    }

    fn visit_item_fn_mut(&mut self, function: &mut ItemFn) {
        checkpoint::parsed(&self.smarm, &mut function.attrs, &function.sig, &mut function.block);
    }

    fn visit_impl_item_fn_mut(&mut self, function: &mut ImplItemFn) {
        checkpoint::parsed(&self.smarm, &mut function.attrs, &function.sig, &mut function.block);
    }

    fn visit_trait_item_fn_mut(&mut self, function: &mut TraitItemFn) {
        if let Some(body) = &mut function.default {
            checkpoint::parsed(&self.smarm, &mut function.attrs, &function.sig, body);
        }
    }
}

fn is_drop(block: &ItemImpl) -> bool {
    let name = block.trait_.as_ref().and_then(|(path, _)| path.segments.last());
    name.is_some_and(|name| name.ident == "Drop")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preemptible(item: TokenStream) -> String {
        expand(quote!(), item).to_string().replace(":: smarm :: __private :: checkpoint ()", "CHECK")
    }

    #[test]
    fn functions_and_methods_are_checked_those_of_drop_are_not() {
        let item = quote! { mod m {
            pub fn a(&self) { loop {} }
            impl S { const fn b() { loop {} } fn c() { loop {} } }
            impl Read for S { fn d() { loop {} } }
            impl Drop for S { fn drop(&mut self) { loop {} } }
            impl ::core::ops::Drop for T { fn drop(&mut self) { loop {} } }
            trait T { fn e() { loop {} } fn f(); }
            mod n { #[no_check] fn g() { loop {} } fn h() { loop {} } }
            static I: u8 = loop {};
        } };
        let expected = quote! { mod m {
            pub fn a(&self) { loop { CHECK; } }
            impl S { const fn b() { loop {} } fn c() { loop { CHECK; } } }
            impl Read for S { fn d() { loop { CHECK; } } }
            impl Drop for S { fn drop(&mut self) { loop {} } }
            impl ::core::ops::Drop for T { fn drop(&mut self) { loop {} } }
            trait T { fn e() { loop { CHECK; } } fn f(); }
            mod n { fn g() { loop {} } fn h() { loop { CHECK; } } }
            static I: u8 = loop {};
        } };
        assert_eq!(preemptible(item), expected.to_string());
    }

    #[test]
    fn smarm_may_have_another_name() {
        let generated = expand(quote!(crate = my::smarm), quote! { fn f() { loop {} } });
        let expected = quote! { fn f() { loop { my::smarm::__private::checkpoint(); } } };
        assert_eq!(generated.to_string(), expected.to_string());
    }

    #[test]
    fn what_does_not_parse_is_passed_on() {
        let item = quote! { fn f() { loop { x. } } };
        assert_eq!(preemptible(item.clone()), item.to_string());
    }

    #[test]
    fn what_gets_no_checks_is_refused_and_kept() {
        for item in [
            quote! { struct S; },
            quote! { const fn f() { loop {} } },
            quote! { async fn f() { loop {} } },
            quote! { unsafe fn f() { loop {} } },
            quote! { extern "C" fn f() { loop {} } },
            quote! { impl Drop for S { fn drop(&mut self) { loop {} } } },
        ] {
            let generated = preemptible(item.clone());
            assert_eq!(generated.matches("compile_error").count(), 1, "{item}");
            assert!(generated.ends_with(&item.to_string()), "{generated}");
        }
    }
}
