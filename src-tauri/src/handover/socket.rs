//! A socket of the place: heard and reached by this user alone.

use std::io;

use interprocess::local_socket::{Listener, ListenerOptions, Name, Stream};

/// Where it is.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    name: Name<'static>,
    /// The whole path of a pipe.
    #[cfg(windows)]
    path: String,
}

#[cfg(unix)]
impl Socket {
    /// A file in a private folder.
    pub(super) fn at(path: std::path::PathBuf) -> io::Result<Self> {
        use interprocess::local_socket::{GenericFilePath, ToFsName as _};

        Ok(Self { name: path.to_fs_name::<GenericFilePath>()? })
    }

    /// Listens. The process that listened there before has lost the lock: what it left is overwritten.
    pub(super) fn listen(&self) -> io::Result<Listener> {
        ListenerOptions::new().name(self.name.borrow()).try_overwrite(true).create_sync()
    }

    /// Connects to the listener.
    pub(super) fn connect(&self) -> io::Result<Stream> {
        use interprocess::local_socket::traits::Stream as _;

        Stream::connect(self.name.borrow())
    }
}

#[cfg(windows)]
mod pipe {
    use std::fs::OpenOptions;
    use std::os::windows::fs::OpenOptionsExt as _;
    use std::os::windows::io::OwnedHandle;
    use std::thread;
    use std::time::{Duration, Instant};

    use interprocess::local_socket::{GenericNamespaced, ToNsName as _};
    use interprocess::os::windows::local_socket::ListenerOptionsExt as _;
    use interprocess::os::windows::named_pipe::local_socket::Stream as PipeStream;
    use interprocess::os::windows::security_descriptor::SecurityDescriptor;
    use widestring::U16CString;

    use super::*;

    /// `FILE_FLAG_OVERLAPPED`, which the library wants of a pipe that it is given.
    const OVERLAPPED: u32 = 0x4000_0000;
    /// `SECURITY_IDENTIFICATION`: the listener may find out who this is, and may not act as this user.
    const IDENTIFIED: u32 = 0x0001_0000;
    /// `ERROR_PIPE_BUSY`: others are just being answered.
    const BUSY: i32 = 231;
    /// How long a busy pipe is tried again.
    const BUSY_WITHIN: Duration = Duration::from_secs(5);
    const BUSY_STEP: Duration = Duration::from_millis(10);

    impl Socket {
        /// A pipe.
        pub(in crate::handover) fn named(name: String) -> io::Result<Self> {
            let path = format!(r"\\.\pipe\{name}");
            Ok(Self { name: name.to_ns_name::<GenericNamespaced>()?, path })
        }

        /// Listens, if nobody else does. A pipe that does not say whose it is can be read by everybody.
        pub(in crate::handover) fn listen(&self) -> io::Result<Listener> {
            let own = durable_file::own_user_sid()?;
            let rights = U16CString::from_str(for_user_alone(&own)).map_err(io::Error::other)?;
            let rights = SecurityDescriptor::deserialize(&rights)?;
            ListenerOptions::new().name(self.name.borrow()).security_descriptor(rights).create_sync()
        }

        /// Connects to the listener.
        pub(in crate::handover) fn connect(&self) -> io::Result<Stream> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).custom_flags(OVERLAPPED).security_qos_flags(IDENTIFIED);
            let began = Instant::now();
            let pipe = loop {
                match options.open(&self.path) {
                    Err(error) if error.raw_os_error() == Some(BUSY) && began.elapsed() < BUSY_WITHIN => {
                        thread::sleep(BUSY_STEP);
                    }
                    opened => break OwnedHandle::from(opened?),
                }
            };
            PipeStream::try_from(pipe).map(Stream::from).map_err(|error| io::Error::other(error.to_string()))
        }
    }

    /// This user and the system, and nobody else.
    fn for_user_alone(own: &str) -> String {
        format!("D:P(A;;GA;;;{own})(A;;GA;;;SY)")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::thread;

    use interprocess::local_socket::traits::Listener as _;

    use crate::handover::address::Address;

    #[test]
    fn who_listens_is_reached_and_nobody_is_reached_where_nobody_does() {
        let folder = tempfile::tempdir().unwrap();
        let socket = Address::prepare(folder.path()).unwrap().socket().unwrap();
        assert!(socket.connect().is_err());
        let listener = socket.listen().unwrap();
        let answers = thread::spawn(move || {
            for _ in 0..2 {
                let mut stream = BufReader::new(listener.accept().unwrap());
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                stream.get_mut().write_all(line.as_bytes()).unwrap();
            }
        });
        for said in ["one\n", "two\n"] {
            let mut stream = socket.connect().unwrap();
            stream.write_all(said.as_bytes()).unwrap();
            let mut heard = String::new();
            BufReader::new(stream).read_line(&mut heard).unwrap();
            assert_eq!(heard, said);
        }
        answers.join().unwrap();
    }
}
