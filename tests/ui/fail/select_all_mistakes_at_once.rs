use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    select! {
        n = rx.try_recv() => _ = n,
        after() => {}
        n = rx.peek() => _ = n,
    }
    drop((tx, rx));
}
