//! Whose word is taken for where a request comes from.
//!
//! Behind a gateway every connection comes from the gateway; it says in `X-Forwarded-For` who was behind it. Anybody can
//! send that header, so it counts only from addresses that the settings name.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Says that there is no proxy.
const NONE: &str = "none";

/// The most entries of `X-Forwarded-For` that are looked at, from the last one on.
const MAX_HOPS: usize = 16;

/// The networks of the proxies before this process; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

/// Not a list of addresses and networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be none, or addresses and networks such as 10.0.0.0/8, separated by commas")]
pub struct MalformedProxies;

/// An address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

impl FromStr for TrustedProxies {
    type Err = MalformedProxies;

    fn from_str(text: &str) -> Result<Self, MalformedProxies> {
        if text.trim() == NONE {
            return Ok(Self::default());
        }
        text.split(',').map(|network| network.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Network {
    type Err = MalformedProxies;

    fn from_str(text: &str) -> Result<Self, MalformedProxies> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| MalformedProxies)?;
        let bits = if address.is_ipv4() { u32::BITS } else { u128::BITS };
        let prefix = prefix.map_or(Ok(bits), str::parse).map_err(|_| MalformedProxies)?;
        if prefix <= bits { Ok(Self { address, prefix }) } else { Err(MalformedProxies) }
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= self.prefix
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= self.prefix
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl TrustedProxies {
    /// Where a request comes from: the peer; or, as long as that one is a proxy that is trusted, whoever it says was
    /// before it.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let values = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let hops = values.flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
        for hop in hops.take(MAX_HOPS) {
            if !self.trusts(client) {
                break;
            }
            // What a trusted proxy does not say legibly, nobody says.
            let Ok(before) = hop.trim().parse::<IpAddr>() else { break };
            client = before.to_canonical();
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&'static str]) -> String {
        let headers = forwarded.iter().map(|value| (X_FORWARDED_FOR, value.parse().unwrap()));
        let trusted: TrustedProxies = trusted.parse().unwrap();
        trusted.client(peer.parse().unwrap(), &HeaderMap::from_iter(headers)).to_string()
    }

    #[test]
    fn nobody_is_believed_unless_the_settings_say_so() {
        assert_eq!(client("none", "10.0.0.1", &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(client("10.0.0.0/8", "11.0.0.1", &["1.2.3.4"]), "11.0.0.1");
        assert_eq!(client("10.0.0.0/8", "10.9.9.9", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("10.0.0.1", "::ffff:10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("fd00::/8,::1", "fd12::1", &["2001:db8::7"]), "2001:db8::7");
    }

    #[test]
    fn what_a_client_says_of_itself_ends_at_the_last_trusted_proxy() {
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["6.6.6.6", "1.2.3.4, 10.0.0.2"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["1.2.3.4, rubbish"]), "10.0.0.1");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "all", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.1,", "::/129", "10.0.0"] {
            assert_eq!(text.parse::<TrustedProxies>(), Err(MalformedProxies), "{text}");
        }
    }
}
