//! The programs under test, built by `npm test`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The version of the programs that are built.
pub const CURRENT: &str = env!("CARGO_PKG_VERSION");
/// What `npm test` calls a copy of them, as a version after it (`scripts/lib/versions.mjs`).
pub const NEWER: &str = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"), ".99");

/// TaskPaw's programs of one version.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Their version.
    pub version: &'static str,
    folder: PathBuf,
}

impl Programs {
    /// As they are built.
    pub fn current() -> Self {
        Self { version: CURRENT, folder: folder("TASKPAW_TEST_PROGRAMS", "release") }
    }

    /// The same, as the version after it.
    pub fn newer() -> Self {
        Self { version: NEWER, folder: folder("TASKPAW_TEST_NEWER", "newer") }
    }

    /// Those of a folder.
    pub fn at(version: &'static str, folder: &Path) -> Self {
        Self { version, folder: folder.to_owned() }
    }

    /// The app.
    pub fn app(&self) -> PathBuf {
        self.program("taskpaw")
    }

    /// The sidecar.
    pub fn backend(&self) -> PathBuf {
        self.program("taskpaw-backend")
    }

    /// The command line.
    pub fn ports(&self) -> PathBuf {
        self.program("taskpaw-ports")
    }

    /// Puts the programs into a folder as an installer does: each is written aside and renamed into its place.
    pub fn install(&self, folder: &Path) {
        for program in [self.app(), self.backend(), self.ports()] {
            let place = folder.join(program.file_name().expect("a name"));
            replace(&place, &std::fs::read(&program).expect("the program"));
        }
    }

    /// Puts a backend into a folder with which something goes wrong at a step: `failing` is `tests/helpers/failing.rs`, and
    /// `failure` what it reads. The real one lies beside it.
    pub fn install_failing(&self, folder: &Path, failing: &Path, failure: &str) {
        let sound = folder.join("sound");
        std::fs::create_dir_all(&sound).expect("the folder");
        replace(&folder.join("taskpaw-backend"), &std::fs::read(failing).expect("the failing program"));
        place(&self.backend(), &sound.join("taskpaw-backend"));
        std::fs::write(folder.join("failure.json"), failure).expect("what goes wrong");
    }

    fn program(&self, name: &str) -> PathBuf {
        let program = self.folder.join(name);
        assert!(program.exists(), "{} is missing: run the tests with `npm test`", program.display());
        program
    }
}

/// The Debian package of a version; none where there is no `dpkg`, as `npm test` makes none there.
pub fn debian_package(version: &str) -> Option<PathBuf> {
    let has_dpkg = std::process::Command::new("dpkg").arg("--version").output().is_ok();
    has_dpkg.then(|| {
        let packages = std::fs::read_dir(folder("TASKPAW_TEST_PACKAGES", "packages")).expect("the packages");
        let start = format!("TaskPaw_{version}_");
        let is_wanted = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&start) && name.ends_with(".deb")
        };
        let found = packages.filter_map(|entry| Some(entry.ok()?.path())).find(is_wanted);
        found.unwrap_or_else(|| panic!("the package of {version} is missing: run the tests with `npm test`"))
    })
}

/// Puts a program into a place where nothing runs: as a link where it is one disk, since a debug build is large.
pub fn place(program: &Path, at: &Path) {
    let _another_one = std::fs::remove_file(at);
    if std::fs::hard_link(program, at).is_err() {
        std::fs::copy(program, at).expect("the program");
    }
}

/// Puts a program into its place as an installer does, also while the one that was there runs.
pub fn replace(program: &Path, content: &[u8]) {
    let aside = program.with_extension("new");
    std::fs::write(&aside, content).expect("the program");
    std::fs::set_permissions(&aside, Permissions::from_mode(0o755)).expect("its mode");
    std::fs::rename(&aside, program).expect("its place");
}

/// The driver of the real window.
pub fn driver() -> PathBuf {
    folder("TASKPAW_TEST_DRIVER", "tools/bin/tauri-driver")
}

fn folder(variable: &str, below_target: &str) -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target").join(below_target);
    let folder = std::env::var_os(variable).map_or_else(default, PathBuf::from);
    folder.canonicalize().unwrap_or_else(|_| panic!("{} is missing: run `npm test`", folder.display()))
}
