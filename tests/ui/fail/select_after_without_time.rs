use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    select! {
        after() => {}
    }
    drop((tx, rx));
}
