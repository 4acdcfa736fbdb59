//! Against a server that answers as ComfyUI does, on a real connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::monitors::tests::{levels, made, problem};

/// A ComfyUI: what runs, what waits, and what is over.
#[derive(Debug, Default)]
struct ComfyUiServer {
    running: Vec<&'static str>,
    pending: Vec<&'static str>,
    /// Each with the message of what went wrong, if something did.
    history: Vec<(&'static str, Option<&'static str>)>,
    is_broken: bool,
}

impl ComfyUiServer {
    /// As ComfyUI 0.3 says it, with the workflow in each prompt.
    fn answer(&self, path: &str) -> String {
        if self.is_broken {
            return "<html>502 Bad Gateway</html>".to_owned();
        }
        let prompt = |id: &&str| json!([1, id, { "3": { "class_type": "KSampler", "inputs": {} } }, { "client_id": "c" }, ["9"]]);
        let entry = |(id, error): &(&str, Option<&str>)| {
            let (word, last) = match error {
                None => ("success", json!(["execution_success", { "prompt_id": id }])),
                Some(message) => (
                    "error",
                    json!(["execution_error", { "prompt_id": id, "node_type": "KSampler",
                        "exception_message": message, "exception_type": "torch.OutOfMemoryError", "traceback": ["…"] }]),
                ),
            };
            let status = json!({ "status_str": word, "completed": error.is_none(),
                                 "messages": [["execution_start", { "prompt_id": id }], last] });
            (id.to_string(), json!({ "prompt": prompt(id), "outputs": {}, "status": status }))
        };
        if path == "/queue" {
            let list = |ids: &[&str]| ids.iter().map(prompt).collect::<Vec<_>>();
            json!({ "queue_running": list(&self.running), "queue_pending": list(&self.pending) }).to_string()
        } else if let Some(id) = path.strip_prefix("/history/") {
            let found = self.history.iter().filter(|(known, _)| *known == id).map(entry);
            Value::Object(found.collect()).to_string()
        } else {
            assert_eq!(path, "/history?max_items=64");
            Value::Object(self.history.iter().map(entry).collect()).to_string()
        }
    }
}

/// Serves it until the test ends; says its port.
fn serve(server: &Arc<Mutex<ComfyUiServer>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = server.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            one(stream.unwrap(), &server);
        }
    });
    port
}

fn one(mut stream: TcpStream, server: &Mutex<ComfyUiServer>) {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        let length = stream.read(&mut part).unwrap();
        request.extend_from_slice(&part[..length]);
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap();
    let body = server.lock().unwrap().answer(path);
    // In pieces, as large answers come.
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    for piece in body.as_bytes().chunks(100) {
        write!(stream, "{:x}\r\n", piece.len()).unwrap();
        stream.write_all(piece).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
}

/// A monitor that looks as an agent does, on a thread of a runtime.
struct Looks {
    runtime: tokio::runtime::Runtime,
    monitor: Option<Box<dyn Monitor>>,
}

impl Looks {
    fn with(settings: Value) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, monitor: Some(made(&KIND, settings)) }
    }

    fn look(&mut self) -> Check {
        let mut monitor = self.monitor.take().unwrap();
        let looked = async move {
            let look = move || (monitor.check(), monitor);
            tokio::task::spawn_blocking(look).await.unwrap()
        };
        let (check, monitor) = self.runtime.block_on(looked);
        self.monitor = Some(monitor);
        check
    }

    /// The next backend goes on from what this one has said.
    fn restarted(&mut self, settings: Value) {
        let found = self.monitor.take().unwrap().memory().unwrap();
        let mut next = made(&KIND, settings);
        next.recall(&Memory { found, ..Memory::default() });
        self.monitor = Some(next);
    }
}

#[test]
fn a_batch_a_stall_and_an_out_of_memory_are_told_once_each_with_the_reason() {
    let server = Arc::new(Mutex::new(ComfyUiServer::default()));
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("comfyui.log");
    std::fs::write(&log, "Traceback (most recent call last): of yesterday\n").unwrap();
    let settings = json!({ "port": serve(&server), "stuck_checks": 3, "comfyui_log_path": log });
    let set = |running: &[&'static str], pending: &[&'static str]| {
        let mut server = server.lock().unwrap();
        (server.running, server.pending) = (running.to_vec(), pending.to_vec());
    };
    let mut looks = Looks::with(settings.clone());
    let nothing = looks.look();
    assert_eq!((nothing.state, nothing.notices.len()), (MonitorState::Ok, 0), "{}", nothing.detail);

    // A whole batch, with the moment between two prompts, and an update in it.
    let mut told = Vec::new();
    for (running, pending, percent) in [
        (&["a"][..], &["b", "c", "d"][..], json!(0.0)),
        (&["b"], &["c", "d"], json!(25.0)),
        (&[], &["c", "d"], json!(50.0)),
        (&["c"], &["d"], json!(50.0)),
        (&[], &[], Value::Null),
        (&["d"], &[], json!(75.0)),
    ] {
        set(running, pending);
        let check = looks.look();
        assert_eq!(check.metrics["progress_percent"], percent, "{}", check.detail);
        told.extend(levels(&check));
        looks.restarted(settings.clone());
    }
    assert_eq!(told, []);
    set(&[], &[]);
    looks.look();
    looks.restarted(settings.clone());
    looks.look();
    let over = looks.look();
    assert_eq!(levels(&over), [EventLevel::Done]);
    assert_eq!(over.notices[0].message, "the queue is empty after 4 prompts");
    assert!(levels(&looks.look()).is_empty());

    // Prompts wait, and none runs: one has run out of memory.
    server.lock().unwrap().history =
        vec![("x", Some("an old story")), ("e", Some("Allocation on device\nmore"))];
    set(&["e"], &["f"]);
    looks.look();
    set(&[], &["f"]);
    let levels_of: Vec<_> = (0..4).map(|_| levels(&looks.look())).collect();
    assert_eq!(levels_of, [vec![], vec![], vec![EventLevel::Alert], vec![]]);
    let stalled = looks.look();
    assert_eq!(stalled.state, MonitorState::Error);
    assert_eq!(stalled.detail, "1 prompt waits and nothing runs: Allocation on device");
    looks.restarted(settings.clone());
    assert!(levels(&looks.look()).is_empty(), "it was told before");
    set(&["f"], &[]);
    assert_eq!(levels(&looks.look()), [EventLevel::Done]);

    // The same prompt runs on and on; only the log says why.
    std::fs::write(
        &log,
        "Traceback (most recent call last): of yesterday\nRuntimeError: CUDA error: device\n",
    )
    .unwrap();
    looks.look();
    let stuck = looks.look();
    assert_eq!(levels(&stuck), [EventLevel::Alert]);
    assert!(stuck.detail.ends_with("for 3 checks: RuntimeError: CUDA error: device"), "{}", stuck.detail);
    server.lock().unwrap().history.push(("f", None));
    set(&[], &[]);
    looks.look();
    let over = looks.look();
    assert_eq!(levels(&over), [EventLevel::Done]);
    assert!(over.notices[0].message.contains("1 of them failed: Allocation on device"), "{:?}", over.notices);
}

#[test]
fn one_that_does_not_answer_as_comfyui_is_shown_and_nothing_is_forgotten() {
    let server = Arc::new(Mutex::new(ComfyUiServer { running: vec!["a"], ..ComfyUiServer::default() }));
    let mut looks = Looks::with(json!({ "port": serve(&server), "idle_confirm": 1 }));
    assert_eq!(looks.look().state, MonitorState::Running);
    server.lock().unwrap().is_broken = true;
    let broken = looks.look();
    assert_eq!((broken.state, broken.notices.len()), (MonitorState::Error, 0));
    assert!(
        broken.detail.starts_with("ComfyUI does not answer: what answers there is no"),
        "{}",
        broken.detail
    );
    *server.lock().unwrap() = ComfyUiServer::default();
    assert_eq!(levels(&looks.look()), [EventLevel::Done]);
    assert_eq!(problem(&KIND, json!({ "host": "a b" })), "config.host");
    assert_eq!(problem(&KIND, json!({ "comfyui_log_path": "here" })), "config.comfyui_log_path");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(Looks::with(json!({ "port": nobody })).look().state, MonitorState::Error);
}
