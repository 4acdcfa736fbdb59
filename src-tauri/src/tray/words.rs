//! The words of the tray, in the languages of the window. What the window says too is said in the same words.

use taskpaw_contract::Role;
use taskpaw_contract::config::Language;

use crate::language;

/// The words of a language. A name in double braces stands for what is filled in.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) open: &'static str,
    pub(super) quit: &'static str,
    pub(super) installed: &'static str,
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

const ENGLISH: Words = Words {
    open: "Open TaskPaw",
    quit: "Quit TaskPaw",
    installed: "TaskPaw {{version}} is installed",
    relaunch: "Relaunch",
    replaced_by: "Handing over to {{version}}",
    waiting: "Waiting for the TaskPaw that is running",
    waiting_for: "Taking over from TaskPaw {{version}}",
    blocked: "Another TaskPaw is running and does not answer",
    kept: "The TaskPaw that is running goes on",
    kept_version: "TaskPaw {{version}} goes on",
    no_role: "No role is switched on",
    all_well: "All well · {{total}}",
    attention_one: "1 needs attention",
    attention_many: "{{count}} need attention",
    offline: "Offline",
    error: "Error",
    degraded: "Degraded",
    this_machine: "System resources",
    roles: [["agent", "Agent"], ["hub", "Hub"]],
    stopped: "Stopped",
    taking_over: "Taking over",
    lingering: "Waiting for a port",
    starting: "Starting",
    ready: "Ready",
    backoff: "Trying again soon",
    waiting_role: "Waiting for its ports",
    failed: "Not running",
    stopping: "Stopping",
    stood_down: "Handing over",
    start: "Start the {{role}}",
    stop: "Stop the {{role}}",
    restart: "Restart the {{role}}",
    retry: "Try again",
    conflict_one: "Port {{port}} is not available",
    conflict_many: "Ports {{ports}} are not available",
    port_conflict: "A port is not available",
    takeover: "The ports could not be taken over",
    v3_busy: "TaskPaw 3 is still working",
    displaced: "Another TaskPaw was started later",
    not_allowed: "An earlier TaskPaw may not be ended",
    config: "The configuration cannot be used",
    spawn_failed: "The backend could not be started",
    startup_failed: "The backend could not start",
    broken_protocol: "The backend answered in an unexpected way",
    wrong_version: "The backend is another version",
    not_ready: "The backend was not ready in time",
    exited: "The backend stopped unexpectedly",
    unhealthy: "The backend stopped answering",
    colon: ": ",
    brackets: [" (", ")"],
    between: "; ",
    and: " and ",
};

const SIMPLIFIED_CHINESE: Words = Words {
    open: "打开 TaskPaw",
    quit: "退出 TaskPaw",
    installed: "TaskPaw {{version}} 已安装",
    relaunch: "重新启动",
    replaced_by: "正在交接给 {{version}}",
    waiting: "正在等待已在运行的 TaskPaw",
    waiting_for: "正在接替 TaskPaw {{version}}",
    blocked: "另一个 TaskPaw 正在运行，但没有回应",
    kept: "已在运行的 TaskPaw 继续工作",
    kept_version: "TaskPaw {{version}} 继续工作",
    no_role: "没有启用任何角色",
    all_well: "一切正常 · {{total}}",
    attention_one: "1 项需要处理",
    attention_many: "{{count}} 项需要处理",
    offline: "离线",
    error: "错误",
    degraded: "异常",
    this_machine: "系统资源",
    roles: [["监测端", "监测端"], ["汇总端", "汇总端"]],
    stopped: "已停止",
    taking_over: "正在接管",
    lingering: "等待端口释放",
    starting: "正在启动",
    ready: "运行中",
    backoff: "即将重试",
    waiting_role: "等待端口",
    failed: "未运行",
    stopping: "正在停止",
    stood_down: "正在交接",
    start: "启动{{role}}",
    stop: "停止{{role}}",
    restart: "重启{{role}}",
    retry: "重试",
    conflict_one: "端口 {{port}} 无法使用",
    conflict_many: "端口 {{ports}} 无法使用",
    port_conflict: "端口无法使用",
    takeover: "未能接管端口",
    v3_busy: "TaskPaw 3 仍在工作",
    displaced: "另一个 TaskPaw 在此之后启动",
    not_allowed: "无权结束先前的 TaskPaw",
    config: "配置无法使用",
    spawn_failed: "无法启动后台程序",
    startup_failed: "后台程序无法启动",
    broken_protocol: "后台程序的应答异常",
    wrong_version: "后台程序的版本不一致",
    not_ready: "后台程序未能及时就绪",
    exited: "后台程序意外停止",
    unhealthy: "后台程序不再响应",
    colon: "：",
    brackets: ["（", "）"],
    between: "；",
    and: " 和 ",
};

impl Words {
    /// The words for what a person chose; `system` is the system's own language, such as `zh-CN`.
    pub(super) fn of(chosen: Language, system: &str) -> &'static Self {
        if language::is_chinese(chosen, system) { &SIMPLIFIED_CHINESE } else { &ENGLISH }
    }

    /// A sentence with something filled in.
    pub(super) fn fill(&self, sentence: &str, name: &str, value: &str) -> String {
        sentence.replace(&format!("{{{{{name}}}}}"), value)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_chosen_one_or_the_systems() {
        let opens = |chosen, system| Words::of(chosen, system).open;
        for (chosen, system, expected) in [
            (Language::System, "zh-CN", SIMPLIFIED_CHINESE.open),
            (Language::System, "zh_Hans", SIMPLIFIED_CHINESE.open),
            (Language::System, "ZH", SIMPLIFIED_CHINESE.open),
            (Language::System, "de-DE", ENGLISH.open),
            (Language::System, "zhx", ENGLISH.open),
            (Language::System, "", ENGLISH.open),
            (Language::English, "zh-CN", ENGLISH.open),
            (Language::SimplifiedChinese, "en-US", SIMPLIFIED_CHINESE.open),
        ] {
            assert_eq!(opens(chosen, system), expected, "{chosen:?} {system}");
        }
    }

    /// One thing has one name: what the tray says stands in the window's words too, letter by letter.
    #[test]
    fn what_the_window_says_too_is_said_in_the_same_words() {
        for (words, window) in [
            (&ENGLISH, include_str!("../../../ui/src/locales/en.ts")),
            (&SIMPLIFIED_CHINESE, include_str!("../../../ui/src/locales/zh-CN.ts")),
        ] {
            let mut said =
                vec![words.quit, words.installed, words.relaunch, words.replaced_by, words.waiting];
            said.extend([
                words.waiting_for,
                words.blocked,
                words.kept,
                words.kept_version,
                words.no_role,
                words.stopped,
                words.taking_over,
            ]);
            said.extend([
                words.lingering,
                words.starting,
                words.ready,
                words.backoff,
                words.waiting_role,
                words.failed,
            ]);
            said.extend([
                words.stopping,
                words.start,
                words.stop,
                words.restart,
                words.retry,
                words.takeover,
            ]);
            said.extend([words.conflict_one, words.conflict_many, words.port_conflict, words.config]);
            said.extend([
                words.spawn_failed,
                words.startup_failed,
                words.broken_protocol,
                words.wrong_version,
            ]);
            said.extend([
                words.not_ready,
                words.exited,
                words.unhealthy,
                words.v3_busy,
                words.displaced,
                words.not_allowed,
            ]);
            said.extend([words.all_well, words.attention_one, words.attention_many, words.this_machine]);
            said.extend([words.offline, words.error, words.degraded]);
            said.extend(words.roles.as_flattened());
            for sentence in said {
                assert!(window.contains(&format!("\"{sentence}\"")), "{sentence}");
            }
        }
    }
}
