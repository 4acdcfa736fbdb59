//! Fetches feeds and packages: bounded in size and time, from the one host that was named, through the proxy of the person
//! (`HTTPS_PROXY`, `NO_PROXY` and their kin), and goes on where a break was. The request is all that is sent.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode, redirect};

use crate::decision::Offer;
use crate::feed::LARGEST_FEED;
use crate::refusal::Refusal;
use crate::signature::{Keys, LONGEST_SIGNATURE, Purpose};
use crate::system::System;

/// What every request says of who asks.
const USER_AGENT: &str = "TaskPaw";
/// As browsers follow, at most.
const MOST_REDIRECTS: usize = 5;
/// An archive is a third of what is in it, and the old download may still be there.
const ROOM_FOR_EACH_BYTE: u64 = 4;
/// A strong `ETag` is some 40 letters.
const LONGEST_ETAG: usize = 256;

/// How long is waited for whom.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes.
    pub silence: Duration,
    /// For a whole feed.
    pub feed: Duration,
    /// In each of these spans of time …
    pub span: Duration,
    /// … so many bytes must come, at least.
    pub bytes_in_span: u64,
}

impl Default for Limits {
    /// As TCP gives up after some ten seconds, proxies after 30 to 60; 1 KB in a second is less than a modem had.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            feed: Duration::from_secs(60),
            span: Duration::from_secs(60),
            bytes_in_span: 60 * 1024,
        }
    }
}

/// Who fetches.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    limits: Limits,
}

impl Fetcher {
    /// One with these limits.
    ///
    /// # Errors
    /// [`Refusal::Unreachable`] if this system has no way to trust anybody.
    pub fn new(limits: Limits) -> Result<Self, Refusal> {
        // It fails only if one is installed, which is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .https_only(!cfg!(debug_assertions))
            .referer(false)
            .connect_timeout(limits.connect)
            .read_timeout(limits.silence)
            .redirect(redirect::Policy::custom(on_the_same_host))
            .build();
        Ok(Self { client: client.map_err(|_| Refusal::Unreachable)?, limits })
    }

    /// A feed and its signature, which lies beside it under the same name with `.minisig`.
    ///
    /// # Errors
    /// Why it was not fetched.
    pub async fn feed(&self, url: &str) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
        let both = async {
            let feed = self.small(url, LARGEST_FEED).await?;
            let signature = self.small(&format!("{url}.minisig"), LONGEST_SIGNATURE).await?;
            Ok::<_, Refusal>((feed, signature))
        };
        tokio::time::timeout(self.limits.feed, both).await.unwrap_or(Err(Refusal::TooSlow))
    }

    async fn small(&self, url: &str, most: usize) -> Result<Vec<u8>, Refusal> {
        let mut answer = self.client.get(url).send().await.map_err(|error| why(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(Refusal::Unreachable);
        }
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| why(&error))? {
            if bytes.len() + part.len() > most {
                return Err(Refusal::TooLarge);
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    /// Downloads the package of an offer into a folder, goes on where an earlier attempt was broken off, and gives the file once its size and
    /// its signature are right. `told` hears how far it is.
    ///
    /// # Errors
    /// Why there is none. What came before a break stays, to go on; what is wrong does not.
    pub async fn package(
        &self,
        offer: &Offer,
        system: &System,
        folder: &Path,
        keys: &Keys,
        mut told: impl FnMut(u64),
    ) -> Result<PathBuf, Refusal> {
        let size = offer.package.size;
        fs::create_dir_all(folder).map_err(|error| Refusal::of_disk(&error))?;
        let mut part = Part::open(folder, offer).map_err(|error| Refusal::of_disk(&error))?;
        let room = fs4::available_space(folder).map_err(|error| Refusal::of_disk(&error))?;
        if room < size.saturating_mul(ROOM_FOR_EACH_BYTE).saturating_sub(part.length) {
            return Err(Refusal::NoSpace);
        }
        if part.length < size {
            self.rest(&mut part, offer, &mut told).await?;
        }
        let purpose = Purpose::Package { version: offer.version.clone(), system: system.clone() };
        let verified = part.verified(keys, offer.package.signature.as_bytes(), &purpose);
        if verified.is_err() {
            part.discard();
        }
        verified
    }

    async fn rest(&self, part: &mut Part, offer: &Offer, told: &mut impl FnMut(u64)) -> Result<(), Refusal> {
        let size = offer.package.size;
        let asked = self.client.get(&offer.package.url).headers(part.goes_on());
        let mut answer = asked.send().await.map_err(|error| why(&error))?;
        let continues = continues(&answer, part.length, size);
        match answer.status() {
            StatusCode::PARTIAL_CONTENT if continues => {}
            StatusCode::OK => part.begin(answer.headers()).map_err(|error| Refusal::of_disk(&error))?,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                // It has another file by now. The next attempt starts over.
                part.discard();
                return Err(Refusal::WrongSize);
            }
            _ => return Err(Refusal::Unreachable),
        }
        let comes = answer.content_length().map(|length| length.saturating_add(part.length));
        if comes.is_some_and(|comes| comes != size) {
            part.discard();
            return Err(Refusal::WrongSize);
        }
        let mut pace = Pace::new(self.limits, Instant::now());
        told(part.length);
        while let Some(bytes) = answer.chunk().await.map_err(|error| why(&error))? {
            if part.length + bytes.len() as u64 > size {
                part.discard();
                return Err(Refusal::WrongSize);
            }
            part.append(&bytes).map_err(|error| Refusal::of_disk(&error))?;
            told(part.length);
            if part.length < size && !pace.goes_on(bytes.len() as u64, Instant::now()) {
                return Err(Refusal::TooSlow);
            }
        }
        // An answer without a length that ends early is a break, and what came of it is kept.
        if part.length == size { Ok(()) } else { Err(Refusal::Unreachable) }
    }
}

/// Whether an answer goes on where the file ends.
fn continues(answer: &Response, length: u64, size: u64) -> bool {
    let range = answer.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    length > 0 && range == Some(&format!("bytes {length}-{}/{size}", size - 1))
}

/// Lets an answer lead on only to the same host, and never from what is encrypted to what is not.
fn on_the_same_host(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let place = |url: &reqwest::Url| {
        (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default())
    };
    let first = attempt.previous().first().map(place);
    if first != Some(place(attempt.url())) || attempt.previous().len() > MOST_REDIRECTS {
        return attempt.error(Refusal::Redirected);
    }
    attempt.follow()
}

fn why(error: &reqwest::Error) -> Refusal {
    if error.is_redirect() {
        Refusal::Redirected
    } else if error.is_timeout() && !error.is_connect() {
        Refusal::TooSlow
    } else {
        Refusal::Unreachable
    }
}

/// Whether bytes come quickly enough. Somebody who sends one now and then would hold a download for ever.
#[derive(Debug)]
struct Pace {
    limits: Limits,
    since: Instant,
    bytes: u64,
}

impl Pace {
    fn new(limits: Limits, now: Instant) -> Self {
        Self { limits, since: now, bytes: 0 }
    }

    fn goes_on(&mut self, bytes: u64, now: Instant) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        if now.duration_since(self.since) < self.limits.span {
            return true;
        }
        let is_enough = self.bytes >= self.limits.bytes_in_span;
        (self.since, self.bytes) = (now, 0);
        is_enough
    }
}

/// What has come of a package.
#[derive(Debug)]
struct Part {
    file: File,
    path: PathBuf,
    /// Says of which file of the server the part is.
    etag_path: PathBuf,
    etag: Option<String>,
    length: u64,
}

impl Part {
    /// What is there of the package of an offer.
    fn open(folder: &Path, offer: &Offer) -> io::Result<Self> {
        let path = folder.join(format!("{}.part", offer.version));
        let etag_path = folder.join(format!("{}.etag", offer.version));
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        let length = file.seek(io::SeekFrom::End(0))?;
        let etag = fs::read_to_string(&etag_path).ok().filter(|etag| is_strong(etag));
        let mut part = Self { file, path, etag_path, etag, length };
        // What is longer is of another file, and without its mark nobody knows of which one it is. What has all its bytes
        // needs no mark: its signature says what it is.
        if part.length > offer.package.size || (part.etag.is_none() && part.length != offer.package.size) {
            part.empty()?;
        }
        Ok(part)
    }

    fn empty(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.length = 0;
        Ok(())
    }

    /// What is asked for so that the server goes on where this ends, if it still has the same file.
    fn goes_on(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let Some(etag) = self.etag.as_deref().filter(|_| self.length > 0) else { return headers };
        if let (Ok(etag), Ok(range)) =
            (HeaderValue::from_str(etag), HeaderValue::from_str(&format!("bytes={}-", self.length)))
        {
            headers.insert(IF_RANGE, etag);
            headers.insert(RANGE, range);
        }
        headers
    }

    /// From the beginning, with the mark of an answer. Without one, a break means to start over.
    fn begin(&mut self, headers: &HeaderMap) -> io::Result<()> {
        let etag = headers.get(ETAG).and_then(|etag| etag.to_str().ok()).filter(|etag| is_strong(etag));
        match etag {
            Some(etag) => fs::write(&self.etag_path, etag)?,
            None => remove(&self.etag_path)?,
        }
        self.etag = etag.map(str::to_owned);
        self.empty()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn verified(&mut self, keys: &Keys, signature: &[u8], purpose: &Purpose) -> Result<PathBuf, Refusal> {
        self.file.rewind().map_err(|error| Refusal::of_disk(&error))?;
        keys.verify_stream(&self.file, signature, purpose)?;
        Ok(self.path.clone())
    }

    /// What cannot be removed is emptied by the next attempt.
    fn discard(&mut self) {
        let _the_next_attempt_sees_it = self.empty().and(remove(&self.path)).and(remove(&self.etag_path));
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Only with such a mark two answers are of the same bytes.
fn is_strong(etag: &str) -> bool {
    etag.len() <= LONGEST_ETAG && etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"')
}
