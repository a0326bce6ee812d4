struct View<'a> {
    text: &'a str,
}

#[smarm::actor]
impl<'a> View<'a> {
    pub fn len(&self) -> usize {
        self.text.len()
    }

    #[on_exit]
    fn bye(&mut self) {}
}

fn main() {
    let v: ViewHandle = View { text: "x" }.start();
    let _: usize = v.len().unwrap();
}
