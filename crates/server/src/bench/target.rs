//! Where the load goes: one loopback address and the headers that every request to it carries.
//!
//! A load generator that can be pointed anywhere is a weapon, so names are never resolved and anything but a loopback address is refused.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const DEFAULT_PORT: u16 = 80;

/// The server under load.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Always a loopback address.
    pub(super) address: SocketAddr,
    /// Header lines common to all requests, each ended by CRLF.
    pub(super) common_headers: Vec<u8>,
}

impl Target {
    /// Reads `http://HOST[:PORT][/]`. `api_key`, if given, goes along as a bearer token.
    pub(super) fn new(url: &str, api_key: Option<&str>) -> Result<Self, String> {
        let address = loopback_address(url)?;
        let mut common_headers = format!("Host: {address}\r\n").into_bytes();
        if let Some(key) = api_key {
            // A line break in the key would smuggle further headers in.
            if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err("--key must be visible ASCII without blanks".to_owned());
            }
            common_headers.extend_from_slice(format!("Authorization: Bearer {key}\r\n").as_bytes());
        }
        Ok(Self { address, common_headers })
    }
}

fn loopback_address(url: &str) -> Result<SocketAddr, String> {
    let authority = url.strip_prefix("http://").ok_or_else(|| format!("--url {url}: only http:// is spoken here"))?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let refused = || {
        format!(
            "--url {url}: the load generator only sends to this machine; \
             use http://127.0.0.1:PORT, http://[::1]:PORT or http://localhost:PORT"
        )
    };
    let address = if let Ok(address) = authority.parse::<SocketAddr>() {
        address
    } else {
        let (host, port) = split_port(authority, url)?;
        let ip = match host {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => host.trim_start_matches('[').trim_end_matches(']').parse().map_err(|_| refused())?,
        };
        SocketAddr::new(ip, port)
    };
    if address.ip().is_loopback() { Ok(address) } else { Err(refused()) }
}

fn split_port<'a>(authority: &'a str, url: &str) -> Result<(&'a str, u16), String> {
    if authority.ends_with(']') {
        return Ok((authority, DEFAULT_PORT));
    }
    match authority.rsplit_once(':') {
        None => Ok((authority, DEFAULT_PORT)),
        Some((host, port)) => {
            let port =
                port.parse().map_err(|_| format!("--url {url}: {port} is not a port, and a path is not allowed"))?;
            Ok((host, port))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_are_accepted() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
            ("http://127.9.9.9", "127.9.9.9:80"),
            ("http://localhost:1", "127.0.0.1:1"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("http://[::1]", "[::1]:80"),
        ] {
            assert_eq!(loopback_address(url).map(|address| address.to_string()), Ok(expected.to_owned()), "{url}");
        }
    }

    #[test]
    fn every_other_host_is_refused() {
        for url in [
            "http://10.0.0.1:8080",
            "http://0.0.0.0:8080",
            "http://example.org",
            "http://localhost.example.org:80",
            "http://127.0.0.1@example.org:80",
            "http://example.org:80/127.0.0.1",
            "http://[::ffff:10.0.0.1]:80",
            "http://127.1:80",
            "https://127.0.0.1",
            "127.0.0.1:80",
            "http://127.0.0.1:80/members",
            "http://127.0.0.1:",
            "http://",
        ] {
            assert!(Target::new(url, None).is_err(), "{url}");
        }
    }

    #[test]
    fn a_key_with_a_line_break_is_refused() {
        assert!(Target::new("http://127.0.0.1", Some("a\r\nX: y")).is_err());
        let target = Target::new("http://127.0.0.1:81", Some("abc")).expect("a plain key is fine");
        assert_eq!(target.common_headers, b"Host: 127.0.0.1:81\r\nAuthorization: Bearer abc\r\n");
    }
}
