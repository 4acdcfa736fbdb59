//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use port_takeover::WantedPort;
use taskpaw_contract::Role;

/// Says who holds TaskPaw's ports, and takes them over from a stale backend.
///
/// A process that is not positively a stale TaskPaw backend of the same role and user is never touched.
#[derive(Debug, Parser)]
#[command(version = taskpaw_contract::version(), after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) call: Call,
}

const AFTER_HELP: &str = "\
Exit status:
  0  the role can start: nothing is held, or what was held is (or, for a look, would be) reclaimed
  2  wrong usage, bad configuration, or a snapshot that cannot be read
  3  refused, and nothing was terminated
  4  terminated, but a port did not become free in time

Examples:
  taskpaw-ports status                     who holds the agent's ports?
  taskpaw-ports reclaim --dry-run          what would a takeover end?
  taskpaw-ports reclaim --help             more about one call, with examples";

const STATUS_EXAMPLES: &str = "\
Examples:
  taskpaw-ports status                                the agent's ports, as they are configured
  taskpaw-ports status --role hub --json              the hub's, for a script
  taskpaw-ports status --port web=127.0.0.1:8080      any port";

const RECLAIM_EXAMPLES: &str = "\
A process is asked to stop, and killed only if it does not. Every reclaim is written to
takeover-journal.jsonl in TaskPaw's data folder.

Examples:
  taskpaw-ports reclaim --dry-run                     only say what would be done
  taskpaw-ports reclaim --role hub                    take over the hub's port
  taskpaw-ports reclaim --grace 30 --wait 0           be patient with processes, not with the system";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  taskpaw-ports explain --snapshot ports.json         a snapshot that somebody sent
  taskpaw-ports snapshot | taskpaw-ports explain --snapshot - --json";

const SNAPSHOT_EXAMPLES: &str = "\
A snapshot holds the processes' arguments, because what is ours is known by them: look at it before you
send it to somebody.

Examples:
  taskpaw-ports snapshot > ports.json                 what support asks for
  taskpaw-ports snapshot --role hub                   of the hub's port";

const RECORD_EXAMPLES: &str = "\
Names of users, folders and other programs are replaced, and arguments that TaskPaw does not know. Look at the file before you
send it to somebody all the same.

Examples:
  taskpaw-ports record --out ports.json               the agent's ports
  taskpaw-ports record --role hub --out hub.json      the hub's";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  taskpaw-ports completions bash > ~/.local/share/bash-completion/completions/taskpaw-ports
  taskpaw-ports completions fish > ~/.config/fish/completions/taskpaw-ports.fish
  taskpaw-ports completions powershell >> $PROFILE";

const MANUAL_EXAMPLES: &str = "\
Examples:
  taskpaw-ports manual > ~/.local/share/man/man1/taskpaw-ports.1
  taskpaw-ports manual | man -l -                     read it at once (Linux)";

#[derive(Debug, Subcommand)]
pub(crate) enum Call {
    /// Look who holds the ports; changes nothing.
    #[command(after_help = STATUS_EXAMPLES)]
    Status {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        form: Form,
    },
    /// Take the ports over from a stale backend.
    #[command(after_help = RECLAIM_EXAMPLES)]
    Reclaim {
        #[command(flatten)]
        target: Target,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
        /// How long a backend may take to stop before it is killed.
        #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "5")]
        grace: Duration,
        /// How long to wait for a port that becomes free by itself.
        #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "62")]
        wait: Duration,
        #[command(flatten)]
        form: Form,
    },
    /// Decide on a recorded snapshot; needs and touches nothing of this machine.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// The snapshot; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        snapshot: PathBuf,
        #[command(flatten)]
        form: Form,
    },
    /// Print a snapshot of this machine, for `explain`.
    #[command(after_help = SNAPSHOT_EXAMPLES)]
    Snapshot {
        #[command(flatten)]
        target: Target,
    },
    /// Write down what this system answers, as a test for TaskPaw itself.
    #[command(after_help = RECORD_EXAMPLES)]
    Record {
        #[command(flatten)]
        target: Target,
        /// The file to write; one that is there is replaced.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print the completions of a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    #[command(after_help = MANUAL_EXAMPLES)]
    Manual,
}

#[derive(Debug, Args)]
pub(crate) struct Target {
    /// agent or hub.
    #[arg(long, default_value = "agent")]
    pub(crate) role: Role,
    /// The folder of config.json, instead of the app's own.
    #[arg(long, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
    /// A wanted port, repeated for each; replaces the configured ones.
    #[arg(long = "port", value_name = "NAME=HOST:PORT", value_parser = wanted_port)]
    pub(crate) ports: Vec<WantedPort>,
}

#[derive(Debug, Args)]
pub(crate) struct Form {
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("\"{text}\" is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("\"{text}\" is no possible number of seconds"))
}

/// `NAME=HOST:PORT`.
fn wanted_port(text: &str) -> Result<WantedPort, String> {
    let parts = text.split_once('=').and_then(|(name, target)| Some((name, target.rsplit_once(':')?)));
    let Some((name, (host, port))) = parts.filter(|(name, _)| !name.is_empty()) else {
        return Err("write NAME=HOST:PORT, such as network=127.0.0.1:5680".to_owned());
    };
    let port = port.parse().map_err(|_| format!("\"{port}\" is no port number"))?;
    WantedPort::new(name, host, port).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_port_is_name_host_and_number() {
        let port = |text: &str| wanted_port(text).map(|port| (port.name.clone(), port.to_string()));
        assert_eq!(port("api=127.0.0.1:80"), Ok(("api".into(), "127.0.0.1:80".into())));
        assert_eq!(port("api=[::1]:80"), Ok(("api".into(), "[::1]:80".into())));
        assert_eq!(port("api=:80"), Ok(("api".into(), "0.0.0.0:80".into())));
        for wrong in ["api", "=127.0.0.1:80", "api=127.0.0.1", "api=127.0.0.1:x", "api=127.0.0.1:"] {
            assert!(port(wrong).is_err(), "{wrong}");
        }
        for wrong in ["api=:70000", "api=:0", "api=:-1", "api=my pc:80"] {
            assert!(port(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn seconds_are_positive_and_finite() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["-1", "x", "inf", "NaN", "1e300", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}
