//! The words of the tray, which are the window's.

use taskpaw_contract::Role;
use taskpaw_words::{
    Spoken, action, app, conflict, failure, fill, fleet, health, launch, monitor_state, monitor_type, native,
    ports, role, settings, state, updates,
};

/// The words of a language. A name in double braces stands for what is filled in.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) open: &'static str,
    pub(super) quit: &'static str,
    pub(super) installed: &'static str,
    pub(super) update_ready: &'static str,
    pub(super) relaunch: &'static str,
    pub(super) replaced_by: &'static str,
    pub(super) waiting: &'static str,
    pub(super) waiting_for: &'static str,
    pub(super) blocked: &'static str,
    pub(super) kept: &'static str,
    pub(super) kept_version: &'static str,
    pub(super) no_role: &'static str,
    pub(super) all_well: &'static str,
    pub(super) attention_one: &'static str,
    pub(super) attention_many: &'static str,
    pub(super) offline: &'static str,
    pub(super) error: &'static str,
    pub(super) degraded: &'static str,
    pub(super) this_machine: &'static str,
    /// Of the agent and the hub, in a sentence and at its start.
    roles: [[&'static str; 2]; 2],
    pub(super) stopped: &'static str,
    pub(super) taking_over: &'static str,
    pub(super) lingering: &'static str,
    pub(super) starting: &'static str,
    pub(super) ready: &'static str,
    pub(super) backoff: &'static str,
    pub(super) waiting_role: &'static str,
    pub(super) failed: &'static str,
    pub(super) stopping: &'static str,
    pub(super) stood_down: &'static str,
    pub(super) start: &'static str,
    pub(super) stop: &'static str,
    pub(super) restart: &'static str,
    pub(super) retry: &'static str,
    pub(super) conflict_one: &'static str,
    pub(super) conflict_many: &'static str,
    pub(super) port_conflict: &'static str,
    pub(super) takeover: &'static str,
    pub(super) v3_busy: &'static str,
    pub(super) displaced: &'static str,
    pub(super) not_allowed: &'static str,
    pub(super) config: &'static str,
    pub(super) spawn_failed: &'static str,
    pub(super) startup_failed: &'static str,
    pub(super) broken_protocol: &'static str,
    pub(super) wrong_version: &'static str,
    pub(super) not_ready: &'static str,
    pub(super) exited: &'static str,
    pub(super) unhealthy: &'static str,
    pub(super) colon: &'static str,
    pub(super) brackets: [&'static str; 2],
    /// Between what is said of two roles.
    pub(super) between: &'static str,
    pub(super) and: &'static str,
}

static ENGLISH: Words = Words::in_language(Spoken::English);
static SIMPLIFIED_CHINESE: Words = Words::in_language(Spoken::SimplifiedChinese);

impl Words {
    const fn in_language(spoken: Spoken) -> Self {
        Self {
            roles: [
                [role::AGENT.of(spoken), role::TITLE_AGENT.of(spoken)],
                [role::HUB.of(spoken), role::TITLE_HUB.of(spoken)],
            ],
            brackets: [native::BRACKET_OPEN.of(spoken), native::BRACKET_CLOSE.of(spoken)],
            open: native::OPEN.of(spoken),
            quit: settings::ON_CLOSE_QUIT.of(spoken),
            installed: app::UPDATE.of(spoken),
            update_ready: updates::READY.of(spoken),
            relaunch: app::RELAUNCH.of(spoken),
            replaced_by: app::REPLACED_BY.of(spoken),
            waiting: launch::WAITING.of(spoken),
            waiting_for: launch::WAITING_FOR.of(spoken),
            blocked: launch::BLOCKED.of(spoken),
            kept: launch::KEPT.of(spoken),
            kept_version: launch::KEPT_VERSION.of(spoken),
            no_role: ports::NONE_TITLE.of(spoken),
            all_well: health::ALL_WELL.of(spoken),
            attention_one: health::ATTENTION_ONE.of(spoken),
            attention_many: health::ATTENTION_MANY.of(spoken),
            offline: fleet::OFFLINE.of(spoken),
            error: monitor_state::ERROR.of(spoken),
            degraded: monitor_state::DEGRADED.of(spoken),
            this_machine: monitor_type::HOST_METRICS.of(spoken),
            stopped: state::STOPPED.of(spoken),
            taking_over: state::TAKING_OVER.of(spoken),
            lingering: state::LINGERING.of(spoken),
            starting: state::STARTING.of(spoken),
            ready: state::READY.of(spoken),
            backoff: state::BACKOFF.of(spoken),
            waiting_role: state::WAITING.of(spoken),
            failed: state::FAILED.of(spoken),
            stopping: state::STOPPING.of(spoken),
            stood_down: state::STOOD_DOWN.of(spoken),
            start: action::START.of(spoken),
            stop: action::STOP.of(spoken),
            restart: action::RESTART.of(spoken),
            retry: action::RETRY.of(spoken),
            conflict_one: conflict::TITLE_ONE.of(spoken),
            conflict_many: conflict::TITLE_MANY.of(spoken),
            port_conflict: failure::PORT_CONFLICT.of(spoken),
            takeover: failure::TAKEOVER.of(spoken),
            v3_busy: failure::V3_BUSY.of(spoken),
            displaced: failure::DISPLACED.of(spoken),
            not_allowed: failure::NOT_ALLOWED.of(spoken),
            config: failure::CONFIG.of(spoken),
            spawn_failed: failure::SPAWN_FAILED.of(spoken),
            startup_failed: failure::STARTUP_STARTUP_FAILED.of(spoken),
            broken_protocol: failure::BROKEN_PROTOCOL.of(spoken),
            wrong_version: failure::WRONG_VERSION.of(spoken),
            not_ready: failure::NOT_READY.of(spoken),
            exited: failure::EXITED.of(spoken),
            unhealthy: failure::UNHEALTHY.of(spoken),
            colon: native::COLON.of(spoken),
            between: native::BETWEEN.of(spoken),
            and: native::AND.of(spoken),
        }
    }

    /// The words of a language.
    pub(super) fn of(spoken: Spoken) -> &'static Self {
        match spoken {
            Spoken::English => &ENGLISH,
            Spoken::SimplifiedChinese => &SIMPLIFIED_CHINESE,
        }
    }

    /// A sentence with something filled in.
    pub(super) fn fill(&self, sentence: &str, name: &str, value: &str) -> String {
        fill(sentence, &[(name, value)])
    }

    /// The name of a role in a sentence.
    pub(super) fn role(&self, role: Role) -> &'static str {
        self.roles[usize::from(role == Role::Hub)][0]
    }

    /// The name of a role at the start of a line.
    pub(super) fn role_name(&self, role: Role) -> &'static str {
        self.roles[usize::from(role == Role::Hub)][1]
    }
}
