mod vendored {
    pub use smarm as actors;
}

#[vendored::actors::main(crate = vendored::actors, workers = 1)]
fn main() {}
