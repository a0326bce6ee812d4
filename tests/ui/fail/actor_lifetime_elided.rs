struct View<'a> {
    text: &'a str,
}

#[smarm::actor]
impl View<'_> {
    pub fn len(&self) -> usize {
        self.text.len()
    }
}

fn main() {
    let v = View { text: "x" }.start();
    let _: usize = v.len().unwrap();
}
