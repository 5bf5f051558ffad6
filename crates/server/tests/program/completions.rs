//! Completions know every command.

use super::onepoint;

const COMMANDS: [&str; 11] =
    ["serve", "verify", "doctor", "demo", "bench", "migrate", "rebuild", "keys", "openapi", "config", "completions"];

#[test]
fn every_shell_is_told_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let output = onepoint(&["completions", shell]);
        assert!(output.status.success(), "{shell}");
        let script = String::from_utf8(output.stdout).expect("a script");
        for word in COMMANDS.into_iter().chain(["members", "seed", "force", "url"]) {
            assert!(script.contains(word), "{shell} is not told of '{word}'");
        }
    }
}

#[test]
fn the_help_names_the_same_commands() {
    let help = String::from_utf8(onepoint(&["--help"]).stdout).expect("text");
    for command in COMMANDS {
        assert!(help.lines().any(|line| line.split_whitespace().next() == Some(command)), "{command}: {help}");
    }
}
