use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    select! {
        n = rx.recv(1) => _ = n,
    }
    drop((tx, rx));
}
