//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
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
  taskpaw-ports status
  taskpaw-ports status --role hub --json
  taskpaw-ports reclaim --dry-run
  taskpaw-ports status --port web=127.0.0.1:8080
  taskpaw-ports snapshot > ports.json && taskpaw-ports explain --snapshot ports.json";

#[derive(Debug, Subcommand)]
pub(crate) enum Call {
    /// Look who holds the ports; changes nothing.
    Status {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        form: Form,
    },
    /// Take the ports over from a stale backend.
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
    Explain {
        /// The snapshot; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        snapshot: PathBuf,
        #[command(flatten)]
        form: Form,
    },
    /// Print a snapshot of this machine, for `explain`.
    Snapshot {
        #[command(flatten)]
        target: Target,
    },
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

/// `NAME=HOST:PORT`. A number out of range is let through: the verdict names it.
fn wanted_port(text: &str) -> Result<WantedPort, String> {
    let parts = text.split_once('=').and_then(|(name, target)| Some((name, target.rsplit_once(':')?)));
    let Some((name, (host, port))) = parts.filter(|(name, _)| !name.is_empty()) else {
        return Err("write NAME=HOST:PORT, such as network=127.0.0.1:5680".to_owned());
    };
    let port = port.parse().map_err(|_| format!("\"{port}\" is no port number"))?;
    Ok(WantedPort { name: name.to_owned(), host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_port_is_name_host_and_number() {
        let port = |text: &str| wanted_port(text).map(|port| (port.name, port.host, port.port));
        assert_eq!(port("api=127.0.0.1:80"), Ok(("api".into(), "127.0.0.1".into(), 80)));
        assert_eq!(port("api=[::1]:80"), Ok(("api".into(), "[::1]".into(), 80)));
        assert_eq!(port("api=:70000"), Ok(("api".into(), String::new(), 70000)));
        for wrong in ["api", "=127.0.0.1:80", "api=127.0.0.1", "api=127.0.0.1:x", "api=127.0.0.1:"] {
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
