//! This machine in its own fleet: the hub of this machine asks its agent where that listens, and with its token. Plain data in,
//! plain data out.

use taskpaw_contract::Role;
use taskpaw_contract::config::{Config, HubAgent};

/// The address at which the hub of this machine reaches its agent.
pub(crate) fn url(config: &Config) -> String {
    let host = config.agent.network.host.trim();
    let host = match host {
        "" | "0.0.0.0" | "::" | "localhost" => "127.0.0.1".to_owned(),
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        host => host.to_owned(),
    };
    format!("http://{host}:{}", config.agent.network.port)
}

/// Whether two addresses are the same one of this machine.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |url: &str| {
        let url = url.trim().trim_end_matches('/').to_ascii_lowercase();
        url.replace("//localhost:", "//127.0.0.1:")
    };
    plain(one) == plain(other)
}

/// Brings the fleet after a change of the configuration: an entry that pointed to the agent of this machine points to where it
/// is now, and shows its token. A hub that was just switched on begins with this machine, by this name.
pub(super) fn follow(before: &Config, after: &mut Config, machine: &str) {
    let (old, new) = (url(before), url(after));
    let token = after.agent.token.clone();
    let mut is_there = false;
    for (place, agent) in after.hub.agents.iter_mut().enumerate() {
        is_there |= is_same(&agent.url, &new);
        // What this very change says of an entry is not overruled.
        let is_own = before.hub.agents.get(place) == Some(agent) && is_same(&agent.url, &old);
        if !is_own {
            continue;
        }
        is_there = true;
        if old != new {
            agent.url.clone_from(&new);
        }
        let shown = if agent.token.is_empty() { &before.hub.polling_token } else { &agent.token };
        let is_shown_now = if agent.token.is_empty() { &after.hub.polling_token } else { &agent.token };
        // One that was refused before may be the token of another machine behind the same address.
        if before.agent.token != token
            && *is_shown_now != token
            && (before.agent.token.is_empty() || *shown == before.agent.token)
        {
            agent.token.clone_from(&token);
        }
    }
    let begins = |role: Role| after.roles.contains(&role) && !before.roles.contains(&role);
    let both = [Role::Agent, Role::Hub].iter().all(|role| after.roles.contains(role));
    if begins(Role::Hub) && both && !is_there {
        let name = free_name(&after.hub.agents, machine);
        after.hub.agents.insert(0, HubAgent { name, url: new, token, enabled: true });
    }
}

/// The machine's name, or with a number if another one is called so.
fn free_name(agents: &[HubAgent], machine: &str) -> String {
    let machine = if machine.trim().is_empty() { "TaskPaw" } else { machine.trim() };
    let is_free = |name: &String| agents.iter().all(|agent| agent.name != *name);
    let numbered = (2..).map(|number| format!("{machine} {number}"));
    // One of more numbers than there are names is free.
    std::iter::once(machine.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str, url: &str, token: &str) -> HubAgent {
        HubAgent { name: name.into(), url: url.into(), token: token.into(), enabled: true }
    }

    fn both() -> Config {
        let mut config = Config { roles: vec![Role::Agent, Role::Hub], ..Config::default() };
        config.hub.agents = vec![
            agent("this", "http://localhost:5680/", ""),
            agent("nas", "http://192.168.1.9:5680", "theirs"),
        ];
        config
    }

    fn changed(before: &Config, change: impl FnOnce(&mut Config)) -> Vec<HubAgent> {
        let mut after = before.clone();
        change(&mut after);
        follow(before, &mut after, "desk");
        after.hub.agents
    }

    #[test]
    fn a_hub_that_is_switched_on_begins_with_this_machine() {
        let alone = Config { roles: vec![Role::Agent], ..Config::default() };
        let on = |config: &mut Config| config.roles = vec![Role::Agent, Role::Hub];
        assert_eq!(changed(&alone, on), [agent("desk", "http://127.0.0.1:5680", "")]);
        let mut secured = alone.clone();
        secured.agent.token = "a-token-of-its-own".into();
        secured.agent.network.host = "fd00::2".into();
        secured.hub.agents = vec![agent("desk", "http://192.168.1.9:5680", "")];
        let own = agent("desk 2", "http://[fd00::2]:5680", "a-token-of-its-own");
        assert_eq!(changed(&secured, on)[0], own);
        // One that is there already, one without an agent, and one that was removed since.
        let mut known = alone.clone();
        known.hub.agents = vec![agent("me", "http://localhost:5680", "")];
        assert_eq!(changed(&known, on), known.hub.agents);
        let none = Config { roles: Vec::new(), ..Config::default() };
        assert_eq!(changed(&none, |config| config.roles = vec![Role::Hub]), []);
        let mut removed = both();
        removed.hub.agents.clear();
        assert_eq!(changed(&removed, |config| config.agent.machine = "x".into()), []);
    }

    #[test]
    fn it_follows_port_address_and_token_and_nobody_else_does() {
        let before = both();
        let nas = &before.hub.agents[1];
        let moved = changed(&before, |config| config.agent.network.port = 5685);
        assert_eq!(moved, [agent("this", "http://127.0.0.1:5685", ""), nas.clone()]);
        let elsewhere = changed(&before, |config| config.agent.network.host = "192.168.1.5".into());
        assert_eq!(elsewhere[0].url, "http://192.168.1.5:5680");
        let secured = changed(&before, |config| config.agent.token = "one-that-is-long".into());
        assert_eq!(secured, [agent("this", "http://localhost:5680/", "one-that-is-long"), nas.clone()]);
        assert_eq!(changed(&before, |config| config.hub.polling_token = "p".into()), before.hub.agents);
    }

    #[test]
    fn a_token_of_another_machine_behind_the_same_address_stays() {
        let mut before = both();
        before.agent.token = "old-token-of-this".into();
        before.hub.agents[0].token = "something-else".into();
        let after = changed(&before, |config| config.agent.token = "new-token-of-this".into());
        assert_eq!(after, before.hub.agents);
        // With the polling token it was let in: from now on it has its own.
        before.hub.agents[0].token = String::new();
        before.hub.polling_token = "old-token-of-this".into();
        let after = changed(&before, |config| config.agent.token = "new-token-of-this".into());
        assert_eq!(after[0].token, "new-token-of-this");
    }
}
