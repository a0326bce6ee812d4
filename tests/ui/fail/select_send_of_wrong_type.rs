use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    select! {
        sent = tx.send("one") => _ = sent,
    }
    drop((tx, rx));
}
