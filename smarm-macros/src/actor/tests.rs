//! What an actor expands to. What rustc says of the expansions is in the `ui` tests.

use proc_macro2::TokenStream;
use quote::quote;

use super::expand;

/// An expansion, as text.
struct Generated(String);

/// Tokens as `TokenStream` prints them, but for the spaces between two of the same angle brackets.
fn text(tokens: &TokenStream) -> String {
    tokens.to_string().replace("> >", ">>").replace("> >", ">>").replace("< <", "<<")
}

impl Generated {
    #[track_caller]
    fn has(&self, expected: TokenStream) -> &Self {
        let expected = text(&expected);
        assert!(self.0.contains(&expected), "not there:\n{expected}\n\nin:\n{}", self.0);
        self
    }

    #[track_caller]
    fn lacks(&self, unexpected: &str) -> &Self {
        assert!(!self.0.contains(unexpected), "there:\n{unexpected}\n\nin:\n{}", self.0);
        self
    }

    /// The sentences of its `compile_error!`s.
    fn sentences(&self) -> Vec<String> {
        let after =
            |start: &str| start.split_once("\" }").map(|(sentence, _)| sentence.replace("\\\"", "\""));
        self.0.split("compile_error ! { \"").skip(1).filter_map(after).collect()
    }
}

fn actor(attribute: TokenStream, items: TokenStream) -> Generated {
    Generated(text(&expand(attribute, quote! { impl Counter { #items } })))
}

/// The sentences about an impl with these items.
fn refused(items: TokenStream) -> Vec<String> {
    actor(quote!(), items).sentences()
}

#[test]
fn a_counter_reads_like_code_that_a_person_wrote() {
    let item = quote! {
        impl Counter {
            pub fn new(n: u64) -> Self { Self { n } }
            /// Adds.
            pub fn add(&mut self, by: u64) { self.n += by; }
            pub fn take(&mut self, by: u64) -> Result<u64, Empty> { self.n.checked_sub(by).ok_or(Empty) }
            pub fn close(self) -> u64 { self.n }
        }
    };
    let generated = text(&expand(quote!(), item.clone()));
    let handle = [counter_handle(), counter_handle_traits(), counter_async_calls()];
    let parts = [item, counter_messages()].into_iter().chain(handle).chain([counter_actor()]);
    assert_eq!(generated, text(&parts.collect()));
}

/// What its senders send.
fn counter_messages() -> TokenStream {
    quote! {
        #[doc = " The messages of `Counter`."]
        #[non_exhaustive]
        #[allow(dead_code, deprecated, private_bounds, private_interfaces)]
        pub enum CounterMsg {
            #[doc = " Cast."]
            /// Adds.
            Add {
                #[doc = " The argument `by`."]
                by: u64
            },
            #[doc = " Call."]
            #[doc = " Runs `Counter::take`."]
            Take {
                #[doc = " The argument `by`."]
                by: u64,
                #[doc = " Where the reply goes."]
                __reply: ::smarm::ReplyTo<Result<u64, Empty>>
            },
            #[doc = " Call."]
            #[doc = " Runs `Counter::close`."]
            Close {
                #[doc = " Where the reply goes."]
                __reply: ::smarm::ReplyTo<u64>
            },
        }
    }
}

/// What they send it with.
fn counter_handle() -> TokenStream {
    quote! {
        #[doc = " A handle to a running `Counter`: clone it, send it, keep it as long as you like."]
        #[allow(private_bounds)]
        pub struct CounterHandle {
            actor: ::smarm::ActorRef<CounterMsg>,
        }

        #[allow(deprecated, clippy::type_complexity)]
        impl CounterHandle {
            #[doc = " Cast."]
            /// Adds.
            pub fn add(&self, by: u64) { self.actor.cast(CounterMsg::Add { by }) }

            #[doc = " Call."]
            #[doc = " Runs `Counter::take`."]
            pub fn take(&self, by: u64) -> ::core::result::Result<u64, ::smarm::CallError<Empty>> {
                ::smarm::__private::flat::<Result<u64, Empty>, _, _>(
                    self.actor.call(|reply| CounterMsg::Take { by, __reply: reply })
                )
            }

            #[doc = " Call."]
            #[doc = " Runs `Counter::close`."]
            pub fn close(&self) -> ::core::result::Result<u64, ::smarm::CallError> {
                self.actor.call(|reply| CounterMsg::Close { __reply: reply })
            }

            /// The same actor, through a handle whose calls wait this long.
            pub fn timeout(&self, timeout: ::core::time::Duration) -> Self {
                Self { actor: self.actor.with_timeout(::core::option::Option::Some(timeout)) }
            }

            /// Sends a cast if there is room in the mailbox, and hands it back if not. Never parks.
            pub fn try_send(
                &self,
                message: CounterMsg
            ) -> ::core::result::Result<(), ::smarm::channel::TrySendError<CounterMsg>> {
                self.actor.try_send(message)
            }

            /// Sends a cast when the delay is over.
            pub fn send_after(&self, delay: ::core::time::Duration, message: CounterMsg) -> ::smarm::Timer {
                self.actor.send_after(delay, message)
            }

            /// The actor's pid.
            pub fn pid(&self) -> ::smarm::Pid { self.actor.pid() }

            /// Ends the actor once it has handled what was sent before. Returns at once; [`join`](Self::join) waits.
            pub fn stop(&self) { self.actor.stop() }

            /// Kills the actor at its next safe point.
            pub fn kill(&self) { self.actor.kill() }

            /// Waits for the actor's end, and tells why it ended.
            pub fn join(&self) -> ::smarm::ExitReason { self.actor.join() }

            /// What else can be done with the actor.
            pub fn actor(&self) -> &::smarm::ActorRef<CounterMsg> { &self.actor }
        }
    }
}

/// What every handle can do.
fn counter_handle_traits() -> TokenStream {
    quote! {
        impl ::smarm::Handle for CounterHandle {
            type Msg = CounterMsg;
            fn __new(actor: ::smarm::ActorRef<Self::Msg>) -> Self { Self { actor } }
            fn actor(&self) -> &::smarm::ActorRef<Self::Msg> { &self.actor }
        }

        impl ::core::clone::Clone for CounterHandle {
            fn clone(&self) -> Self { Self { actor: ::core::clone::Clone::clone(&self.actor) } }
        }

        impl ::core::fmt::Debug for CounterHandle {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                formatter.debug_tuple("CounterHandle").field(&self.actor).finish()
            }
        }

        impl ::core::cmp::PartialEq for CounterHandle {
            fn eq(&self, other: &Self) -> bool { self.actor == other.actor }
        }

        impl ::core::cmp::Eq for CounterHandle {}

        impl ::core::hash::Hash for CounterHandle {
            fn hash<H: ::core::hash::Hasher>(&self, state: &mut H) {
                ::core::hash::Hash::hash(&self.actor, state)
            }
        }
    }
}

/// What `async` code calls.
fn counter_async_calls() -> TokenStream {
    quote! {
        #[doc = " The calls of a running `Counter` for `async` code: `handle.actor().to_async()`."]
        #[allow(private_bounds)]
        pub struct CounterHandleAsync {
            actor: ::smarm::ActorRef<CounterMsg>,
        }

        #[allow(dead_code, deprecated, clippy::type_complexity)]
        impl CounterHandleAsync {
            #[doc = " Call."]
            #[doc = " Runs `Counter::take`."]
            pub fn take(&self, by: u64) -> ::smarm::FlatCallFuture<CounterMsg, Result<u64, Empty>> {
                self.actor.call_async(|reply| CounterMsg::Take { by, __reply: reply }).flat()
            }

            #[doc = " Call."]
            #[doc = " Runs `Counter::close`."]
            pub fn close(&self) -> ::smarm::CallFuture<CounterMsg, u64> {
                self.actor.call_async(|reply| CounterMsg::Close { __reply: reply })
            }
        }

        impl ::core::clone::Clone for CounterHandleAsync {
            fn clone(&self) -> Self { Self { actor: ::core::clone::Clone::clone(&self.actor) } }
        }

        impl ::core::fmt::Debug for CounterHandleAsync {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                formatter.debug_tuple("CounterHandleAsync").field(&self.actor).finish()
            }
        }

        impl ::smarm::Calls for CounterMsg {
            type Async = CounterHandleAsync;
            fn __async(actor: ::smarm::ActorRef<Self>) -> Self::Async { CounterHandleAsync { actor } }
        }
    }
}

/// What the runtime calls.
fn counter_actor() -> TokenStream {
    quote! {
        impl Counter {
            /// Starts the actor, and gives a handle to it.
            #[track_caller]
            pub fn start(self) -> CounterHandle {
                ::smarm::__private::every_argument_and_reply_must_be_send::<u64>();
                ::smarm::__private::every_argument_and_reply_must_be_send::<u64>();
                ::smarm::__private::every_argument_and_reply_must_be_send::<Result<u64, Empty>>();
                ::smarm::__private::every_argument_and_reply_must_be_send::<u64>();
                ::smarm::__private::the_state_of_an_actor_must_be_send::<Counter>();
                ::smarm::__private::start(self)
            }
        }

        #[allow(deprecated, unreachable_code)]
        unsafe impl ::smarm::Actor for Counter {
            type Msg = CounterMsg;
            type Handle = CounterHandle;

            fn __options() -> ::smarm::__private::ServerOptions {
                ::smarm::__private::ServerOptions::new("Counter")
            }

            fn __dispatch(
                &mut self,
                message: Self::Msg,
                ctx: &mut ::smarm::Ctx<Self>
            ) -> ::core::ops::ControlFlow<Self::Msg> {
                match message {
                    CounterMsg::Add { by } => Self::add(self, by),
                    CounterMsg::Take { by, __reply: reply } => reply.send(Self::take(self, by)),
                    last @ CounterMsg::Close { .. } => return ::core::ops::ControlFlow::Break(last),
                }
                ::core::ops::ControlFlow::Continue(())
            }

            fn __last(self, message: Self::Msg, ctx: &mut ::smarm::Ctx<Self>) {
                match message {
                    CounterMsg::Close { __reply: reply } => reply.send(Self::close(self)),
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn a_method_without_return_type_is_a_cast_and_one_with_is_a_call() {
    actor(quote!(), quote! { pub fn put(&mut self, value: u8) {} pub(crate) fn get(&self) -> Vec<u8> { a } })
        .has(quote! { pub fn put(&self, value: u8) { self.actor.cast(CounterMsg::Put { value }) } })
        .has(quote! {
            pub(crate) fn get(&self) -> ::core::result::Result<Vec<u8>, ::smarm::CallError> {
                self.actor.call(|reply| CounterMsg::Get { __reply: reply })
            }
        })
        .has(quote! { CounterMsg::Put { value } => Self::put(self, value), })
        .has(quote! { CounterMsg::Get { __reply: reply } => reply.send(Self::get(self)), });
}

#[test]
fn call_and_cast_override_the_return_type() {
    actor(
        quote!(),
        quote! {
            #[call] pub fn flush(&mut self) {}
            #[call] pub fn sync(&mut self) -> () {}
            #[cast] pub fn hint(&mut self) -> () {}
            #[cast] pub fn save(&mut self) -> io::Result<u8> { a }
        },
    )
    .has(quote! { pub fn flush(&self) -> ::core::result::Result<(), ::smarm::CallError> })
    .has(quote! { pub fn sync(&self) -> ::core::result::Result<(), ::smarm::CallError> })
    .has(quote! { pub fn hint(&self) { self.actor.cast(CounterMsg::Hint { }) } })
    .has(quote! { pub fn save(&self) { self.actor.cast(CounterMsg::Save { }) } })
    .has(quote! { CounterMsg::Save { } => ::smarm::__private::cast_result("Counter::save", Self::save(self)), })
    .lacks("# [call]")
    .lacks("# [cast]");
}

#[test]
fn what_is_called_result_is_flat_unless_it_is_said_to_be_nested() {
    actor(
        quote!(),
        quote! {
            pub fn a(&self) -> Result<u8, E> { a }
            pub fn b(&self) -> io::Result<u8> { a }
            #[call(nested)] pub fn c(&self) -> Result<u8, E> { a }
            #[call(flat)] pub fn d(&self) -> Fallible { a }
            pub fn e(&self) -> Fallible { a }
        },
    )
    .has(quote! { pub fn a(&self) -> ::core::result::Result<u8, ::smarm::CallError<E>> })
    .has(quote! {
        pub fn b(&self) -> ::core::result::Result<
            <io::Result<u8> as ::smarm::__private::ResultLike>::Ok,
            ::smarm::CallError<<io::Result<u8> as ::smarm::__private::ResultLike>::Err>
        >
    })
    .has(quote! { pub fn c(&self) -> ::core::result::Result<Result<u8, E>, ::smarm::CallError> })
    .has(quote! {
        pub fn d(&self) -> ::core::result::Result<
            <Fallible as ::smarm::__private::ResultLike>::Ok,
            ::smarm::CallError<<Fallible as ::smarm::__private::ResultLike>::Err>
        >
    })
    .has(quote! { pub fn e(&self) -> ::core::result::Result<Fallible, ::smarm::CallError> });
}

#[test]
fn a_reply_to_without_return_type_is_the_reply() {
    actor(quote!(), quote! { pub fn sum(&mut self, of: u8, answer: smarm::ReplyTo<Result<u8, E>>) {} })
        .has(quote! { #[doc = " Where the reply goes."] answer: smarm::ReplyTo<Result<u8, E>> })
        .has(quote! { pub fn sum(&self, of: u8) -> ::core::result::Result<u8, ::smarm::CallError<E>> })
        .has(quote! { self.actor.call_deferred(|answer| CounterMsg::Sum { of, answer }) })
        .has(quote! { CounterMsg::Sum { of, answer } => Self::sum(self, of, ::smarm::__private::received(answer)), });
}

#[test]
fn a_reply_to_beside_a_return_type_or_in_a_cast_is_an_argument() {
    actor(
        quote!(),
        quote! { pub fn a(&mut self, to: ReplyTo<u8>) -> u8 { b } #[cast] pub fn c(&mut self, to: ReplyTo<u8>) {} },
    )
    .has(quote! { pub fn a(&self, to: ReplyTo<u8>) -> ::core::result::Result<u8, ::smarm::CallError> })
    .has(quote! { pub fn c(&self, to: ReplyTo<u8>) { self.actor.cast(CounterMsg::C { to }) } });
}

#[test]
fn the_context_stays_where_it_is_and_out_of_the_message() {
    actor(quote!(), quote! { pub fn put(&mut self, a: u8, context: &mut smarm::Ctx<Self>, b: u8) {} })
        .has(quote! { pub fn put(&self, a: u8, b: u8) { self.actor.cast(CounterMsg::Put { a, b }) } })
        .has(quote! { CounterMsg::Put { a, b } => Self::put(self, a, ctx, b), });
}

#[test]
fn into_is_for_the_handle_alone() {
    actor(quote!(), quote! { pub fn put(&mut self, #[into] key: String, n: u8) {} })
        .has(quote! { pub fn put(&mut self, key: String, n: u8) {} })
        .has(quote! {
            pub fn put(&self, key: impl ::core::convert::Into<String>, n: u8) {
                let key: String = ::core::convert::Into::into(key);
                self.actor.cast(CounterMsg::Put { key, n })
            }
        });
}

#[test]
fn private_methods_and_functions_are_no_messages() {
    actor(
        quote!(),
        quote! {
            pub const fn new<T>(t: &T) -> Self { a }
            fn helper(&self, name: &str) -> &str { name }
            pub(self) fn own(&self) {}
            #[skip] pub fn show<T>(&self, name: &str) {}
            pub const LIMIT: [u8; { 1 }] = [0; { 1 }];
            pub type Alias = u8;
            delegate! { fn a(); }
            delegate!(fn b(););
        },
    )
    .has(quote! { match message {} })
    .has(quote! {
        pub fn show<T>(&self, name: &str) {}
        pub const LIMIT: [u8; { 1 }] = [0; { 1 }];
        pub type Alias = u8;
        delegate! { fn a(); }
        delegate!(fn b(););
    })
    .lacks("compile_error")
    .lacks("# [skip]");
}

#[test]
fn the_last_message_takes_the_actor_and_what_a_call_has() {
    actor(quote!(), quote! { pub fn end(mut self: Self, a: u8, ctx: &mut Ctx<Self>) -> io::Result<u8> { b } pub fn c(self) {} })
        .has(quote! { last @ CounterMsg::End { .. } => return ::core::ops::ControlFlow::Break(last), })
        .has(quote! {
            match message {
                CounterMsg::End { a, __reply: reply } => reply.send(Self::end(self, a, ctx)),
                CounterMsg::C { } => Self::c(self),
                _ => {}
            }
        });
}

#[test]
fn without_a_last_message_there_is_nothing_to_take() {
    actor(quote!(), quote! { pub fn a(self: &mut Self) {} }).lacks("__last");
}

#[test]
fn self_is_the_actor_outside_the_impl_too() {
    let item = quote! {
        impl<K> store::Cache<K> {
            pub fn swap(&mut self, other: Self, n: [u8; Self::N]) -> Option<Self::Item> { a }
        }
    };
    Generated(text(&expand(quote!(), item)))
        .has(quote! { other: store::Cache<K> })
        .has(quote! { n: [u8; <store::Cache<K>>::N] })
        .has(quote! { Option<<store::Cache<K>>::Item> });
}

#[test]
fn generics_bounds_and_unused_parameters_reach_the_types() {
    let item = quote! {
        impl<K: Hash, V, const N: usize> Cache<K, V, N> where V: Clone {
            pub fn get(&self, key: K) {}
        }
    };
    Generated(text(&expand(quote!(), item)))
        .has(quote! { pub enum CacheMsg<K: Hash, V, const N: usize> where V: Clone })
        .has(quote! {
            #[doc(hidden)]
            __Never(::core::convert::Infallible, ::core::marker::PhantomData<(fn() -> K, fn() -> V,)>),
        })
        .has(quote! { CacheMsg::__Never(never, _) => match never {}, })
        .has(quote! { pub struct CacheHandle<K: Hash, V, const N: usize> where V: Clone })
        .has(quote! {
            impl<K: Hash + ::core::marker::Send + 'static, V: ::core::marker::Send + 'static, const N: usize>
                CacheHandle<K, V, N> where V: Clone
        })
        .has(quote! {
            impl<K: Hash, V, const N: usize> ::core::clone::Clone for CacheHandle<K, V, N> where V: Clone
        })
        .has(quote! { ::smarm::__private::the_state_of_an_actor_must_be_send::<Cache<K, V, N>>(); });
}

#[test]
fn attributes_are_carried_where_they_mean_something() {
    actor(
        quote!(),
        quote! {
            #[cfg(a)] #[deprecated] #[must_use] #[allow(b)] #[inline] #[doc = "Gets."] #[tracing::instrument]
            pub fn get(&self, x: u8) -> u8 { c }
        },
    )
    .has(quote! { #[doc = " Call."] #[cfg(a)] #[deprecated] #[allow(b)] #[doc = "Gets."] Get })
    .has(quote! {
        #[doc = " Call."] #[cfg(a)] #[deprecated] #[must_use] #[allow(b)] #[doc = "Gets."] pub fn get(&self, x: u8)
    })
    .has(quote! { #[cfg(a)] CounterMsg::Get { x, __reply: reply } => })
    .has(quote! { #[cfg(a)] ::smarm::__private::every_argument_and_reply_must_be_send::<u8>(); });
}

#[test]
fn methods_that_exclude_each_other_may_share_a_name() {
    let methods = quote! {
        #[cfg(a)] pub fn get(&self) -> u8 { b }
        #[cfg(not(a))] pub fn get(&self) -> u16 { b }
        #[cfg(a)] #[on_exit] fn c(&mut self) {}
        #[cfg(not(a))] #[on_exit] fn d(&mut self) {}
    };
    assert_eq!(refused(methods), [""; 0]);
}

#[test]
fn hooks_are_called_by_the_actor_and_are_no_messages() {
    actor(
        quote!(timeout = "1s"),
        quote! {
            #[on_start] pub fn a(&mut self, ctx: &mut Ctx<Self>) {}
            #[on_exit] fn b(&mut self, context: &mut Ctx<Self>, why: &smarm::ExitReason) {}
            #[on_down] fn c(&self, Down { pid, .. }: Down) {}
            #[every("2s")] fn d(&mut self) {}
            #[idle(LIMIT)] fn e(&mut self) {}
            #[cfg(f)] #[every(Self::PERIOD)] fn g(&mut self, ctx: &mut Ctx<Self>) {}
        },
    )
    .has(quote! {
        let options = ::smarm::__private::ServerOptions::new("Counter")
            .timeout(::core::option::Option::Some(::core::time::Duration::from_millis(1000)));
        let options = options.on_start();
        let options = options.every(::core::time::Duration::from_millis(2000));
        let options = options.idle(LIMIT);
        #[cfg(f)]
        let options = options.every(Self::PERIOD);
        options
    })
    .has(quote! { fn __on_start(&mut self, ctx: &mut ::smarm::Ctx<Self>) { Self::a(self, ctx) } })
    .has(quote! {
        fn __on_exit(&mut self, news: &::smarm::ExitReason, ctx: &mut ::smarm::Ctx<Self>) { Self::b(self, ctx, news) }
    })
    .has(quote! { fn __on_down(&mut self, news: ::smarm::Down, ctx: &mut ::smarm::Ctx<Self>) { Self::c(self, news) } })
    .has(quote! { fn __idle(&mut self, ctx: &mut ::smarm::Ctx<Self>) { Self::e(self) } })
    .has(quote! {
        let ticks: &[fn(&mut Self, &mut ::smarm::Ctx<Self>)] =
            &[|actor, ctx| Self::d(actor), #[cfg(f)] |actor, ctx| Self::g(actor, ctx)];
        ticks[index](self, ctx)
    })
    .has(quote! { match message {} })
    .lacks("compile_error");
}

#[test]
fn an_attribute_may_be_written_with_its_crate() {
    actor(
        quote!(),
        quote! { #[smarm::call] pub fn flush(&mut self) {} #[::smarm::on_start] fn begin(&mut self) {} },
    )
    .has(quote! { __reply: ::smarm::ReplyTo<()> })
    .has(quote! { Self::begin(self) })
    .lacks("smarm :: call ]");
}

#[test]
fn one_method_may_be_several_hooks() {
    actor(quote!(), quote! { #[on_start] #[every("1s")] fn look(&mut self) {} })
        .has(quote! { fn __on_start(&mut self, ctx: &mut ::smarm::Ctx<Self>) { Self::look(self) } })
        .has(quote! { &[|actor, ctx| Self::look(actor)] });
}

#[test]
fn options_become_the_servers_own() {
    let attribute = quote! {
        mailbox = bounded(N * 2), overflow = drop_oldest, timeout = none, stack = "1M", name = "teller",
        handle = Teller, msg = Order, derive(Debug, Clone), stop_on_drop, own_thread, crate = my::smarm,
    };
    actor(attribute, quote! { pub fn get(&self) -> u8 { a } })
        .has(quote! {
            my::smarm::__private::ServerOptions::new("teller")
                .bounded(N * 2)
                .overflow(my::smarm::__private::Overflow::DropOldest)
                .timeout(::core::option::Option::None)
                .stack_size(1048576)
                .stop_on_drop()
                .own_thread()
        })
        .has(quote! { #[derive(Debug, Clone)] #[non_exhaustive] })
        .has(quote! { pub enum Order })
        .has(quote! { pub struct Teller { actor: my::smarm::ActorRef<Order>, } })
        .has(quote! { formatter.debug_tuple("Teller") })
        .lacks(":: smarm :: Ctx < Self >) { ::");
    actor(quote!(mailbox = unbounded), quote!()).has(quote! { ServerOptions::new("Counter").unbounded() });
    for (word, policy) in [
        (quote!(park), quote!(Park)),
        (quote!(reject), quote!(Reject)),
        (quote!(drop_newest), quote!(DropNewest)),
    ] {
        actor(quote!(overflow = #word), quote!())
            .has(quote! { .overflow(::smarm::__private::Overflow::#policy) });
    }
}

#[test]
fn loops_are_checked_in_every_function_of_the_impl() {
    actor(
        quote!(crate = my::smarm),
        quote! { pub fn new() { loop {} } fn a(&self) { loop {} } #[no_check] pub fn b(&self) { loop {} } },
    )
    .has(quote! {
        impl Counter {
            pub fn new() { loop { my::smarm::__private::checkpoint(); } }
            fn a(&self) { loop { my::smarm::__private::checkpoint(); } }
            pub fn b(&self) { loop {} }
        }
    });
}

#[test]
fn half_typed_bodies_leave_handle_and_enum_as_they_are() {
    let whole = actor(quote!(), quote! { pub fn add(&mut self, by: u64) {} pub fn get(&self) -> u64 {} });
    for body in [
        "self.",
        "self.n +=",
        "let x = ; if",
        "loop { for x in }",
        "match self.n { 1 => , }",
        "foo(bar, ) foo",
        "a b c; ::; =>",
        "#[cfg(x)]",
        "#!",
        "pub fn",
        "unsafe loop",
        "|x| |",
        "'a: while",
    ] {
        let body: TokenStream = body.parse().expect("brackets are balanced");
        let half =
            actor(quote!(), quote! { pub fn add(&mut self, by: u64) { #body } pub fn get(&self) -> u64 {} });
        let behind_the_impl =
            |generated: &Generated| generated.0.split_once("# [doc").expect("an enum").1.to_owned();
        assert_eq!(behind_the_impl(&half), behind_the_impl(&whole), "{body}");
        half.has(quote! { pub fn add(&mut self, by: u64) { #body } });
    }
}

#[test]
fn a_broken_signature_costs_its_own_method_only() {
    for broken in [
        quote! { pub fn half(&mut self, by: ) {} },
        quote! { pub fn half },
        quote! { pub fn half() -> ; },
        quote! { pub async },
        quote! { #[call] pub fn half<T(&self) {} },
    ] {
        let generated = actor(quote!(), quote! { pub fn a(&self) {} #broken pub fn b(&self) {} });
        generated.has(quote! { pub fn a(&self) { self.actor.cast(CounterMsg::A { }) } });
        generated.has(quote! { pub fn b(&self) { self.actor.cast(CounterMsg::B { }) } });
        assert_eq!(generated.sentences().len(), 1, "{broken}");
    }
}

#[test]
fn a_body_that_is_not_there_yet_leaves_the_message() {
    for missing in [quote! { pub fn a(&self) -> u8; }, quote! { pub fn a(&self) -> u8 }] {
        let generated = actor(quote!(), quote! { #missing pub fn b(&self) {} });
        generated.has(quote! { pub fn a(&self) -> ::core::result::Result<u8, ::smarm::CallError> });
        generated.has(quote! { pub fn b(&self) { self.actor.cast(CounterMsg::B { }) } });
        assert_eq!(generated.sentences(), ["expected the function's body, in braces"]);
    }
}

#[test]
fn refused_methods_have_a_handle_method_that_never_returns() {
    let generated = actor(
        quote!(),
        quote! {
            pub fn a<T: Copy>(&mut self, x: &str, (y, z): (T, T), ctx: &mut Ctx<Self>) -> Result<T, E> { b }
            pub(crate) async fn c(self: Box<Self>) -> impl Iterator<Item = u8> + Send { d }
            #[cfg(e)] pub unsafe fn f(&self, #[into] g: impl Copy, reply: ReplyTo<u8>) {}
            pub fn join(&self, room: u8) {}
        },
    );
    generated
        .has(quote! {
            pub fn a<T: Copy>(&self, _: &str, _: (T, T)) -> ::core::result::Result<T, ::smarm::CallError<E>> { loop {} }
        })
        .has(quote! {
            pub(crate) fn c(&self) -> ::core::result::Result<
                ::std::boxed::Box<dyn Iterator<Item = u8> + Send>,
                ::smarm::CallError
            > { loop {} }
        })
        .has(quote! {
            #[cfg(e)]
            pub fn f(&self, _: impl ::core::convert::Into<impl Copy>) -> ::core::result::Result<u8, ::smarm::CallError> {
                loop {}
            }
        })
        .has(quote! { pub fn join(&self, _: u8) { loop {} } })
        .has(quote! { match message {} })
        .lacks("self . actor . join ()");
}

#[test]
fn sentences_tell_what_to_write_instead() {
    let sentence = |items: TokenStream| refused(items).join("\n");
    for (items, part) in [
        (quote! { pub fn a(&self, b: &[u8]) {} }, "take `Vec<u8>` instead of `&[u8]`"),
        (quote! { pub fn a(&self, b: &Path) {} }, "take `PathBuf` instead of `&Path`"),
        (quote! { pub fn a(&self, b: Vec<&'a u8>) {} }, "take `u8` instead of `&'a u8`"),
        (quote! { pub fn a(&self) -> Option<&str> {} }, "return `String` instead of `&str`"),
        (quote! { pub fn a(&self, b: impl Fn(&str) -> u8) {} }, "take `Box<dyn Fn(&str) -> u8 + Send>`"),
        (quote! { #[terminate] fn a(&mut self) {} }, "did you mean `#[on_exit]`?"),
        (quote! { #[on_dwn] fn a(&mut self) {} }, "did you mean `#[on_down]`?"),
        (quote! { pub fn __(&self) {} }, "no variant of the message type can be called ``"),
        (quote! { pub fn self_(&self) {} }, "no variant of the message type can be called `Self`"),
        (quote! { #[every(1, 2)] fn a(&mut self) {} }, "write `#[every(\"1s\")]`"),
    ] {
        let sentence = sentence(items.clone());
        assert!(sentence.contains(part), "{items}: {sentence}");
    }
}

#[test]
fn what_may_cross_threads_is_not_refused() {
    let methods = quote! {
        pub fn a(&self, b: &'static str, c: Option<&'static [u8]>, d: Box<dyn Fn(&str) -> &u8 + Send + 'static>) {}
        pub fn e(&self, f: fn(&u8) -> &u8, g: Box<dyn for<'a> Visit<'a>>, h: Cow<'static, str>) -> &'static str { i }
        #[inline] #[cold] #[test] #[last] #[fast] #[cfg(j)] #[rustfmt::skip] pub fn k(&self) {}
    };
    assert_eq!(refused(methods), [""; 0]);
}

#[test]
fn an_item_that_is_no_impl_stays_as_it_is() {
    for item in [
        quote! { pub struct Counter { n: u8 } },
        quote! { enum Counter { A } },
        quote! { fn count() {} },
        quote! { impl Clone for Counter { fn clone(&self) -> Self { a } } },
        quote! { unsafe impl Counter {} },
        quote! { trait Count {} },
        quote! { mod a {} },
        quote! { impl [u8] {} },
    ] {
        let generated = Generated(text(&expand(quote!(), item.clone())));
        assert_eq!(generated.sentences().len(), 1, "{item}");
        assert!(generated.0.ends_with(&item.to_string()), "{item}");
    }
}

#[test]
fn a_type_that_borrows_is_no_actor_but_has_a_handle() {
    let item = quote! { impl<'a, T> View<'a, T> { pub fn get(&self) -> &'a T { a } } };
    let generated = Generated(text(&expand(quote!(), item)));
    generated
        .has(quote! { pub struct ViewHandle<T> })
        .has(quote! { pub fn start(self) -> ViewHandle<T> { loop {} } })
        .lacks("unsafe impl");
}
