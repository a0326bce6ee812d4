//! Servers and their clients, in an order drawn from random numbers: calls, casts, replies that come later, deliveries, ticks, stops, kills.

use crate::life::Intended;
use smarm::channel::oneshot;
use smarm::{ExitReason, JoinHandle, ReplyTo, check, kill, mask_kill, scope, sleep, spawn, yield_now};
use smarm_tests::{Rng, Tally, Token};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::time::Duration;

const SERVERS: usize = 3;
const CLIENTS: usize = 6;

pub(crate) struct Service {
    rng: Rng,
    tally: Tally,
    peer: Option<ServiceHandle>,
    notes: Vec<Token>,
    owed: Vec<ReplyTo<Token>>,
}

#[smarm::actor(mailbox = bounded(3), timeout = "20ms")]
impl Service {
    fn new(rng: Rng, tally: Tally, peer: Option<ServiceHandle>) -> Self {
        Self { rng, tally, peer, notes: Vec::new(), owed: Vec::new() }
    }

    pub(crate) fn note(&mut self, token: Token) {
        self.notes.push(token);
        if self.rng.one_in(8) {
            self.notes.clear();
        }
    }

    pub(crate) fn newest(&mut self) -> Option<Token> {
        self.notes.pop()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.notes.iter().map(|note| note.value().to_string()).collect()
    }

    pub(crate) fn later(&mut self, reply: ReplyTo<Token>) {
        self.owed.push(reply);
        if self.rng.one_in(2) {
            self.pay();
        }
    }

    pub(crate) fn pass(&mut self, hops: u64) -> Result<u64, String> {
        match &self.peer {
            Some(peer) if hops > 0 => peer.pass(hops - 1).map_err(|error| error.to_string()),
            _ => Ok(hops),
        }
    }

    pub(crate) fn fail(&mut self) -> u64 {
        panic_any(Intended(self.tally.token(0)))
    }

    pub(crate) fn rest(&mut self, time: Duration) {
        sleep(time);
    }

    pub(crate) fn close(self) -> usize {
        self.notes.len()
    }

    #[every("1ms")]
    fn tick(&mut self) {
        self.pay();
    }

    #[on_exit]
    fn bye(&mut self, _why: &ExitReason) {
        yield_now();
        self.notes.clear();
    }

    fn pay(&mut self) {
        for reply in self.owed.drain(..) {
            if !self.rng.one_in(4) {
                reply.send(self.tally.token(1));
            }
        }
    }
}

struct Client {
    rng: Rng,
    tally: Tally,
    services: Vec<ServiceHandle>,
}

/// The root: some servers, of which each knows the one before, and clients that use them until their luck ends.
pub(crate) fn root(seed: u64, tally: Tally) -> Token {
    let mut rng = Rng::new(seed);
    let mut services: Vec<ServiceHandle> = Vec::new();
    for _ in 0..SERVERS {
        let service = Service::new(rng.fork(), tally.clone(), services.last().cloned());
        services.push(service.start());
    }
    let clients: Vec<JoinHandle<Token>> = (0..CLIENTS)
        .map(|_| {
            let client = Client { rng: rng.fork(), tally: tally.clone(), services: services.clone() };
            spawn(move || client.live())
        })
        .collect();
    for client in clients {
        if rng.one_in(4) {
            sleep(rng.micros(200));
            kill(client.pid());
        }
        drop(client.join());
    }
    for service in services {
        match rng.range(0..3) {
            0 => service.kill(),
            1 => service.stop(),
            _ => {} // it ends with the run
        }
    }
    tally.token(2)
}

impl Client {
    fn token(&mut self) -> Token {
        self.tally.token(self.rng.next_u64())
    }

    fn service(&mut self) -> ServiceHandle {
        let chosen = self.rng.below(self.services.len());
        self.services[chosen].clone()
    }

    fn live(mut self) -> Token {
        let _on_the_stack = self.token();
        for _ in 0..self.rng.range(0..30) {
            self.step();
        }
        self.token()
    }

    fn step(&mut self) {
        let service = self.service();
        match self.rng.range(0..20) {
            0..=3 => service.note(self.token()),
            4 => drop(service.newest()),
            5 => drop(service.names()),
            6 | 7 => drop(service.later()),
            8 | 9 => drop(service.pass(self.rng.range(0..4))),
            10 => drop(service.try_send(ServiceMsg::Note { token: self.token() })),
            11 => self.send_later(&service),
            12 if self.rng.one_in(3) => drop(service.fail()),
            13 => service.rest(self.rng.micros(100)),
            14 => drop(service.timeout(self.rng.micros(50)).later()),
            15 => self.have_a_child(),
            16 => self.share(),
            17 => mask_kill(|| drop(service.newest())),
            18 if self.rng.one_in(3) => self.replace(service),
            _ => (0..self.rng.range(0..50)).for_each(|_| check!()),
        }
    }

    fn send_later(&mut self, service: &ServiceHandle) {
        let delay = self.rng.micros(300);
        let timer = service.send_after(delay, ServiceMsg::Note { token: self.token() });
        if self.rng.one_in(2) {
            timer.cancel();
        }
    }

    /// A child that answers once, unless it is killed before.
    fn have_a_child(&mut self) {
        let (tell, told) = oneshot::<Token>();
        let (token, delay, service) = (self.token(), self.rng.micros(100), self.service());
        let child = spawn(move || {
            service.rest(delay);
            sleep(delay);
            drop(tell.send(token));
        });
        if self.rng.one_in(2) {
            kill(child.pid());
        }
        drop(told.recv());
        drop(child.join());
    }

    fn share(&mut self) {
        let (shared, hops) = (self.token(), self.rng.range(0..4));
        let services = &self.services;
        let panics = self.rng.one_in(4);
        // It may be killed in there, too.
        let caught = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                for service in services {
                    s.spawn(|| drop(service.pass(hops)));
                }
                if panics {
                    panic_any(Intended(shared));
                }
            });
        }));
        drop(caught);
    }

    /// Ends a server, and goes on with another in its place.
    fn replace(&mut self, service: ServiceHandle) {
        match self.rng.range(0..4) {
            0 => drop(service.close()),
            1 => service.stop(),
            2 => service.kill(),
            _ => service.actor().stop_now(),
        }
        let peer = Some(self.service());
        self.services.retain(|other| *other != service);
        self.services.push(Service::new(self.rng.fork(), self.tally.clone(), peer).start());
        service.join();
    }
}
