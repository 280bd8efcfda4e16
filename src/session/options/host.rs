//! The host names that a listener answers to.
//!
//! These names defend against DNS rebinding. A page of evil.example changes the address of its name
//! to 127.0.0.1 once it is loaded. Then it sends requests to a relay on its reader's machine, and
//! for the browser both are one origin. The relay recognizes such a request by its `Host` header:
//! the browser writes the name there, and no page can change it.

use super::authority::name_in;
use super::http::Options;
use core::net::{Ipv4Addr, Ipv6Addr};

/// Longest host name, in bytes (RFC 1035 §2.3.4, without the bytes that only DNS itself writes).
const NAME_MAX: usize = 253;

/// True if an operator can allow this host: a name in lower case. A dot before it stands for the
/// name and all its subdomains.
pub fn is_host_name(text: &str) -> bool {
    let name = text.strip_prefix('.').unwrap_or(text);
    let is_name_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_name_byte) && !name.starts_with('.')
}

/// True if the listener answers requests for this name. It always answers addresses and
/// `localhost`, since no name server decides what they mean. A listener without any restriction
/// answers every name.
pub fn is_answered(name: &str, options: &Options) -> bool {
    // A browser cannot send the header that `proxy` requires, so such a listener needs no check.
    let is_guarded = options.local && !options.proxy || !options.allow_host.is_empty();
    if !is_guarded || is_address(name) || name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    options.allow_host.iter().any(|allowed| covers(allowed, name))
        || options.allow_origin.iter().any(|origin| origin.covers_host(name))
}

/// Marks the listener as bound to a loopback address, written as `authority`. Allows the host of
/// that authority, since it is the name in the URL that people are given.
pub fn listens_locally(options: &mut Options, authority: &str) {
    options.local = true;
    let name = name_in(authority);
    if !is_answered(&name, options) {
        options.allow_host.push(name);
    }
}

fn is_address(name: &str) -> bool {
    let bracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bracketed {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<Ipv4Addr>().is_ok(),
    }
}

fn covers(allowed: &str, name: &str) -> bool {
    match allowed.strip_prefix('.') {
        Some(parent) => name == parent || name.ends_with(allowed),
        None => name == allowed,
    }
}

/// Returns the text that refuses a request for another host name.
pub fn refusal(name: &str, is_admin: bool) -> String {
    let (told, name) = if is_host_name(name) { (name, name) } else { ("that name", "NAME") };
    let how = match is_admin {
        true => format!("host={name} in the URL of --admin"),
        false => format!("--allow-host {name}, or host={name} in the URL of the listener"),
    };
    format!(
        "this relay is not asked for under {told} here. If it should be, because a proxy passes the \
         name on for instance, start it with {how}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_a1_what_a_name_server_may_point_here_is_not_answered() {
        let bound = |local, proxy, names: &[&str]| Options {
            local,
            proxy,
            allow_host: names.iter().map(|name| (*name).to_owned()).collect(),
            allow_origin: vec!["https://chat.example".parse().unwrap()],
            ..Options::default()
        };
        let answered = |host: &str, options: &Options| is_answered(&name_in(host), options);
        let local = bound(true, false, &[]);
        let own = ["127.0.0.1:8080", "[::1]", "localhost", "LOCALHOST.:1", "tea.localhost"];
        let others = ["evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example"];
        for host in
            own.into_iter().chain(["10.0.0.1", "0.0.0.0", "[2001:db8::1]:80", "chat.example"])
        {
            assert!(answered(host, &local), "{host}");
        }
        let malformed =
            ["", ".", "evillocalhost", "::1", "[::1", "127.1", "0x7f.0.0.1", "notchat.example"];
        for host in others.into_iter().chain(malformed) {
            assert!(!answered(host, &local), "{host}");
        }
        let named = bound(false, false, &["relay.example", ".tea.example"]);
        for host in own.into_iter().chain(["relay.example:1", "tea.example", "a.b.tea.example"]) {
            assert!(answered(host, &named), "{host}");
        }
        for host in others.into_iter().chain(["a.relay.example", "notea.example", "example"]) {
            assert!(!answered(host, &named), "{host}");
        }
        for options in [bound(false, false, &[]), bound(true, true, &[])] {
            assert!(others.into_iter().all(|host| answered(host, &options)));
        }
    }

    #[test]
    fn what_an_operator_can_mean() {
        for name in
            ["relay", "chat.example", ".chat.example", "a-b_c.example", "xn--bcher-kva.example"]
        {
            assert!(is_host_name(name), "{name}");
        }
        for name in ["", ".", "..a", "https://a", "a:80", "A.example", "*.example", "a b", "[::1]"]
        {
            assert!(!is_host_name(name), "{name}");
        }
        assert!(!is_host_name(&"a".repeat(NAME_MAX + 1)));
    }
}
