//! Why a process runs that has a port, which only Linux says: by what the system says of it and of the processes above it, never by a guess at a name.

mod system;

use port_takeover::Process;
use taskpaw_contract::ipc::{ContainerEngine, RunBy, RunByProgram};

/// The longest name that is shown.
const LONGEST: usize = 128;
/// How much of a container's id its program shows.
const SHORT_ID: usize = 12;
/// The length of a container's whole id.
const ID: usize = 64;

/// A process above another one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Above {
    pid: u32,
    /// The base name of its executable, else what the system shows for it.
    name: String,
}

/// Why a process runs, which has this port; nothing where the system does not prove it, or it is not that process any more.
pub(super) fn run_by(process: &Process, port: u16) -> Option<RunBy> {
    if process.pid.get() == 1 {
        return None;
    }
    system::look(process).and_then(|(groups, above)| decide(&groups, &process.argv, &above, port))
}

/// Decides why a process runs. `groups` is what the system says of its control groups, `above` the processes above it, the nearest first.
fn decide(groups: &str, argv: &[String], above: &[Above], port: u16) -> Option<RunBy> {
    let path = group(groups);
    let container = || path.and_then(container);
    let unit = || path.and_then(unit);
    forward(argv, port).or_else(container).or_else(|| program(above)).or_else(unit)
}

/// The control group that systemd and others name: of version 2, else the one of systemd's own hierarchy, else any that is not
/// the root.
fn group(groups: &str) -> Option<&str> {
    let parts: Vec<(&str, &str)> =
        groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':')).collect();
    let found = parts.iter().find(|(kinds, path)| kinds.is_empty() && *path != "/");
    let found = found.or_else(|| parts.iter().find(|(kinds, _)| *kinds == "name=systemd"));
    found.or_else(|| parts.iter().find(|(_, path)| *path != "/")).map(|(_, path)| *path)
}

fn container(path: &str) -> Option<RunBy> {
    let is_id = |text: &str| text.len() == ID && text.bytes().all(|letter| letter.is_ascii_hexdigit());
    let (mut named, mut has_docker) = (None, false);
    for part in path.rsplit('/') {
        let bare = part.strip_suffix(".scope").unwrap_or(part);
        let known = [
            ("docker-", ContainerEngine::Docker),
            ("libpod-payload-", ContainerEngine::Podman),
            ("libpod-", ContainerEngine::Podman),
            ("crio-", ContainerEngine::Other),
            ("cri-containerd-", ContainerEngine::Other),
        ];
        let prefixed = known.iter().find_map(|(prefix, engine)| {
            bare.strip_prefix(*prefix).filter(|id| is_id(id)).map(|id| (*engine, &id[..SHORT_ID]))
        });
        let of_lxc = || bare.strip_prefix("lxc.payload.").map(|name| (ContainerEngine::Lxc, name));
        if let Some((engine, id)) = prefixed.or_else(of_lxc) {
            return plain(id).map(|id| RunBy::Container { engine, id });
        }
        if is_id(bare) && named.is_none() {
            named = Some(&bare[..SHORT_ID]);
        }
        has_docker |= part == "docker";
    }
    let id = named?.to_owned();
    let engine = if has_docker { ContainerEngine::Docker } else { ContainerEngine::Other };
    Some(RunBy::Container { engine, id })
}

/// The innermost unit that is a service, and is not what systemd itself runs for every person.
fn unit(path: &str) -> Option<RunBy> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let at = parts.iter().rposition(|part| part.ends_with(".service"))?;
    let unit = plain(parts[at])?;
    let is_manager = |part: &&str| part.starts_with("user@") && part.ends_with(".service");
    if is_manager(&parts[at]) {
        return None;
    }
    let of_person = parts[..at].iter().any(is_manager);
    Some(RunBy::Unit { unit, of_person })
}

/// What `ssh` passes a port on to, by its arguments: `-L [address:]port:host:port`, or the same as an option (`-o LocalForward=…`).
fn forward(argv: &[String], port: u16) -> Option<RunBy> {
    let is_ssh = argv.first().is_some_and(|program| program.rsplit('/').next() == Some("ssh"));
    if !is_ssh {
        return None;
    }
    let mut words = argv.iter().skip(1);
    while let Some(word) = words.next() {
        if let Some(option) = word.strip_prefix("-o") {
            let option = if option.is_empty() { words.next()?.as_str() } else { option };
            if let Some(to) = local_forward(option).and_then(|said| passed_to(&said, port)) {
                return Some(RunBy::Forward { to });
            }
            continue;
        }
        // In one word, `-L5680:db:5432`, or in two; other letters may stand before, as in `-fNL`.
        let Some((before, rest)) = word.strip_prefix('-').and_then(|word| word.split_once('L')) else {
            continue;
        };
        // `-4` and `-6` are the only digits among its letters.
        if !before.bytes().all(|letter| letter.is_ascii_alphabetic() || b"46".contains(&letter)) {
            continue;
        }
        let said = if rest.is_empty() { words.next()?.as_str() } else { rest };
        if let Some(to) = passed_to(said, port) {
            return Some(RunBy::Forward { to });
        }
    }
    None
}

/// What `LocalForward=[address:]port host:hostport` says, as `-L` has it.
fn local_forward(option: &str) -> Option<String> {
    let (name, said) = option.trim_start().split_once(['=', ' '])?;
    let said: Vec<&str> = said.split_ascii_whitespace().take(3).collect();
    (name.eq_ignore_ascii_case("LocalForward") && said.len() == 2).then(|| said.join(":"))
}

/// The other end of `[address:]port:host:hostport`, if it is about this port.
fn passed_to(said: &str, port: u16) -> Option<String> {
    let mut parts = Vec::new();
    let mut rest = said;
    while !rest.is_empty() {
        let end = match rest.strip_prefix('[') {
            // An IPv6 address has colons of its own.
            Some(inner) => inner.find(']')? + 2,
            None => rest.find(':').unwrap_or(rest.len()),
        };
        parts.push(rest.get(..end)?);
        rest = rest[end..].strip_prefix(':').unwrap_or("");
    }
    let [.., own, host, other] = parts.as_slice() else { return None };
    if own.parse::<u16>() != Ok(port) {
        return None;
    }
    let letters =
        |text: &str| text.bytes().all(|letter| letter.is_ascii_alphanumeric() || b".-_:[]".contains(&letter));
    let to = format!("{host}:{other}");
    (letters(&to) && to.len() <= LONGEST).then_some(to)
}

/// The nearest program above that starts others for a person. What is a login or a service of its own ends the search: what is
/// above that has not started it.
fn program(above: &[Above]) -> Option<RunBy> {
    const EDITORS: &[&str] = &[
        "code",
        "code-insiders",
        "codium",
        "cursor",
        "windsurf",
        "zed",
        "zed-editor",
        "idea",
        "pycharm",
        "webstorm",
        "clion",
        "rustrover",
        "goland",
        "sublime_text",
        "emacs",
        "gnome-builder",
    ];
    const TERMINALS: &[&str] = &[
        "gnome-terminal-server",
        "gnome-terminal-",
        "ptyxis-agent",
        "ptyxis",
        "kgx",
        "konsole",
        "xfce4-terminal",
        "tilix",
        "terminator",
        "xterm",
        "urxvt",
        "alacritty",
        "kitty",
        "wezterm-gui",
        "foot",
        "ghostty",
        "lxterminal",
        "qterminal",
        "tmux: server",
        "tmux",
    ];
    const LOGINS: [&str; 2] = ["sshd", "sshd-session"];
    let what = |name: &str| {
        let name = name.to_ascii_lowercase();
        let name = name.as_str();
        if EDITORS.contains(&name) {
            Some(RunByProgram::Editor)
        } else if TERMINALS.contains(&name) || name == "screen" {
            Some(RunByProgram::Terminal)
        } else if LOGINS.contains(&name) {
            Some(RunByProgram::Login)
        } else {
            None
        }
    };
    above.iter().find_map(|above| {
        let what = what(&above.name)?;
        let name = if above.name == "gnome-terminal-" { "gnome-terminal-server" } else { &above.name };
        Some(RunBy::Program { pid: above.pid, name: name.to_owned(), what })
    })
}

/// A name that can be written in a command: `\` and what a shell reads are left to nobody's care.
fn plain(name: &str) -> Option<String> {
    let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || b"@:_.-".contains(&letter);
    let can_be_written = !name.is_empty() && name.len() <= LONGEST && !name.starts_with('-');
    (can_be_written && name.bytes().all(is_plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID64: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn by_group(path: &str) -> Option<RunBy> {
        decide(&format!("0::{path}\n"), &[], &[], 5680)
    }

    fn unit(unit: &str, of_person: bool) -> Option<RunBy> {
        Some(RunBy::Unit { unit: unit.into(), of_person })
    }

    #[test]
    fn a_control_group_names_the_unit() {
        for (path, expected) in [
            ("/system.slice/nginx.service", unit("nginx.service", false)),
            (
                "/system.slice/system-postgresql.slice/postgresql@16-main.service",
                unit("postgresql@16-main.service", false),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service",
                unit("syncthing.service", true),
            ),
            ("/system.slice/nginx.service/worker", unit("nginx.service", false)),
            ("/user.slice/user-1000.slice/user@1000.service/init.scope", None),
            ("/user.slice/user-1000.slice/session-3.scope", None),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-42.scope", None),
            ("/", None),
            // What a person calls a group of its own is not written in a command.
            ("/system.slice/$(reboot).service", None),
            ("/system.slice/--force.service", None),
            ("/system.slice/a\\x2db.service", None),
            ("/system.slice/a b;c.service", None),
        ] {
            assert_eq!(by_group(path), expected, "{path}");
        }
        let of_version_1 = "12:cpu:/\n1:name=systemd:/system.slice/ntp.service\n0::/\n";
        assert_eq!(decide(of_version_1, &[], &[], 1), unit("ntp.service", false));
        assert_eq!(decide("no form at all", &[], &[], 1), None);
    }

    #[test]
    fn a_control_group_names_the_container() {
        use ContainerEngine::{Docker, Lxc, Other, Podman};
        for (path, engine, id) in [
            (format!("/system.slice/docker-{ID64}.scope"), Docker, "0123456789ab"),
            (format!("/docker/{ID64}"), Docker, "0123456789ab"),
            (
                format!(
                    "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID64}.scope/container"
                ),
                Podman,
                "0123456789ab",
            ),
            (format!("/machine.slice/libpod-payload-{ID64}"), Podman, "0123456789ab"),
            (
                format!("/kubepods.slice/kubepods-pod7.slice/cri-containerd-{ID64}.scope"),
                Other,
                "0123456789ab",
            ),
            (format!("/kubepods/besteffort/pod7/{ID64}"), Other, "0123456789ab"),
            ("/lxc.payload.web/system.slice/nginx.service".to_owned(), Lxc, "web"),
        ] {
            assert_eq!(by_group(&path), Some(RunBy::Container { engine, id: id.into() }), "{path}");
        }
        assert_eq!(by_group("/docker/short"), None);
        assert_eq!(by_group("/lxc.payload.$(x)"), None);
    }

    #[test]
    fn ssh_passes_a_port_on_if_its_arguments_say_so() {
        let said = |words: &str| {
            let argv: Vec<String> = words.split(' ').map(str::to_owned).collect();
            match decide("0::/\n", &argv, &[], 5680) {
                Some(RunBy::Forward { to }) => Some(to),
                _ => None,
            }
        };
        for (words, to) in [
            ("ssh -L 5680:db.example:5432 host", Some("db.example:5432")),
            ("/usr/bin/ssh -fNL 127.0.0.1:5680:localhost:80 host", Some("localhost:80")),
            ("ssh -L5680:[fd00::1]:80 host", Some("[fd00::1]:80")),
            ("ssh -N -L [::1]:5680:a:1 -L 9:b:2 host", Some("a:1")),
            ("ssh -L 9:b:2 -L 5680:a:1 host", Some("a:1")),
            ("ssh -N host -4L 5680:a:1", Some("a:1")),
            ("ssh -o ServerAliveInterval=5 -L *:5680:a:1 host", Some("a:1")),
            ("ssh -oLogLevel=quiet -p 22 -6NL :5680:a:1 host", Some("a:1")),
            ("ssh -oL", None),
            ("ssh -o", None),
            ("ssh -L 5681:a:1 host", None),
            ("ssh -L 5680:$(reboot):1 host", None),
            ("ssh -L", None),
            ("ssh -L [ host", None),
            ("ssh host", None),
            ("sshd -L 5680:a:1", None),
            ("", None),
        ] {
            assert_eq!(said(words).as_deref(), to, "{words}");
        }
        let by_option = |option: &str| {
            let argv: Vec<String> = ["ssh", "-N", "-o", option, "host"].map(str::to_owned).into();
            decide("0::/\n", &argv, &[], 5680)
        };
        let expected = Some(RunBy::Forward { to: "db:5432".into() });
        assert_eq!(by_option("LocalForward=5680 db:5432"), expected);
        assert_eq!(by_option("localforward 127.0.0.1:5680  db:5432"), expected);
        assert_eq!(by_option("LocalForward=5680 /run/a.sock"), None);
        assert_eq!(by_option("RemoteForward=5680 db:5432"), None);
    }

    #[test]
    fn the_nearest_program_above_is_named_and_comes_before_the_unit_of_the_session() {
        let above = |names: &[&str]| -> Vec<Above> {
            names.iter().zip(10..).map(|(name, pid)| Above { pid, name: (*name).to_owned() }).collect()
        };
        let named = |names: &[&str]| match decide(
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte.service\n",
            &[],
            &above(names),
            1,
        ) {
            Some(RunBy::Program { pid, name, what }) => Some((pid, name, what)),
            _ => None,
        };
        assert_eq!(named(&["bash", "code", "systemd"]), Some((11, "code".into(), RunByProgram::Editor)));
        assert_eq!(
            named(&["zsh", "tmux: server", "sshd"]),
            Some((11, "tmux: server".into(), RunByProgram::Terminal))
        );
        assert_eq!(
            named(&["bash", "sshd-session", "sshd"]),
            Some((11, "sshd-session".into(), RunByProgram::Login))
        );
        assert_eq!(
            named(&["bash", "gnome-terminal-"]),
            Some((11, "gnome-terminal-server".into(), RunByProgram::Terminal))
        );
        assert_eq!(named(&["bash", "systemd"]), None);
    }
}
