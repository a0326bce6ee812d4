//! Writing what the attributes stand for.
//!
//! The user's function goes, body untouched, into a function of the same name and signature, so that `return`, `?`,
//! recursion and rustc's advice about the signature mean what they say. A refused one leaves an empty `fn main`
//! behind, because the errors that follow from a missing `main` say nothing new.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{ExprRange, ReturnType, Signature};

use crate::attr::{self, Function};
use crate::checkpoint;
use crate::mistakes::Mistakes;
use crate::valid::{self, Attr, Options, Workers};
use crate::value::Value;

/// Long enough for a loaded machine, short enough for a build that hangs.
const DEFAULT_WATCHDOG: Value = Value::Milliseconds(60_000);

pub(crate) fn main(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let (options, mut mistakes) = options(Attr::Main, attribute);
    let expansion = match function(Attr::Main, item) {
        Ok(mut function) => {
            checkpoint::function(&smarm(&options, Span::call_site()), &mut function);
            main_function(&options, function)
        }
        Err(refusal) => {
            mistakes.append(refusal.mistakes);
            let other = refusal.other;
            quote! { #other fn main() {} }
        }
    };
    let mistakes = mistakes.into_tokens();
    quote! { #mistakes #expansion }
}

pub(crate) fn test(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let (options, mut mistakes) = options(Attr::Test, attribute);
    let expansion = match function(Attr::Test, item) {
        Ok(function) => test_function(&options, function),
        Err(refusal) => {
            mistakes.append(refusal.mistakes);
            refusal.other.unwrap_or_default()
        }
    };
    let mistakes = mistakes.into_tokens();
    quote! { #mistakes #expansion }
}

/// Something that cannot be run.
struct Refusal {
    mistakes: Mistakes,
    /// The item, if it is no function or has another name than its attribute wants: others may use it.
    other: Option<TokenStream>,
}

fn options(attr: Attr, attribute: TokenStream) -> (Options, Mistakes) {
    let (settings, mut mistakes) = attr::settings(attribute);
    (valid::options(attr, settings, &mut mistakes), mistakes)
}

fn function(attr: Attr, item: TokenStream) -> Result<Function, Refusal> {
    let mut mistakes = Mistakes::default();
    let function = match attr::function(item.clone()) {
        Ok(Some(function)) => function,
        Ok(None) => {
            mistakes.note(TokenStream::new(), valid::no_function(attr));
            return Err(Refusal { mistakes, other: Some(item) });
        }
        Err(mistake) => {
            mistakes.add(mistake);
            return Err(Refusal { mistakes, other: None });
        }
    };
    valid::function(attr, &function, &mut mistakes);
    if mistakes.is_empty() {
        return Ok(function);
    }
    let is_other = attr == Attr::Main && function.signature.ident != "main";
    Err(Refusal { mistakes, other: is_other.then_some(item) })
}

fn main_function(options: &Options, function: Function) -> TokenStream {
    let config = config(Attr::Main, options);
    let Function { attributes, visibility, signature, body } = function;
    let Signature { fn_token, ident, .. } = &signature;
    let run = if options.own_signals { "run_main_without_signals" } else { "run_main" };
    let run = call(options, run, &signature, &quote!(#config, #ident));
    let allocator = allocator(options);
    quote! {
        #(#attributes)*
        #visibility #fn_token #ident() -> ::std::process::ExitCode {
            #allocator
            #signature #body
            #run
        }
    }
}

/// The program's allocator, unless it has its own. Inside the function, so that it takes no name from the user. Not in a test, whose `main`
/// is another one: it may have several programs in it, as modules.
fn allocator(options: &Options) -> Option<TokenStream> {
    let smarm = smarm(options, Span::call_site());
    (!options.own_allocator).then(|| {
        quote! {
            #[cfg(not(test))]
            #[global_allocator]
            static __SMARM_ALLOC: #smarm::Alloc = #smarm::Alloc::system();
        }
    })
}

fn test_function(options: &Options, function: Function) -> TokenStream {
    let config = config(Attr::Test, options);
    let watchdog = options.watchdog.as_ref().unwrap_or(&DEFAULT_WATCHDOG);
    let Function { attributes, visibility, signature, body } = function;
    let Signature { fn_token, ident, output, .. } = &signature;
    let name = quote!(::core::concat!(::core::module_path!(), "::", ::core::stringify!(#ident)));
    let run = call(options, "run_test", &signature, &quote!(#config, #watchdog, #name, #ident));
    // `#[should_panic]` demands a test that returns `()`.
    let (output, end) = match valid::returns_unit(output) {
        true => (None, Some(quote!(;))),
        false => (Some(quote!(-> ::std::process::ExitCode)), None),
    };
    quote! {
        #[::core::prelude::v1::test]
        #(#attributes)*
        #visibility #fn_token #ident() #output {
            #signature #body
            #run #end
        }
    }
}

fn smarm(options: &Options, place: Span) -> TokenStream {
    options.smarm.as_ref().map_or_else(|| quote_spanned!(place=> ::smarm), ToTokens::to_token_stream)
}

fn config(attr: Attr, options: &Options) -> TokenStream {
    let smarm = smarm(options, Span::call_site());
    let config = match (&options.workers, attr) {
        (Some(Workers::Exactly(workers)), _) => quote!(Config::exact(#workers)),
        (Some(Workers::Between(ExprRange { start, end, .. })), _) => {
            quote!(Config::new(#start, #end, ::core::option::Option::None))
        }
        (None, Attr::Main) => quote!(Config::default()),
        (None, Attr::Test) => quote!(Config::exact(2)),
    };
    // Before the user's settings, so that theirs is the last word.
    let policy = match attr {
        Attr::Main => None,
        Attr::Test => Some(quote!(.deadlock(#smarm::runtime::Deadlock::Fail))),
    };
    let calls = options.calls.iter().map(|(method, value)| quote!(.#method(#value)));
    quote!(#smarm::runtime::#config #policy #(#calls)*)
}

/// A call of `smarm::__private`, for `signature`.
///
/// It lies on the return type, if there is one: there, rustc says of a type that no program can return it.
fn call(options: &Options, name: &str, signature: &Signature, arguments: &TokenStream) -> TokenStream {
    let place = match &signature.output {
        ReturnType::Default => Span::call_site(),
        ReturnType::Type(_, ty) => ty.span(),
    };
    let smarm = smarm(options, place);
    let name = Ident::new(name, place);
    quote_spanned!(place=> #smarm::__private::#name(#arguments))
}

impl ToTokens for Value {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(match self {
            Self::Written(value) => quote!(#value),
            Self::Bytes(bytes) => Literal::u64_unsuffixed(*bytes).into_token_stream(),
            Self::Milliseconds(time) => {
                let time = Literal::u64_unsuffixed(*time);
                quote!(::core::time::Duration::from_millis(#time))
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is generated, with the spaces between tokens as `TokenStream` prints them.
    #[track_caller]
    fn same(generated: TokenStream, expected: TokenStream) {
        assert_eq!(generated.to_string(), expected.to_string());
    }

    /// The sentences of the `compile_error!`s in an expansion.
    fn sentences(generated: &TokenStream) -> Vec<String> {
        let text = generated.to_string();
        let after =
            |start: &str| start.split_once("\" }").map(|(sentence, _)| sentence.replace("\\\"", "\""));
        text.split("compile_error ! { \"").skip(1).filter_map(after).collect()
    }

    #[test]
    fn a_plain_main_runs_with_the_default_configuration() {
        same(
            main(quote!(), quote! { fn main() { work(); } }),
            quote! {
                fn main() -> ::std::process::ExitCode {
                    #[cfg(not(test))]
                    #[global_allocator]
                    static __SMARM_ALLOC: ::smarm::Alloc = ::smarm::Alloc::system();
                    fn main() { work(); }
                    ::smarm::__private::run_main(::smarm::runtime::Config::default(), main)
                }
            },
        );
    }

    #[test]
    fn attributes_and_visibility_stay_outside() {
        same(
            main(quote!(), quote! { #[allow(unused)] /** Doc. */ pub(crate) fn main() -> R { Ok(()) } }),
            quote! {
                #[allow(unused)] /** Doc. */
                pub(crate) fn main() -> ::std::process::ExitCode {
                    #[cfg(not(test))]
                    #[global_allocator]
                    static __SMARM_ALLOC: ::smarm::Alloc = ::smarm::Alloc::system();
                    fn main() -> R { Ok(()) }
                    ::smarm::__private::run_main(::smarm::runtime::Config::default(), main)
                }
            },
        );
    }

    #[test]
    fn settings_become_calls_in_their_order() {
        let attribute = quote! {
            shutdown_timeout = "2min", workers = 1..=4, stack_size = "1M", root_stack_size = 8 << 20,
            timeslice_cycles = 0x1000, alloc_interval = N / 2, deadlock = Deadlock::Fail, alloc = false,
            crate = my::smarm,
        };
        same(
            main(attribute, quote! { fn main() {} }),
            quote! {
                fn main() -> ::std::process::ExitCode {
                    fn main() {}
                    my::smarm::__private::run_main(
                        my::smarm::runtime::Config::new(1, 4, ::core::option::Option::None)
                            .shutdown_timeout(::core::time::Duration::from_millis(120000))
                            .stack_size(1048576)
                            .root_stack_size(8 << 20)
                            .timeslice_cycles(0x1000)
                            .alloc_interval(N / 2)
                            .deadlock(Deadlock::Fail),
                        main
                    )
                }
            },
        );
    }

    #[test]
    fn the_allocator_is_there_unless_it_is_refused() {
        let has_allocator = |attribute: TokenStream| {
            main(attribute, quote! { fn main() {} }).to_string().contains("global_allocator")
        };
        assert!(has_allocator(quote!()));
        assert!(has_allocator(quote!(alloc = true)));
        assert!(!has_allocator(quote!(alloc = false)));
        for bad in [quote!(alloc = 1), quote!(alloc = WITH), quote!(alloc = mimalloc::MiMalloc)] {
            let generated = main(bad, quote! { fn main() {} });
            assert_eq!(sentences(&generated), ["`alloc` takes `true` or `false`"]);
        }
    }

    #[test]
    fn signals_are_heard_unless_that_is_refused() {
        let runs = |attribute: TokenStream| {
            let generated = main(attribute, quote! { fn main() {} }).to_string();
            generated.contains("run_main_without_signals")
        };
        assert!(!runs(quote!()));
        assert!(!runs(quote!(signals = true)));
        assert!(runs(quote!(signals = false)));
        let generated = main(quote!(signals = "none"), quote! { fn main() {} });
        assert_eq!(sentences(&generated), ["`signals` takes `true` or `false`"]);
    }

    #[test]
    fn a_test_has_two_workers_and_a_watchdog() {
        same(
            test(quote!(), quote! { #[should_panic] fn fails() { panic!() } }),
            quote! {
                #[::core::prelude::v1::test]
                #[should_panic]
                fn fails() {
                    fn fails() { panic!() }
                    ::smarm::__private::run_test(
                        ::smarm::runtime::Config::exact(2).deadlock(::smarm::runtime::Deadlock::Fail),
                        ::core::time::Duration::from_millis(60000),
                        ::core::concat!(::core::module_path!(), "::", ::core::stringify!(fails)),
                        fails
                    );
                }
            },
        );
    }

    #[test]
    fn a_test_with_a_result_returns_an_exit_code_and_its_settings_are_the_last_word() {
        same(
            test(
                quote!(watchdog = LIMIT, deadlock = Deadlock::Warn, workers = 3),
                quote! { fn reads() -> io::Result<()> { Ok(()) } },
            ),
            quote! {
                #[::core::prelude::v1::test]
                fn reads() -> ::std::process::ExitCode {
                    fn reads() -> io::Result<()> { Ok(()) }
                    ::smarm::__private::run_test(
                        ::smarm::runtime::Config::exact(3)
                            .deadlock(::smarm::runtime::Deadlock::Fail)
                            .deadlock(Deadlock::Warn),
                        LIMIT,
                        ::core::concat!(::core::module_path!(), "::", ::core::stringify!(reads)),
                        reads
                    )
                }
            },
        );
    }

    #[test]
    fn a_half_typed_body_keeps_the_function() {
        let body = quote! { { let x = foo. ; if else match } };
        same(
            main(quote!(), quote! { fn main() #body }),
            quote! {
                fn main() -> ::std::process::ExitCode {
                    #[cfg(not(test))]
                    #[global_allocator]
                    static __SMARM_ALLOC: ::smarm::Alloc = ::smarm::Alloc::system();
                    fn main() #body
                    ::smarm::__private::run_main(::smarm::runtime::Config::default(), main)
                }
            },
        );
    }

    #[test]
    fn all_bad_settings_are_reported_and_the_good_ones_kept() {
        let attribute =
            quote!(wokers = 2, workers = 0, = 3, stack_size = "big", stack_size, alloc_interval = 8);
        let generated = main(attribute, quote! { fn main() {} });
        assert_eq!(
            sentences(&generated),
            [
                "expected a key and its value, as in `workers = 4`",
                "unknown key `wokers`; did you mean `workers`?",
                "a runtime needs a worker: write 1 or more",
                "`stack_size` takes bytes, such as `1 << 20`, or a size such as `\"1M\"` or `\"256K\"`",
                "`stack_size` is given twice; keep one of them",
            ]
        );
        assert!(generated.to_string().contains("Config :: default () . alloc_interval (8)"));
    }

    #[test]
    fn a_refused_main_leaves_an_empty_one() {
        let generated = main(quote!(), quote! { async unsafe fn main<T>(a: T) where T: Copy {} });
        assert_eq!(sentences(&generated).len(), 5);
        assert!(generated.to_string().ends_with("} fn main () { }"));
    }

    #[test]
    fn what_is_not_main_stays_beside_an_empty_one() {
        for item in [quote! { fn start() {} }, quote! { struct Main; }] {
            let generated = main(quote!(), item.clone()).to_string();
            assert!(generated.contains("compile_error"));
            assert!(generated.ends_with(&format!("}} {item} fn main () {{ }}")), "{generated}");
        }
    }

    #[test]
    fn a_refused_test_leaves_its_sentences() {
        let generated = test(quote!(alloc = false), quote! { #[test] fn t(x: u8) {} });
        assert_eq!(
            sentences(&generated),
            [
                "`alloc` is a key of `#[smarm::main]` only; remove it",
                "`#[smarm::test]` is enough: remove this second `test` attribute",
                "a test takes no arguments: make what it needs in its body",
            ]
        );
    }

    #[test]
    fn sizes_and_times_have_units_and_limits() {
        let refused = |attribute: TokenStream| sentences(&test(attribute, quote! { fn t() {} })).len();
        for good in [
            quote!(stack_size = "128K"),
            quote!(stack_size = "8M"),
            quote!(stack_size = 8388608),
            quote!(stack_size = (1usize)),
            quote!(shutdown_timeout = "0ms"),
            quote!(shutdown_timeout = Duration::ZERO),
            quote!(watchdog = "1min"),
        ] {
            assert_eq!(refused(good.clone()), 0, "{good}");
        }
        for bad in [
            quote!(stack_size = "9M"),
            quote!(stack_size = 8388609),
            quote!(stack_size = 99999999999999999999999),
            quote!(stack_size = "99999999999999999999999K"),
            quote!(stack_size = 0),
            quote!(stack_size = "0K"),
            quote!(stack_size = "M"),
            quote!(stack_size = "1"),
            quote!(stack_size = 1M),
            quote!(stack_size = 1.5),
            quote!(shutdown_timeout = 5),
            quote!(shutdown_timeout = 5s),
            quote!(shutdown_timeout = "5"),
            quote!(shutdown_timeout = "1.5s"),
            quote!(watchdog = "0s"),
        ] {
            assert_eq!(refused(bad.clone()), 1, "{bad}");
        }
    }

    #[test]
    fn workers_are_a_number_or_a_closed_range() {
        let refused = |attribute: TokenStream| sentences(&main(attribute, quote! { fn main() {} })).len();
        for good in
            [quote!(workers = 1), quote!(workers = N), quote!(workers = 2..=2), quote!(workers = A..=B)]
        {
            assert_eq!(refused(good.clone()), 0, "{good}");
        }
        for bad in [
            quote!(workers = 1025),
            quote!(workers = 0..=4),
            quote!(workers = 4..=2),
            quote!(workers = 1..4),
            quote!(workers = 1..),
            quote!(workers = ..=4),
            quote!(workers = "two"),
            quote!(workers = true),
            quote!(workers(4)),
            quote!(workers = 2 3),
        ] {
            assert_eq!(refused(bad.clone()), 1, "{bad}");
        }
    }

    #[test]
    fn near_keys_are_offered_and_far_ones_get_the_list() {
        let sentence =
            |attribute: TokenStream| sentences(&main(attribute, quote! { fn main() {} })).remove(0);
        assert!(sentence(quote!(stack = 1)).ends_with("did you mean `stack_size`?"));
        assert!(sentence(quote!(stack_sise = 1)).ends_with("did you mean `stack_size`?"));
        assert!(sentence(quote!(timeslice = 1)).ends_with("did you mean `timeslice_cycles`?"));
        assert!(sentence(quote!(flavor = 1)).contains("the keys are `workers`, `alloc_interval`"));
        assert!(!sentence(quote!(flavor = 1)).contains("watchdog"));
    }
}
