//! Archives and the disk: what is written of an archive, that nothing is written of a bad one, and that one whole version is
//! there and started whenever the power goes.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails where its own data is wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use semver::Version;
use tar::{Builder, EntryType, Header};
use taskpaw_updates::archive::{PROGRAMS, look_through};
#[cfg(unix)]
use taskpaw_updates::disk::Folder;
use taskpaw_updates::disk::{Disk, Failed, apply, unpack};
use taskpaw_updates::versions::{self, Step, folder_of, point, pointed_at};
use taskpaw_updates::{Keys, Purpose, Refusal, System};

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

/// What stands for a program: it has a stamp and nothing else.
fn program(version: &Version) -> Vec<u8> {
    let mut stamp = [0; 64];
    // Written in two parts, so that this test is not a program with a stamp itself.
    let mark = [b"TaskPaw version".as_slice(), b" stamp:\0\0"].concat();
    stamp[..mark.len()].copy_from_slice(&mark);
    let version = version.to_string();
    stamp[mark.len()..mark.len() + version.len()].copy_from_slice(version.as_bytes());
    [b"\x7fELF".as_slice(), &stamp].concat()
}

/// An archive in the making.
struct Packed(Builder<GzEncoder<Vec<u8>>>);

impl Packed {
    fn new() -> Self {
        Self(Builder::new(GzEncoder::new(Vec::new(), Compression::fast())))
    }

    /// One entry, of any kind, with any path.
    fn entry(mut self, kind: EntryType, path: &str, mode: u32, content: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    fn file(self, path: &str, content: &[u8]) -> Self {
        self.entry(EntryType::Regular, path, 0o644, content)
    }

    fn programs(self, version: &Version) -> Self {
        PROGRAMS.iter().fold(self, |packed, name| {
            packed.entry(EntryType::Regular, &format!("TaskPaw-{version}/{name}"), 0o755, &program(version))
        })
    }

    fn done(self) -> Vec<u8> {
        self.0.into_inner().unwrap().finish().unwrap()
    }
}

fn archive(version: &Version) -> Vec<u8> {
    let top = format!("TaskPaw-{version}/");
    let packed = Packed::new().entry(EntryType::Directory, &top, 0o755, b"").programs(version);
    packed.file(&format!("{top}man/taskpaw.1.gz"), b"manual").done()
}

/// As the app does it.
fn install(disk: &mut dyn Disk, version: &Version) -> Result<(), Failed> {
    let archive = archive(version);
    let members = look_through(archive.as_slice(), version)?;
    unpack(disk, archive.as_slice(), version, &versions::unpack(version, &members))?;
    Ok(apply(disk, &point(version))?)
}

#[test]
fn what_is_in_an_archive_is_looked_through_first() {
    let members = look_through(archive(&v("4.2.0")).as_slice(), &v("4.2.0")).unwrap();
    let names: Vec<String> = members.iter().map(|member| member.path.join("/")).collect();
    assert_eq!(names, ["taskpaw", "taskpaw-backend", "taskpaw-ports", "man/taskpaw.1.gz"]);
    assert!(members[0].executable && !members[3].executable);
}

#[test]
fn what_may_not_be_in_an_archive_is_refused() {
    let version = v("4.2.0");
    let base = || Packed::new().programs(&version);
    let looked = |packed: Packed| look_through(packed.done().as_slice(), &version).unwrap_err();
    for path in [
        "TaskPaw-4.2.0/../x",
        "/etc/cron.d/x",
        "../x",
        "TaskPaw-4.2.0/.profile",
        "x",
        "TaskPaw-4.2.0/TASKPAW",
    ] {
        assert_eq!(looked(base().file(path, b"x")), Refusal::UnsafeArchive, "{path}");
    }
    let kinds = [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::GNUSparse,
        EntryType::GNULongName,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::Continuous,
    ];
    for kind in kinds {
        assert_eq!(
            looked(base().entry(kind, "TaskPaw-4.2.0/x", 0o644, b"")),
            Refusal::UnsafeArchive,
            "{kind:?}"
        );
    }
    let many = (0..100).fold(base(), |packed, at| packed.file(&format!("TaskPaw-4.2.0/f{at}"), b""));
    assert_eq!(looked(many), Refusal::UnsafeArchive);
    assert_eq!(looked(Packed::new().file("TaskPaw-4.2.0/taskpaw", b"x")), Refusal::OtherVersion, "no stamp");
    assert_eq!(looked(Packed::new()), Refusal::BrokenArchive, "no programs");
    let other = archive(&v("4.1.0"));
    assert_eq!(look_through(other.as_slice(), &version), Err(Refusal::UnsafeArchive));
    let plain = Packed::new().file("TaskPaw-4.2.0/taskpaw", &program(&version));
    assert_eq!(looked(plain), Refusal::OtherVersion, "it cannot be run");
    let whole = archive(&version);
    for end in [0, 1, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
        assert!(look_through(&whole[..end], &version).is_err(), "{end} bytes");
    }
}

#[test]
fn an_archive_that_grows_without_end_is_not_followed() {
    // A header that claims more than there may be; what follows is not read.
    let mut header = Header::new_ustar();
    header.set_path("TaskPaw-4.2.0/x").unwrap();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(1 << 40);
    header.set_cksum();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    io::Write::write_all(&mut packed, header.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    assert_eq!(look_through(packed.as_slice(), &v("4.2.0")), Err(Refusal::UnsafeArchive));
}

#[cfg(unix)]
#[test]
fn versions_lie_side_by_side_and_the_pointer_leads_to_the_last() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Folder(folder.path().to_owned());
    for version in ["4.1.0", "4.2.0"] {
        install(&mut disk, &v(version)).unwrap();
    }
    let program = folder.path().join("current/taskpaw");
    assert_eq!(taskpaw_contract::version::version_in(&program).unwrap().as_deref(), Some("4.2.0"));
    assert_eq!(program.metadata().unwrap().permissions().mode() & 0o111, 0o111);
    assert_eq!(std::fs::read(folder.path().join("versions/4.1.0/man/taskpaw.1.gz")).unwrap(), b"manual");
    apply(&mut disk, &point(&v("4.1.0"))).unwrap();
    assert_eq!(std::fs::read_link(folder.path().join("current")).unwrap(), folder_of(&v("4.1.0")));
    apply(&mut disk, &versions::discard(&v("4.2.0"))).unwrap();
    let left: BTreeSet<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, BTreeSet::from(["current".to_owned(), "versions".to_owned()]));
    assert!(!folder.path().join("versions/4.2.0").exists());
    // Again after it was taken away, and again over what an attempt left.
    std::fs::create_dir_all(folder.path().join("incoming/x")).unwrap();
    install(&mut disk, &v("4.2.0")).unwrap();
}

/// 10,000 with `TASKPAW_MUTATIONS=10000 cargo test -p taskpaw-updates --test archives mutated`.
#[test]
fn of_mutated_archives_none_is_used_and_nothing_is_written() {
    let tries = std::env::var("TASKPAW_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(500_u64);
    let (version, system) = (v("4.2.0"), System::named("linux-x86_64").unwrap());
    let maker = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let keys = Keys::parse(&maker.pk.to_base64()).unwrap();
    let purpose = Purpose::Package { version: version.clone(), system };
    let whole = archive(&version);
    let comment = purpose.trusted_comment();
    let signature =
        minisign::sign(None, &maker.sk, whole.as_slice(), Some(&comment), None).unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    std::fs::write(&outside, "as it was").unwrap();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 1).unwrap() % end
    };
    let unpacked = {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(whole.as_slice()).read_to_end(&mut bytes).unwrap();
        bytes
    };
    for attempt in 0..tries {
        // Half of them as they go over the wire; half are changed inside and packed well, as somebody who has the key would.
        let mutated = if attempt % 2 == 0 {
            let mut bytes = whole.clone();
            let at = below(bytes.len());
            bytes[at] ^= 1 << below(8);
            bytes
        } else {
            let mut bytes = unpacked.clone();
            for _ in 0..=below(4) {
                let at = below(bytes.len());
                bytes[at] = u8::try_from(below(256)).unwrap();
            }
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            io::Write::write_all(&mut packed, &bytes).unwrap();
            packed.finish().unwrap()
        };
        if mutated == whole {
            continue;
        }
        let verified = keys.verify(&mutated, signature.as_bytes(), &purpose);
        assert_eq!(verified, Err(Refusal::BadSignature), "attempt {attempt}");
        // Even if the signature were good: what is in it stays in its folder, or is not written at all.
        if let Ok(members) = look_through(mutated.as_slice(), &version) {
            for step in versions::unpack(&version, &members) {
                let Step::Write { to, .. } = step else { continue };
                assert!(to.starts_with("incoming"), "attempt {attempt}: {to:?}");
                assert!(to.components().all(|part| matches!(part, Component::Normal(_))), "{to:?}");
            }
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read_to_string(outside).unwrap(), "as it was");
}

/// A disk that forgets. What was synced is kept; of everything else each name is kept or lost by itself, as file systems may:
/// that is the worst that a power cut can do, and a kill keeps all of it.
#[derive(Debug, Clone)]
struct Plug {
    inodes: Vec<Inode>,
    /// It goes after so many changes.
    left: Option<usize>,
}

#[derive(Debug, Clone)]
enum Inode {
    /// What programs see in it, and what is on the disk for sure.
    Folder {
        live: Names,
        synced: Names,
    },
    /// Whether all of its bytes are on the disk.
    File {
        whole: bool,
    },
    Link(PathBuf),
}

type Names = BTreeMap<String, usize>;
/// What is found after the power went.
type Tree = BTreeMap<PathBuf, Node>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Folder,
    File { whole: bool },
    Link(PathBuf),
}

impl Plug {
    fn new() -> Self {
        Self { inodes: vec![Inode::Folder { live: Names::new(), synced: Names::new() }], left: None }
    }

    fn change(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("the plug was pulled")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn find(&self, path: &Path) -> Option<usize> {
        path.iter().try_fold(0, |at, name| match &self.inodes[at] {
            Inode::Folder { live, .. } => live.get(name.to_str().unwrap()).copied(),
            _ => None,
        })
    }

    /// The names in the folder of a path, and the last name of the path.
    fn names(&mut self, path: &Path) -> (&mut Names, String) {
        let folder = self.find(path.parent().unwrap()).unwrap();
        let Inode::Folder { live, .. } = &mut self.inodes[folder] else { panic!("{path:?} is in no folder") };
        (live, path.file_name().unwrap().to_str().unwrap().to_owned())
    }

    fn add(&mut self, path: &Path, inode: Inode) {
        let id = self.inodes.len();
        self.inodes.push(inode);
        let (names, name) = self.names(path);
        assert!(names.insert(name, id).is_none(), "{path:?} was there");
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        let Some(id) = self.find(path) else { return Ok(()) };
        if let Inode::Folder { live, .. } = &self.inodes[id] {
            let inner: Vec<PathBuf> = live.keys().map(|name| path.join(name)).collect();
            inner.iter().try_for_each(|path| self.remove(path))?;
        }
        self.change()?;
        let (names, name) = self.names(path);
        names.remove(&name);
        Ok(())
    }

    /// A tree that may be there after the power went: `keeps` chooses for each name that was not synced.
    fn after_a_cut(&self, keeps: &mut dyn FnMut() -> bool) -> Tree {
        let mut tree = Tree::new();
        let mut open = vec![(PathBuf::new(), 0)];
        while let Some((path, id)) = open.pop() {
            let node = match &self.inodes[id] {
                Inode::Folder { live, synced } => {
                    let names: BTreeSet<&String> = live.keys().chain(synced.keys()).collect();
                    for name in names {
                        let (now, then) = (live.get(name), synced.get(name));
                        let found = if now != then && keeps() { now } else { then };
                        open.extend(found.map(|&id| (path.join(name), id)));
                    }
                    Node::Folder
                }
                Inode::File { whole } => Node::File { whole: *whole },
                Inode::Link(to) => Node::Link(to.clone()),
            };
            tree.insert(path, node);
        }
        tree
    }

    /// The disk as it is found at the next start.
    fn found(tree: &Tree) -> Self {
        let mut plug = Self::new();
        for (path, node) in tree.iter().skip(1) {
            plug.add(
                path,
                match node {
                    Node::Folder => Inode::Folder { live: Names::new(), synced: Names::new() },
                    Node::File { whole } => Inode::File { whole: *whole },
                    Node::Link(to) => Inode::Link(to.clone()),
                },
            );
        }
        for inode in &mut plug.inodes {
            if let Inode::Folder { live, synced } = inode {
                synced.clone_from(live);
            }
        }
        plug
    }
}

impl Disk for Plug {
    fn apply(&mut self, step: &Step, content: &mut dyn Read) -> io::Result<()> {
        match step {
            Step::MakeFolder(path) => {
                if self.find(path).is_none() {
                    self.change()?;
                    self.add(path, Inode::Folder { live: Names::new(), synced: Names::new() });
                }
            }
            Step::Write { to, member } => {
                self.change()?;
                self.add(to, Inode::File { whole: false });
                assert_eq!(io::copy(content, &mut io::sink())?, member.size);
                self.change()?;
                let file = self.find(to).unwrap();
                self.inodes[file] = Inode::File { whole: true };
            }
            Step::SyncFolder(path) => {
                self.change()?;
                let folder = self.find(path).unwrap();
                let Inode::Folder { live, synced } = &mut self.inodes[folder] else {
                    panic!("{path:?} is no folder")
                };
                synced.clone_from(live);
            }
            Step::Rename { from, to } => {
                self.change()?;
                let replaced = self.find(to).map(|id| self.inodes[id].clone());
                assert!(matches!(replaced, None | Some(Inode::Link(_))), "{to:?} was there");
                let (names, name) = self.names(from);
                let id = names.remove(&name).unwrap();
                let (names, name) = self.names(to);
                names.insert(name, id);
            }
            Step::Link { at, to } => {
                self.change()?;
                self.add(at, Inode::Link(to.clone()));
            }
            Step::Remove(path) => self.remove(path)?,
        }
        Ok(())
    }
}

/// Whether a version is there with all of its files, each whole.
fn is_whole(tree: &Tree, version: &Version) -> bool {
    let names = ["taskpaw", "taskpaw-backend", "taskpaw-ports", "man/taskpaw.1.gz"];
    names.iter().all(|name| tree.get(&folder_of(version).join(name)) == Some(&Node::File { whole: true }))
}

/// The version that the pointer leads to.
fn started(tree: &Tree) -> Option<Version> {
    match tree.get(Path::new("current"))? {
        Node::Link(to) => pointed_at(to),
        _ => None,
    }
}

#[test]
fn whenever_the_power_goes_one_whole_version_is_started() {
    let (old, new) = (v("4.1.0"), v("4.2.0"));
    let mut before = Plug::new();
    install(&mut before, &old).unwrap();
    let synced = before.after_a_cut(&mut || false);
    assert_eq!(started(&synced), Some(old.clone()), "all of it was synced");
    let mut random = 0x1234_5678_9abc_def1_u64;
    let mut choose = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random & 1 == 0
    };
    let all = |disk: &mut dyn Disk| {
        install(disk, &new)?;
        // It failed: back to the old one, and it goes.
        apply(disk, &point(&old))?;
        Ok::<_, Failed>(apply(disk, &versions::discard(&new))?)
    };
    let mut cuts = 0;
    for left in 0.. {
        let mut disk = Plug { left: Some(left), ..before.clone() };
        let is_done = all(&mut disk).is_ok();
        for attempt in 0..40 {
            // A kill keeps everything, a power cut at worst nothing that is not synced; and anything between.
            let tree = match attempt {
                0 => disk.after_a_cut(&mut || true),
                1 => disk.after_a_cut(&mut || false),
                _ => disk.after_a_cut(&mut choose),
            };
            let version =
                started(&tree).unwrap_or_else(|| panic!("after {left} changes nothing is started: {tree:?}"));
            assert!(is_whole(&tree, &version), "after {left} changes {version} is not whole: {tree:?}");
            // What has the name of a version is one.
            for named in [&old, &new] {
                let is_there = tree.contains_key(&folder_of(named));
                assert!(
                    !is_there || is_whole(&tree, named),
                    "after {left} changes half of {named}: {tree:?}"
                );
            }
            // Whatever was left, the next attempt succeeds.
            if !tree.contains_key(&folder_of(&new)) {
                let mut again = Plug::found(&tree);
                install(&mut again, &new).unwrap();
                assert_eq!(started(&again.after_a_cut(&mut || false)), Some(new.clone()));
            }
            cuts += 1;
        }
        if is_done {
            break;
        }
    }
    assert!(cuts > 1000, "{cuts}");
}
