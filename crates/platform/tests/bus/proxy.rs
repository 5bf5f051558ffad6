//! A way to a broker, on which it can look as if the broker went: one that ends in good order says at last that there are
//! no brokers, and closes the connection.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The number of the question which brokers there are, and the first version whose answers have the form below.
const METADATA: u16 = 3;
const VERSION: u16 = 9;
/// Where such an answer says how many brokers it names: behind its length, number, tags and throttle time.
const BROKERS: usize = 4 + 4 + 1 + 4;

/// Passes on what clients and a broker say.
pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    goes: AtomicBool,
    told: AtomicU64,
}

impl Proxy {
    /// On a port of its own; the broker's is told once it is known.
    pub fn start() -> (Self, impl FnOnce(u16)) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        let pass = move |broker: u16| {
            std::thread::spawn(move || {
                for client in listener.incoming().flatten() {
                    let server = TcpStream::connect(("127.0.0.1", broker)).expect("the broker is there");
                    pass_on(&client, &server, &shared);
                }
            });
        };
        (Self { port, state }, pass)
    }

    /// From now on the broker seems to go, or to be back.
    pub fn goes(&self, whether: bool) {
        self.state.goes.store(whether, Ordering::Release);
    }

    /// How many were told that there are no brokers.
    pub fn told(&self) -> u64 {
        self.state.told.load(Ordering::Acquire)
    }
}

fn pass_on(client: &TcpStream, server: &TcpStream, state: &Arc<State>) {
    let clone = |stream: &TcpStream| stream.try_clone().expect("a handle");
    let asked = Arc::new(Mutex::new(VecDeque::new()));
    let (mut from, mut to, questions) = (clone(client), clone(server), Arc::clone(&asked));
    std::thread::spawn(move || {
        while let Some(frame) = frame(&mut from) {
            let [kind, version] = [4, 6].map(|at| u16::from_be_bytes([frame[at], frame[at + 1]]));
            questions.lock().expect("no panic").push_back(kind == METADATA && version >= VERSION);
            if to.write_all(&frame).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to, state) = (clone(server), clone(client), Arc::clone(state));
    std::thread::spawn(move || {
        while let Some(frame) = frame(&mut from) {
            // A broker answers in the order of the questions.
            let is_about_brokers = asked.lock().expect("no panic").pop_front() == Some(true);
            let goes = is_about_brokers && state.goes.load(Ordering::Acquire);
            let frame = if goes { without_brokers(frame) } else { frame };
            if to.write_all(&frame).is_err() {
                break;
            }
            if goes {
                state.told.fetch_add(1, Ordering::Release);
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}

/// A question or an answer, with its length before it.
fn frame(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut frame = length.to_vec();
    frame.resize(4 + usize::try_from(u32::from_be_bytes(length)).ok()?, 0);
    from.read_exact(&mut frame[4..]).ok()?;
    (frame.len() >= 8).then_some(frame)
}

/// The same answer with no broker in it, of the one that it names.
fn without_brokers(mut frame: Vec<u8>) -> Vec<u8> {
    // Counts and lengths are one more than what they count; all of them fit into one byte here.
    assert_eq!(frame[BROKERS], 2, "one broker");
    let host = BROKERS + 1 + 4;
    let rack = host + usize::from(frame[host]) + 4;
    assert_eq!(frame[rack..rack + 2], [0, 0], "no rack, no tags");
    frame[BROKERS] = 1;
    frame.drain(BROKERS + 1..rack + 2);
    let length = u32::try_from(frame.len() - 4).expect("a small answer");
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}
