//! The mail server on the other side: Debian's python3-aiosmtpd in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A mail server on a port of this machine. Dropping it ends it.
pub struct MailServer {
    pub port: u16,
    folder: tempfile::TempDir,
    more: Vec<String>,
    child: Option<Child>,
}

impl MailServer {
    /// One that takes mail from everybody.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// One with these arguments of the script.
    pub fn start_with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let more = more.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { port: 0, folder, more, child: None };
        server.resume();
        server
    }

    /// Starts it again on the same port, after `stop`.
    pub fn resume(&mut self) {
        // Debian's package belongs to Debian's Python, which need not be the first one in the path.
        let python = ["/usr/bin/python3", "python3"].into_iter().find(|path| Path::new(path).exists());
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/messages/smtp_server.py");
        let mut command = Command::new(python.unwrap_or("python3"));
        command.arg(script).arg(self.port.to_string()).arg(self.folder.path()).args(&self.more);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("python3 starts");
        let mut line = String::new();
        let said = child.stdout.take().expect("its output");
        BufReader::new(said).read_line(&mut line).expect("it can be read");
        let port = line.strip_prefix("ready ").and_then(|port| port.trim().parse().ok());
        self.child = Some(child);
        self.port = port.unwrap_or_else(|| panic!("no mail server; is the package python3-aiosmtpd there? {line:?}"));
    }

    /// Ends it; what it got stays.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What it got so far, in order.
    pub fn mails(&self) -> Vec<Value> {
        let files = std::fs::read_dir(self.folder.path()).expect("its folder");
        let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        let read = |file: &PathBuf| std::fs::read_to_string(file).expect("a mail");
        files.iter().map(|file| serde_json::from_str(&read(file)).expect("JSON")).collect()
    }

    /// Recipients of what it got, in order.
    pub fn recipients(&self) -> Vec<String> {
        self.mails().iter().map(|mail| mail["to"][0].as_str().expect("a recipient").to_owned()).collect()
    }

    /// The settings of a program that sends through it.
    pub fn settings(&self) -> Vec<String> {
        vec![
            "notification.sender=smtp".to_owned(),
            "smtp.host=localhost".to_owned(),
            format!("smtp.port={}", self.port),
            "smtp.tls=none".to_owned(),
            "smtp.from=길동 클럽 <club@example.org>".to_owned(),
        ]
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop();
    }
}
