use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where a request comes from, as far as those who send are told apart by it: the other end of the connection, or what the
/// outermost of our own proxies says. What stands before that in the header, anybody may have written.
pub fn address(head: &Parts, proxies: usize) -> IpAddr {
    let forwarded = head.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let addresses: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    let told = proxies.checked_sub(1).and_then(|before| addresses.iter().rev().nth(before)?.parse().ok());
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    network(told.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// Of IPv6 the first half: whoever has one address has all of that network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        short @ IpAddr::V4(_) => short,
    }
}

#[cfg(test)]
mod tests {
    use super::{address, network};
    use axum::extract::ConnectInfo;
    use axum::http::Request;
    use std::net::SocketAddr;

    /// Through the proxies, from what each header line says.
    fn through(proxies: usize, lines: &[&str]) -> String {
        let request = lines.iter().fold(Request::builder(), |request, line| request.header("x-forwarded-for", *line));
        let peer: SocketAddr = "10.0.0.1:4711".parse().expect("an address");
        let (head, ()) = request.extension(ConnectInfo(peer)).body(()).expect("a request").into_parts();
        address(&head, proxies).to_string()
    }

    #[test]
    fn only_what_our_own_proxies_say_counts() {
        let lines = ["198.51.100.1, 192.0.2.7", "192.0.2.8"];
        assert_eq!(through(0, &lines), "10.0.0.1");
        assert_eq!(through(1, &lines), "192.0.2.8");
        assert_eq!(through(2, &lines), "192.0.2.7");
        assert_eq!(through(1, &[]), "10.0.0.1");
        assert_eq!(through(1, &["not an address"]), "10.0.0.1");
    }

    #[test]
    fn an_address_is_its_network() {
        for (address, expected) in
            [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
        {
            assert_eq!(network(address.parse().expect("an address")).to_string(), expected);
        }
    }
}
