struct View<T> {
    text: T,
}

#[smarm::actor]
impl View<&str> {
    pub fn len(&self) -> usize {
        self.text.len()
    }
}

fn main() {}
