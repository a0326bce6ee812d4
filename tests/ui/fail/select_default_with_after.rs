use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    select! {
        n = rx.recv() => _ = n,
        after(std::time::Duration::ZERO) => {}
        default => {}
    }
    drop((tx, rx));
}
