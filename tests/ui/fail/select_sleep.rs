use smarm::select;

fn main() {
    let (tx, rx) = smarm::channel::bounded::<u32>(1);
    select! {
        _ = smarm::sleep(std::time::Duration::ZERO) => {}
    }
    drop((tx, rx));
}
