use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    let _ = smarm::spawn(move || *shared + 1);
}
