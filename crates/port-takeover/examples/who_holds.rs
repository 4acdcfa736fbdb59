//! Says who listens on a port: `cargo run --example who_holds -- 8080`. It changes nothing.
//!
//! Without a rule of what is ours every holder is foreign, and is just named.

use std::error::Error;

use port_takeover::sys::{Native, System as _};
use port_takeover::{IdentityRules, Role, WantedPort, decide};

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).ok_or("usage: who_holds PORT")?.parse()?;
    let role = Role::new("anybody");
    let rules = IdentityRules::new(role.clone());

    // The wildcard overlaps with every IPv4 address.
    let wanted = [WantedPort::new("port", "0.0.0.0", port)?];
    let snapshot = Native::new().look(&role, &wanted)?;
    for listener in &snapshot.listeners {
        println!("listening on {} port {}", listener.address, listener.port);
    }
    for port in decide(&snapshot, &rules).ports {
        println!("{:?}", port.state);
        for holder in port.holders {
            let (name, exe) =
                holder.process.map_or((None, None), |process| (Some(process.name), process.exe));
            println!(
                "  process {}: {}, {}",
                holder.pid,
                name.as_deref().unwrap_or("(not to be seen)"),
                exe.as_deref().unwrap_or("(executable not to be read)"),
            );
        }
    }
    Ok(())
}
