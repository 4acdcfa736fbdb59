//! Downloads from servers on loopback that do everything that a server should not. No release asks by plain HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails where its own data is wrong")]
#![cfg(debug_assertions)]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use taskpaw_updates::download::{Fetcher, Limits};
use taskpaw_updates::feed::{LARGEST_FEED, Notes, Package, System};
use taskpaw_updates::{Keys, Offer, Purpose, Refusal};

/// Larger than what a socket holds.
const SIZE: usize = 3_000_000;

/// What is asked for, as it came, in lower case.
type Asked = Arc<Mutex<Vec<String>>>;

/// A server that answers each request as it likes; a connection serves one.
fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let asked = Asked::default();
    let heard = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            heard.lock().unwrap().push(head.clone());
            answer(&head, &mut stream);
        }
    });
    (url, asked)
}

/// Sends; whoever has left does not hear it.
fn send(stream: &mut TcpStream, head: &str, bytes: &[u8]) -> bool {
    let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(bytes)).is_ok()
}

fn package() -> Vec<u8> {
    (0..SIZE).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn system() -> System {
    System::named("linux-x86_64").unwrap()
}

/// Whoever signs, and an offer of the package.
fn offer(url: &str) -> (Keys, Offer) {
    let maker = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let version = "4.2.0".parse().unwrap();
    let comment = Purpose::Package { version, system: system() }.trusted_comment();
    let signature =
        minisign::sign(None, &maker.sk, package().as_slice(), Some(&comment), None).unwrap().to_string();
    let package = Package { url: url.to_owned(), signature, size: SIZE as u64 };
    let offer =
        Offer { version: "4.2.0".parse().unwrap(), package, notes: Notes::default(), security: false };
    (Keys::parse(&maker.pk.to_base64()).unwrap(), offer)
}

fn fetcher() -> Fetcher {
    Fetcher::new(Limits::default()).unwrap()
}

/// One that waits for nobody, so that a test is short.
fn hasty() -> Fetcher {
    let short = Duration::from_millis(400);
    Fetcher::new(Limits { silence: short, span: short, bytes_in_span: 1000, ..Limits::default() }).unwrap()
}

async fn fetch(fetcher: &Fetcher, url: &str, folder: &Path) -> Result<PathBuf, Refusal> {
    let (keys, offer) = offer(url);
    fetcher.package(&offer, &system(), folder, &keys, |_| {}).await
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().count() == 0
}

#[tokio::test]
async fn the_request_is_all_that_is_sent() {
    let (url, asked) = serve(|_, stream| {
        send(stream, "200 OK\r\nContent-Length: 4", b"feed");
    });
    let (feed, signature) = fetcher().feed(&url).await.unwrap();
    assert_eq!((feed.as_slice(), signature.as_slice()), (b"feed".as_slice(), b"feed".as_slice()));
    let asked = asked.lock().unwrap().clone();
    assert!(
        asked[0].starts_with("get /x http/1.1\r\n") && asked[1].starts_with("get /x.minisig http/1.1\r\n")
    );
    for request in &asked {
        let names: BTreeSet<&str> =
            request.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect();
        assert_eq!(names, BTreeSet::from(["accept", "host", "user-agent"]), "{request}");
        assert!(request.contains("\r\nuser-agent: taskpaw\r\n"), "{request}");
    }
}

#[tokio::test]
async fn what_breaks_off_goes_on_where_it_was() {
    let half = SIZE / 2;
    let (url, asked) = serve(move |head, stream| {
        if head.contains(&format!("\r\nrange: bytes={half}-\r\n")) {
            let range = format!("206 Partial Content\r\nContent-Range: bytes {half}-{}/{SIZE}", SIZE - 1);
            send(stream, &format!("{range}\r\nContent-Length: {}", SIZE - half), &package()[half..]);
        } else {
            send(stream, &format!("200 OK\r\nETag: \"a\"\r\nContent-Length: {SIZE}"), &package()[..half]);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let (keys, offer) = offer(&url);
    let mut heard = Vec::new();
    let first = fetcher().package(&offer, &system(), folder.path(), &keys, |_| {}).await;
    assert_eq!(first, Err(Refusal::Unreachable));
    let file =
        fetcher().package(&offer, &system(), folder.path(), &keys, |done| heard.push(done)).await.unwrap();
    assert!(std::fs::read(file).unwrap() == package());
    assert_eq!((heard.first(), heard.last()), (Some(&(half as u64)), Some(&(SIZE as u64))));
    assert!(heard.is_sorted());
    assert!(asked.lock().unwrap()[1].contains("\r\nif-range: \"a\"\r\n"));
    // What is there is not fetched again.
    fetcher().package(&offer, &system(), folder.path(), &keys, |_| {}).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn another_file_at_the_same_place_is_fetched_from_its_beginning() {
    let (url, asked) = serve(|head, stream| {
        let sent = if head.contains("\r\nrange: ") { SIZE } else { SIZE / 3 };
        let etag = if sent == SIZE { "b" } else { "a" };
        send(stream, &format!("200 OK\r\nETag: \"{etag}\"\r\nContent-Length: {SIZE}"), &package()[..sent]);
    });
    let folder = tempfile::tempdir().unwrap();
    let (keys, offer) = offer(&url);
    assert!(fetcher().package(&offer, &system(), folder.path(), &keys, |_| {}).await.is_err());
    let file = fetcher().package(&offer, &system(), folder.path(), &keys, |_| {}).await.unwrap();
    assert!(std::fs::read(file).unwrap() == package());
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_that_goes_on_elsewhere_than_asked_is_not_believed() {
    let (url, _) = serve(|head, stream| {
        let range = format!("206 Partial Content\r\nContent-Range: bytes 7-{}/{SIZE}", SIZE - 1);
        let (head, sent) =
            if head.contains("\r\nrange: ") { (range, SIZE - 7) } else { ("200 OK".to_owned(), SIZE / 3) };
        send(stream, &format!("{head}\r\nETag: \"a\""), &package()[..sent]);
    });
    let folder = tempfile::tempdir().unwrap();
    let (keys, offer) = offer(&url);
    let mut fetched = Vec::new();
    for _ in 0..2 {
        fetched.push(fetcher().package(&offer, &system(), folder.path(), &keys, |_| {}).await);
    }
    assert_eq!(fetched, [Err(Refusal::Unreachable), Err(Refusal::WrongSize)]);
    assert!(is_empty(folder.path()));
}

#[tokio::test]
async fn a_redirect_leads_to_the_same_host_or_nowhere() {
    let (elsewhere, asked_elsewhere) = serve(|_, stream| {
        send(stream, "200 OK", b"feed");
    });
    let (url, _) = serve(move |_, stream| {
        send(stream, &format!("302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0"), b"");
    });
    assert_eq!(fetcher().feed(&url).await, Err(Refusal::Redirected));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&fetcher(), &url, folder.path()).await, Err(Refusal::Redirected));
    assert_eq!(asked_elsewhere.lock().unwrap().len(), 0);
    let (url, _) = serve(|head, stream| {
        if head.starts_with("get /x") {
            send(stream, "302 Found\r\nLocation: /y\r\nContent-Length: 0", b"");
        } else {
            send(stream, "200 OK", b"feed");
        }
    });
    assert!(fetcher().feed(&url).await.is_ok());
    let (url, asked) = serve(|_, stream| {
        send(stream, "302 Found\r\nLocation: /x\r\nContent-Length: 0", b"");
    });
    assert_eq!(fetcher().feed(&url).await, Err(Refusal::Redirected));
    assert!(asked.lock().unwrap().len() < 10);
}

#[tokio::test]
async fn what_does_not_end_is_ended() {
    let (url, _) = serve(|_, stream| {
        let mut goes_on = send(stream, "200 OK", &package());
        while goes_on {
            goes_on = stream.write_all(&[0; 65536]).is_ok();
        }
    });
    assert_eq!(fetcher().feed(&url).await, Err(Refusal::TooLarge));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&fetcher(), &url, folder.path()).await, Err(Refusal::WrongSize));
    assert!(is_empty(folder.path()), "nothing of it stays");
    let (url, _) = serve(|_, stream| {
        send(stream, "200 OK\r\nContent-Length: 99", b"x");
    });
    assert_eq!(fetch(&fetcher(), &url, folder.path()).await, Err(Refusal::WrongSize));
    let too_large = LARGEST_FEED + 1;
    let (url, _) = serve(move |_, stream| {
        send(stream, "200 OK", &vec![0; too_large]);
    });
    assert_eq!(fetcher().feed(&url).await, Err(Refusal::TooLarge));
}

#[tokio::test]
async fn who_is_silent_or_slow_is_not_waited_for() {
    let (url, _) = serve(|_, stream| {
        let _hangs = stream.read(&mut [0; 8]);
    });
    assert_eq!(hasty().feed(&url).await, Err(Refusal::TooSlow));
    let (url, _) = serve(|_, stream| {
        let mut goes_on = send(stream, &format!("200 OK\r\nETag: \"a\"\r\nContent-Length: {SIZE}"), b"x");
        while goes_on {
            std::thread::sleep(Duration::from_millis(50));
            goes_on = stream.write_all(b"x").is_ok();
        }
    });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&hasty(), &url, folder.path()).await, Err(Refusal::TooSlow));
    assert!(!is_empty(folder.path()), "what came stays, to go on");
}

#[tokio::test]
async fn what_is_not_what_was_signed_does_not_stay() {
    let (url, _) = serve(|_, stream| {
        let mut changed = package();
        changed[SIZE / 2] ^= 1;
        send(stream, &format!("200 OK\r\nETag: \"a\"\r\nContent-Length: {SIZE}"), &changed);
    });
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(fetch(&fetcher(), &url, folder.path()).await, Err(Refusal::BadSignature));
    assert!(is_empty(folder.path()));
}

#[tokio::test]
async fn a_disk_without_room_and_a_folder_without_permission_are_found_before_anybody_is_asked() {
    let (url, asked) = serve(|_, _| {});
    let folder = tempfile::tempdir().unwrap();
    let (keys, mut offer) = offer(&url);
    offer.package.size = 1 << 60;
    let fetched = fetcher().package(&offer, &system(), folder.path(), &keys, |_| {}).await;
    assert_eq!(fetched, Err(Refusal::NoSpace));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(fetch(&fetcher(), &url, &file.join("below")).await, Err(Refusal::DiskFailed));
    assert_eq!(asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn nobody_there_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(fetcher().feed(&url).await, Err(Refusal::Unreachable));
    let (url, _) = serve(|_, stream| {
        send(stream, "404 Not Found\r\nContent-Length: 0", b"");
    });
    assert_eq!(fetcher().feed(&url).await, Err(Refusal::Unreachable));
}
