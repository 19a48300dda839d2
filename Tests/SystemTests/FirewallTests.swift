import Foundation
import Glibc
import TestSupport
import Testing

/// A network namespace for another machine: `$!` is the process that keeps it. Before that process has left ours, a
/// link moved to it stays here.
private let separate = """
    set -eu
    separate() {
        unshare --net sleep 60 &
        until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.01; done
    }
    """

/// A separate machine (a network namespace) with a firewall that tracks connections, a server on port 443, and a buyer
/// beside it.
private let machine = """
    \(separate)
    ip link set lo up
    ip link add here type veth peer name there
    separate
    buyer=$! server=
    trap 'kill $buyer $server' EXIT
    ip link set there netns $buyer
    ip addr add 10.99.0.1/24 dev here
    ip link set here up
    nsenter --target $buyer --net ip addr add 10.99.0.2/24 dev there
    nsenter --target $buyer --net ip link set there up
    nft 'table inet firewall { chain in { type filter hook input priority filter; ct state invalid drop; }; }'
    [ $# = 0 ] || { nft --file "$1" && nft --file "$1"; }
    redis-server --port 443 --bind 10.99.0.1 127.0.0.1 --protected-mode no --save '' >/dev/null & server=$!
    until (exec 3<>/dev/tcp/127.0.0.1/443) 2>/dev/null; do sleep 0.05; done
    nsenter --target $buyer --net redis-cli -h 10.99.0.1 -p 443 ping >&2
    redis-cli -h 127.0.0.1 -p 443 ping >&2
    cat /proc/net/nf_conntrack
    """

/// A machine that hides a container behind its own address (NAT), and a server on port 443 that the container asks.
private let router = """
    \(separate)
    ip link set lo up
    echo 1 >/proc/sys/net/ipv4/ip_forward
    hosts=()
    trap 'kill "${hosts[@]}"' EXIT
    for host in 1 2; do
        ip link add to$host type veth peer name up$host
        separate
        hosts+=($!)
        ip link set up$host netns $!
        ip addr add 10.99.$host.1/24 dev to$host
        ip link set to$host up
        nsenter --target $! --net ip addr add 10.99.$host.2/24 dev up$host
        nsenter --target $! --net ip link set up$host up
    done
    nsenter --target ${hosts[0]} --net ip route add default via 10.99.1.1
    nsenter --target ${hosts[1]} --net \
        redis-server --port 443 --bind 10.99.2.2 --protected-mode no --save '' >/dev/null &
    hosts+=($!)
    nft 'table ip nat { chain out { type nat hook postrouting priority srcnat; oif to2 masquerade; }; }'
    nft --file "$1"
    for _ in $(seq 100); do
        nsenter --target ${hosts[0]} --net timeout 5 redis-cli -h 10.99.2.2 -p 443 ping && exit
        sleep 0.05
    done 2>/dev/null
    exit 1
    """

/// A machine with another firewall (`$2`) sends a page to a buyer, over a path with a smaller MTU, by IPv4 and by IPv6.
private let narrow = """
    \(separate)
    ip link set lo up
    separate; router=$!
    separate; buyer=$! server=
    trap 'kill $router $buyer $server' EXIT
    on() { nsenter --target "$1" --net "${@:2}"; }
    ip link add here type veth peer name near
    ip link set near netns $router
    on $router ip link add far type veth peer name there
    on $router ip link set there netns $buyer
    # up HOST INTERFACE ADDRESS [MTU]: without looking for duplicates, an IPv6 address is there at once.
    up() {
        on $1 ip addr add 10.99.$3/24 dev $2
        on $1 ip addr add fd99:${3/./::}/64 dev $2 nodad
        on $1 ip link set $2 mtu ${4:-1500} up
    }
    up $$ here 1.1
    up $router near 1.2
    up $router far 2.1 1280
    up $buyer there 2.2
    on $router sh -c 'echo 1 | tee /proc/sys/net/ipv4/ip_forward >/proc/sys/net/ipv6/conf/all/forwarding'
    ip route add default via 10.99.1.2
    ip route add default via fd99:1::2
    on $buyer ip route add default via 10.99.2.1
    on $buyer ip route add default via fd99:2::1
    nft --file "$1"
    nft --file - <<<"$2"
    redis-server --port 443 --bind 10.99.1.1 fd99:1::1 --protected-mode no --save '' >/dev/null & server=$!
    until (exec 3<>/dev/tcp/10.99.1.1/443) 2>/dev/null; do sleep 0.05; done
    redis-cli -h 10.99.1.1 -p 443 setrange page 9999 . >/dev/null
    asked=()
    for address in 10.99.1.1 fd99:1::1; do
        on $buyer timeout 5 redis-cli -h $address -p 443 get page | wc -c & asked+=($!)
    done
    wait "${asked[@]}"
    """

/// A machine with Redis at an address of the delivered rules, and at others. Asks it as Redis' user, and as another;
/// and hears, as a client at a stranger's address, what Redis sends first after the rules were loaded.
private let stranger = """
    set -eu
    ip link set lo up
    for address in 10.0.0.2/32 10.0.0.4/32 fd00::4/128; do ip addr add $address dev lo; done
    setpriv --reuid redis --clear-groups \
        redis-server --bind 10.0.0.2 10.0.0.4 fd00::4 --protected-mode no --save '' >/dev/null & server=$!
    trap 'kill $server' EXIT
    until redis-cli -h fd00::4 ping; do sleep 0.05; done >/dev/null 2>&1
    exec 3< <(redis-cli -h 10.0.0.4 subscribe news)
    for _ in subscribe news 1; do read -r -t 20 <&3; done
    nft --file "$1"
    nft --file "$1"
    ask() { setpriv --reuid "$1" --clear-groups redis-cli -h "$2" ping 2>/dev/null || echo refused; }
    ask redis 10.0.0.2
    ask redis 10.0.0.4
    ask redis fd00::4
    ask nobody 10.0.0.4
    redis-cli -h 10.0.0.2 publish news heard >/dev/null
    for _ in message news heard; do read -r -t 20 word <&3; done
    echo "$word"
    """

@Suite(.enabled(if: getuid() == 0, "a network of one's own needs root"))
struct `The firewall of Redis` {
    @Test func `lets Redis and its Sentinels connect only to each other`() throws {
        let rules = Ingress.repository.appendingPathComponent("deploy/nftables/sale-redis.nft")
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/unshare"), ["--net", "/bin/bash", "-c", stranger, "stranger", rules.path])
        #expect(result.output == "PONG\nrefused\nrefused\nPONG\nheard\n", "\(result.errors)")
    }
}

@Suite(.enabled(if: getuid() == 0, "a network of one's own needs root"))
struct `Connections of buyers, and of a machine with itself` {
    private func followed(with rules: [String]) throws -> String {
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/unshare"), ["--net", "/bin/bash", "-c", machine, "machine"] + rules)
        #expect(result.code == 0, "\(result.errors)")
        return result.output
    }

    @Test func `are tracked by a firewall that matches on connection state`() throws {
        let connections = try followed(with: [])
        #expect(connections.contains("src=10.99.0.2 dst=10.99.0.1"))
        #expect(connections.contains("src=127.0.0.1 dst=127.0.0.1"))
    }

    @Test func `leave the connections that the machine forwards as they are`() throws {
        let rules = Ingress.repository.appendingPathComponent("deploy/nftables/sale-untracked.nft")
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/unshare"), ["--net", "/bin/bash", "-c", router, "router", rules.path])
        #expect(result.output == "PONG\n", "\(result.errors)")
    }

    @Test func `bring a page over a path with a smaller MTU, under the documented rules`() throws {
        let untracked = Ingress.repository.appendingPathComponent("deploy/nftables/sale-untracked.nft")
        let page = try String(
            contentsOf: Ingress.repository.appendingPathComponent("docs/installation.md"), encoding: .utf8)
        let rules = try #require(page.firstMatch(of: /```\n(iif lo accept\n[^`]*)```/)).1
        func received(_ rules: some StringProtocol) throws -> String {
            // Without those for neighbours, nobody is reached by IPv6.
            let firewall = """
                table inet firewall { chain in {
                    type filter hook input priority filter; policy drop;
                    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
                    \(rules)
                    ct state established,related accept
                }; }
                """
            let result = try ChildProcess.run(
                URL(fileURLWithPath: "/usr/bin/unshare"),
                ["--net", "/bin/bash", "-c", narrow, "narrow", untracked.path, firewall])
            return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        #expect(try received(rules) == "10001\n10001")
        // The MTU matters.
        #expect(try received("iif lo accept\ntcp dport 443 accept") == "0\n0")
    }

    @Test func `are not tracked under the delivered rules, and admitted anyway`() throws {
        let rules = Ingress.repository.appendingPathComponent("deploy/nftables/sale-untracked.nft")
        #expect(try followed(with: [rules.path]) == "")
    }
}
