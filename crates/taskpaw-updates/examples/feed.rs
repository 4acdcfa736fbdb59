//! `npm run feed`: makes keys, signs packages, and makes the feed that offers them. It is a program for whoever makes a release, and
//! part of no package; the app only checks.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jiff::{SignedDuration, Timestamp};
use minisign::{KeyPair, PublicKey, SecretKey};
use semver::Version;
use taskpaw_updates::decision::{Decision, Installed, Seen, decide};
use taskpaw_updates::feed::{Feed, Notes, Package, System};
use taskpaw_updates::{Keys, Purpose, believed};

/// The password of the secret key, where nobody is there to be asked.
const PASSWORD: &str = "TASKPAW_KEY_PASSWORD";

/// Makes the keys and feeds of releases.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a pair of keys: DIR/taskpaw.key, which is secret, and DIR/taskpaw.pub.
    Keys {
        /// Where.
        dir: PathBuf,
    },
    /// Signs the packages of a version and makes the feed that offers them.
    Make(Box<Make>),
    /// Says what a feed offers, if it is believed by the keys of a file.
    Check {
        /// `latest.json`, with its signature beside it.
        feed: PathBuf,
        /// Public keys, one a line.
        #[arg(long)]
        keys: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Make {
    /// The version that is offered.
    #[arg(long)]
    version: Version,
    /// Where the packages are; signatures, `latest.json` and its signature are put beside them.
    #[arg(long, value_name = "DIR")]
    packages: PathBuf,
    /// The secret key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The address of the folder on the server.
    #[arg(long)]
    url: String,
    /// The lowest version that feeds may offer from now on.
    #[arg(long)]
    floor: Version,
    /// So many days the feed is believed.
    #[arg(long, default_value_t = 90)]
    days: i64,
    /// What runs before it has a hole.
    #[arg(long)]
    security: bool,
    /// What is new, in English.
    #[arg(long, value_name = "FILE")]
    notes_en: PathBuf,
    /// What is new, in Simplified Chinese.
    #[arg(long, value_name = "FILE")]
    notes_zh: PathBuf,
    /// The number of the feed; the seconds since 1970, unless another is given.
    #[arg(long)]
    sequence: Option<u64>,
    /// When it was made, for trials of feeds that are not believed any more.
    #[arg(long, hide = true)]
    made: Option<Timestamp>,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Keys { dir } => keys(&dir),
        Command::Make(make) => made(&make),
        Command::Check { feed, keys } => checked(&feed, &keys),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn password() -> Option<String> {
    std::env::var(PASSWORD).ok()
}

fn keys(dir: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(dir)?;
    let (secret, public) = (dir.join("taskpaw.key"), dir.join("taskpaw.pub"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let public_file = options.open(&public)?;
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let secret_file: File = options.open(&secret)?;
    let pair =
        KeyPair::generate_and_write_encrypted_keypair(public_file, secret_file, Some("TaskPaw"), password())?;
    println!("made {} and {}", secret.display(), public.display());
    println!("the line for packaging/updates/keys.txt: {}", pair.pk.to_base64());
    Ok(())
}

fn made(make: &Make) -> Result<(), Box<dyn Error>> {
    let secret = SecretKey::from_file(&make.key, password())?;
    let keys = Keys::parse(&PublicKey::from_secret_key(&secret)?.to_base64())?;
    let sign = |path: &Path, purpose: &Purpose| -> Result<String, Box<dyn Error>> {
        let file = File::open(path)?;
        let signature = minisign::sign(None, &secret, file, Some(&purpose.trusted_comment()), None)?;
        Ok(signature.to_string())
    };
    let mut packages = BTreeMap::new();
    for (name, system) in offered(&make.packages, &make.version)? {
        let path = make.packages.join(&name);
        let purpose = Purpose::Package { version: make.version.clone(), system: system.clone() };
        let signature = sign(&path, &purpose)?;
        fs::write(make.packages.join(format!("{name}.minisig")), &signature)?;
        println!("signed {name} for {system}");
        let url = format!("{}/{name}", make.url.trim_end_matches('/'));
        packages.insert(system, Package { url, signature, size: path.metadata()?.len() });
    }
    if packages.is_empty() {
        return Err(format!("no package of {} lies in {}", make.version, make.packages.display()).into());
    }
    let now = Timestamp::from_second(make.made.unwrap_or_else(Timestamp::now).as_second())?;
    let notes = |path: &Path| fs::read_to_string(path).map(|text| text.trim().to_owned());
    let feed = Feed {
        version: make.version.clone(),
        published: now,
        expires: now + SignedDuration::from_hours(24 * make.days),
        sequence: make.sequence.unwrap_or(u64::try_from(now.as_second())?),
        floor: make.floor.clone(),
        security: make.security,
        notes: Notes { en: notes(&make.notes_en)?, zh_cn: notes(&make.notes_zh)? },
        packages,
    };
    let path = make.packages.join("latest.json");
    let written = feed.to_bytes().map_err(|_| "this feed would not be understood: are the version, its floor and the address right, and are the notes short?")?;
    fs::write(&path, written)?;
    fs::write(signature_of(&path), sign(&path, &Purpose::Feed)?)?;
    // What the app will say of it.
    said(&path, &keys)?;
    Ok(())
}

fn checked(feed: &Path, keys: &Path) -> Result<(), Box<dyn Error>> {
    said(feed, &Keys::parse(&fs::read_to_string(keys)?)?)
}

fn signature_of(feed: &Path) -> PathBuf {
    feed.with_extension("json.minisig")
}

/// Holds a feed against what an older version believes, for each system.
fn said(path: &Path, keys: &Keys) -> Result<(), Box<dyn Error>> {
    let feed = believed(&fs::read(path)?, &fs::read(signature_of(path))?, keys)?;
    for system in feed.packages.keys() {
        let installed = Installed { version: Version::new(0, 0, 0), system: system.clone() };
        match decide(&feed, &installed, &Seen::default(), &[], Timestamp::now()) {
            Decision::Offer(offer) => println!("{} offers {} for {system}", path.display(), offer.version),
            other => return Err(format!("{} is not believed: {other:?}", path.display()).into()),
        }
    }
    println!("it is number {}, and is believed until {}", feed.sequence, feed.expires);
    Ok(())
}

/// The packages of a version in a folder that feeds offer, each with its system. Images of disks are for people.
fn offered(folder: &Path, version: &Version) -> Result<Vec<(String, System)>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if let Some(system) = system_of(&name, version) {
            found.push((name, system));
        }
    }
    found.sort();
    Ok(found)
}

/// The system of a package by its name, which `npm run bundle` gives it: `TaskPaw_4.2.0_linux_x64.deb`.
fn system_of(name: &str, version: &Version) -> Option<System> {
    let rest = name.strip_prefix(&format!("TaskPaw_{version}_"))?;
    let (machine, kind) = rest.split_once('.')?;
    let (system, machine) = machine.split_once('_')?;
    let machine = match machine {
        "x64" => "x86_64",
        "arm64" => "aarch64",
        _ => return None,
    };
    let kind = match (system, kind) {
        ("linux", "tar.gz") | ("windows", "exe") => "",
        ("linux", "deb") => "-deb",
        ("linux", "rpm") => "-rpm",
        _ => return None,
    };
    System::named(&format!("{system}-{machine}{kind}"))
}
