//! A server that replaces its own older instance: `cargo run --example take_over -- 8080`. Start it again in
//! a second terminal, and the first one is asked to stop; hold the port with anything else, and it refuses.

use std::error::Error;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::time::{SystemTime, UNIX_EPOCH};

use port_takeover::sys::Native;
use port_takeover::{
    ExecutableName, IdentityRules, Journal, Limits, Outcome, Record, Role, TakeoverEvent, WantedPort,
    claim_all, take_over,
};

/// What is ours: a program with the base name of this one, in its one role, run by this user.
fn rules() -> IdentityRules {
    IdentityRules::new(Role::new("server")).with_rule(ExecutableName::new("take_over"))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("usage: take_over PORT [JOURNAL]")?.parse()?;
    let wanted = [WantedPort::new("http", "127.0.0.1", port)?];

    let told = |event: TakeoverEvent<'_>| {
        match event {
            TakeoverEvent::Asked(pid) => eprintln!("process {pid} is asked to stop"),
            TakeoverEvent::Forcing(pid) => eprintln!("process {pid} does not stop and is killed"),
            TakeoverEvent::Lingering { left } => eprintln!("the port is free in at most {left:.0?}"),
            _ => {}
        }
        ControlFlow::Continue(())
    };
    let role = Role::new("server");
    let report = take_over(&Native::new(), &rules(), &role, &wanted, Limits::default(), told)?;

    if let Some(path) = arguments.next() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let record = Record::of(&report, env!("CARGO_PKG_VERSION"), now.try_into()?);
        // A journal that cannot be written is told, and stops nothing.
        if let Err(error) = Journal::at(path).append(&record) {
            eprintln!("{error}");
        }
    }
    if report.outcome != Outcome::Ready {
        for port in &report.last.ports {
            eprintln!("{}: {:?}, held by {:?}", port.wanted.name, port.state, port.holders);
        }
        return Err("the port cannot be had".into());
    }

    for claim in claim_all(&wanted)? {
        println!("{} on {}", claim.name, claim.listener.local_addr()?);
        for connection in claim.listener.incoming() {
            connection?.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")?;
        }
    }
    Ok(())
}
