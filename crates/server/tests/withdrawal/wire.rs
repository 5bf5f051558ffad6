//! A line to the database that can break at the commit of a decision.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What stands in the statement that writes the decision.
const DECISION: &[u8] = b"MemberWithdrawn";
/// What ends a transaction, as it is asked and as it is answered.
const COMMIT: &[u8] = b"COMMIT\0";
/// How long a late decision is on its way.
const LATE: Duration = Duration::from_millis(150);

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The decision does not come to the server.
    NotSent,
    /// It comes when whoever sent it has heard that the connection is lost.
    SentLate,
    /// It is committed, and its answer is lost.
    AnswerLost,
    /// So is every other connection, until the line is mended.
    AnswerLostForLong,
}

/// The line.
pub struct Wire {
    /// The database over this line.
    pub url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    breaks: Mutex<Option<Break>>,
    cut: AtomicBool,
    clients: Mutex<Vec<TcpStream>>,
}

/// A connection to the server: to read from, to write to, and how to end it.
struct Server {
    from: Box<dyn Read + Send>,
    to: Box<dyn Write + Send>,
    end: Arc<dyn Fn() + Send + Sync>,
}

impl Wire {
    /// A sound line to the database of this URL.
    pub fn to(url: &str) -> Self {
        let config: Config = url.parse().expect("a URL");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let (authority, database) = rest.split_once('/').expect("the name of a database");
        let user = authority.split_once('@').map_or(String::new(), |(user, _)| format!("{user}@"));
        let state = Arc::new(State::default());
        let of_listener = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                of_listener.clients.lock().push(client.try_clone().expect("a socket"));
                // What is cut is closed at once.
                if of_listener.cut.load(Ordering::SeqCst) {
                    let _ = client.shutdown(Shutdown::Both);
                } else {
                    carry(client, connect(&config), Arc::clone(&of_listener));
                }
            }
        });
        Self { url: format!("{scheme}://{user}{address}/{database}"), state }
    }

    /// Breaks with the next decision.
    pub fn breaks_when_decided(&self, breaks: Break) {
        *self.state.breaks.lock() = Some(breaks);
    }

    /// Whether it has.
    pub fn has_broken(&self) -> bool {
        self.state.breaks.lock().is_none()
    }

    /// Connections can be made again.
    pub fn mend(&self) {
        self.state.cut.store(false, Ordering::SeqCst);
    }
}

fn connect(config: &Config) -> Server {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first().expect("a host") {
        Host::Tcp(name) => {
            let socket = TcpStream::connect((name.as_str(), port)).expect("PostgreSQL answers");
            let (from, to) = (socket.try_clone().expect("a socket"), socket.try_clone().expect("a socket"));
            let end = move || drop(socket.shutdown(Shutdown::Both));
            Server { from: Box::new(from), to: Box::new(to), end: Arc::new(end) }
        }
        Host::Unix(folder) => {
            let socket = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).expect("PostgreSQL answers");
            let (from, to) = (socket.try_clone().expect("a socket"), socket.try_clone().expect("a socket"));
            let end = move || drop(socket.shutdown(Shutdown::Both));
            Server { from: Box::new(from), to: Box::new(to), end: Arc::new(end) }
        }
    }
}

/// Carries questions and answers of one connection until either end hangs up.
fn carry(client: TcpStream, server: Server, state: Arc<State>) {
    client.set_nodelay(true).expect("a socket");
    let Server { from, to, end } = server;
    let deciding = Arc::new(AtomicBool::new(false));
    let up = (client.try_clone().expect("a socket"), Arc::clone(&state), Arc::clone(&deciding), Arc::clone(&end));
    std::thread::spawn(move || {
        let (client, state, deciding, end) = up;
        carry_questions(&client, to, &state, &deciding);
        let _ = client.shutdown(Shutdown::Both);
        end();
    });
    std::thread::spawn(move || {
        carry_answers(from, &client, &state, &deciding);
        let _ = client.shutdown(Shutdown::Both);
        end();
    });
}

fn carry_questions(mut client: &TcpStream, mut server: Box<dyn Write + Send>, state: &State, deciding: &AtomicBool) {
    let mut buffer = vec![0; 1 << 18];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let mut question = buffer[..count].to_vec();
        if contains(&question, DECISION) {
            let mut breaks = state.breaks.lock();
            match *breaks {
                Some(Break::NotSent) => {
                    *breaks = None;
                    return;
                }
                Some(Break::SentLate) => {
                    *breaks = None;
                    drop(breaks);
                    while !contains(&question, COMMIT) {
                        let Ok(count @ 1..) = client.read(&mut buffer) else { break };
                        question.extend_from_slice(&buffer[..count]);
                    }
                    let _ = client.shutdown(Shutdown::Both);
                    std::thread::sleep(LATE);
                    server.write_all(&question).expect("PostgreSQL is still there");
                    // It has to come to an end before it notices that nobody listens.
                    std::thread::sleep(LATE);
                    return;
                }
                Some(Break::AnswerLost | Break::AnswerLostForLong) => deciding.store(true, Ordering::SeqCst),
                None => {}
            }
        }
        if server.write_all(&question).is_err() {
            return;
        }
    }
}

fn carry_answers(mut server: Box<dyn Read + Send>, mut client: &TcpStream, state: &State, deciding: &AtomicBool) {
    let mut buffer = vec![0; 1 << 18];
    let mut answers = Vec::new();
    let mut is_heard = true;
    while let Ok(count @ 1..) = server.read(&mut buffer) {
        if deciding.load(Ordering::SeqCst) {
            answers.extend_from_slice(&buffer[..count]);
            if contains(&answers, COMMIT) {
                if state.breaks.lock().take() == Some(Break::AnswerLostForLong) {
                    state.cut.store(true, Ordering::SeqCst);
                    state.clients.lock().iter().for_each(|client| drop(client.shutdown(Shutdown::Both)));
                }
                return;
            }
        }
        // What the server still says to someone who is gone has to be taken from it.
        is_heard = is_heard && client.write_all(&buffer[..count]).is_ok();
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
