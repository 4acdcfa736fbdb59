// Generated from crates/taskpaw-contract by `npm run generate`. Do not edit.

export const EVENT_NAME = "host-event";

export const DATA_EVENT_NAME = "role-data";

export const COMMAND_NAME = "call";

/**
 * What a backend does: watch this machine, or poll the machines that do.
 */
export type Role = "agent" | "hub";

/**
 * The state of one wanted port. A person reads another sentence for each, so they are never merged.
 */
export type PortState = "free" | "own_stale" | "own_other_installation" | "own_other_role" | "own_other_user" | "foreign" | "unknown_holder" | "occupied" | "lingering" | "reserved" | "permission_denied" | "address_unavailable" | "self_collision";

/**
 * The state of a port as a person reads it: what was judged of it, or `invalid` if nobody can want it as it is written,
 * because its host is not an address, or its number out of range.
 */
export type PortStatus = PortState | "invalid";

/**
 * What a port's state means for the start of its role.
 */
export type PortOutlook = "starts" | "waits" | "refuses";

/**
 * What was done so that the connections of a stale holder do not keep its ports when it has ended.
 */
export type AddressReuse = { "allowed": number } | { "refused": string };

/**
 * A process id. Never zero, which every system keeps for itself; and never enough to end a process by,
 * because ids are reused: see [`ProcessIdentity`].
 */
export type Pid = number;

/**
 * What will be done about all wanted ports together.
 */
export type Decision = "start" | "reclaim" | "wait" | "refuse";

/**
 * How one holder of a port was judged, from harmless to worst.
 */
export type HolderKind = "own" | "other_installation" | "other_role" | "other_user" | "foreign" | "unseen";

/**
 * The rule that decided whose process a holder is: the form by which it is ours, or why it is not.
 *
 * The names stand in journals, so they do not change. The library has the constants of this type; an application gives its own
 * rules names with [`RuleName::new`].
 */
export type RuleName = string;

/**
 * A process that held a port.
 */
export type RecordedHolder = { 
/**
 * The holder's process id.
 */
pid: Pid, 
/**
 * The holder's name; `None` if it could not be seen.
 */
name: string | null, 
/**
 * The path of its executable.
 */
exe: string | null, 
/**
 * Who ran it.
 */
user: string | null, 
/**
 * When it started, in the system's own unit: see [`crate::Process::started_at`].
 */
started_at: number | null, 
/**
 * The holder's role, if it is a process of ours in the wide sense.
 */
role: Role | null, 
/**
 * How it was judged.
 */
judged: HolderKind, 
/**
 * The rule that decided it.
 */
rule: RuleName, 
/**
 * What was done so that its connections do not keep its ports; `None` where that was not tried.
 */
reuse?: AddressReuse, 
/**
 * What it had started and still worked at when it was about to be ended, as far as the application has looked.
 */
children?: Array<RecordedChild>, 
/**
 * Why what only its memory held could not be taken along, and ended with it.
 */
lost?: string, } & ({ "done": "untouched" } | { "done": "graceful", 
/**
 * Milliseconds from the ask to its end.
 */
ms: number, } | { "done": "forced", 
/**
 * Milliseconds from the ask to its end.
 */
ms: number, } | { "done": "already_gone" } | { "done": "survived", 
/**
 * Why.
 */
reason: string, });

/**
 * A process that a holder had started.
 */
export type RecordedChild = { 
/**
 * The child's process id.
 */
pid: Pid, 
/**
 * The child's name.
 */
name: string, 
/**
 * Whether it still ran when the takeover was over.
 */
left: boolean, };

/**
 * How a takeover came out.
 */
export type RecordedOutcome = "ready" | "refused" | "not_free" | "look_failed";

/**
 * Which way ports came from the app before.
 */
export type RecordedWay = "passed_on" | "not_passed" | "not_usable";

/**
 * A wanted port.
 */
export type RecordedPort = { 
/**
 * What the role calls it.
 */
name: string, 
/**
 * The host as it was configured.
 */
host: string, 
/**
 * The number.
 */
port: number, 
/**
 * The port's state; `None` if it could not be looked at, or if this version does not know that state.
 */
state: PortState | null, 
/**
 * The ids of its holders; more of each is among the record's holders.
 */
holders: Array<Pid>, };

/**
 * One takeover: who asked, what was seen, what was done, and how it came out.
 *
 * Arguments of processes are not in it, because people pass secrets in them. A record therefore explains a
 * decision and cannot replay it; for that there is [`crate::Snapshot`].
 */
export type TakeoverRecord = { 
/**
 * The version of this form: [`RECORD_SCHEMA`].
 */
schema: number, 
/**
 * When the takeover was over: milliseconds since 1970, UTC.
 */
at: number, 
/**
 * The version of the program that asked.
 */
version: string, 
/**
 * The role that wanted to start.
 */
role: Role, 
/**
 * What was decided on the first look; `None` if it failed.
 */
decision: Decision | null, 
/**
 * How the attempt came out.
 */
outcome: RecordedOutcome, 
/**
 * Why it was called off, or why the ports could not be looked at.
 */
reason: string | null, 
/**
 * Milliseconds from the first look to the outcome.
 */
elapsed_ms: number, 
/**
 * Every wanted port as it was seen first.
 */
ports: Array<RecordedPort>, 
/**
 * Every wanted port as it was seen last, unless all could be had.
 */
ports_after?: Array<RecordedPort>, 
/**
 * Every process that held one of the ports in any of the looks.
 */
holders: Array<RecordedHolder>, 
/**
 * Which way the ports came from the app before, in the record of a handover; nothing in that of a takeover.
 */
way?: RecordedWay, };

/**
 * Why a configuration cannot be used. Each says what happened, why, and what to do now.
 */
export type ConfigProblem = { "kind": "unreadable", 
/**
 * The file.
 */
path: string, 
/**
 * What the system says.
 */
reason: string, } | { "kind": "syntax", 
/**
 * The file.
 */
path: string, 
/**
 * The line, from 1.
 */
line: number, 
/**
 * The column, from 1.
 */
column: number, 
/**
 * What is wrong there.
 */
reason: string, } | { "kind": "value", 
/**
 * The path of the key, such as `agent.network.port`.
 */
key: string, 
/**
 * What is wrong with its value.
 */
reason: string, } | { "kind": "port_range", 
/**
 * The path of the key.
 */
key: string, 
/**
 * The number.
 */
value: number, } | { "kind": "not_an_address", 
/**
 * The path of the key.
 */
key: string, 
/**
 * The text.
 */
value: string, } | { "kind": "exposure", 
/**
 * The path of the key.
 */
key: string, 
/**
 * The address.
 */
address: string, 
/**
 * Why it is refused.
 */
reason: ExposureReason, } | { "kind": "too_new", 
/**
 * The schema of the file.
 */
schema: number, 
/**
 * The newest schema that is known here.
 */
known: number, } | { "kind": "no_last_good", 
/**
 * Where it was.
 */
path: string, } | { "kind": "unwritable", 
/**
 * The file.
 */
path: string, 
/**
 * What the system says.
 */
reason: string, };

/**
 * Why an address is refused.
 */
export type ExposureReason = "wildcard" | "public" | "no_token" | "control_off_loopback";

/**
 * A host and a port to listen on, as they were written: [`Endpoint::wanted`] parses them.
 */
export type Endpoint = { 
/**
 * An address, or `localhost`.
 */
host: string, 
/**
 * The number, 1 to 65535.
 */
port: number, };

/**
 * The language of the window.
 */
export type Language = "system" | "en" | "zh-CN";

/**
 * The colours of the window.
 */
export type Theme = "system" | "light" | "dark";

/**
 * What closing the window is to do.
 */
export type OnClose = "ask" | "quit" | "tray";

/**
 * Whether the app looks for new versions of itself.
 */
export type LookForUpdates = "not_asked" | "yes" | "no";

/**
 * What a person chose for the app itself.
 */
export type Preferences = { 
/**
 * The language of the window.
 */
language: Language, 
/**
 * The colours of the window.
 */
theme: Theme, 
/**
 * How large everything in the window is, in per cent.
 */
zoom: number, 
/**
 * What closing the window is to do.
 */
on_close: OnClose, 
/**
 * Whether the system shows a notification for each event that calls for the person or says that work
 * is done.
 */
notifications: boolean, 
/**
 * Whether notifications were offered, and the person has decided about them.
 */
notifications_offered: boolean, 
/**
 * What no notification is shown of, at least for a while.
 */
muted: Array<Mute>, 
/**
 * Whether the app looks for new versions of itself.
 */
look_for_updates: LookForUpdates, };

/**
 * What no notification is shown of: a machine, or one monitor of it.
 */
export type Mute = { 
/**
 * The machine, as it calls itself.
 */
machine: string, 
/**
 * The monitor; nothing for all that the machine tells.
 */
monitor: string | null, 
/**
 * Until when, in ms since 1970; nothing: until the person says otherwise.
 */
until: number | null, };

/**
 * One thing that an agent watches.
 */
export type MonitorConfig = { 
/**
 * The kind of monitor, such as `tcp_check`.
 */
type_id: string, 
/**
 * The monitor's name, which no other monitor of the agent has.
 */
name: string, 
/**
 * Whether it runs.
 */
enabled: boolean, 
/**
 * What it needs to know; each kind has its own keys.
 */
config: Record<string, unknown>, };

/**
 * A port of a role, as it is configured.
 */
export type PortName = { 
/**
 * `network`, `control` or `api`.
 */
name: string, 
/**
 * The configured host.
 */
host: string, 
/**
 * The configured number.
 */
port: number, };

/**
 * The kinds of reasons why a role cannot start.
 */
export type StartupErrorCode = "config_invalid" | "config_unwritable" | "port_in_use" | "bind_address_unavailable" | "exposure_refused" | "state_unavailable" | "state_locked" | "state_denied" | "state_read_only" | "state_damaged" | "disk_full" | "state_too_new" | "startup_failed";

/**
 * The kinds of errors.
 */
export type ErrorCode = "bad_request" | "config" | "invalid_fields" | "busy" | "handing_over" | "other_runs" | "unsupported" | "not_ready" | "backend_unreachable" | "no_free_port" | "look_failed" | "bad_pairing_line" | "no_network" | "internal";

/**
 * An error of a command.
 */
export type IpcError = { 
/**
 * What kind of error it is; stable across versions.
 */
code: ErrorCode, 
/**
 * What happened, why, and what to do now, in English.
 */
message: string, 
/**
 * What belongs to the code, such as a configuration problem.
 */
detail: unknown, };

/**
 * Everything that the window shows now.
 */
export type Snapshot = { 
/**
 * The number of the last event that is in here.
 */
seq: number, 
/**
 * The app itself.
 */
app: AppView, 
/**
 * Why nothing runs: the configuration cannot be used.
 */
problem: ConfigProblem | null, 
/**
 * Every role, on or off.
 */
roles: Array<RoleView>, 
/**
 * Whether everything that is watched is all right.
 */
health: Health, };

/**
 * The app itself.
 */
export type AppView = { 
/**
 * The version of the app.
 */
version: string, 
/**
 * The folder of `config.json`.
 */
config_dir: string, 
/**
 * The folder of state, journal and logs.
 */
data_dir: string, 
/**
 * What the person chose.
 */
preferences: Preferences, 
/**
 * The language that is spoken where the person has chosen the system's; never that itself.
 */
system_language: Language, 
/**
 * Whether there is a copy of the configuration that was seen to work.
 */
has_last_good_config: boolean, 
/**
 * The version that takes the place of this app, which is ending, or waits whether that comes to serve.
 */
replaced_by: string | null, 
/**
 * The version that was to take the place of this app and could not, so that this one goes on.
 */
failed_successor: FailedSuccessor | null, 
/**
 * Another version that was started beside this app and sent away: a person is asked which one shall run.
 */
other_start: OtherStart | null, 
/**
 * Another version that is installed and runs after a relaunch.
 */
update: string | null, 
/**
 * Where the app is with new versions that it looks for itself.
 */
updates: UpdatesView, 
/**
 * The app whose place this one took.
 */
took_over: TookOver | null, 
/**
 * Whether this app has its place; nothing runs before.
 */
launch: Launch, 
/**
 * The tokens that are set. Their texts are sent only when one is asked for.
 */
tokens: Array<TokenName>, 
/**
 * The tokens among them that others show to this machine, and that are short enough to be guessed.
 */
short_tokens: Array<TokenName>, 
/**
 * Where else people are told of events.
 */
alerts: Array<AlertTargetView>, 
/**
 * Whether the app starts when the person logs in; nothing where that cannot be known.
 */
start_at_login: boolean | null, 
/**
 * Whether the data folder was gone at the start, and was created again.
 */
lost_data: boolean, 
/**
 * Whether there is a tray, so that the app can go on without its window.
 */
has_tray: boolean, 
/**
 * Whether the person is asked now what closing the window should do.
 */
is_close_asked: boolean, 
/**
 * What was taken over from TaskPaw V3, if it was here.
 */
imported: ImportReport | null, 
/**
 * What an earlier version has left behind of TaskPaw V3, until the person has decided about it.
 */
left_behind: LeftBehind | null, };

/**
 * Whether everything that is watched is all right.
 */
export type Health = { "kind": "unknown" } | { "kind": "not_watched" } | { "kind": "all_well", 
/**
 * How many things are watched.
 */
total: number, } | { "kind": "attention", 
/**
 * How many things are watched.
 */
total: number, 
/**
 * How many of them are not as they should be.
 */
broken: number, };

/**
 * What a role that is ready watches.
 */
export type Watched = { 
/**
 * How many things: each monitor is one, and each machine that is silent.
 */
total: number, 
/**
 * How many of them are not as they should be.
 */
broken: number, 
/**
 * What is not as it should be, the worst first: [`MOST_TROUBLES`] at most.
 */
troubles: Array<Trouble>, };

/**
 * Something that is not as it should be.
 */
export type Trouble = { 
/**
 * The machine that it is on, as the hub calls it; nothing for this one.
 */
machine: string | null, 
/**
 * The monitor; nothing if the machine itself is silent.
 */
monitor: string | null, 
/**
 * How the thing is.
 */
state: TroubleState, 
/**
 * Since when, in ms since 1970 on this machine's clock; nothing if that is not known.
 */
since: number | null, };

/**
 * How something is that is not as it should be, the worst first.
 */
export type TroubleState = "offline" | "error" | "degraded";

/**
 * What the first start took over from TaskPaw V3.
 */
export type ImportReport = { 
/**
 * When that was: milliseconds since 1970, UTC.
 */
at: number, 
/**
 * The folder of the files.
 */
folder: string, 
/**
 * The files that were there.
 */
files: Array<V3File>, 
/**
 * The roles that were switched on for them.
 */
roles: Array<Role>, 
/**
 * What is in `config.json` now.
 */
taken: Array<Taken>, 
/**
 * What is not, and why.
 */
not_taken: Array<NotTaken>, 
/**
 * How many entries were too many for this report.
 */
left_out: number, 
/**
 * Whether the person has seen it.
 */
seen: boolean, 
/**
 * What is known of V3's database, which the hub reads at its first start.
 */
database: DatabaseState, 
/**
 * Whether everything that can come along was dealt with; 4.0.0 left a part of it behind.
 */
is_whole: boolean, };

/**
 * What is known of the database of V3's hub.
 */
export type DatabaseState = "none" | "pending" | "failed" | "read";

/**
 * What an earlier version has left behind of TaskPaw V3, for a person to decide about.
 */
export type LeftBehind = { 
/**
 * The folder of V3's files.
 */
folder: string, 
/**
 * What it is.
 */
kinds: Array<LeftBehindKind>, };

/**
 * Something of V3's hub that this version can go on with.
 */
export type LeftBehindKind = "machines" | "webhook" | "status_file";

/**
 * A file of V3.
 */
export type V3File = "agent.yaml" | "hub.yaml" | "hub.db" | "folder";

/**
 * Something that was taken over.
 */
export type Taken = { 
/**
 * Where it stood.
 */
file: V3File, 
/**
 * The path of its key.
 */
key: string, 
/**
 * The name of the monitor that it is.
 */
monitor: string | null, };

/**
 * Something that was not taken over.
 */
export type NotTaken = { 
/**
 * Where it stood.
 */
file: V3File, 
/**
 * The path of its key; empty: the file as a whole.
 */
key: string, 
/**
 * The name of the monitor that it belongs to.
 */
monitor: string | null, 
/**
 * Why.
 */
reason: NotTakenReason, 
/**
 * Whether nothing came of the whole monitor, machine or file; else it is one setting that is missing.
 */
is_lost: boolean, };

/**
 * Why something was not taken over. None of these repeats a value.
 */
export type NotTakenReason = { "kind": "unreadable", 
/**
 * What the system says.
 */
message: string, } | { "kind": "not_a_file" } | { "kind": "too_large", 
/**
 * The largest size that is read.
 */
most: number, } | { "kind": "not_utf8" } | { "kind": "syntax", 
/**
 * The line, from 1.
 */
line: number, 
/**
 * The column, from 1.
 */
column: number, } | { "kind": "too_much" } | { "kind": "no_settings" } | { "kind": "more_documents" } | { "kind": "twice" } | { "kind": "unknown_key" } | { "kind": "other_role" } | { "kind": "said_already" } | { "kind": "tagged" } | { "kind": "not_text" } | { "kind": "not_whole" } | { "kind": "not_a_flag" } | { "kind": "not_yes_or_no" } | { "kind": "not_a_number" } | { "kind": "nearest", 
/**
 * The least that is possible.
 */
least: string, 
/**
 * The most that is possible.
 */
most: string, } | { "kind": "bad_pattern" } | { "kind": "not_a_whole_path" } | { "kind": "refused" } | { "kind": "not_a_url" } | { "kind": "not_a_list" } | { "kind": "not_a_map" } | { "kind": "out_of_range", 
/**
 * The least that is possible.
 */
least: number, 
/**
 * The most that is possible.
 */
most: number, } | { "kind": "not_an_address" } | { "kind": "exposure", 
/**
 * Why it is refused.
 */
reason: ExposureReason, } | { "kind": "port_twice" } | { "kind": "bad_token" } | { "kind": "token_replaced" } | { "kind": "folder_closed" } | { "kind": "watch_itself" } | { "kind": "no_database" } | { "kind": "bad_database", 
/**
 * What the database says.
 */
message: string, } | { "kind": "too_many", 
/**
 * How many entries there are.
 */
number: number, } | { "kind": "address_twice" } | { "kind": "set_since" } | { "kind": "undelivered", 
/**
 * How many events there are.
 */
number: number, } | { "kind": "bad_name", 
/**
 * The most letters that it may have.
 */
most: number, } | { "kind": "name_twice" } | { "kind": "always_on" } | { "kind": "missing" } | { "kind": "unknown_monitor", 
/**
 * The kind.
 */
type_id: string, } | { "kind": "bad_command" };

/**
 * How far this app is on its way to the place of the one app that runs.
 */
export type Launch = { "kind": "running" } | { "kind": "waiting", 
/**
 * The other one's version, if it is known.
 */
version: string | null, 
/**
 * The other app's process id, if it is known.
 */
pid: number | null, 
/**
 * Whether it is not an app that has the place but one that was started before, and goes first.
 */
for_turn: boolean, } | { "kind": "kept", 
/**
 * The other one's version, if it is known.
 */
version: string | null, 
/**
 * The role that could not start, and why; nothing if it is the other app that does not hand over.
 */
because: RoleFailure | null, 
/**
 * Whether a person may have this app follow all the same: its backend was slow, and told no error.
 */
may_start: boolean, } | { "kind": "blocked", 
/**
 * Why it is not safe.
 */
message: string, };

/**
 * A role that could not start, and why.
 */
export type RoleFailure = { 
/**
 * Which one.
 */
role: Role, 
/**
 * What went wrong.
 */
failure: Failure, };

/**
 * A version that could not follow the one that runs.
 */
export type FailedSuccessor = { 
/**
 * Which one.
 */
version: string, 
/**
 * The role that could not start, and why, if it said so.
 */
because: RoleFailure | null, };

/**
 * Another version that was started beside the one that runs, and that could not hand over and serve again.
 */
export type OtherStart = { 
/**
 * Which one.
 */
version: string, 
/**
 * The program of the other version, if it is known for certain and so can be started from here.
 */
program: string | null, };

/**
 * Where the app is with new versions of itself.
 */
export type UpdatesView = { 
/**
 * Whether it looks for them by itself.
 */
looks: LookForUpdates, 
/**
 * Whether it can look: this build knows a feed, and by which keys to believe it.
 */
has_feed: boolean, 
/**
 * The file by which an administrator has forbidden it.
 */
forbidden_by: string | null, 
/**
 * When a feed was last asked for and something came of it, in ms since 1970.
 */
checked_at: number | null, 
/**
 * How a new version comes to where this one lies; nothing until that was looked at.
 */
way: UpdateWay | null, 
/**
 * What there is.
 */
state: UpdateState, 
/**
 * Whether the person has put off what there is.
 */
is_put_off: boolean, 
/**
 * How the last update came out, until the person has seen it.
 */
outcome: UpdateOutcome | null, 
/**
 * What the update to the version that runs has changed; nothing if it came by other means.
 */
changed: UpdateChanges | null, };

/**
 * How a new version comes to where this one lies.
 */
export type UpdateWay = { "kind": "beside_others" } | { "kind": "deb" } | { "kind": "rpm" } | { "kind": "installer" } | { "kind": "bundle" } | { "kind": "by_hand" } | { "kind": "no_permission", 
/**
 * Where.
 */
folder: string, };

/**
 * A version that there is.
 */
export type UpdateOffer = { 
/**
 * Which.
 */
version: string, 
/**
 * What is new.
 */
notes: UpdateNotes, 
/**
 * Whether the version that runs has a hole.
 */
security: boolean, 
/**
 * So many bytes are downloaded.
 */
size: number, };

/**
 * What is new, in each language: lines of plain text.
 */
export type UpdateNotes = { 
/**
 * In English.
 */
en: string, 
/**
 * In Simplified Chinese.
 */
"zh-CN": string, };

/**
 * What there is of new versions.
 */
export type UpdateState = { "kind": "idle" } | { "kind": "looking" } | { "kind": "current" } | { "kind": "offered", 
/**
 * It.
 */
offer: UpdateOffer, } | { "kind": "downloading", 
/**
 * It.
 */
offer: UpdateOffer, 
/**
 * So many bytes have come.
 */
received: number, } | { "kind": "paused", 
/**
 * It.
 */
offer: UpdateOffer, 
/**
 * Why.
 */
code: UpdateRefusal, 
/**
 * When that goes on by itself, in ms since 1970; nothing: when a person wants it.
 */
goes_on_at: number | null, } | { "kind": "ready", 
/**
 * It.
 */
offer: UpdateOffer, } | { "kind": "command", 
/**
 * It.
 */
offer: UpdateOffer, 
/**
 * To copy into a terminal.
 */
command: string, } | { "kind": "by_hand", 
/**
 * It.
 */
offer: UpdateOffer, 
/**
 * Where its package lies.
 */
address: string, } | { "kind": "relaunching", 
/**
 * Which.
 */
version: string, } | { "kind": "refused", 
/**
 * Why.
 */
code: UpdateRefusal, } | { "kind": "failed_before", 
/**
 * It.
 */
offer: UpdateOffer, 
/**
 * How it has failed.
 */
failure: UpdateFailure, };

/**
 * How an update came out.
 */
export type UpdateOutcome = { "kind": "installed", 
/**
 * It.
 */
version: string, 
/**
 * The one before it.
 */
from: string, 
/**
 * What is new.
 */
notes: UpdateNotes, } | { "kind": "came_back", 
/**
 * The newer one.
 */
version: string, 
/**
 * How it has failed.
 */
failure: UpdateFailure, };

/**
 * What an update has changed.
 */
export type UpdateChanges = { 
/**
 * The version that it has brought.
 */
version: string, 
/**
 * The one before it.
 */
from: string, 
/**
 * What was new in it.
 */
notes: UpdateNotes, };

/**
 * How a version has failed.
 */
export type UpdateFailure = { 
/**
 * In short.
 */
reason: UpdateFailureReason, 
/**
 * What the system or the version said of it, as it is.
 */
detail: string | null, };

/**
 * How a version has failed, in short.
 */
export type UpdateFailureReason = "not_started" | "not_ready" | "not_stayed_ready" | "ended" | "silent" | "interrupted";

/**
 * Why something that claims to be an update is not believed, or not used: the codes of the crate `taskpaw-updates`.
 */
export type UpdateRefusal = "no_key" | "other_key" | "bad_signature" | "other_purpose" | "too_large" | "bad_form" | "expired" | "replayed" | "from_the_future" | "below_floor" | "lower_version" | "other_system" | "unreachable" | "redirected" | "too_slow" | "wrong_size" | "unsafe_archive" | "broken_archive" | "other_version" | "no_permission" | "no_space" | "disk_failed";

/**
 * A role.
 */
export type RoleView = { 
/**
 * Which one.
 */
role: Role, 
/**
 * Whether it is switched on.
 */
enabled: boolean, 
/**
 * Counts the starts; what belongs to an older one is over.
 */
generation: number, 
/**
 * What it does now.
 */
state: RoleState, 
/**
 * The role's ports as they are configured, and as they were last seen.
 */
ports: Array<PortView>, 
/**
 * The last takeover that replaced something.
 */
last_takeover: Takeover | null, 
/**
 * What this start did so far, in order.
 */
timeline: Array<TimelineEntry>, 
/**
 * The change of its ports that is under way, or how the last one came out.
 */
apply: Apply | null, 
/**
 * What it watches, and what of it is not all right; nothing while that is not known.
 */
watched: Watched | null, };

/**
 * What a role does now.
 */
export type RoleState = { "kind": "stopped" } | { "kind": "taking_over", 
/**
 * How far the takeover is.
 */
progress: Progress, } | { "kind": "lingering", 
/**
 * Seconds until it is given up.
 */
seconds_left: number, 
/**
 * Why it is waited for.
 */
cause: LingeringCause, } | { "kind": "starting" } | { "kind": "ready", 
/**
 * The backend that is ready.
 */
backend: Backend, } | { "kind": "backoff", 
/**
 * Milliseconds from the event to the attempt.
 */
wait_ms: number, 
/**
 * How many attempts failed.
 */
attempt: number, 
/**
 * What went wrong last.
 */
failure: Failure, } | { "kind": "waiting", 
/**
 * What it waits for: a failure that is about ports.
 */
failure: Failure, } | { "kind": "failed", 
/**
 * What went wrong last.
 */
failure: Failure, 
/**
 * Milliseconds from the event to the next attempt; nothing if none follows by itself.
 */
retry_ms: number | null, } | { "kind": "stopping" } | { "kind": "stood_down" };

/**
 * How far a takeover is.
 */
export type Progress = "looking" | "ending";

/**
 * A backend that is ready.
 */
export type Backend = { 
/**
 * The backend's process id.
 */
pid: number, 
/**
 * The backend's version.
 */
version: string, 
/**
 * Where the host reaches it.
 */
base_url: string, 
/**
 * Milliseconds from its start to its readiness.
 */
ready_ms: number, };

/**
 * Why an attempt failed.
 */
export type Failure = { "kind": "port_conflict" } | { "kind": "takeover", 
/**
 * What went wrong.
 */
message: string, } | { "kind": "v3_busy", 
/**
 * The process id of the V3 backend.
 */
pid: number, 
/**
 * The processes that it has started.
 */
children: Array<ChildView>, } | { "kind": "displaced", 
/**
 * The process id of the other backend.
 */
pid: number, 
/**
 * The name of the other backend.
 */
name: string, 
/**
 * The version of the other backend, if it reports one.
 */
version: string | null, } | { "kind": "not_allowed", 
/**
 * The process id of the stale backend.
 */
pid: number, 
/**
 * The name of the stale backend.
 */
name: string, 
/**
 * The version of the stale backend, if it reports one.
 */
version: string | null, } | { "kind": "config", 
/**
 * What is wrong with it.
 */
problem: ConfigProblem, } | { "kind": "spawn_failed", 
/**
 * The path of the program.
 */
program: string, 
/**
 * Whether it is not there at all.
 */
missing: boolean, 
/**
 * What the system says.
 */
message: string, } | { "kind": "startup_error", 
/**
 * The kind of reason.
 */
code: StartupErrorCode, 
/**
 * The reason in words.
 */
message: string, 
/**
 * The port that it is about.
 */
port: PortName | null, } | { "kind": "broken_protocol", 
/**
 * How the protocol was broken.
 */
message: string, 
/**
 * The backend's last log lines.
 */
log: Array<string>, } | { "kind": "wrong_version", 
/**
 * The backend's.
 */
backend: string, } | { "kind": "not_ready", 
/**
 * Seconds that it had.
 */
seconds: number, 
/**
 * The backend's last log lines.
 */
log: Array<string>, } | { "kind": "exited", 
/**
 * How, in words, such as `exit status 1`.
 */
status: string, 
/**
 * The backend's last log lines.
 */
log: Array<string>, } | { "kind": "unhealthy", 
/**
 * How many it missed.
 */
missed: number, 
/**
 * The backend's last log lines.
 */
log: Array<string>, };

/**
 * A port of a role.
 */
export type PortView = { 
/**
 * `network`, `control` or `api`.
 */
name: string, 
/**
 * The configured host.
 */
host: string, 
/**
 * The configured number.
 */
port: number, 
/**
 * The port's state when it was last looked at; nothing before the first look.
 */
state: PortStatus | null, 
/**
 * What that means for a start; nothing if it was not looked at yet.
 */
outlook: PortOutlook | null, 
/**
 * Whether the role's own running backend holds it.
 */
in_use_by_app: boolean, 
/**
 * Who holds it.
 */
holders: Array<HolderView>, 
/**
 * A free number near it, where the state calls for another one.
 */
suggestion: number | null, };

/**
 * A process that holds a port.
 */
export type HolderView = { 
/**
 * The holder's process id.
 */
pid: number, 
/**
 * The holder's name; nothing if it cannot be seen.
 */
name: string | null, 
/**
 * The path of its executable.
 */
exe: string | null, 
/**
 * Who runs it.
 */
user: string | null, 
/**
 * The holder's role, if it is a TaskPaw backend.
 */
role: Role | null, 
/**
 * Whether it is a stale backend of this role and user.
 */
ours: boolean, 
/**
 * Why it runs, where the system proves it.
 */
run_by?: RunBy, 
/**
 * Its command line, cut, and without what looks like a secret.
 */
command_line?: string, 
/**
 * Since when it runs, in milliseconds since 1970, UTC.
 */
since?: number, 
/**
 * Whether systemd runs this machine, so that `systemctl status` tells what has started it.
 */
is_under_systemd?: boolean, };

/**
 * Why a holder runs. What is named here can be written in a command as it is: its letters are only those that a name of its kind
 * has, and none that a shell reads.
 */
export type RunBy = { "kind": "unit", 
/**
 * The unit's whole name, such as `nginx.service`.
 */
unit: string, 
/**
 * Whether it is one of the person, and not of the machine.
 */
of_person: boolean, } | { "kind": "container", 
/**
 * The program that has it, such as `docker`.
 */
engine: ContainerEngine, 
/**
 * The beginning of its id, as that program shows it; of LXC its name.
 */
id: string, } | { "kind": "forward", 
/**
 * To where, as it was written, such as `db.example:5432`.
 */
to: string, } | { "kind": "program", 
/**
 * The id of that process.
 */
pid: number, 
/**
 * What it is called.
 */
name: string, 
/**
 * What it is.
 */
what: RunByProgram, };

/**
 * What has containers.
 */
export type ContainerEngine = "docker" | "podman" | "lxc" | "other";

/**
 * What a program is that starts others for a person.
 */
export type RunByProgram = "editor" | "terminal" | "login";

/**
 * A process that a backend has started.
 */
export type ChildView = { 
/**
 * The process id of the child.
 */
pid: number, 
/**
 * The name of the child.
 */
name: string, };

/**
 * Why a port is waited for.
 */
export type LingeringCause = "connections" | "not_allowed";

/**
 * A takeover that replaced something.
 */
export type Takeover = { 
/**
 * Milliseconds since 1970, UTC.
 */
at: number, 
/**
 * What was replaced.
 */
replaced: Array<Replaced>, 
/**
 * Milliseconds from the first look to the free ports.
 */
elapsed_ms: number, };

/**
 * An event, and all that the window shows from then on.
 */
export type HostEvent = { 
/**
 * Milliseconds since 1970, UTC.
 */
at: number, 
/**
 * What happened.
 */
event: Event, 
/**
 * What is shown after it. The one with the highest number counts, whatever the order in which they arrive.
 */
snapshot: Snapshot, };

/**
 * What happened.
 */
export type Event = { "type": "takeover_started", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * The role's ports, not looked at yet.
 */
ports: Array<PortView>, } | { "type": "reclaim_started", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * Every port with its state and holders.
 */
ports: Array<PortView>, 
/**
 * The processes that will be ended.
 */
pids: Array<number>, } | { "type": "reclaim_progress", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * The process.
 */
pid: number, 
/**
 * How far the end of the process is.
 */
stage: Stage, } | { "type": "reclaim_finished", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * What was replaced.
 */
replaced: Array<Replaced>, 
/**
 * Milliseconds from the first look to the free ports.
 */
elapsed_ms: number, } | { "type": "port_conflict", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * Every port with its state, holders and a suggestion.
 */
ports: Array<PortView>, } | { "type": "lingering_wait", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * Seconds until it is given up.
 */
seconds_left: number, 
/**
 * Why it is waited for.
 */
cause: LingeringCause, } | { "type": "backend_starting", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * Every port, now free.
 */
ports: Array<PortView>, } | { "type": "backend_ready", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * The backend that is ready.
 */
backend: Backend, 
/**
 * Every port, now in use by the app.
 */
ports: Array<PortView>, } | { "type": "backend_waiting", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * What is waited for.
 */
failure: Failure, } | { "type": "backend_failed", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * What went wrong.
 */
failure: Failure, 
/**
 * Milliseconds to the next attempt; nothing if none follows by itself.
 */
retry_ms: number | null, } | { "type": "backend_backoff", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * What went wrong.
 */
failure: Failure, 
/**
 * Milliseconds to the next attempt.
 */
wait_ms: number, 
/**
 * How many attempts failed.
 */
attempt: number, } | { "type": "backend_stopping", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, } | { "type": "backend_exited", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, 
/**
 * How the backend ended, in words.
 */
status: string, } | { "type": "backend_stood_down", 
/**
 * The role.
 */
role: Role, 
/**
 * The start's number.
 */
generation: number, } | { "type": "handover_started", 
/**
 * The version that was started.
 */
version: string, } | { "type": "handover_failed", 
/**
 * The version that did not take the place.
 */
successor: FailedSuccessor, } | { "type": "other_started", 
/**
 * The version that was sent away.
 */
other: OtherStart, } | { "type": "launch_changed", 
/**
 * How far the launch is.
 */
launch: Launch, } | { "type": "handover_finished", 
/**
 * The app whose place was taken.
 */
from: TookOver, } | { "type": "update_installed", 
/**
 * The version that lies there; nothing if it is this version again.
 */
version: string | null, } | { "type": "apply_progress", 
/**
 * The role.
 */
role: Role, 
/**
 * How far the change is.
 */
apply: Apply, } | { "type": "close_requested" } | { "type": "close_answered" } | { "type": "event_chosen", 
/**
 * The machine that it happened on; empty: none of them alone.
 */
machine: string, 
/**
 * What the hub calls that machine; `None` for this machine.
 */
agent: string | null, 
/**
 * The monitor that reported the event.
 */
monitor: string, 
/**
 * The event's number on that machine.
 */
id: number, 
/**
 * When the event happened, as that machine reported it.
 */
time: string, } | { "type": "config_changed", 
/**
 * What the person chose for the app.
 */
preferences: Preferences, 
/**
 * The roles that are on.
 */
enabled: Array<Role>, } | { "type": "app_changed" };

/**
 * How far the end of a stale backend is.
 */
export type Stage = "asked" | "gone" | "forced";

/**
 * A stale backend that was replaced.
 */
export type Replaced = { 
/**
 * The process id of the stale backend.
 */
pid: number, 
/**
 * The name of the stale backend; `TaskPaw` for one of V3.
 */
name: string, 
/**
 * The version in its program's stamp, or `3` for a backend of V3; nothing if it was already gone.
 */
version: string | null, 
/**
 * Whether it had to be killed.
 */
forced: boolean, 
/**
 * Milliseconds that it took to end.
 */
ms: number, 
/**
 * What it had started and left running.
 */
left: Array<ChildView>, };

/**
 * One step of a start, for the timeline.
 */
export type TimelineEntry = { 
/**
 * Milliseconds since 1970, UTC.
 */
at: number, 
/**
 * The step.
 */
event: Event, };

/**
 * An app whose place this one took.
 */
export type TookOver = { 
/**
 * The version of the other app, if it said so.
 */
version: string | null, 
/**
 * The process id of the other app.
 */
pid: number, 
/**
 * Whether it did not answer and had to be ended.
 */
forced: boolean, 
/**
 * Milliseconds from the ask to its end.
 */
ms: number, 
/**
 * Which way the ports of the roles came that served there; of no role if the other app cannot pass any on (4.0.0).
 */
ports?: Array<PortsFrom>, };

/**
 * Which way a role's ports came from the app before.
 */
export type PortsFrom = { 
/**
 * The role whose ports these are.
 */
role: Role, 
/**
 * The way.
 */
way: PortsWay, };

/**
 * A way in which ports go from one app to the next.
 */
export type PortsWay = "passed_on" | "not_passed" | "not_usable";

/**
 * A change of a role's ports: under way, or how the last one came out.
 */
export type Apply = { 
/**
 * How far the change is.
 */
step: ApplyStep, 
/**
 * Whether the change is meant to stay, or ends with the app.
 */
keep: boolean, 
/**
 * Why it was refused or is being undone.
 */
reason: Failure | null, 
/**
 * The wanted ports with their states, where the reason is that one cannot be had.
 */
ports: Array<PortView>, };

/**
 * A step of a change of ports.
 */
export type ApplyStep = "checking" | "refused" | "saving" | "stopping" | "starting" | "confirming" | "kept" | "rolling_back" | "rolled_back";

/**
 * A token that a person sets. (The control token is none: it is made for each launch and never leaves the
 * host.)
 */
export type TokenName = "agent" | "hub" | "polling";

/**
 * An address of this machine to listen on.
 */
export type AddressChoice = { 
/**
 * The address, such as `192.168.1.5`.
 */
address: string, 
/**
 * The network interface that has it, such as `eth0`.
 */
interface: string, 
/**
 * Why the exposure guard refuses it now; nothing if it may be used.
 */
refused: ExposureReason | null, };

/**
 * What a person says when asked whether closing the window should end the app.
 */
export type CloseDecision = "quit" | "tray" | "stay";

/**
 * A page of the window, by the name that its address has.
 */
export type Page = "this-machine" | "fleet" | "events" | "ports" | "settings" | "diagnostics";

/**
 * What a person is to choose in the system's own window.
 */
export type PathKind = "file" | "folder";

/**
 * A place of TaskPaw's that a person can have shown: the window names none by its path.
 */
export type Place = "config" | "data" | "exports" | "file";

/**
 * A program of this person that runs.
 */
export type RunningProgram = { 
/**
 * The program's name, such as `blender`.
 */
name: string, 
/**
 * The program's file; nothing if the system does not say.
 */
path: string | null, 
/**
 * How many processes of it run.
 */
count: number, };

/**
 * Why a text is not a line for a machine.
 */
export type PairingRefusal = "not_a_line" | "other_use" | "newer" | "damaged" | "too_long";

/**
 * A line of a log.
 */
export type LogLine = { 
/**
 * Counts the lines of a role since the app started.
 */
number: number, 
/**
 * The line's level; nothing for a line that has none, such as the second one of a message.
 */
level: LogLevel | null, 
/**
 * All of it, as it was written.
 */
text: string, };

/**
 * How much a line of a log matters.
 */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/**
 * A kind of monitor that an agent offers.
 */
export type MonitorType = { 
/**
 * The kind's id, such as `tcp_check`.
 */
type_id: string, 
/**
 * What people call it, in English.
 */
title: string, 
/**
 * What it watches, in English.
 */
description: string, 
/**
 * Whether every agent has one, which can be changed but neither added nor removed.
 */
always_on: boolean, 
/**
 * The JSON schema of its settings; the window makes its form from it.
 */
schema: Record<string, unknown>, };

/**
 * What is wrong with one field of what was sent. With `InvalidFields` the details are a
 * list of these.
 */
export type FieldProblem = { 
/**
 * The path of the field, such as `config.port`.
 */
field: string, 
/**
 * What is wrong with it, in English.
 */
message: string, 
/**
 * The fault as a code, which the window has words for.
 */
fault?: FieldFault, };

/**
 * What can be wrong with a field.
 */
export type FieldFault = { "kind": "required" } | { "kind": "not_text" } | { "kind": "bad_character" } | { "kind": "too_long", 
/**
 * The most bytes that are possible.
 */
most: number, } | { "kind": "too_many", 
/**
 * The most entries that are possible.
 */
most: number, } | { "kind": "not_a_list" } | { "kind": "not_a_host" } | { "kind": "not_a_path" } | { "kind": "not_a_pattern" } | { "kind": "not_one_of", 
/**
 * The words that are possible.
 */
words: Array<string>, } | { "kind": "not_a_number" } | { "kind": "not_whole" } | { "kind": "not_between", 
/**
 * The least, as it is written.
 */
least: string, 
/**
 * The most, as it is written.
 */
most: string, } | { "kind": "not_a_flag" } | { "kind": "not_a_url" } | { "kind": "not_statuses" } | { "kind": "no_group" } | { "kind": "none_filled" } | { "kind": "taken" } | { "kind": "bad_name" } | { "kind": "unknown_kind" } | { "kind": "always_on" };

/**
 * What `GET /control/stream` of an agent tells, one at a time.
 */
export type AgentNews = { "kind": "monitor", 
/**
 * The monitor's name.
 */
name: string, 
/**
 * The monitor as it is now.
 */
monitor: MonitorStatus, } | { "kind": "look", 
/**
 * The monitor's name.
 */
name: string, 
/**
 * The monitor as it is now.
 */
monitor: MonitorStatus, } | { "kind": "monitors" } | { "kind": "event", 
/**
 * The event.
 */
event: AgentEvent, } | { "kind": "missed" };

/**
 * `GET /status` of an agent; the wire format is that of TaskPaw V3.
 */
export type AgentStatus = { 
/**
 * What people call the machine.
 */
machine: string, 
/**
 * Tells it from all others.
 */
server_id: string, 
/**
 * The machine's operating system, such as `linux`.
 */
os: string, 
/**
 * The version of its TaskPaw; nothing of one that does not say it here, as those before 4.1.0.
 */
version?: string, 
/**
 * Every monitor by its name.
 */
monitors: Record<string, MonitorStatus>, 
/**
 * Where the numbers of its events are; nothing of an agent that does not say it.
 */
event_cursor?: EventCursor, 
/**
 * Hubs whose acknowledgements were refused since this start, the last one first. Only the app is told.
 */
event_refusals?: Array<EventRefusal>, 
/**
 * Names that more than one monitor has in `config.json`: the first of each is watched. Only the app is told.
 */
names_in_use_twice?: Array<string>, };

/**
 * Where the numbers of an agent's events are, as TaskPaw V3 3.9 has defined it.
 */
export type EventCursor = { 
/**
 * The version of this form.
 */
version: bigint, 
/**
 * Tells the agent from all others.
 */
server_id: string, 
/**
 * Tells this row of numbers from every other one: 32 hex digits.
 */
stream_id: string, 
/**
 * Tells this start from every other one: 32 hex digits.
 */
boot_id: string, 
/**
 * The last number that was given before this start.
 */
resume_floor: number, 
/**
 * The greatest number that may be acknowledged: what was told since this start, and what was given before it.
 */
offered_highwater: number, 
/**
 * The number of the next event.
 */
next_event_id: number, 
/**
 * Whether the numbers outlast a restart.
 */
durable: boolean, };

/**
 * A hub that has acknowledged events that were never offered: it gets no event until it forgets what it remembers.
 */
export type EventRefusal = { 
/**
 * The address that it asked from.
 */
from: string, 
/**
 * The number that it has acknowledged.
 */
ack: number, 
/**
 * The greatest number that it could acknowledge.
 */
offered: number, 
/**
 * When it asked last, in ms since 1970.
 */
at: number, };

/**
 * One monitor of an agent.
 */
export type MonitorStatus = { 
/**
 * The monitor's kind, such as `host_metrics`.
 */
type_id: string, 
/**
 * How what it watches is.
 */
state: MonitorState, 
/**
 * The state in words.
 */
detail: string, 
/**
 * The monitor's numbers.
 */
metrics: Record<string, unknown>, 
/**
 * When it looked last: UTC, ISO 8601; nothing if it has not yet.
 */
last_update: string | null, 
/**
 * Seconds since the monitor entered this state, on the clock of the agent or hub that answers; nothing from an agent that does not report it.
 */
state_seconds?: number, 
/**
 * How far the work is that it watches; nothing of what never worked, and of an agent that does not say it.
 */
work?: Work, };

/**
 * How far work is, and how the last one went.
 */
export type Work = { 
/**
 * Whether it goes on now.
 */
is_running: boolean, 
/**
 * How much of it is done; nothing if nobody says it.
 */
percent: number | null, 
/**
 * For how long it goes on already; nothing if its beginning was not seen.
 */
elapsed_seconds: number | null, 
/**
 * How long it may still take, by its pace; nothing while that is not known.
 */
left_seconds: number | null, 
/**
 * The work before it.
 */
last: LastWork | null, };

/**
 * Work that has ended.
 */
export type LastWork = { 
/**
 * How long it took; nothing if its beginning was not seen.
 */
took_seconds: number | null, 
/**
 * For how long it has been over.
 */
ended_seconds: number, };

/**
 * The numbers of a machine at one time, the mean of some seconds.
 */
export type MetricSample = { 
/**
 * When these seconds began, in ms since 1970.
 */
at: number, 
/**
 * The numbers, by the keys that they have in a status.
 */
metrics: Record<string, unknown>, };

/**
 * How far back a history goes.
 */
export type HistoryRange = "day" | "week";

/**
 * `GET /history` of an agent. All times are on its own clock, which `now` tells.
 */
export type History = { 
/**
 * When it was answered, in ms since 1970.
 */
now: number, 
/**
 * When the first place of each row begins.
 */
from: number, 
/**
 * How long each place is.
 */
step_seconds: number, 
/**
 * The one that was asked for; else all of which something is kept, by their names.
 */
monitors: Array<MonitorHistory>, };

/**
 * What is kept of one monitor.
 */
export type MonitorHistory = { 
/**
 * The monitor's name.
 */
name: string, 
/**
 * The monitor's states in order, each with the time at which it began; the newest 2,000 at most. What came before the
 * first one is not known.
 */
states: Array<StateSince>, 
/**
 * The monitor's numbers. Where all monitors were asked for, only the machine's own has some.
 */
series: Array<MetricSeries>, };

/**
 * Since when a state was.
 */
export type StateSince = { 
/**
 * In ms since 1970.
 */
at: number, 
/**
 * The state; nothing while nobody watched.
 */
state: MonitorState | null, };

/**
 * One number over the time, with a place for each step; nothing where there is none.
 */
export type MetricSeries = { 
/**
 * The key that the number has in a status.
 */
key: string, 
/**
 * The means.
 */
mean: Array<number | null>, 
/**
 * The lowest mean of a minute in each place; empty where a place is a minute.
 */
low: Array<number | null>, 
/**
 * The highest one.
 */
high: Array<number | null>, };

/**
 * What is known of how a machine of the fleet was.
 */
export type HistoryAnswer = { "kind": "history", 
/**
 * The history that was asked for.
 */
history: History, } | { "kind": "too_old" } | { "kind": "failed", 
/**
 * Why.
 */
code: PollErrorCode, 
/**
 * The reason in words.
 */
message: string, };

/**
 * How something that is watched is.
 */
export type MonitorState = "unknown" | "ok" | "idle" | "running" | "degraded" | "error" | "stopped";

/**
 * An event of an agent.
 */
export type AgentEvent = { 
/**
 * Grows by one.
 */
id: number, 
/**
 * UTC, ISO 8601.
 */
time: string, 
/**
 * The machine it happened on.
 */
machine: string, 
/**
 * The monitor that saw it.
 */
monitor: string, 
/**
 * What happened, in words.
 */
message: string, 
/**
 * How much it matters.
 */
level?: EventLevel | null, 
/**
 * A short form.
 */
title?: string | null, 
/**
 * What belongs to it.
 */
data?: unknown, };

/**
 * How much an event matters.
 */
export type EventLevel = "info" | "warn" | "alert" | "done";

/**
 * What happened: `data.kind` of an event, so that it can be said in another language.
 */
export type EventKind = "started" | "down" | "up" | "error_line" | "calm" | "work_done" | "unreadable" | "readable" | "file_complete" | "word_changed" | "busy_too_long" | "stale" | "fresh" | "high" | "normal" | "task_done" | "task_failed" | "stuck" | "unstuck" | "assistant_busy" | "assistant_waits" | "assistant_idle" | "monitor_failed" | "monitor_works" | "left_out" | "machine_offline" | "machine_online";

/**
 * How a machine came into the fleet by the line that was pasted.
 */
export type Paired = { 
/**
 * What it is called in the fleet.
 */
name: string, 
/**
 * Where its agent answers.
 */
url: string, 
/**
 * How it answered when it was asked.
 */
test: AgentTest, 
/**
 * Whether it is in the fleet now. One that did not answer as it should is not.
 */
is_added: boolean, 
/**
 * Whether it was there already, and has got another address or token.
 */
was_known: boolean, };

/**
 * `GET /status` of a hub.
 */
export type FleetStatus = { 
/**
 * Every configured agent, in configured order.
 */
agents: Array<FleetAgent>, 
/**
 * Agents that were found on the local network and are not configured: an offer to add them.
 */
offers: Array<AgentOffer>, 
/**
 * How the webhook is; nothing if none is configured and nothing waits for one.
 */
webhook: WebhookStatus | null, 
/**
 * How telling ntfy is; nothing if there is none.
 */
ntfy?: WebhookStatus, };

/**
 * An agent as the hub knows it.
 */
export type FleetAgent = { 
/**
 * The machine's configured name.
 */
name: string, 
/**
 * The machine's configured address.
 */
url: string, 
/**
 * Whether it is polled.
 */
enabled: boolean, 
/**
 * Whether it has a token of its own here; without one the hub shows it the polling token.
 */
has_token: boolean, 
/**
 * Whether it answered the last poll.
 */
online: boolean, 
/**
 * Seconds since it last answered, on the hub's clock; nothing if it never did.
 */
last_seen_seconds: number | null, 
/**
 * Why the last poll failed, in words.
 */
error: string | null, 
/**
 * The error as a code.
 */
error_code: PollErrorCode | null, 
/**
 * Seconds since the hub noticed that the agent's event numbers began again: it was reinstalled. Nothing
 * if that has not been noticed in the days for which events are kept.
 */
installed_anew_seconds: number | null, 
/**
 * The last hole in the numbers of its events that this launch of the hub has seen; nothing without one.
 */
missed_events: MissedEvents | null, 
/**
 * What it answered last: shared, since a hub shows the same answer again and again.
 */
status: AgentStatus | null, };

/**
 * Numbers that an agent's events jumped over: nobody here was told what they stood for.
 */
export type MissedEvents = { 
/**
 * The first number that is missing.
 */
first: number, 
/**
 * The last one.
 */
last: number, 
/**
 * Seconds since the hub noticed it.
 */
seconds: number, };

/**
 * Why a poll fails.
 */
export type PollErrorCode = "unauthorized" | "timeout" | "unreachable" | "not_allowed" | "status" | "no_agent" | "too_old" | "store" | "too_much";

/**
 * An event in the hub's history.
 */
export type FleetEvent = { 
/**
 * The hub's own number for it, which tells it from every other event of the fleet.
 */
number: number, 
/**
 * The configured name of the agent.
 */
agent: string, 
/**
 * What the agent says who it is.
 */
server_id: string, 
/**
 * Seconds since the hub stored it, on the hub's clock: the clocks of two machines are never compared.
 */
age_seconds: number, 
/**
 * Grows by one.
 */
id: number, 
/**
 * UTC, ISO 8601.
 */
time: string, 
/**
 * The machine it happened on.
 */
machine: string, 
/**
 * The monitor that saw it.
 */
monitor: string, 
/**
 * What happened, in words.
 */
message: string, 
/**
 * How much it matters.
 */
level?: EventLevel | null, 
/**
 * A short form.
 */
title?: string | null, 
/**
 * What belongs to it.
 */
data?: unknown, };

/**
 * What `GET /stream` of a hub tells, one at a time.
 */
export type FleetNews = { "kind": "agent", 
/**
 * The machine as it is now.
 */
agent: FleetAgent, } | { "kind": "agents" } | { "kind": "event", 
/**
 * The event.
 */
event: FleetEvent, } | { "kind": "missed" };

/**
 * An agent that answered on the local network.
 */
export type AgentOffer = { 
/**
 * What people call the machine.
 */
machine: string, 
/**
 * Where it answers.
 */
url: string, 
/**
 * The version of the agent on offer.
 */
version: string, };

/**
 * How the webhook is.
 */
export type WebhookStatus = { 
/**
 * Events that wait for their delivery.
 */
waiting: number, 
/**
 * Events that could not be delivered for a day and are kept aside.
 */
kept_aside: number, 
/**
 * Why the last delivery failed; nothing if it did not.
 */
error: string | null, 
/**
 * The outcome as a code.
 */
outcome?: AlertOutcome, };

/**
 * A new agent.
 */
export type AgentDraft = { 
/**
 * What people call it, once in a hub.
 */
name: string, 
/**
 * The agent's address, such as `http://192.168.1.5:5680`.
 */
url: string, 
/**
 * What it asks for; empty: the hub's polling token.
 */
token: string, 
/**
 * Whether it is polled.
 */
enabled: boolean, };

/**
 * A change of an agent. What is left out stays.
 */
export type AgentChange = { 
/**
 * Another name.
 */
name: string | null, 
/**
 * Another address.
 */
url: string | null, 
/**
 * Another token; empty: the hub's polling token from now on.
 */
token: string | null, 
/**
 * Whether it is polled.
 */
enabled: boolean | null, };

/**
 * An agent to be asked once, without keeping anything.
 */
export type AgentProbe = { 
/**
 * The agent's address.
 */
url: string, 
/**
 * The token to show it. Nothing: that of the configured agent `name`, else the hub's polling token.
 */
token: string | null, 
/**
 * The configured agent that is being changed; nothing for a new one.
 */
name: string | null, };

/**
 * What a probe has found.
 */
export type AgentTest = { 
/**
 * Why it failed; nothing if it went well.
 */
error: string | null, 
/**
 * The error as a code.
 */
error_code: PollErrorCode | null, 
/**
 * What the agent answered.
 */
status: AgentStatus | null, 
/**
 * The agent's version; a failed probe may know it too, since asking for it needs no token.
 */
version: string | null, 
/**
 * The configured agent that is the same machine under another name.
 */
known_as: string | null, 
/**
 * How long the answer took.
 */
milliseconds: number, };

/**
 * Somewhere outside of this machine that is told of events.
 */
export type AlertTarget = "webhook" | "ntfy";

/**
 * One that is set, as far as the window may know it.
 */
export type AlertTargetView = { 
/**
 * Which one.
 */
target: AlertTarget, 
/**
 * The beginning of its address, such as `https://ntfy.sh`: what follows opens it.
 */
server: string, 
/**
 * Whether a token is shown there.
 */
has_token: boolean, 
/**
 * Which events it is told.
 */
events: WebhookEvents, };

/**
 * What a person sets.
 */
export type AlertTargetDraft = { 
/**
 * Which one.
 */
target: AlertTarget, 
/**
 * The target's whole address; nothing keeps the one that is set.
 */
url: string | null, 
/**
 * What is shown there as `Authorization: Bearer`; empty: nothing; left out: the one that is set.
 */
token: string | null, 
/**
 * Which events it is told.
 */
events: WebhookEvents, };

/**
 * How a test of an alert target went.
 */
export type AlertTest = { 
/**
 * What came of it.
 */
outcome: AlertOutcome, 
/**
 * The status of HTTP that the server answered with, if it did.
 */
status: number | null, 
/**
 * What the server said besides, cut, if that is text; never what was sent to it.
 */
said: string | null, 
/**
 * Milliseconds until that was known.
 */
milliseconds: number, };

/**
 * What came of a message.
 */
export type AlertOutcome = "taken" | "token_refused" | "not_found" | "moved" | "too_many" | "refused" | "server_fault" | "timeout" | "name_unknown" | "nobody_listens" | "no_way" | "cut_off" | "not_trusted" | "unreachable";

/**
 * Which events a webhook is told.
 */
export type WebhookEvents = "alerts" | "all";

/**
 * Ports that a person is thinking of.
 */
export type PortDraft = { 
/**
 * The role whose port this is.
 */
role: Role, 
/**
 * The port's name.
 */
name: string, 
/**
 * The wanted host and number.
 */
endpoint: Endpoint, };

/**
 * What a window can show of a role.
 */
export type DataKind = "agent" | "agent_events" | "fleet" | "fleet_events" | "agent_log" | "hub_log";

/**
 * What the window is sent. It takes the place of what it had; what it names is all that is another.
 */
export type RoleData = { "kind": "agent", 
/**
 * The agent's status.
 */
status: AgentStatus, } | { "kind": "monitors", 
/**
 * By their names.
 */
monitors: Record<string, MonitorStatus>, } | { "kind": "agent_events", 
/**
 * The events.
 */
events: Array<AgentEvent>, } | { "kind": "fleet", 
/**
 * The machines, and what the hub knows beside them.
 */
status: FleetStatus, } | { "kind": "machines", 
/**
 * The machines that have changed.
 */
agents: Array<FleetAgent>, } | { "kind": "fleet_events", 
/**
 * The events.
 */
events: Array<FleetEvent>, } | { "kind": "events_missed", 
/**
 * The role whose events were missed.
 */
role: Role, } | { "kind": "unheard", 
/**
 * The role that is not heard.
 */
role: Role, 
/**
 * Why.
 */
error: IpcError, } | { "kind": "log", 
/**
 * The role whose backend logged the lines.
 */
role: Role, 
/**
 * The log lines.
 */
lines: Array<LogLine>, };

/**
 * A request of the window.
 */
export type Request = { "command": "snapshot" } | { "command": "painted" } | { "command": "page_opened", 
/**
 * The page.
 */
page: Page, } | { "command": "watch", 
/**
 * All of it; nothing while nobody sees the window.
 */
data: Array<DataKind>, } | { "command": "retry", 
/**
 * The role.
 */
role: Role, } | { "command": "replace_v3", 
/**
 * The role.
 */
role: Role, } | { "command": "start", 
/**
 * The role.
 */
role: Role, } | { "command": "stop", 
/**
 * The role.
 */
role: Role, } | { "command": "restart", 
/**
 * The role.
 */
role: Role, } | { "command": "check_ports", 
/**
 * All ports of one role.
 */
draft: Array<PortDraft>, } | { "command": "suggest_port", 
/**
 * The role.
 */
role: Role, 
/**
 * The port's name.
 */
name: string, 
/**
 * What the person has typed so far; empty: the ports as they are configured.
 */
draft: Array<PortDraft>, } | { "command": "apply_ports", 
/**
 * The ports to change, of one role.
 */
draft: Array<PortDraft>, 
/**
 * Whether the change stays; else the ports are used until the app is closed.
 */
keep: boolean, } | { "command": "set_roles", 
/**
 * The roles that are on.
 */
roles: Array<Role>, } | { "command": "logs", 
/**
 * The role.
 */
role: Role, 
/**
 * How many at most.
 */
limit: number, } | { "command": "journal", 
/**
 * How many at most.
 */
limit: number, } | { "command": "export_diagnostics" } | { "command": "set_preferences", 
/**
 * All of it.
 */
preferences: Preferences, } | { "command": "send_test_notification" } | { "command": "set_alert_target", 
/**
 * Where.
 */
draft: AlertTargetDraft, } | { "command": "remove_alert_target", 
/**
 * Where.
 */
target: AlertTarget, } | { "command": "test_alert_target", 
/**
 * Where.
 */
draft: AlertTargetDraft, } | { "command": "set_start_at_login", 
/**
 * Whether it starts.
 */
enabled: boolean, } | { "command": "answer_close", 
/**
 * What is to happen.
 */
decision: CloseDecision, 
/**
 * Whether that is done without a question from now on. Staying is never remembered.
 */
remember: boolean, } | { "command": "show_token", 
/**
 * Which one.
 */
token: TokenName, } | { "command": "generate_token" } | { "command": "set_token", 
/**
 * Which one.
 */
token: TokenName, 
/**
 * The token's text; an empty one means that no token is asked for from now on.
 */
value: string, } | { "command": "addresses", 
/**
 * The role.
 */
role: Role, } | { "command": "check_exposure", 
/**
 * The role.
 */
role: Role, 
/**
 * The port's name.
 */
name: string, 
/**
 * The address.
 */
host: string, 
/**
 * Whether a token would be asked for.
 */
has_token: boolean, } | { "command": "let_hubs_in", 
/**
 * The address to listen on; nothing: the one that most likely is that of the household's or the office's network.
 */
address: string | null, } | { "command": "pairing_line" } | { "command": "pair", 
/**
 * What the person has pasted.
 */
line: string, } | { "command": "monitor_types" } | { "command": "monitors" } | { "command": "add_monitor", 
/**
 * The new monitor.
 */
monitor: MonitorConfig, } | { "command": "change_monitor", 
/**
 * The monitor's name until now.
 */
name: string, 
/**
 * All of it.
 */
monitor: MonitorConfig, } | { "command": "remove_monitor", 
/**
 * The monitor's name.
 */
name: string, } | { "command": "try_monitor", 
/**
 * The monitor to try; it need not be the agent's yet, and nothing of it is stored.
 */
monitor: MonitorConfig, } | { "command": "running_programs" } | { "command": "choose_path", 
/**
 * Which of them.
 */
what: PathKind, } | { "command": "open_place", 
/**
 * Which one.
 */
place: Place, } | { "command": "start_afresh" } | { "command": "restore_last_good_config" } | { "command": "reload_config" } | { "command": "import_seen" } | { "command": "answer_left_behind", 
/**
 * Whether it is taken over.
 */
take_over: boolean, } | { "command": "agent_history" } | { "command": "history", 
/**
 * The configured name of an agent of the hub; nothing: this machine's own agent.
 */
agent: string | null, 
/**
 * The monitor; nothing: all.
 */
monitor: string | null, 
/**
 * How far back the history goes.
 */
range: HistoryRange, } | { "command": "check_now", 
/**
 * The monitor's name.
 */
monitor: string, } | { "command": "agent_events", 
/**
 * How many at most.
 */
limit: number, } | { "command": "fleet_events", 
/**
 * Only those of the agent with this configured name.
 */
server: string | null, 
/**
 * Only those of this level.
 */
level: EventLevel | null, 
/**
 * How many at most.
 */
limit: number, } | { "command": "add_agent", 
/**
 * The new machine.
 */
agent: AgentDraft, } | { "command": "change_agent", 
/**
 * The machine's name until now.
 */
name: string, 
/**
 * What is to be another.
 */
change: AgentChange, } | { "command": "remove_agent", 
/**
 * The machine's name.
 */
name: string, 
/**
 * Whether everything goes that it has sent.
 */
with_events: boolean, } | { "command": "test_agent", 
/**
 * The machine to try; it need not be the hub's yet.
 */
probe: AgentProbe, } | { "command": "claim_again" } | { "command": "start_all_the_same" } | { "command": "keep_other" } | { "command": "keep_this" } | { "command": "run_other" } | { "command": "relaunch" } | { "command": "choose_updates", 
/**
 * Whether it looks.
 */
look: boolean, } | { "command": "look_for_update" } | { "command": "download_update" } | { "command": "relaunch_into_update" } | { "command": "put_off_update" } | { "command": "try_update_again" } | { "command": "update_seen" } | { "command": "quit" };

/** The answer to each request. */
export type Answers = {
  snapshot: Snapshot;
  painted: null;
  page_opened: null;
  watch: null;
  retry: null;
  replace_v3: null;
  start: null;
  stop: null;
  restart: null;
  check_ports: Array<PortView>;
  suggest_port: number;
  apply_ports: Apply;
  set_roles: null;
  logs: Array<LogLine>;
  journal: Array<TakeoverRecord>;
  export_diagnostics: string;
  set_preferences: null;
  send_test_notification: null;
  set_alert_target: null;
  remove_alert_target: null;
  test_alert_target: AlertTest;
  set_start_at_login: null;
  answer_close: null;
  show_token: string;
  generate_token: string;
  set_token: null;
  addresses: Array<AddressChoice>;
  check_exposure: ExposureReason | null;
  let_hubs_in: Apply;
  pairing_line: string;
  pair: Paired;
  monitor_types: Array<MonitorType>;
  monitors: Array<MonitorConfig>;
  add_monitor: null;
  change_monitor: null;
  remove_monitor: null;
  try_monitor: MonitorStatus;
  running_programs: Array<RunningProgram>;
  choose_path: string | null;
  open_place: null;
  start_afresh: string;
  restore_last_good_config: null;
  reload_config: null;
  import_seen: null;
  answer_left_behind: null;
  agent_history: Array<MetricSample>;
  history: HistoryAnswer;
  check_now: boolean;
  agent_events: Array<AgentEvent>;
  fleet_events: Array<FleetEvent>;
  add_agent: null;
  change_agent: null;
  remove_agent: null;
  test_agent: AgentTest;
  claim_again: null;
  start_all_the_same: null;
  keep_other: null;
  keep_this: null;
  run_other: null;
  relaunch: null;
  choose_updates: null;
  look_for_update: null;
  download_update: null;
  relaunch_into_update: null;
  put_off_update: null;
  try_update_again: null;
  update_seen: null;
  quit: null;
};
