//! Where this client goes: which hosts, and which addresses behind their names.
//!
//! A host name is a promise of whoever runs its DNS. An address that a public name should never have (a private network,
//! this machine, a cloud's metadata service) is refused when the connection is made, on the address that was resolved
//! for this very connection: a name that changes its mind in between (DNS rebinding) gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::uri::Authority;

use crate::builder::BuildError;
use crate::request::{is_odd_ipv4, port_of};

/// The rules of one client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    /// `None` means every host.
    pub(crate) hosts: Option<Hosts>,
    /// Plain http to hosts that are not loopback.
    pub(crate) plaintext: bool,
    /// Addresses that are not public, for every name.
    pub(crate) private: bool,
    /// Addresses that are not public and may be written in the address of a request; no name leads to them.
    pub(crate) addresses: Vec<IpAddr>,
    /// Not even loopback by its own name.
    pub(crate) no_loopback: bool,
}

/// A list of hosts. One without entries has none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    name: Box<str>,
    /// `None` means every port.
    port: Option<u16>,
}

impl Hosts {
    /// Reads `host` and `host:port`. Whatever else is written is refused, and never taken for more than it says.
    pub(crate) fn read(entries: impl IntoIterator<Item = String>) -> Result<Self, BuildError> {
        let entries = entries.into_iter();
        let entries = entries.map(|entry| Entry::read(&entry).ok_or_else(|| not_a_host(&entry)));
        entries.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn has(&self, host: &str, port: u16) -> bool {
        self.0.iter().any(|entry| {
            entry.name.eq_ignore_ascii_case(host) && entry.port.is_none_or(|only| only == port)
        })
    }
}

impl Entry {
    fn read(text: &str) -> Option<Self> {
        let authority = text.parse::<Authority>().ok()?;
        let host = authority.host();
        if host.is_empty() || text.contains('@') || is_odd_ipv4(host) {
            return None;
        }
        let port = match port_of(&authority, 0).ok()? {
            0 if text.len() > host.len() => return None,
            0 => None,
            port => Some(port),
        };
        Some(Self {
            name: host.into(),
            port,
        })
    }
}

fn not_a_host(entry: &str) -> BuildError {
    // what stands before an @ may be a password
    let shown = entry.rsplit_once('@').map_or(entry, |(_, rest)| rest);
    BuildError::Host {
        entry: shown.to_owned(),
    }
}

/// What kind of address this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Public,
    Loopback,
    /// Private, link-local (the metadata services of clouds among them), shared, reserved, documentation, multicast.
    Special,
}

impl Reach {
    /// Whether this host is on the list.
    pub(crate) fn lists(&self, host: &str, port: u16) -> bool {
        self.hosts
            .as_ref()
            .is_none_or(|hosts| hosts.has(host, port))
    }

    /// Whether a connection to this address may be made. `by_name` says that the request itself named it: as a literal
    /// address or, for loopback, as `localhost`.
    pub(crate) fn allows(&self, address: IpAddr, by_name: bool) -> bool {
        match class(address) {
            Class::Public => true,
            Class::Loopback => !self.no_loopback && (by_name || self.private),
            Class::Special => self.private || (by_name && self.addresses.contains(&address)),
        }
    }
}

fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

/// The IANA registry of special IPv4 addresses; what is not in it is public.
fn class_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        [127, ..] => Class::Loopback,
        // this network, private, shared (RFC 6598), link-local, private
        [0 | 10, ..] | [100, 64..=127, ..] | [169, 254, ..] | [172, 16..=31, ..] => Class::Special,
        // protocol assignments, documentation, 6to4 relays, private, benchmarks, documentation
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [192, 168, ..] => Class::Special,
        [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Special,
        // multicast, reserved, broadcast
        [224..=255, ..] => Class::Special,
        _ => Class::Public,
    }
}

/// Of IPv6 only 2000::/3 is handed out to the public, and not all of that. An address that carries an IPv4 address is
/// judged by it.
fn class_v6(address: Ipv6Addr) -> Class {
    if address == Ipv6Addr::LOCALHOST {
        return Class::Loopback;
    }
    let segments = address.segments();
    let carried = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        class_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] => carried(high, low),
        // NAT64: loopback or a private network behind the translator is still not public
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => match carried(high, low)
        {
            Class::Public => Class::Public,
            _ => Class::Special,
        },
        // protocol assignments with Teredo, documentation (twice)
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Class::Special,
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Special,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_that_a_public_name_never_has_are_told_from_public_ones() {
        use Class::{Loopback, Public, Special};
        for (text, expected) in [
            ("8.8.8.8", Public),
            ("104.16.0.1", Public),
            ("172.15.0.1", Public),
            ("172.32.0.1", Public),
            ("100.63.255.255", Public),
            ("192.0.1.1", Public),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("0.0.0.0", Special),
            ("10.1.2.3", Special),
            ("100.100.100.200", Special),
            ("169.254.169.254", Special),
            ("172.16.0.1", Special),
            ("172.31.255.255", Special),
            ("192.168.0.1", Special),
            ("192.0.0.192", Special),
            ("192.0.2.1", Special),
            ("198.18.0.1", Special),
            ("198.51.100.7", Special),
            ("203.0.113.7", Special),
            ("224.0.0.1", Special),
            ("255.255.255.255", Special),
            ("2606:4700::6810:1", Public),
            ("2a00:1450::1", Public),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:10.0.0.1", Special),
            ("::ffff:8.8.8.8", Public),
            ("::", Special),
            ("::8.8.8.8", Special),
            ("64:ff9b::8.8.8.8", Public),
            ("64:ff9b::127.0.0.1", Special),
            ("64:ff9b::a9fe:a9fe", Special),
            ("64:ff9b:1::1", Special),
            ("2002:7f00:1::", Special),
            ("2002:808:808::1", Public),
            ("2001::1", Special),
            ("2001:db8::1", Special),
            ("3fff:fff::1", Special),
            ("fd00:ec2::254", Special),
            ("fe80::1", Special),
            ("fec0::1", Special),
            ("ff02::1", Special),
        ] {
            assert_eq!(class(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn loopback_is_reached_by_its_own_name_only() {
        let (public, loopback): (IpAddr, IpAddr) =
            ("8.8.8.8".parse().unwrap(), "127.0.0.1".parse().unwrap());
        let private: IpAddr = "10.0.0.1".parse().unwrap();
        let reach = Reach::default();
        assert!(reach.allows(public, false) && reach.allows(loopback, true));
        assert!(!reach.allows(loopback, false) && !reach.allows(private, true));

        let open = Reach {
            private: true,
            ..Reach::default()
        };
        assert!(open.allows(loopback, false) && open.allows(private, false));

        let live = Reach {
            no_loopback: true,
            ..Reach::default()
        };
        assert!(!live.allows(loopback, true) && live.allows(public, false));
    }

    #[test]
    fn list_of_hosts_is_exact() {
        let entries = ["api.example.com", "localhost:8080", "[::1]"].map(str::to_owned);
        let reach = Reach {
            hosts: Some(Hosts::read(entries).unwrap()),
            ..Reach::default()
        };
        for (host, port, listed) in [
            ("api.example.com", 443, true),
            ("API.Example.COM", 8443, true),
            ("localhost", 8080, true),
            ("localhost", 8081, false),
            ("[::1]", 80, true),
            ("evil-api.example.com", 443, false),
            ("api.example.com.evil.net", 443, false),
            ("example.com", 443, false),
            ("", 443, false),
        ] {
            assert_eq!(reach.lists(host, port), listed, "{host}:{port}");
        }
        assert!(Reach::default().lists("anything", 1));
    }

    #[test]
    fn an_entry_that_is_no_host_is_refused_by_its_name_and_allows_nothing() {
        for entry in [
            "127.0.0.1:99999",
            "127.0.0.1:80x",
            "api.example.com:",
            "api.example.com:0",
            "api.example.com:-1",
            "https://api.example.com",
            "api.example.com/path",
            "two words",
            "[::1",
            "[::1]:x",
            "2130706433",
            "127.1",
            "",
            ":80",
        ] {
            let error = Hosts::read([entry.to_owned()])
                .expect_err(entry)
                .to_string();
            assert!(
                error.starts_with("allow_hosts") && error.contains(&format!("{entry:?}")),
                "{error}"
            );
        }
        let error = Hosts::read(["me:canary@host".to_owned()]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert!(!Hosts::default().has("anything", 1));
    }

    proptest! {
        /// Writing an IPv4 address as IPv6 never makes it more public than it is.
        #[test]
        fn mapped_addresses_are_no_way_around(octets in any::<[u8; 4]>()) {
            let plain = Ipv4Addr::from(octets);
            prop_assert_eq!(class(plain.to_ipv6_mapped().into()), class(plain.into()));
        }
    }
}
