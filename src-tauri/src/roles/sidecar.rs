//! The sidecar's process: started in a group of its own, spoken to over its standard streams.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use port_takeover::Claim;
use port_takeover::sys::while_none_is_received;
use process_wrap::tokio::{ChildWrapper, CommandWrap};
use taskpaw_contract::Role;
use taskpaw_contract::sidecar::{
    BrokenLine, HOST_ON_STDIN, HOST_VARIABLE, Hello, LONGEST_LINE, Line, PassedListener, Step,
};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::log::RoleLog;
use super::way::{Lines, Way};

/// How long a line to a sidecar may take that does not read: it fits into every system's pipe.
const WRITE_WITHIN: Duration = Duration::from_secs(1);
/// How many lines of stdout wait to be heard; beyond that the sidecar waits.
const MOST_LINES: usize = 16;
/// How long the rest of the log is waited for after the sidecar has ended. A grandchild could keep it open.
const LOG_AFTER_EXIT: Duration = Duration::from_millis(500);

/// What is asked of a running sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Take(Step),
    AskToStop,
    Kill,
}

/// What a sidecar tells.
#[derive(Debug)]
pub(super) enum News {
    /// A line of stdout. After one that is broken, no other is read.
    Line(Result<Line, BrokenLine>),
    /// The sidecar has ended.
    Exited(String),
}

/// A sidecar that was started. Its drop closes its stdin, which asks it to stop; nobody hears of its end then.
pub(super) struct Sidecar {
    pub(super) pid: u32,
    /// Over which sockets go.
    pub(super) way: Way,
    orders: mpsc::UnboundedSender<Order>,
}

impl Sidecar {
    /// Greets a sidecar that was started, which then prepares itself. `news` gets its lines and its end.
    ///
    /// # Errors
    /// If the greeting cannot be written down.
    pub(super) fn greet(
        ungreeted: Ungreeted,
        hello: &Hello,
        log: RoleLog,
        news: impl Fn(News) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let mut line = serde_json::to_vec(hello)?;
        line.push(b'\n');
        let Ungreeted { mut child, pid, way } = ungreeted;
        let (orders, incoming) = mpsc::unbounded_channel();
        let lines = way.lines(child.as_mut());
        tokio::spawn(async move { attend(child.as_mut(), lines, &line, log, incoming, &news).await });
        Ok(Self { pid, way, orders })
    }

    /// Passes an order on. One to a sidecar that has ended is not an error.
    pub(super) fn order(&self, order: Order) {
        let _already_ended = self.orders.send(order);
    }
}

/// A sidecar that waits for its greeting: it holds no port and knows no secret. Its drop closes its stdin, and it ends.
#[derive(Debug)]
pub(super) struct Ungreeted {
    child: Box<dyn ChildWrapper>,
    pid: u32,
    way: Way,
}

impl Ungreeted {
    /// Starts the program for a role. It inherits the listeners, as [`passed`] names them; this process then has none of them.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn start(
        program: std::process::Command,
        role: Role,
        listeners: Vec<Claim>,
    ) -> io::Result<Self> {
        let mut command = tokio::process::Command::from(program);
        command
            .arg(role.as_str())
            .env(HOST_VARIABLE, HOST_ON_STDIN)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let way = Way::open(&mut command)?;
        pass(&mut command, listeners)?;
        let child = while_none_is_received(|| in_own_group(command).spawn())?;
        let pid = child.id().ok_or_else(|| io::Error::other("it has no process id"))?;
        Ok(Self { child, pid, way })
    }
}

/// What a sidecar is told of the listeners that it inherits.
#[cfg(target_os = "linux")]
pub(super) fn passed(listeners: &[Claim]) -> Vec<PassedListener> {
    let numbers = port_takeover::sys::FIRST_PASSED..;
    let named = |(claim, descriptor): (&Claim, i32)| PassedListener { name: claim.name.clone(), descriptor };
    listeners.iter().zip(numbers).map(named).collect()
}

#[cfg(target_os = "linux")]
fn pass(command: &mut tokio::process::Command, listeners: Vec<Claim>) -> io::Result<()> {
    use command_fds::{CommandFdExt as _, FdMapping};

    if listeners.is_empty() {
        return Ok(());
    }
    let numbers = port_takeover::sys::FIRST_PASSED..;
    let mapped = |(claim, child_fd): (Claim, i32)| FdMapping { parent_fd: claim.listener.into(), child_fd };
    let mappings = listeners.into_iter().zip(numbers).map(mapped).collect();
    command.fd_mappings(mappings).map(|_| ()).map_err(io::Error::other)
}

/// Other systems keep no listener that could be passed.
#[cfg(not(target_os = "linux"))]
pub(super) fn passed(_listeners: &[Claim]) -> Vec<PassedListener> {
    Vec::new()
}

#[cfg(not(target_os = "linux"))]
fn pass(_command: &mut tokio::process::Command, _listeners: Vec<Claim>) -> io::Result<()> {
    Ok(())
}

/// A group of its own: signals to the host's group do not reach it. On Windows a job that holds the sidecar alone.
fn in_own_group(command: tokio::process::Command) -> CommandWrap {
    let mut command = CommandWrap::from(command);
    #[cfg(unix)]
    command.wrap(process_wrap::tokio::ProcessGroup::leader());
    #[cfg(windows)]
    {
        use process_wrap::tokio::{CreationFlags, JobObject, KillOnDrop};
        use windows::Win32::System::Threading::CREATE_NO_WINDOW;

        // Without this the job would not end with the host, and what is in it would live on.
        command.wrap(KillOnDrop);
        // The job sets flags of its own in place of the command's: a console's window would open.
        command.wrap(CreationFlags(CREATE_NO_WINDOW));
        command.wrap(JobObject);
    }
    command
}

async fn attend(
    child: &mut dyn ChildWrapper,
    mut stdin: Option<Lines>,
    hello: &[u8],
    log: RoleLog,
    mut orders: mpsc::UnboundedReceiver<Order>,
    news: &(dyn Fn(News) + Send + Sync),
) {
    let stdout = child.stdout().take();
    let log_reader: Option<JoinHandle<()>> =
        child.stderr().take().map(|stderr| tokio::spawn(copy_log(stderr, log)));
    // A sidecar that ended at once does not read: its exit tells more than an error here.
    write(stdin.as_mut(), hello).await;
    let (heard, mut lines) = mpsc::channel(MOST_LINES);
    tokio::spawn(read_lines(stdout, heard));
    let mut lines_end = false;
    let status = loop {
        tokio::select! {
            line = lines.recv(), if !lines_end => match line {
                Some(line) => news(News::Line(line)),
                None => lines_end = true,
            },
            order = orders.recv() => match order {
                Some(Order::Take(step)) => {
                    let line = serde_json::to_vec(&step).unwrap_or_default();
                    write(stdin.as_mut(), &[line.as_slice(), b"\n"].concat()).await;
                }
                Some(Order::Kill) => {
                    if let Err(error) = child.start_kill() {
                        tracing::warn!(%error, "the backend cannot be killed");
                    }
                }
                Some(Order::AskToStop) => close(stdin.take()).await,
                // Nobody gives orders any more: the role has another sidecar, or is gone, and so must be this one.
                None => {
                    close(stdin.take()).await;
                    let _nobody_hears_how = child.wait().await;
                    return;
                }
            },
            status = child.wait() => break status,
        }
    };
    // A sidecar that says why it does not start ends at once: its line may still lie in the pipe.
    while let Ok(Some(line)) = tokio::time::timeout(LOG_AFTER_EXIT, lines.recv()).await {
        news(News::Line(line));
    }
    if let Some(reader) = log_reader {
        let _rest_is_left = tokio::time::timeout(LOG_AFTER_EXIT, reader).await;
    }
    let status = match status {
        Ok(status) => status.to_string(),
        Err(error) => format!("how it ended cannot be read: {error}"),
    };
    news(News::Exited(status));
}

/// Writes a line to a sidecar. One that does not read is noticed by what it does not answer.
async fn write(stdin: Option<&mut Lines>, line: &[u8]) {
    let Some(pipe) = stdin else { return };
    match tokio::time::timeout(WRITE_WITHIN, pipe.write_all(line)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "the backend does not read"),
        Err(_) => tracing::warn!("the backend does not read what it is told"),
    }
}

/// Ends the stdin of a sidecar, even if another process still has this end of it.
async fn close(stdin: Option<Lines>) {
    let Some(mut stdin) = stdin else { return };
    if let Err(error) = stdin.shutdown().await {
        tracing::debug!(%error, "the backend has ended already");
    }
}

/// The lines of stdout, until it ends or one is broken. What follows that is drained, so that the sidecar never blocks on
/// it.
async fn read_lines(
    stdout: Option<tokio::process::ChildStdout>,
    heard: mpsc::Sender<Result<Line, BrokenLine>>,
) {
    let Some(stdout) = stdout else { return };
    let mut reader = BufReader::new(stdout);
    loop {
        let mut text = String::new();
        let line = match (&mut reader).take(LONGEST_LINE).read_line(&mut text).await {
            Ok(0) => return,
            Ok(_) => Line::parse(text.trim_end()),
            Err(error) => Err(BrokenLine(error.to_string())),
        };
        let is_broken = line.is_err();
        if heard.send(line).await.is_err() || is_broken {
            break;
        }
    }
    drop(heard);
    let mut rest = [0; 1024];
    while matches!(reader.read(&mut rest).await, Ok(1..)) {}
}

async fn copy_log(stderr: impl AsyncRead + Unpin, log: RoleLog) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => log.write(String::from_utf8_lossy(&line).trim_end()),
        }
    }
}

#[cfg(test)]
#[path = "sidecar_tests.rs"]
mod tests;
