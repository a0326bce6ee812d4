use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    let number = 7;
    select! {
        n = number.recv() => _ = n,
    }
    drop((tx, rx));
}
