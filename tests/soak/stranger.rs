//! Programs that TaskPaw has nothing to do with, and must never signal.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::within;

/// A foreign program.
#[derive(Debug)]
pub struct Stranger {
    process: Child,
    told: PathBuf,
    _folder: tempfile::TempDir,
}

impl Stranger {
    /// One that takes a port as soon as nobody has it.
    pub async fn who_wants(port: u16) -> Self {
        Self::start("hold", port).await
    }

    /// One that is connected to a port.
    pub async fn connected_to(port: u16) -> Self {
        Self::start("ask", port).await
    }

    async fn start(what: &str, port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let told = folder.path().join("told");
        let process = Command::new("python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("soak/stranger.py"))
            .args([what, &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(File::create(&told).expect("a file"))
            .spawn()
            .expect("python3");
        let stranger = Self { process, told, _folder: folder };
        let ready =
            within(Duration::from_secs(20), async || stranger.told().contains("ready").then_some(())).await;
        ready.expect("the stranger is ready");
        stranger
    }

    fn told(&self) -> String {
        std::fs::read_to_string(&self.told).expect("what it told")
    }

    /// Whether it has the port.
    pub fn holds(&self) -> bool {
        self.told().contains("held")
    }

    /// Whether it lives and got no signal.
    ///
    /// # Errors
    /// What happened to it.
    pub fn is_unharmed(&mut self) -> Result<(), String> {
        let told = self.told();
        if told.contains("signal") {
            return Err(format!("a stranger was signalled; it told: {told:?}"));
        }
        match self.process.try_wait().expect("its state") {
            None => Ok(()),
            Some(status) => Err(format!("a stranger was ended: {status}")),
        }
    }

    /// Lets it go, and with it what it held.
    ///
    /// # Errors
    /// If something else had ended it.
    pub async fn release(mut self) -> Result<(), String> {
        self.is_unharmed()?;
        drop(self.process.stdin.take());
        let ended =
            within(Duration::from_secs(20), async || self.process.try_wait().expect("its state")).await;
        match ended {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("a stranger was ended: {status}")),
            None => Err("a stranger does not end".to_owned()),
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _already_ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
