//! A system on which no socket is passed: there is none that could be. Windows names the process that has bound a socket for
//! as long as the socket lives, so that a successor would be an unknown holder for ever.

use std::io;
use std::net::TcpListener;

use crate::passing::{Passing, SocketFacts};
use crate::sys::Native;

/// There is none.
#[derive(Debug)]
pub enum PassedSocket {}

/// Starts a program: nothing is received here that it could inherit.
pub fn while_none_is_received<T>(start: impl FnOnce() -> T) -> T {
    start()
}

impl Passing for Native {
    type Socket = PassedSocket;

    fn facts(&self, socket: &PassedSocket) -> io::Result<SocketFacts> {
        match *socket {}
    }

    fn adopt(&self, socket: PassedSocket) -> io::Result<TcpListener> {
        match socket {}
    }
}
