//! `block_on`: futures on an actor's own stack.

use smarm::{
    ExitReason, JoinHandle, block_on, block_on_io, channel, current, forbid_yield, no_preempt, park_current,
    sleep, spawn, unpark, yield_now,
};
use smarm_tests::{Tally, actors, on, panic_message, panic_payload, plain, runtime};
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// Longer than the second after which a deadlock is reported.
const SILENCE: Duration = Duration::from_millis(1700);

/// A queue that is waited for by a waker, as any crate would write it.
struct Queue<T> {
    inner: Mutex<(VecDeque<T>, Option<Waker>)>,
}

impl<T> Queue<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self { inner: Mutex::new((VecDeque::new(), None)) })
    }

    fn push(&self, item: T) {
        let mut inner = self.inner.lock().expect("no panic");
        inner.0.push_back(item);
        let waker = inner.1.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn pop(&self) -> impl Future<Output = T> {
        poll_fn(|cx| {
            let mut inner = self.inner.lock().expect("no panic");
            match inner.0.pop_front() {
                Some(item) => Poll::Ready(item),
                None => {
                    inner.1 = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
    }
}

/// Pending once; its waker was called before.
fn once_around() -> impl Future<Output = ()> {
    let mut is_second = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut is_second, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

#[test]
fn what_is_ready_comes_at_once() {
    actors(|| assert_eq!(block_on(ready(7)), 7));
    plain(|| assert_eq!(block_on(async { ready(3).await + 4 }), 7));
}

#[test]
fn a_future_may_borrow_and_be_bound_to_its_thread() {
    actors(|| {
        let (count, here) = (Rc::new(Cell::new(0)), thread::current().id());
        let text = String::from("borrowed");
        let length = block_on(async {
            for _ in 0..10 {
                once_around().await;
                yield_now();
                count.set(count.get() + 1);
                assert_eq!(thread::current().id(), here);
            }
            text.len()
        });
        assert_eq!((length, count.get()), (8, 10));
    });
}

#[test]
fn a_waker_called_during_the_poll_is_not_lost() {
    actors(|| {
        block_on(async {
            for _ in 0..1000 {
                once_around().await
            }
        })
    });
    plain(|| block_on(once_around()));
}

#[test]
fn a_waker_is_called_from_another_thread() {
    actors(|| {
        let queue = Queue::new();
        let pushing = queue.clone();
        let thread = thread::spawn(move || (0..1000).for_each(|n| pushing.push(n)));
        block_on(async {
            for n in 0..1000 {
                assert_eq!(queue.pop().await, n);
            }
        });
        thread.join().expect("no panic");
    });
}

#[test]
fn a_waker_is_called_by_an_actor() {
    actors(|| {
        let (to, from) = (Queue::new(), Queue::new());
        let (echo_from, echo_to) = (to.clone(), from.clone());
        let echo = spawn(move || {
            block_on(async {
                for _ in 0..1000 {
                    echo_to.push(echo_from.pop().await + 1);
                }
            });
        });
        block_on(async {
            for n in 0..1000 {
                to.push(n);
                assert_eq!(from.pop().await, n + 1);
            }
        });
        echo.join().expect("no panic");
    });
}

#[test]
fn a_plain_thread_and_an_actor_wake_each_other() {
    plain(|| {
        let (to, from) = (Queue::new(), Queue::new());
        let (echo_from, echo_to) = (to.clone(), from.clone());
        let other = thread::spawn(move || {
            on(1, move || {
                block_on(async {
                    for _ in 0..1000 {
                        echo_to.push(echo_from.pop().await);
                    }
                });
            });
        });
        block_on(async {
            for n in 0..1000 {
                to.push(n);
                assert_eq!(from.pop().await, n);
            }
        });
        other.join().expect("no panic");
    });
}

#[test]
fn a_waker_may_be_called_twice_and_late() {
    actors(|| {
        let mut wakers = Vec::new();
        for _ in 0..100 {
            let mut polls = 0;
            block_on(poll_fn(|cx| {
                polls += 1;
                wakers.push(cx.waker().clone());
                cx.waker().wake_by_ref();
                cx.waker().wake_by_ref();
                if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
            }));
            wakers.iter().for_each(Waker::wake_by_ref);
        }
        // Waits go on as if nothing had been.
        let (tx, rx) = channel();
        let sender = spawn(move || {
            yield_now();
            tx.send(1).expect("it receives");
        });
        wakers.iter().for_each(Waker::wake_by_ref);
        assert_eq!(rx.recv(), Ok(1));
        sender.join().expect("no panic");
        wakers.into_iter().for_each(Waker::wake);
    });
}

#[test]
fn a_waker_outlives_its_actor_and_its_runtime() {
    plain(|| {
        let waker = runtime(2).run(|| {
            let child = spawn(|| block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone()))));
            child.join().expect("no panic")
        });
        waker.wake_by_ref();
        let sum: u32 = on(1, move || {
            let many: Vec<_> = (0..100).map(|n| spawn(move || n)).collect();
            waker.wake();
            many.into_iter().map(|one| one.join().expect("no panic")).sum()
        });
        assert_eq!(sum, 4950);
    });
}

#[test]
fn a_late_waker_disturbs_no_wait_of_its_actor() {
    actors(|| {
        let waker = block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
        let thread = thread::spawn(move || (0..1000).for_each(|_| waker.wake_by_ref()));
        let (tx, rx) = channel();
        let sender = spawn(move || {
            (0..100).for_each(|n| {
                tx.send(n).expect("it receives");
                yield_now();
            })
        });
        assert!(rx.iter().eq(0..100));
        sender.join().expect("no panic");
        sleep(Duration::from_micros(50));
        thread.join().expect("no panic");
    });
}

#[test]
fn a_wake_is_not_lost_to_a_wait_inside_the_poll() {
    actors(|| {
        for _ in 0..200 {
            let (tx, rx) = channel();
            let (told, tell) = (Arc::new(AtomicBool::new(false)), Mutex::new(Some(tx)));
            let mut waking = None;
            block_on(poll_fn(|cx| {
                if told.load(SeqCst) {
                    return Poll::Ready(());
                }
                if let Some(tx) = tell.lock().expect("no panic").take() {
                    let (waker, told) = (cx.waker().clone(), told.clone());
                    waking = Some(spawn(move || {
                        told.store(true, SeqCst);
                        waker.wake(); // its permit ends a park of the wait below
                        yield_now();
                        tx.send(()).expect("it receives");
                    }));
                }
                rx.recv().expect("the waking one sends");
                Poll::Pending
            }));
            waking.expect("it was polled").join().expect("no panic");
        }
    });
}

#[test]
fn it_nests_and_the_outer_wake_is_not_lost_to_the_inner_wait() {
    actors(|| {
        for _ in 0..200 {
            let (outer, inner) = (Queue::new(), Queue::new());
            let (to_outer, to_inner) = (outer.clone(), inner.clone());
            let mut pop_outer = std::pin::pin!(outer.pop());
            let mut pushing = None;
            let got = block_on(poll_fn(|cx| {
                let polled = pop_outer.as_mut().poll(cx);
                if polled.is_pending() && pushing.is_none() {
                    let (to_outer, to_inner) = (to_outer.clone(), to_inner.clone());
                    pushing = Some(spawn(move || {
                        to_outer.push(1);
                        yield_now();
                        to_inner.push(2);
                    }));
                    assert_eq!(block_on(inner.pop()), 2);
                }
                polled
            }));
            assert_eq!(got, 1);
            pushing.expect("it was polled").join().expect("no panic");
        }
    });
}

#[test]
fn waits_of_smarm_work_inside() {
    actors(|| {
        let sum = block_on(async {
            let child = spawn(|| 1);
            let here = child.join().expect("no panic");
            once_around().await;
            here + block_on_io(|| 2)
                + block_on(async {
                    once_around().await;
                    4
                })
        });
        assert_eq!(sum, 7);
    });
}

#[test]
fn a_future_that_always_wakes_itself_lets_others_run() {
    on(1, || {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        let other = spawn(move || stopping.store(true, SeqCst));
        block_on(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if stop.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        }));
        other.join().expect("no panic");
    });
}

/// An actor that waits in a future that is never ready, and drops a token with it.
fn hopeless(tally: &Tally) -> JoinHandle<()> {
    let token = tally.token(1);
    let (begin, has_begun) = channel();
    let hopeless = spawn(move || {
        block_on(async move {
            let _token = token;
            begin.send(()).expect("it waits");
            pending().await
        })
    });
    has_begun.recv().expect("it begins");
    hopeless
}

#[test]
fn a_kill_comes_between_two_polls_and_drops_the_future() {
    actors(|| {
        let tally = Tally::new();
        let waiting = hopeless(&tally);
        assert_eq!(tally.alive(), 1);
        waiting.kill();
        assert!(matches!(waiting.join(), Err(ExitReason::Killed)));
        tally.check();
    });
}

#[test]
fn a_kill_reaches_a_future_that_always_wakes_itself() {
    actors(|| {
        let busy = spawn(|| {
            block_on(poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            }))
        });
        yield_now();
        busy.kill();
        assert!(matches!(busy.join(), Err(ExitReason::Killed)));
    });
}

#[test]
fn a_wake_that_comes_with_a_kill_harms_nobody() {
    actors(|| {
        for _ in 0..100 {
            let queue = Queue::<u32>::new();
            let popping = queue.clone();
            let waiting = spawn(move || block_on(popping.pop()));
            yield_now();
            let thread = thread::spawn(move || queue.push(7));
            waiting.kill();
            match waiting.join() {
                Ok(got) => assert_eq!(got, 7),
                Err(reason) => assert!(matches!(reason, ExitReason::Killed)),
            }
            thread.join().expect("no panic");
        }
    });
}

#[test]
fn a_panic_in_a_future_is_its_caller_s() {
    actors(|| {
        let payload = panic_payload(|| {
            block_on(async {
                once_around().await;
                std::panic::resume_unwind(Box::new(7));
            })
        });
        assert_eq!(payload.downcast_ref::<i32>(), Some(&7));
        assert_eq!(block_on(ready(1)), 1);
    });
}

#[test]
fn where_waits_are_forbidden_only_what_is_ready_comes() {
    actors(|| {
        assert_eq!(no_preempt(|| block_on(ready(1))), 1);
        let message = panic_message(|| no_preempt(|| block_on(pending::<()>())));
        assert!(message.contains("`block_on`"), "{message}");
        // The safe point at its beginning may find the slice over, and panic first.
        let message = panic_message(|| forbid_yield(|| block_on(pending::<()>())));
        assert!(message.contains("`block_on`") || message.starts_with("a safe point"), "{message}");
    });
}

#[test]
fn what_is_ready_comes_while_its_actor_unwinds() {
    struct Last(Arc<AtomicUsize>);
    impl Drop for Last {
        fn drop(&mut self) {
            let words = block_on(async {
                once_around().await;
                7
            });
            self.0.store(words, SeqCst);
        }
    }
    actors(|| {
        let words = Arc::new(AtomicUsize::new(0));
        let last = Last(words.clone());
        let unwinding = spawn(move || {
            let _last = last;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(unwinding.join().is_err());
        assert_eq!(words.load(SeqCst), 7);
    });
}

#[test]
fn a_future_that_somebody_may_still_wake_is_no_deadlock() {
    plain(|| {
        let queue = Queue::new();
        let pushing = queue.clone();
        let thread = thread::spawn(move || {
            thread::sleep(SILENCE);
            pushing.push(7);
        });
        assert_eq!(runtime(2).run(move || block_on(queue.pop())), 7);
        thread.join().expect("no panic");
    });
}

#[test]
fn many_actors_on_few_workers_wait_for_futures() {
    plain(|| {
        runtime(4).run(|| {
            let queues: Vec<_> = (0..200).map(|_| Queue::<u64>::new()).collect();
            let ring: Vec<_> = (0..queues.len())
                .map(|n| {
                    let (from, to) = (queues[n].clone(), queues[(n + 1) % queues.len()].clone());
                    spawn(move || {
                        block_on(async {
                            for _ in 0..20 {
                                to.push(from.pop().await + 1);
                            }
                        });
                    })
                })
                .collect();
            queues[0].push(0);
            ring.into_iter().for_each(|one| one.join().expect("no panic"));
            assert_eq!(block_on(queues[0].pop()), 20 * 200);
        });
    });
}

/// A future by hand, which names itself so that its drop is seen after it was polled.
struct Countdown(u32);

impl Future for Countdown {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(left) = self.0.checked_sub(1) else { return Poll::Ready("lift-off") };
        self.0 = left;
        let waker = cx.waker().clone();
        thread::spawn(move || waker.wake());
        Poll::Pending
    }
}

#[test]
fn a_future_by_hand_is_polled_as_often_as_it_was_woken() {
    actors(|| assert_eq!(block_on(Countdown(20)), "lift-off"));
    plain(|| assert_eq!(block_on(Countdown(20)), "lift-off"));
}

#[test]
fn an_unpark_by_hand_is_no_wake() {
    actors(|| {
        let (me, queue) = (current(), Queue::new());
        let pushing = queue.clone();
        let mut polls = 0;
        let other = spawn(move || {
            unpark(me);
            yield_now();
            pushing.push(());
        });
        let mut pop = std::pin::pin!(queue.pop());
        block_on(poll_fn(|cx| {
            polls += 1;
            pop.as_mut().poll(cx)
        }));
        assert!(polls <= 2, "{polls} polls");
        other.join().expect("no panic");
        unpark(current());
        park_current();
    });
}
