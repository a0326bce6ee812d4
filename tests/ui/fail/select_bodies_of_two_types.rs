use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    let n: u32 = select! {
        n = rx.recv() => n.unwrap(),
        after(std::time::Duration::ZERO) => "nothing",
    };
    _ = n;
    drop((tx, rx));
}
