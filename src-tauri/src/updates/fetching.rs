//! The acting side of a look and of a download: the network and the disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use durable_file::{create_private_folder, read_plain, replace_file};
use taskpaw_updates::download::{Fetcher, Limits};
use taskpaw_updates::feed::{Feed, LARGEST_FEED};
use taskpaw_updates::installation::Installation;
use taskpaw_updates::machine::Done;
use taskpaw_updates::signature::LONGEST_SIGNATURE;
use taskpaw_updates::source::Source;
use taskpaw_updates::system::{Kind, System};
use taskpaw_updates::way::Way;
use taskpaw_updates::{Offer, Refusal, Version, believed, bundle};

/// The feed of the last look that was believed.
const KEPT: &str = "latest.json";
const KEPT_SIGNATURE: &str = "latest.json.minisig";
/// Between two words of how far a download is: each is sent to the window with all that is shown.
const TOLD_EVERY: Duration = Duration::from_millis(250);
/// How the names of our files end.
const OURS: [&str; 6] = [".part", ".etag", ".deb", ".rpm", ".exe", ".tar.gz"];

/// Asks for the feed, and keeps it, so that a start knows what the last look found. Blocks for the disk.
pub(super) async fn look(source: &Source, folder: &Path) -> Result<Feed, Refusal> {
    let (bytes, signature) = Fetcher::new(Limits::default())?.feed(&source.url).await?;
    let feed = believed(&bytes, &signature, &source.keys)?;
    let kept = replace_file(&folder.join(KEPT), &bytes)
        .and_then(|()| replace_file(&folder.join(KEPT_SIGNATURE), &signature));
    if let Err(error) = kept {
        tracing::warn!(%error, "the feed of new versions cannot be kept");
    }
    Ok(feed)
}

/// The feed of the last look, if it is believed still. Blocks.
pub(super) fn kept(source: &Source, folder: &Path) -> Option<Feed> {
    let read = |name: &str, most: usize| read_plain(&folder.join(name), most as u64).ok().flatten();
    let (bytes, signature) = (read(KEPT, LARGEST_FEED)?, read(KEPT_SIGNATURE, LONGEST_SIGNATURE)?);
    believed(&bytes, &signature, &source.keys).ok()
}

/// Downloads the package of an offer, and puts it to its place as far as nothing that runs notices it. Blocks for the disk.
pub(super) async fn download(
    source: &Source,
    offer: &Offer,
    system: &System,
    way: &Way,
    folder: &Path,
    told: impl Fn(u64) + Send,
) -> Result<Done, Refusal> {
    if let Way::SideBySide(folder) = way
        && Installation::at(folder.clone()).has(&offer.version)
    {
        return Ok(Done::Ready);
    }
    let package = package_in(folder, way, &offer.version);
    prepare(folder, &package, &offer.version).map_err(|error| Refusal::of_disk(&error))?;
    let (size, mut last) = (offer.package.size, None::<Instant>);
    let told = move |received: u64| {
        if received == size || last.is_none_or(|last| last.elapsed() >= TOLD_EVERY) {
            last = Some(Instant::now());
            told(received);
        }
    };
    let fetcher = Fetcher::new(Limits::default())?;
    let verified = fetcher.package(offer, system, folder, &source.keys, told).await?;
    put(way, &verified, package, &offer.version)
}

/// What a package is called once it is whole: package managers and Windows tell what it is by its name.
fn package_in(folder: &Path, way: &Way, version: &Version) -> PathBuf {
    let suffix = match way.kind() {
        Some(Kind::Deb) => "deb",
        Some(Kind::Rpm) => "rpm",
        Some(Kind::Nsis) => "exe",
        Some(Kind::Archive | Kind::App) | None => "tar.gz",
    };
    folder.join(format!("taskpaw-{version}.{suffix}"))
}

/// Packages of other versions go, but that of the one that runs, to go back by; what is whole already is looked at again, and not
/// downloaded.
fn prepare(folder: &Path, package: &Path, version: &Version) -> io::Result<()> {
    create_private_folder(folder)?;
    let stays = [format!("{version}."), format!("{}.", taskpaw_contract::version())];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_ours = OURS.iter().any(|end| name.ends_with(end));
        let name = name.strip_prefix("taskpaw-").unwrap_or(&name);
        if is_ours && !stays.iter().any(|version| name.starts_with(version)) {
            fs::remove_file(entry.path())?;
        }
    }
    match fs::rename(package, folder.join(format!("{version}.part"))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn put(way: &Way, verified: &Path, package: PathBuf, version: &Version) -> Result<Done, Refusal> {
    match way {
        Way::SideBySide(folder) => Installation::at(folder.clone()).put(verified, version)?,
        Way::Bundle(at) => bundle::put(at, verified, version)?,
        Way::Told(_) | Way::Installer => {
            fs::rename(verified, &package).map_err(|error| Refusal::of_disk(&error))?;
            return Ok(if *way == Way::Installer { Done::Ready } else { Done::Package(package) });
        }
        Way::NoPermission | Way::ByHand => return Err(Refusal::OtherSystem),
    }
    // It is not needed any more, and goes with the next download where it cannot go now.
    let _later = fs::remove_file(verified);
    Ok(Done::Ready)
}

/// The installer of a version that was downloaded.
pub(super) fn installer_of(folder: &Path, version: &Version) -> PathBuf {
    package_in(folder, &Way::Installer, version)
}

/// Starts an installer of Windows: it ends what runs, replaces it, and starts the app again, and asks nothing (`/P` and `/R` of Tauri's).
pub(super) fn install(installer: &Path) -> io::Result<()> {
    std::process::Command::new(installer).args(["/P", "/R"]).spawn().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_other_versions_go_and_what_is_whole_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let version = Version::new(9, 9, 9);
        let own = format!("taskpaw-{}.exe", taskpaw_contract::version());
        for name in
            ["9.9.8.part", "9.9.8.etag", "taskpaw-9.9.8.deb", "taskpaw-9.9.9.deb", "latest.json", &own]
        {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let whole = package_in(folder.path(), &Way::Told(taskpaw_updates::way::Owner::Debian), &version);
        assert!(whole.ends_with("taskpaw-9.9.9.deb"));
        prepare(folder.path(), &whole, &version).unwrap();
        let left = fs::read_dir(folder.path()).unwrap();
        let mut left: Vec<String> =
            left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, ["9.9.9.part".to_owned(), "latest.json".to_owned(), own]);
    }
}
