//! New versions of the app, as the window shows them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::config::LookForUpdates;

/// Where the app is with new versions of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UpdatesView {
    /// Whether it looks for them by itself.
    pub looks: LookForUpdates,
    /// Whether it can look: this build knows a feed, and by which keys to believe it.
    pub has_feed: bool,
    /// The file by which an administrator has forbidden it.
    pub forbidden_by: Option<String>,
    /// When a feed was last asked for and something came of it, in ms since 1970.
    #[ts(type = "number | null")]
    pub checked_at: Option<u64>,
    /// How a new version comes to where this one lies; nothing until that was looked at.
    pub way: Option<UpdateWay>,
    /// What there is.
    pub state: UpdateState,
    /// Whether the person has put off what there is.
    pub is_put_off: bool,
    /// How the last update came out, until the person has seen it.
    pub outcome: Option<UpdateOutcome>,
    /// What the update to the version that runs has changed; nothing if it came by other means.
    pub changed: Option<UpdateChanges>,
}

/// What an update has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UpdateChanges {
    /// The version that it has brought.
    pub version: String,
    /// The one before it.
    pub from: String,
    /// What was new in it.
    pub notes: UpdateNotes,
}

/// How a new version comes to where this one lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum UpdateWay {
    /// It is put beside this one, which stays.
    BesideOthers,
    /// By Debian's package manager; the person is told the command.
    Deb,
    /// By a package manager of RPM; the person is told the command.
    Rpm,
    /// By the installer of Windows.
    Installer,
    /// The bundle of macOS is replaced whole.
    Bundle,
    /// By the person: nobody knows who has put this one there.
    ByHand,
    /// Not at all by this person, who may not write there.
    NoPermission {
        /// Where.
        folder: String,
    },
}

/// A version that there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UpdateOffer {
    /// Which.
    pub version: String,
    /// What is new.
    pub notes: UpdateNotes,
    /// Whether the version that runs has a hole.
    pub security: bool,
    /// So many bytes are downloaded.
    #[ts(type = "number")]
    pub size: u64,
}

/// What is new, in each language: lines of plain text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UpdateNotes {
    /// In English.
    pub en: String,
    /// In Simplified Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

/// What there is of new versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum UpdateState {
    /// Nothing is known.
    #[default]
    Idle,
    /// A feed is being asked for.
    Looking,
    /// This version is the newest.
    Current,
    /// There is a newer one, and nothing is downloaded until a person wants it.
    Offered {
        /// It.
        offer: UpdateOffer,
    },
    /// It is being downloaded.
    Downloading {
        /// It.
        offer: UpdateOffer,
        /// So many bytes have come.
        #[ts(type = "number")]
        received: u64,
    },
    /// It could not be downloaded or unpacked; what has come stays where it can be used.
    Paused {
        /// It.
        offer: UpdateOffer,
        /// Why.
        code: UpdateRefusal,
        /// When that goes on by itself, in ms since 1970; nothing: when a person wants it.
        #[ts(type = "number | null")]
        goes_on_at: Option<u64>,
    },
    /// It only has to be started.
    Ready {
        /// It.
        offer: UpdateOffer,
    },
    /// It is downloaded, and this command installs it.
    Command {
        /// It.
        offer: UpdateOffer,
        /// To copy into a terminal.
        command: String,
    },
    /// The person installs it.
    ByHand {
        /// It.
        offer: UpdateOffer,
        /// Where its package lies.
        address: String,
    },
    /// It is being started, and is about to take over.
    Relaunching {
        /// Which.
        version: String,
    },
    /// What was said of a new version is not believed, or could not be asked for.
    Refused {
        /// Why.
        code: UpdateRefusal,
    },
    /// There is a newer one that has failed here: it is not offered by itself.
    FailedBefore {
        /// It.
        offer: UpdateOffer,
        /// How it has failed.
        failure: UpdateFailure,
    },
}

/// How an update came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum UpdateOutcome {
    /// This version runs, and has stayed ready.
    Installed {
        /// It.
        version: String,
        /// The one before it.
        from: String,
        /// What is new.
        notes: UpdateNotes,
    },
    /// A newer version has failed, and this one serves again.
    CameBack {
        /// The newer one.
        version: String,
        /// How it has failed.
        failure: UpdateFailure,
    },
}

/// How a version has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UpdateFailure {
    /// In short.
    pub reason: UpdateFailureReason,
    /// What the system or the version said of it, as it is.
    pub detail: Option<String>,
}

/// How a version has failed, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum UpdateFailureReason {
    /// Its program could not be started, or ended before it took over.
    NotStarted,
    /// It was started, and its backends did not come to serve.
    NotReady,
    /// It took over, and a role did not stay ready for a minute.
    NotStayedReady,
    /// It took over, and ended within a minute.
    Ended,
    /// It took over, and did not say in time that it works.
    Silent,
    /// It was started several times, and never stayed ready for a minute.
    Interrupted,
}

/// Why something that claims to be an update is not believed, or not used: the codes of the crate `taskpaw-updates`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum UpdateRefusal {
    /// This build has no key, so that it can believe nobody.
    NoKey,
    /// It is signed by a key that is not built in.
    OtherKey,
    /// The signature is not of these bytes, or is none.
    BadSignature,
    /// The signature is of something else.
    OtherPurpose,
    /// It is larger than any honest one.
    TooLarge,
    /// It does not have the form of a feed.
    BadForm,
    /// It is not to be believed any more.
    Expired,
    /// It is older than one that was seen before.
    Replayed,
    /// It was made in the future.
    FromTheFuture,
    /// It offers a version below the one that feeds may offer.
    BelowFloor,
    /// It offers a version below the one that runs.
    LowerVersion,
    /// It has nothing for this system.
    OtherSystem,
    /// The server does not answer.
    Unreachable,
    /// The server sends to another host.
    Redirected,
    /// The server is silent, or too slow.
    TooSlow,
    /// What comes has another size than was signed.
    WrongSize,
    /// The package has something in it that belongs in none.
    UnsafeArchive,
    /// The package cannot be unpacked.
    BrokenArchive,
    /// The programs in it are of another version.
    OtherVersion,
    /// The folder of the installation cannot be written to.
    NoPermission,
    /// The disk is full.
    NoSpace,
    /// The disk failed otherwise.
    DiskFailed,
}
