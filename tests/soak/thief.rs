//! Somebody who wants a port, and who else has it.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

/// Between two tries.
const STEP: Duration = Duration::from_micros(500);

/// A program that tries to take a port all the time, as one does that is about to serve there. It lets go of it at once.
#[derive(Debug)]
pub struct Thief {
    tries: Arc<AtomicUsize>,
    got: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Thief {
    /// Tries from now on.
    pub fn wants(port: u16) -> Self {
        let (tries, got) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let counts = (Arc::clone(&tries), Arc::clone(&got));
        let task = tokio::spawn(async move {
            loop {
                counts.0.fetch_add(1, Ordering::SeqCst);
                if listens(port) {
                    counts.1.fetch_add(1, Ordering::SeqCst);
                }
                tokio::time::sleep(STEP).await;
            }
        });
        Self { tries, got, task }
    }

    /// How often it has tried, and how often it got it.
    pub fn stops(self) -> (usize, usize) {
        self.task.abort();
        (self.tries.load(Ordering::SeqCst), self.got.load(Ordering::SeqCst))
    }
}

fn listens(port: u16) -> bool {
    let bind = || {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        socket.listen(16)
    };
    bind().is_ok()
}

/// A process that has listening sockets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// It.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// How many descriptors of them it has.
    pub descriptors: usize,
}

/// The processes that have a listening socket on these numbers: all that this user may look at.
pub fn holders(ports: &[u16]) -> BTreeSet<Holder> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let inodes: BTreeSet<String> = table
        .lines()
        .skip(1)
        .filter_map(|row| {
            let fields: Vec<&str> = row.split_whitespace().collect();
            let port = u16::from_str_radix(fields.get(1)?.rsplit_once(':')?.1, 16).ok()?;
            // 0A is LISTEN.
            (*fields.get(3)? == "0A" && ports.contains(&port)).then(|| format!("socket:[{}]", fields[9]))
        })
        .collect();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let is_one = |descriptor: &fs::DirEntry| {
                fs::read_link(descriptor.path())
                    .is_ok_and(|link| link.to_str().is_some_and(|link| inodes.contains(link)))
            };
            let descriptors = fs::read_dir(entry.path().join("fd")).ok()?.flatten().filter(is_one).count();
            let name = || fs::read_to_string(entry.path().join("comm")).unwrap_or_default().trim().to_owned();
            (descriptors > 0).then(|| Holder { pid, name: name(), descriptors })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_listens_is_seen_and_is_not_stolen_from() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let port = listener.local_addr().expect("its address").port();
        let thief = Thief::wants(port);
        let copy = listener.try_clone().expect("a copy");
        let seen: Vec<_> = holders(&[port]).into_iter().map(|it| (it.pid, it.descriptors)).collect();
        assert_eq!(seen, [(std::process::id(), 2)]);
        drop(copy);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let (tries, got) = thief.stops();
        assert!(tries > 1 && got == 0, "{tries} {got}");
    }
}
