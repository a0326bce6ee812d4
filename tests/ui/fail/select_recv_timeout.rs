use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    select! {
        n = rx.recv_timeout(std::time::Duration::ZERO) => _ = n,
    }
    drop((tx, rx));
}
