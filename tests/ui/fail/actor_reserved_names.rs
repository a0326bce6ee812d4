struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn pid(&mut self, what: u8) {
        let _ = what;
    }

    pub fn stop(&mut self, what: u8) {
        let _ = what;
    }

    pub fn kill(&mut self, what: u8) {
        let _ = what;
    }

    pub fn join(&mut self, what: u8) {
        let _ = what;
    }

    pub fn timeout(&mut self, what: u8) {
        let _ = what;
    }

    pub fn try_send(&mut self, what: u8) {
        let _ = what;
    }

    pub fn send_after(&mut self, what: u8) {
        let _ = what;
    }

    pub fn actor(&mut self, what: u8) {
        let _ = what;
    }

    pub fn clone(&mut self, what: u8) {
        let _ = what;
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.pid(1);
    c.stop(1);
    c.kill(1);
    c.join(1);
    c.timeout(1);
    c.try_send(1);
    c.send_after(1);
    c.actor(1);
    c.clone(1);
}
