//! The budget: what counts down, what switches, and what never does.
//!
//! The allocator of this program is `smarm::Alloc`; see `main.rs`.

use smarm::channel::bounded;
use smarm::runtime::{Config, Deadlock, init};
use smarm::{channel, check, current, forbid_yield, kill, no_preempt, scope, sleep, spawn, yield_now};
use smarm_tests::{Tally, actors, is_chaos, message_of, on, panic_message, plain};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// So many allocations take much longer than the slice of [`on_short_slices`].
const MANY: usize = 20_000;

/// Runs `body` on one worker whose slices are over at the second look, which is at the second event or soon after.
fn on_short_slices<F: FnOnce() -> T + Send + 'static, T: Send + 'static>(body: F) -> T {
    plain(|| init(short_slices()).run(body))
}

fn short_slices() -> Config {
    Config::exact(1).spares(0).deadlock(Deadlock::Fail).alloc_interval(1).timeslice_cycles(1)
}

/// Longer than any test runs.
fn endless_slices() -> Config {
    Config::exact(1).spares(0).deadlock(Deadlock::Fail).timeslice_cycles(u64::MAX)
}

fn allocate(times: usize) {
    (0..times).for_each(|n| drop(black_box(Box::new(n))));
}

/// An actor that waits for the processor, and tells when it has had it.
fn sibling() -> Arc<AtomicBool> {
    let ran = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&ran);
    spawn(move || tell.store(true, SeqCst));
    ran
}

/// Whether the sibling has had the processor. In the chaos build it may wait where a switch does not come to it at once.
fn has_run(ran: &AtomicBool) -> bool {
    while is_chaos() && !ran.load(SeqCst) {
        check!();
    }
    ran.load(SeqCst)
}

// ---- what counts, and what switches ----------------------------------------------------------------------------------

#[test]
fn an_actor_that_allocates_and_checks_lets_its_sibling_run() {
    on(1, || {
        let ran = sibling();
        while !ran.load(SeqCst) {
            allocate(100);
            check!();
        }
    });
}

#[test]
fn allocations_alone_set_need_resched_and_the_next_safe_point_honours_it() {
    on_short_slices(|| {
        let ran = sibling();
        allocate(MANY);
        assert!(!ran.load(SeqCst), "an allocation switched");
        check!();
        assert!(has_run(&ran), "need-resched was not set, or not honoured");
    });
}

#[test]
fn growing_and_zeroed_blocks_count_as_well() {
    for allocate in [
        || (0..MANY).for_each(|n| drop(black_box(vec![0_u8; n % 100 + 1]))),
        || (0..100).for_each(|_| drop(black_box((0..MANY).fold(String::new(), |text, _| text + ".")))),
    ] as [fn(); 2]
    {
        on_short_slices(move || {
            let ran = sibling();
            allocate();
            assert!(!ran.load(SeqCst));
            check!();
            assert!(has_run(&ran));
        });
    }
}

#[test]
fn a_recv_that_finds_a_message_honours_need_resched() {
    on_short_slices(|| {
        let (tx, rx) = channel();
        tx.send(1).expect("the receiver is here");
        let ran = sibling();
        allocate(MANY);
        assert_eq!(rx.recv(), Ok(1));
        assert!(has_run(&ran));
    });
}

#[test]
fn a_send_that_finds_room_honours_need_resched() {
    on_short_slices(|| {
        let (tx, _rx) = bounded(1);
        let ran = sibling();
        allocate(MANY);
        tx.send(1).expect("the receiver is here");
        assert!(has_run(&ran));
    });
}

#[test]
fn what_never_parks_never_switches() {
    on_short_slices(|| {
        let (tx, rx) = channel();
        let (bounded_tx, bounded_rx) = bounded(1);
        let ran = sibling();
        for _ in 0..MANY {
            allocate(1);
            tx.send(1).expect("the receiver is here");
            assert_eq!(rx.try_recv(), Ok(1));
            assert!(rx.try_recv().is_err());
            bounded_tx.try_send(1).expect("room");
            assert!(bounded_tx.try_send(1).is_err());
            assert_eq!(bounded_rx.try_recv(), Ok(1));
            black_box((current(), smarm::handle()));
        }
        drop(spawn(|| ()));
        assert!(!ran.load(SeqCst), "one of them switched");
        check!();
        assert!(has_run(&ran));
    });
}

#[test]
fn a_destructor_that_allocates_does_not_switch() {
    struct Allocates(Arc<AtomicBool>);
    impl Drop for Allocates {
        fn drop(&mut self) {
            allocate(MANY);
            assert!(!self.0.load(SeqCst), "a destructor switched");
        }
    }
    on_short_slices(|| {
        let ran = sibling();
        drop(Allocates(Arc::clone(&ran)));
        check!();
        assert!(has_run(&ran));
    });
}

#[test]
fn an_actor_that_unwinds_does_not_switch() {
    struct Checks(Arc<AtomicBool>);
    impl Drop for Checks {
        fn drop(&mut self) {
            allocate(MANY);
            (0..1000).for_each(|_| check!());
            assert!(!self.0.load(SeqCst));
        }
    }
    on_short_slices(|| {
        let ran = sibling();
        let seen = Arc::clone(&ran);
        let message = panic_message(move || {
            let _checks = Checks(seen);
            panic!("to unwind");
        });
        assert_eq!(message, "to unwind");
        check!();
        assert!(has_run(&ran));
    });
}

#[test]
#[cfg_attr(smarm_chaos, ignore = "no slice is endless in the chaos build")]
fn need_resched_is_of_the_actor_that_used_up_its_slice() {
    // The second actor begins with a slice of its own, although the first one parked with its slice over.
    plain(|| {
        init(endless_slices()).run(|| {
            let order = Arc::new(AtomicUsize::new(0));
            let (first, second) = (Arc::clone(&order), Arc::clone(&order));
            let one = spawn(move || {
                allocate(MANY);
                (0..MANY).for_each(|_| check!());
                assert_eq!(first.fetch_add(1, SeqCst), 0, "the slice did not last");
            });
            let other = spawn(move || assert_eq!(second.fetch_add(1, SeqCst), 1));
            one.join().expect("in its turn");
            other.join().expect("in its turn");
        });
    });
}

#[test]
#[cfg_attr(smarm_chaos, ignore = "no slice is endless in the chaos build")]
fn two_runtimes_have_their_own_budgets() {
    plain(|| {
        let threads = [(short_slices(), true), (endless_slices(), false)].map(|(config, switches)| {
            thread::spawn(move || {
                let runtime = init(config);
                for _ in 0..10 {
                    runtime.run(move || {
                        let ran = sibling();
                        for _ in 0..100 {
                            allocate(MANY / 100);
                            check!();
                        }
                        assert_eq!(ran.load(SeqCst), switches);
                    });
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
}

#[test]
#[cfg_attr(smarm_chaos, ignore = "no slice is endless in the chaos build")]
fn a_worker_that_was_another_runtimes_has_the_settings_of_its_own() {
    plain(|| {
        for _ in 0..5 {
            for (config, switches) in [(short_slices(), true), (endless_slices(), false)] {
                init(config).run(move || {
                    let ran = sibling();
                    allocate(MANY);
                    check!();
                    assert_eq!(ran.load(SeqCst), switches);
                });
            }
        }
    });
}

#[test]
fn a_killed_actor_that_only_allocates_ends_at_its_check() {
    actors(|| {
        let tally = Tally::new();
        let token = tally.token(1);
        let (tell, told) = channel();
        let victim = spawn(move || -> () {
            let _token = token;
            tell.send(()).expect("the root waits");
            loop {
                allocate(10);
                check!();
            }
        });
        told.recv().expect("it runs");
        victim_ends(victim);
        assert_eq!(tally.dropped(), 1);
    });
}

#[track_caller]
fn victim_ends(victim: smarm::JoinHandle<()>) {
    kill(victim.pid());
    assert!(matches!(victim.join(), Err(smarm::ExitReason::Killed)));
}

#[test]
fn a_kill_that_is_masked_does_not_stop_the_budget() {
    // An actor with a kill to come still counts down: it does not starve the one that it waits for.
    on(1, || {
        let ran = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ran);
        let victim = spawn(move || {
            smarm::mask_kill(|| {
                kill(current());
                while !seen.load(SeqCst) {
                    check!();
                }
            });
            check!();
        });
        spawn(move || ran.store(true, SeqCst));
        assert!(matches!(victim.join(), Err(smarm::ExitReason::Killed)));
    });
}

// ---- the hook, where there is no actor ---------------------------------------------------------------------------------

#[test]
fn the_hook_works_on_plain_threads_and_when_they_end() {
    struct Last(Cell<Option<Box<u8>>>);
    impl Drop for Last {
        fn drop(&mut self) {
            allocate(1000);
            check!();
            self.0.set(Some(Box::new(1)));
        }
    }
    thread_local! {
        static LAST: Last = const { Last(Cell::new(None)) };
    }
    plain(|| {
        let ended = thread::spawn(|| {
            LAST.with(|last| last.0.set(Some(Box::new(0))));
            allocate(MANY);
        });
        ended.join().expect("no panic");
    });
}

#[test]
fn the_hook_works_when_a_worker_thread_ends() {
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            allocate(1000);
            check!();
        }
    }
    thread_local! {
        static LAST: Last = const { Last };
    }
    plain(|| {
        for _ in 0..10 {
            init(short_slices()).run(|| {
                LAST.with(|_| ());
                allocate(100);
            });
        }
    });
}

#[test]
fn a_lazy_thread_local_may_allocate_in_its_initialiser() {
    thread_local! {
        static LAZY: Vec<String> = (0..MANY).map(|n| n.to_string()).collect();
    }
    on_short_slices(|| {
        let others: Vec<_> = (0..4).map(|_| spawn(|| LAZY.with(|lazy| lazy.len()))).collect();
        assert_eq!(LAZY.with(|lazy| lazy.len()), MANY);
        others.into_iter().for_each(|other| assert_eq!(other.join().expect("no panic"), MANY));
    });
}

#[test]
fn a_std_lock_may_be_held_over_allocations() {
    on_short_slices(|| {
        let shared = Arc::new(std::sync::Mutex::new(Vec::new()));
        let pushers: Vec<_> = (0..8)
            .map(|me| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    for n in 0..1000 {
                        shared.lock().expect("no panic").push(Box::new((me, n)));
                        check!();
                    }
                })
            })
            .collect();
        pushers.into_iter().for_each(|pusher| pusher.join().expect("no panic"));
        assert_eq!(shared.lock().expect("no panic").len(), 8000);
    });
}

#[test]
fn what_is_inside_the_hook_gets_every_request() {
    static COUNTS: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];
    struct Counts;
    // SAFETY: all is passed on.
    unsafe impl GlobalAlloc for Counts {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            COUNTS[0].fetch_add(1, SeqCst);
            // SAFETY: the caller's promise.
            unsafe { System.alloc(layout) }
        }
        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            COUNTS[1].fetch_add(1, SeqCst);
            // SAFETY: the caller's promise.
            unsafe { System.dealloc(block, layout) };
        }
        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            COUNTS[2].fetch_add(1, SeqCst);
            // SAFETY: the caller's promise.
            unsafe { System.alloc_zeroed(layout) }
        }
        unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            COUNTS[3].fetch_add(1, SeqCst);
            // SAFETY: the caller's promise.
            unsafe { System.realloc(block, layout, new_size) }
        }
    }
    static ALLOC: smarm::Alloc<Counts> = smarm::Alloc::new(Counts);
    plain(|| {
        let (small, large) = (Layout::new::<u64>(), Layout::new::<[u64; 9]>());
        // SAFETY: the layout is not empty.
        let block = unsafe { ALLOC.alloc(small) };
        // SAFETY: allocated just now; the size is a multiple of the alignment.
        let block = unsafe { ALLOC.realloc(block, small, large.size()) };
        // SAFETY: as above.
        unsafe { ALLOC.dealloc(block, large) };
        // SAFETY: as above.
        let block = unsafe { ALLOC.alloc_zeroed(large) };
        // SAFETY: zeroed, and large enough.
        assert_eq!(unsafe { block.cast::<[u64; 9]>().read() }, [0; 9]);
        // SAFETY: as above.
        unsafe { ALLOC.dealloc(block, large) };
        assert_eq!(COUNTS.each_ref().map(|count| count.load(SeqCst)), [1, 2, 1, 1]);
    });
}

// ---- no_preempt and forbid_yield ---------------------------------------------------------------------------------------

#[test]
fn nothing_switches_inside_no_preempt_and_the_next_safe_point_does() {
    on_short_slices(|| {
        let ran = sibling();
        let value = no_preempt(|| {
            allocate(MANY);
            (0..1000).for_each(|_| check!());
            no_preempt(|| check!());
            check!(); // still inside the outer one
            yield_now();
            assert!(!ran.load(SeqCst), "something switched");
            7
        });
        assert_eq!(value, 7);
        check!();
        assert!(has_run(&ran));
    });
}

#[test]
fn a_panic_ends_no_preempt() {
    on_short_slices(|| {
        let ran = sibling();
        let caught = catch_unwind(|| no_preempt(|| no_preempt(|| panic!("out of both"))));
        assert_eq!(message_of(&*caught.expect_err("it panicked")), Some("out of both"));
        allocate(MANY);
        check!();
        assert!(has_run(&ran));
    });
}

#[test]
fn a_kill_waits_for_the_end_of_no_preempt() {
    actors(|| {
        let reached = Arc::new(AtomicBool::new(false));
        let reach = Arc::clone(&reached);
        let victim = spawn(move || {
            no_preempt(|| {
                kill(current());
                check!();
                yield_now();
                reach.store(true, SeqCst);
            });
            check!();
            unreachable!("a kill is delivered at the safe point");
        });
        assert!(matches!(victim.join(), Err::<(), _>(smarm::ExitReason::Killed)));
        assert!(reached.load(SeqCst));
    });
}

#[test]
fn waits_that_need_not_wait_work_inside_no_preempt_and_forbid_yield() {
    fn all_that_is_there() {
        let (tx, rx) = channel();
        tx.send(1).expect("the receiver is here");
        assert_eq!(rx.recv(), Ok(1));
        drop(tx);
        assert!(rx.recv().is_err());
        assert!(rx.recv_timeout(Duration::MAX).is_err());
        let (tx, rx) = bounded(1);
        tx.send(1).expect("room");
        assert_eq!(rx.recv(), Ok(1));
        drop(rx);
        assert!(tx.send(2).is_err());
        let (tx, rx) = channel::oneshot();
        tx.send(1).expect("the receiver is here");
        assert_eq!(rx.recv(), Ok(1));
    }
    plain(|| {
        init(endless_slices()).run(|| {
            no_preempt(all_that_is_there);
            forbid_yield(all_that_is_there);
        });
    });
}

/// What would have to wait, and how the sentence names it.
const WAITS: [(&str, fn()); 9] = [
    ("`recv` on an empty channel", || _ = open().1.recv()),
    ("`recv` on an empty channel", || {
        let (_tx, rx) = channel::<u8>();
        _ = rx.recv_timeout(Duration::MAX);
    }),
    ("`recv` on an empty channel", || {
        let (_tx, rx) = bounded::<u8>(1);
        _ = rx.recv();
    }),
    ("`send` on a full channel", || {
        let (tx, _rx) = bounded(0);
        _ = tx.send(1);
    }),
    ("`recv` on an empty oneshot", || {
        let (_tx, rx) = channel::oneshot::<u8>();
        _ = rx.recv();
    }),
    ("`join`", || _ = spawn(|| ()).join()),
    ("`scope`", || scope(|_| ())),
    ("`sleep`", || sleep(Duration::from_millis(1))),
    ("`run`", || smarm::run(|| ())),
];

/// A channel of whose sender nobody knows.
fn open() -> (&'static smarm::channel::Sender<u8>, smarm::channel::Receiver<u8>) {
    let (tx, rx) = channel();
    (Box::leak(Box::new(tx)), rx)
}

/// The sentence with which `wait` panics; nothing is left of it, so that the actor waits as always afterwards.
fn refused(wait: impl FnOnce()) -> String {
    let sentence = panic_message(wait);
    sleep(Duration::from_micros(1));
    spawn(|| ()).join().expect("no panic");
    sentence
}

#[test]
fn parking_inside_no_preempt_panics_and_names_the_call() {
    on(1, || {
        for (name, wait) in WAITS {
            let sentence = refused(|| no_preempt(wait));
            assert!(sentence.starts_with(name) && sentence.contains("`smarm::no_preempt`"), "{sentence}");
        }
    });
}

#[test]
fn parking_inside_forbid_yield_panics_and_names_the_call() {
    // A slice that is over would have the safe point at the call's beginning panic.
    let names_the_call = || {
        for (name, wait) in WAITS {
            let sentence = refused(|| forbid_yield(wait));
            assert!(sentence.starts_with(name) && sentence.contains("`smarm::forbid_yield`"), "{sentence}");
        }
    };
    plain(|| init(endless_slices()).run(names_the_call));
}

struct Slow;

#[smarm::actor(mailbox = bounded(1))]
impl Slow {
    pub(crate) fn tell(&mut self, n: u32) {
        black_box(n);
    }
    pub(crate) fn ask(&mut self) -> u32 {
        7
    }
    pub(crate) fn allocates(&mut self) {
        allocate(MANY);
    }
}

#[test]
fn what_would_wait_for_a_server_panics_and_leaves_nothing_behind() {
    on(1, || {
        let slow = Slow.start();
        let asked = slow.clone();
        assert!(refused(move || no_preempt(|| _ = asked.ask())).starts_with("a call"));
        assert_eq!(slow.ask().ok(), Some(7));
        slow.tell(1);
        let told = slow.clone();
        let sentence = refused(move || no_preempt(|| (0..10).for_each(|n| told.tell(n))));
        assert!(sentence.starts_with("a cast to a full mailbox"), "{sentence}");
        let joined = slow.clone();
        assert!(refused(move || forbid_yield(|| _ = joined.join())).starts_with("`join`"));
        assert_eq!(slow.ask().ok(), Some(7));
        slow.stop();
    });
}

#[test]
fn a_server_whose_slice_is_over_lets_others_run_between_two_messages() {
    on_short_slices(|| {
        let slow = Slow.start();
        slow.allocates();
        slow.allocates(); // parks: there is room for one
        let ran = sibling();
        (0..3).for_each(|_| slow.allocates());
        assert_eq!(slow.ask().ok(), Some(7));
        assert!(has_run(&ran));
    });
}

#[test]
fn a_safe_point_that_would_switch_panics_inside_forbid_yield() {
    on_short_slices(|| {
        let sentence = refused(|| forbid_yield(yield_now));
        assert!(sentence.starts_with("`yield_now`"), "{sentence}");
        let sentence = refused(|| {
            forbid_yield(|| {
                allocate(MANY);
                check!();
            });
        });
        assert!(sentence.starts_with("a safe point"), "{sentence}");
    });
}

#[test]
fn a_wait_inside_no_preempt_while_unwinding_returns_its_error() {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            let (_tx, rx) = channel::<u8>();
            let error = no_preempt(|| rx.recv()).expect_err("it would have to wait");
            assert!(error.is_unwinding());
        }
    }
    actors(|| {
        let message = panic_message(|| {
            let _waits = Waits;
            panic!("to unwind");
        });
        assert_eq!(message, "to unwind");
    });
}

#[test]
fn both_do_nothing_on_plain_threads() {
    plain(|| {
        for wait in [|| no_preempt(yield_now), || forbid_yield(yield_now)] as [fn(); 2] {
            wait();
        }
        let (tx, rx) = channel();
        let sender = thread::spawn(move || tx.send(1));
        assert_eq!(no_preempt(|| rx.recv()), Ok(1));
        sender.join().expect("no panic").expect("the receiver waits");
        assert_eq!(forbid_yield(|| smarm::run(|| 1)), 1);
    });
}
