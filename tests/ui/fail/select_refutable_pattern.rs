use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    select! {
        Ok(n) = rx.recv() => _ = n,
    }
    drop((tx, rx));
}
