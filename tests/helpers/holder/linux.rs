//! The holder itself: its options, its sockets, its children, and the record of its signals.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _, stdin, stdout};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, exit};
use std::thread;

use socket2::{Domain, Socket, Type};

/// What it was asked to be.
#[derive(Default)]
struct Wishes {
    listen: Vec<SocketAddr>,
    bind: Vec<SocketAddr>,
    /// A connection from a local address to a peer.
    client: Option<(SocketAddr, SocketAddr)>,
    no_reuse_address: bool,
    reuse_port: bool,
    v6only: bool,
    /// Connections are accepted, and kept or closed.
    accept: Option<Accepted>,
    /// Where signals are written down.
    record: Option<PathBuf>,
    ignore_term: bool,
    /// The name that the system shows.
    name: Option<OsString>,
    /// How many descriptors it opens besides.
    open: usize,
    open_file: Option<PathBuf>,
    new_network: bool,
    undumpable: bool,
    /// A child of the same program that inherits the sockets, and its record.
    fork: Option<PathBuf>,
    /// A child of another program that inherits the sockets, and its record.
    spawn: Option<(PathBuf, PathBuf)>,
    /// A child of another program that has none of the sockets, and its record.
    work: Option<(PathBuf, PathBuf)>,
    /// A program that is kept alive, and the address on which it is to listen.
    supervise: Option<(PathBuf, SocketAddr)>,
    /// When asked to stop: closes its sockets, and waits for its successor before it exits.
    hand_over: bool,
    die_with_parent: bool,
    /// The first thread ends and another one lives on.
    leader_exits: bool,
}

#[derive(Clone, Copy)]
enum Accepted {
    Kept,
    Closed,
}

pub(crate) fn main() {
    let wishes = wishes();
    block_all_signals();
    if wishes.die_with_parent {
        control(libc::PR_SET_PDEATHSIG, libc::SIGKILL.unsigned_abs().into());
    }
    if wishes.undumpable {
        control(libc::PR_SET_DUMPABLE, 0);
    }
    if wishes.new_network {
        enter_new_network();
    }
    if let Some(name) = &wishes.name {
        std::fs::write("/proc/self/comm", name.as_encoded_bytes()).expect("the name is set");
    }
    let files = open_descriptors(&wishes);
    let sockets = sockets(&wishes);
    let mut record = wishes.record.as_deref().map(append_to);
    let record_of_child = wishes.fork.as_deref().map(append_to);
    let mut children = Vec::new();
    let mut is_child = false;
    if record_of_child.is_some() {
        // SAFETY: this process has one thread, so the child may do everything.
        match unsafe { libc::fork() } {
            -1 => panic!("it cannot fork"),
            0 => (is_child, record) = (true, record_of_child),
            child => children.push(child.unsigned_abs()),
        }
    }
    if let Some((program, of_child)) = &wishes.work {
        let (child, _) = start(Command::new(program).arg("--record").arg(of_child));
        children.push(child.id());
    }
    if let Some((program, of_child)) = &wishes.spawn {
        sockets.iter().for_each(|socket| socket.set_cloexec(false).expect("it can be inherited"));
        let (child, _) = start(Command::new(program).arg("--record").arg(of_child));
        children.push(child.id());
    }
    if let Some((program, address)) = wishes.supervise.clone() {
        let first = start_backend(&program, address);
        children.push(first.0.id());
        thread::spawn(move || supervise(&program, address, first));
    }
    for socket in &sockets {
        if let Some(accepted) = wishes.accept {
            accept(socket.try_clone().expect("a second descriptor"), accepted);
        }
    }
    if !is_child {
        let children: Vec<String> = children.iter().map(u32::to_string).collect();
        say(&format!("ready {}", children.join(" ")));
    }
    let leader_exits = wishes.leader_exits;
    let until_the_end = move || wait_for_signals(&wishes, record, (sockets, files));
    if leader_exits {
        thread::spawn(until_the_end);
        end_this_thread();
    }
    until_the_end();
}

fn wishes() -> Wishes {
    let mut wishes = Wishes::default();
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("a value");
        match argument.to_str() {
            Some("--listen") => wishes.listen.push(address(&value())),
            Some("--bind") => wishes.bind.push(address(&value())),
            Some("--client") => wishes.client = Some((address(&value()), address(&value()))),
            Some("--no-reuse-address") => wishes.no_reuse_address = true,
            Some("--reuse-port") => wishes.reuse_port = true,
            Some("--v6only") => wishes.v6only = true,
            Some("--keep-clients") => wishes.accept = Some(Accepted::Kept),
            Some("--close-clients") => wishes.accept = Some(Accepted::Closed),
            Some("--record") => wishes.record = Some(value().into()),
            Some("--ignore-term") => wishes.ignore_term = true,
            Some("--name") => wishes.name = Some(value()),
            Some("--open") => wishes.open = text(&value()).parse().expect("a number"),
            Some("--open-file") => wishes.open_file = Some(value().into()),
            Some("--new-network") => wishes.new_network = true,
            Some("--undumpable") => wishes.undumpable = true,
            Some("--fork") => wishes.fork = Some(value().into()),
            Some("--spawn") => wishes.spawn = Some((value().into(), value().into())),
            Some("--work") => wishes.work = Some((value().into(), value().into())),
            Some("--supervise") => wishes.supervise = Some((value().into(), address(&value()))),
            Some("--hand-over") => wishes.hand_over = true,
            Some("--die-with-parent") => wishes.die_with_parent = true,
            Some("--leader-exits") => wishes.leader_exits = true,
            _ => {}
        }
    }
    wishes
}

fn text(value: &OsStr) -> &str {
    value.to_str().expect("a value in UTF-8")
}

fn address(value: &OsStr) -> SocketAddr {
    text(value).parse().expect("an address and a port")
}

fn say(line: &str) {
    // Nobody reads any more once the test knows enough.
    let _unread = writeln!(stdout(), "{line}").and_then(|()| stdout().flush());
}

fn sockets(wishes: &Wishes) -> Vec<Socket> {
    let bound = |address: &SocketAddr| {
        let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(!wishes.no_reuse_address).expect("SO_REUSEADDR");
        socket.set_reuse_port(wishes.reuse_port).expect("SO_REUSEPORT");
        if address.is_ipv6() {
            socket.set_only_v6(wishes.v6only).expect("IPV6_V6ONLY");
        }
        socket.bind(&(*address).into()).unwrap_or_else(|error| panic!("{address}: {error}"));
        socket
    };
    let mut sockets: Vec<Socket> = wishes.listen.iter().chain(&wishes.bind).map(bound).collect();
    for socket in &sockets[..wishes.listen.len()] {
        socket.listen(64).expect("it listens");
    }
    if let Some((local, peer)) = wishes.client {
        let socket = bound(&local);
        socket.connect(&peer.into()).expect("a connection");
        sockets.push(socket);
    }
    sockets
}

fn accept(socket: Socket, accepted: Accepted) {
    thread::spawn(move || {
        let mut kept: Vec<TcpStream> = Vec::new();
        while let Ok((client, _)) = socket.accept() {
            let mut client = TcpStream::from(client);
            // It says that it was accepted: until then, a client may as well be still in the queue.
            let _gone_again = client.write_all(b"!");
            match accepted {
                Accepted::Kept => kept.push(client),
                Accepted::Closed => drop(client),
            }
        }
    });
}

fn open_descriptors(wishes: &Wishes) -> Vec<File> {
    if wishes.open > 0 {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: both calls are given a whole rlimit that outlives them.
        unsafe {
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
    let mut files: Vec<File> =
        (0..wishes.open).map(|_| File::open("/dev/null").expect("one more descriptor")).collect();
    files.extend(wishes.open_file.iter().map(|path| File::open(path).expect("the file")));
    files
}

fn append_to(path: &Path) -> File {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Writes each signal down before it acts on it.
fn wait_for_signals(wishes: &Wishes, mut record: Option<File>, held: (Vec<Socket>, Vec<File>)) {
    let mut held = Some(held);
    loop {
        let (signal, from_kernel) = next_signal();
        if signal == libc::SIGCHLD && from_kernel {
            continue; // A child of its own ended: nobody sent that.
        }
        if let Some(record) = &mut record {
            writeln!(record, "{signal}").expect("it is written down");
        }
        if signal == libc::SIGTERM && !wishes.ignore_term {
            if wishes.hand_over {
                held.take();
                say("leaving");
                let _told = stdin().lock().read_line(&mut String::new());
            }
            exit(0);
        }
    }
}

fn every_signal() -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: sigfillset writes the whole set.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        set.assume_init()
    }
}

fn block_all_signals() {
    // SAFETY: the set is valid, and the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &every_signal(), std::ptr::null_mut()) };
}

/// The next signal, and whether the kernel made it.
fn next_signal() -> (i32, bool) {
    let every = every_signal();
    loop {
        let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: both pointers are valid, and zeros are a valid siginfo_t.
        let (signal, info) =
            unsafe { (libc::sigwaitinfo(&raw const every, info.as_mut_ptr()), info.assume_init()) };
        if signal > 0 {
            return (signal, info.si_code > 0);
        }
    }
}

/// Starts another program and waits until it is ready.
fn start(command: &mut Command) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a child");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
    lines.read_line(&mut String::new()).expect("it is ready");
    (child, lines)
}

fn start_backend(program: &Path, address: SocketAddr) -> (Child, BufReader<std::process::ChildStdout>) {
    let address = address.to_string();
    start(
        Command::new(program)
            .args(["agent", "--die-with-parent", "--hand-over", "--listen", &address])
            .arg0("taskpaw-backend"),
    )
}

/// Keeps a backend alive. The old one exits only when the new one listens, so that no moment is without one.
fn supervise(program: &Path, address: SocketAddr, first: (Child, BufReader<std::process::ChildStdout>)) {
    let (mut current, mut lines) = first;
    while lines.read_line(&mut String::new()).is_ok() {
        let next = start_backend(program, address);
        drop(current.stdin.take());
        let _ended = current.wait();
        (current, lines) = next;
    }
}

fn control(option: i32, value: libc::c_ulong) {
    // SAFETY: these options take one number and no pointer.
    assert_eq!(unsafe { libc::prctl(option, value, 0, 0, 0) }, 0, "prctl {option}");
}

/// A network of its own, with its loopback up.
fn enter_new_network() {
    // SAFETY: unshare takes no pointer; this process has one thread.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0, "a network namespace of its own");
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    // SAFETY: zeros are a valid ifreq; the request outlives the call, and its union is set as SIOCSIFFLAGS
    // reads it.
    let up = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[..2].copy_from_slice(&[b'l'.cast_signed(), b'o'.cast_signed()]);
        request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_UP).expect("a small flag");
        libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&socket), libc::SIOCSIFFLAGS, &raw const request)
    };
    assert_eq!(up, 0, "its loopback is up");
}

/// Ends the first thread; the process lives on with the others, and its leader is a zombie.
fn end_this_thread() -> ! {
    // SAFETY: no destructor of this thread is needed by the others; the exit is of this thread alone.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("the thread has ended")
}
