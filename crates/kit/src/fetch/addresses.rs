//! Which addresses are public: what a stranger's wish may make us connect to. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks that are not the public Internet (IANA's registry of special purposes), with the word for each.
const SPECIAL_V4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this machine"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a provider's inner network"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "the local link"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a reserved network"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "measurements"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "many receivers"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved network"),
];

/// IPv6 networks within the public ones (`2000::/3`) that are not public.
const SPECIAL_V6: &[(Ipv6Addr, u32, &str)] = &[
    // Teredo, ORCHID, benchmarks and other protocols; some of them carry an IPv4 address along.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "a protocol's own network"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "a relay"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "documentation"),
];

/// IPv6 networks outside of `2000::/3`, by the word for each.
const INNER_V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, "this machine"),
    (Ipv6Addr::LOCALHOST, 128, "this machine"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "an IPv4 address in disguise"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 96, "an IPv4 address in disguise"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "a private network"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "the local link"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "a private network"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "many receivers"),
];

/// The network in which NAT64 translates: its last 32 bits are the IPv4 address that is really meant.
const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);

/// Why an address is not one of the public Internet: the word for where it leads. `None` for a public one.
pub fn why_not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let found = SPECIAL_V4.iter().find(|(net, bits, _)| same(u32::from(*net).into(), u32::from(address).into(), bits + 96));
            found.map(|(.., what)| *what)
        }
        IpAddr::V6(address) => {
            let within = |(net, bits, _): &&(Ipv6Addr, u32, &'static str)| same(u128::from(*net), u128::from(address), *bits);
            if same(u128::from(NAT64), u128::from(address), 96) {
                let [.., a, b, c, d] = address.octets();
                return why_not_public(Ipv4Addr::new(a, b, c, d).into());
            }
            if address.segments()[0] & 0xe000 == 0x2000 {
                return SPECIAL_V6.iter().find(within).map(|(.., what)| *what);
            }
            Some(INNER_V6.iter().find(within).map_or("a reserved network", |(.., what)| *what))
        }
    }
}

/// Whether two numbers of 128 bits agree in their first `bits`.
fn same(left: u128, right: u128, bits: u32) -> bool {
    bits == 0 || (left ^ right) >> (128 - bits) == 0
}

/// What the operator allows although it is not public: a network, or a host by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// Addresses that begin with these bits.
    Network(IpAddr, u32),
    /// This name, wherever it leads.
    Host(String),
}

impl Allowed {
    /// Parses `10.0.0.0/8`, `::1`, `hooks.lan`.
    pub fn parse(text: &str) -> Option<Allowed> {
        let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
        if let Ok(address) = base.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits: u32 = bits.map_or(Some(most), |bits| bits.parse().ok())?;
            return (bits <= most).then_some(Allowed::Network(address, bits));
        }
        let fits = bits.is_none() && !base.is_empty() && base.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
        fits.then(|| Allowed::Host(plain_name(base)))
    }

    pub(super) fn covers(&self, host: &str, address: IpAddr) -> bool {
        match (self, address) {
            (Allowed::Network(IpAddr::V4(net), bits), IpAddr::V4(it)) => same(u32::from(*net).into(), u32::from(it).into(), bits + 96),
            (Allowed::Network(IpAddr::V6(net), bits), IpAddr::V6(it)) => same(u128::from(*net), u128::from(it), *bits),
            (Allowed::Network(..), _) => false,
            (Allowed::Host(name), _) => *name == plain_name(host),
        }
    }
}

/// A host name as it is compared: `Localhost.` is `localhost`.
pub(super) fn plain_name(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> Option<&'static str> {
        why_not_public(text.parse().unwrap())
    }

    #[test]
    fn what_is_not_public_is_known_to_both_ends_of_each_network() {
        for inner in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.7",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(why(inner).is_some(), "{inner} passes for public");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "3ffe::1",
            "64:ff9b::808:808",
        ] {
            assert_eq!(why(public), None, "{public} is refused");
        }
    }

    #[test]
    fn allowances_are_networks_addresses_or_names() {
        let covers = |text: &str, host: &str, address: &str| Allowed::parse(text).unwrap().covers(host, address.parse().unwrap());
        assert!(covers("10.1.0.0/16", "x", "10.1.255.255") && !covers("10.1.0.0/16", "x", "10.2.0.0"));
        assert!(covers("127.0.0.1", "x", "127.0.0.1") && !covers("127.0.0.1", "x", "127.0.0.2"));
        assert!(covers("fd00::/8", "x", "fd12::1") && !covers("fd00::/8", "x", "fc12::1") && !covers("::/0", "x", "10.0.0.1"));
        assert!(covers("0.0.0.0/0", "x", "10.0.0.1"));
        assert!(covers("Hooks.Lan", "hooks.lan.", "10.0.0.1") && !covers("hooks.lan", "a.hooks.lan", "10.0.0.1"));
        for bad in ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/x", "::1/129", "a b", "http://x", "hooks.lan/8"] {
            assert!(Allowed::parse(bad).is_none(), "{bad}");
        }
    }
}
