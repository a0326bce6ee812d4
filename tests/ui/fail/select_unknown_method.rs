use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    select! {
        n = rx.is_empty() => drop(n),
    }
    drop((tx, rx));
}
