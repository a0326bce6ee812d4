use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    let actor = smarm::spawn(|| 7);
    select! {
        result = actor.join() => drop(result),
        n = rx.recv() => _ = n,
    }
    drop(actor.join());
    drop((tx, rx));
}
