use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    select! {
        recv(rx) -> n => _ = n,
    }
    drop((tx, rx));
}
