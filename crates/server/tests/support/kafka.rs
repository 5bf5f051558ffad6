//! Apache Kafka for tests: one broker on loopback that this process starts and that ends with it, from the jars that
//! `scripts/kafka-jars` fetches.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Names the folder of the jars.
pub const VARIABLE: &str = "ONEPOINT_TEST_KAFKA_JARS";
/// How long a broker may take to start on a machine that has other things to do.
const START: Duration = Duration::from_secs(120);

/// Runs a broker and ends it when its input ends, which it does however this process ends. Its folder goes with it,
/// unless it is told to stay.
const WATCHDOG: &str = r#"
set -euf
dir=$1
jars=$2
run="java -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp $jars/*"
if [ ! -e "$dir/data/meta.properties" ]; then
    $run kafka.tools.StorageTool format -t b25lcG9pbnQtdGVzdHMtMQ -c "$dir/server.properties" >"$dir/log" 2>&1 || {
        cat "$dir/log"
        exit 1
    }
fi
$run kafka.Kafka "$dir/server.properties" </dev/null >>"$dir/log" 2>&1 &
server=$!
echo "ready $server"
word=
read -r word || true
kill -9 $server 2>/dev/null || true
wait $server 2>/dev/null || true
[ "$word" = stay ] || rm -rf "$dir"
"#;

static SHARED: OnceLock<Broker> = OnceLock::new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A broker.
pub struct Broker {
    folder: PathBuf,
    port: u16,
    running: Option<Running>,
}

struct Running {
    watchdog: Child,
    server: u32,
}

/// The URL of the broker that the tests of this program share.
///
/// # Panics
/// If it does not start, saying why.
pub fn shared() -> String {
    SHARED.get_or_init(Broker::start).url()
}

/// What the topics of one test begin with.
pub fn fresh_prefix() -> String {
    format!("test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Broker {
    /// A broker of its own.
    ///
    /// # Panics
    /// If there are no jars or no Java, saying what to do; if it does not start, with its log.
    pub fn start() -> Self {
        Self::start_behind(None)
    }

    /// A broker that sends its clients to another port, where something passes on what they say.
    ///
    /// # Panics
    /// As [`Broker::start`].
    pub fn start_behind(proxy: Option<u16>) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("onepoint-kafka.{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for Kafka");
        // Held until both are known, so that they differ.
        let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [port, quorum] = free.map(|listener| listener.local_addr().expect("its address").port());
        std::fs::write(folder.join("server.properties"), properties(&folder, port, quorum, proxy.unwrap_or(port)))
            .expect("a file");
        let mut broker = Self { folder, port, running: None };
        broker.resume();
        broker
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is, as a bus URL.
    pub fn url(&self) -> String {
        format!("kafka://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash does (SIGKILL); what it has stored stays.
    pub fn kill(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let killed = Command::new("kill").args(["-9", &running.server.to_string()]).status();
        assert!(killed.expect("kill runs").success(), "the broker was there");
        let mut input = running.watchdog.stdin.take().expect("its input is piped");
        input.write_all(b"stay\n").expect("the watchdog listens");
        drop(input);
        let _ = running.watchdog.wait();
    }

    /// Starts it again with what it has stored.
    pub fn resume(&mut self) {
        let mut command = Command::new("sh");
        command.args(["-c", WATCHDOG, "kafka-for-tests"]).arg(&self.folder).arg(jars()).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own: an interrupt from the keyboard must reach the tests, not the cleaning up.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut watchdog = command.spawn().expect("a shell to start Kafka with");
        let mut said = String::new();
        let mut output = BufReader::new(watchdog.stdout.take().expect("its output is piped"));
        let server = loop {
            let mut line = String::new();
            let ended = output.read_line(&mut line).expect("the shell writes text") == 0;
            assert!(!ended, "Kafka did not start:\n{said}");
            match line.strip_prefix("ready ") {
                Some(number) => break number.trim().parse().expect("a process number"),
                None => said.push_str(&line),
            }
        };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(started.elapsed() < START, "Kafka does not answer:\n{}", log());
            assert!(Path::new(&format!("/proc/{server}")).exists(), "Kafka has ended:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        self.running = Some(Running { watchdog, server });
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            drop(running.watchdog.stdin.take());
            let _ = running.watchdog.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One node that is broker and controller; small, because it shares the machine with what is tested.
fn properties(folder: &Path, port: u16, quorum: u16, advertised: u16) -> String {
    format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{quorum}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{quorum}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{advertised}\ncontroller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         log.dirs={}/data\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
         num.network.threads=2\nnum.io.threads=4\nnum.recovery.threads.per.data.dir=1\n\
         log.cleaner.enable=false\nlog.segment.delete.delay.ms=1000\nnum.partitions=3\n\
         broker.heartbeat.interval.ms=500\nbroker.session.timeout.ms=4000\n",
        folder.display()
    )
}

/// The jars of Kafka and what it needs.
fn jars() -> PathBuf {
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().map(|target| target.join("kafka-jars"));
    let folder = named.or(built).expect("a target folder");
    let has_jars = std::fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some());
    assert!(
        has_jars,
        "the tests with Kafka need its jars in {}: run scripts/kafka-jars (it needs Java 17 and Maven: \
         apt-get install default-jre-headless maven), or name their folder in {VARIABLE}",
        folder.display()
    );
    folder
}
