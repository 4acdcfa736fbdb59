//! How a new version comes to where this one lies: decided by where that is and by whom it was put there, before anything is
//! downloaded.

use std::path::{Path, PathBuf};

use crate::feed::released;
use crate::system::Kind;
use crate::versions::{POINTER, VERSIONS};

/// What was seen of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The program that runs, without links.
    pub program: PathBuf,
    /// Which system it is: `linux`, `macos` or `windows`, as Rust calls them.
    pub system: &'static str,
    /// What the link `current` beside the folder of versions leads to, if there is one.
    pub pointer: Option<PathBuf>,
    /// Whose files these are, if a package manager says so.
    pub owner: Option<Owner>,
    /// Whether this person may write to the folder that would be changed.
    pub writable: bool,
}

/// Who has put the program there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Debian's package manager.
    Debian,
    /// Fedora's, or another one of RPM.
    Rpm,
}

/// How.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It is put beside the others in this folder, and the link is moved.
    SideBySide(PathBuf),
    /// The person is told the command that installs it: only an administrator may.
    Told(Owner),
    /// The installer of Windows is started.
    Installer,
    /// This bundle of macOS is replaced whole.
    Bundle(PathBuf),
    /// This person may not write there; that is said, and nothing is downloaded.
    NoPermission,
    /// It was put there by hand, or by something unknown, and so is the next one.
    ByHand,
}

impl Way {
    /// Which package of a feed is for it; none where none is downloaded.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::SideBySide(_) => Some(Kind::Archive),
            Self::Told(Owner::Debian) => Some(Kind::Deb),
            Self::Told(Owner::Rpm) => Some(Kind::Rpm),
            Self::Installer => Some(Kind::Nsis),
            Self::Bundle(_) => Some(Kind::App),
            Self::NoPermission | Self::ByHand => None,
        }
    }
}

/// The command that installs a package that was downloaded, to copy into a terminal.
#[must_use]
pub fn command(owner: Owner, package: &Path) -> String {
    let manager = match owner {
        Owner::Debian => "apt",
        Owner::Rpm => "dnf",
    };
    // In single quotes a shell reads nothing, and the one letter that ends them is left out of them.
    let path = package.display().to_string().replace('\'', "'\\''");
    format!("sudo {manager} install '{path}'")
}

/// Decides.
#[must_use]
pub fn way(look: &Look) -> Way {
    if let Some(owner) = look.owner {
        return Way::Told(owner);
    }
    let place = match look.system {
        "linux" => side_by_side(&look.program, look.pointer.as_deref()).map(Way::SideBySide),
        "macos" => bundle(&look.program).map(Way::Bundle),
        "windows" => Some(Way::Installer),
        _ => None,
    };
    match place {
        Some(_) if !look.writable => Way::NoPermission,
        Some(way) => way,
        None => Way::ByHand,
    }
}

/// The folder of an installation whose versions lie side by side: `FOLDER/versions/4.2.0/taskpaw`, with the link beside.
fn side_by_side(program: &Path, pointer: Option<&Path>) -> Option<PathBuf> {
    let version = program.parent()?;
    released(version.file_name()?.to_str()?).ok()?;
    let versions = version.parent().filter(|folder| folder.ends_with(VERSIONS))?;
    let folder = versions.parent()?;
    pointer.is_some_and(|to| to.starts_with(VERSIONS)).then(|| folder.to_owned())
}

/// Where the link is that tells an installation whose versions lie side by side, of a program that would be in one.
#[must_use]
pub fn pointer_of(program: &Path) -> Option<PathBuf> {
    Some(program.parent()?.parent()?.parent()?.join(POINTER))
}

/// The bundle that a program is in, unless it is on a disk image, where nothing can be replaced.
fn bundle(program: &Path) -> Option<PathBuf> {
    let contents = program.parent().filter(|folder| folder.ends_with("Contents/MacOS"))?.parent()?;
    let bundle =
        contents.parent().filter(|it| it.extension().is_some_and(|it| it.eq_ignore_ascii_case("app")))?;
    (!bundle.starts_with("/Volumes")).then(|| bundle.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(system: &'static str, program: &str) -> Look {
        Look { program: program.into(), system, pointer: None, owner: None, writable: true }
    }

    #[test]
    fn the_way_is_that_of_whoever_put_it_there() {
        let program = "/home/anna/.local/opt/taskpaw/versions/4.1.0/taskpaw";
        let beside = Look { pointer: Some("versions/4.1.0".into()), ..look("linux", program) };
        let folder = PathBuf::from("/home/anna/.local/opt/taskpaw");
        assert_eq!(way(&beside), Way::SideBySide(folder.clone()));
        assert_eq!(pointer_of(Path::new(program)), Some(folder.join("current")));
        assert_eq!(way(&Look { writable: false, ..beside.clone() }), Way::NoPermission);
        assert_eq!(way(&Look { pointer: None, ..beside.clone() }), Way::ByHand, "no link");
        assert_eq!(way(&Look { pointer: Some("/elsewhere".into()), ..beside }), Way::ByHand);
        for (owner, kind) in [(Owner::Debian, Kind::Deb), (Owner::Rpm, Kind::Rpm)] {
            let packaged = Look { owner: Some(owner), writable: false, ..look("linux", "/usr/bin/taskpaw") };
            assert_eq!(way(&packaged), Way::Told(owner));
            assert_eq!(way(&packaged).kind(), Some(kind));
        }
        for program in ["/usr/local/bin/taskpaw", "/home/anna/versions/x/taskpaw", "/taskpaw", ""] {
            let by_hand = Look { pointer: Some("versions/4.1.0".into()), ..look("linux", program) };
            assert_eq!(way(&by_hand), Way::ByHand, "{program}");
            assert_eq!(way(&by_hand).kind(), None);
        }
        assert_eq!(way(&look("windows", "x")), Way::Installer);
        assert_eq!(way(&look("freebsd", "/usr/local/bin/taskpaw")), Way::ByHand);
    }

    #[test]
    fn a_bundle_is_replaced_where_it_can_be() {
        let app = "/Applications/TaskPaw.app";
        let program = format!("{app}/Contents/MacOS/taskpaw");
        assert_eq!(way(&look("macos", &program)), Way::Bundle(app.into()));
        assert_eq!(way(&Look { writable: false, ..look("macos", &program) }), Way::NoPermission);
        assert_eq!(way(&look("macos", &format!("/Volumes/TaskPaw{program}"))), Way::ByHand, "a disk image");
        assert_eq!(way(&look("macos", "/usr/local/bin/taskpaw")), Way::ByHand);
    }

    #[test]
    fn a_command_is_one_for_any_path() {
        assert_eq!(command(Owner::Debian, Path::new("/x/a b.deb")), "sudo apt install '/x/a b.deb'");
        assert_eq!(command(Owner::Rpm, Path::new("/it's")), "sudo dnf install '/it'\\''s'");
    }
}
