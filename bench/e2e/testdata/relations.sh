# Runs in a guest: eth0 and eth1 are the bond's, eth2 its peer in a namespace. Each
# line that it prints is one fact.
mkdir -p /run/netns
P="ip -n p"
soon() { for i in $(seq 20); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done; return 1; }
fact() { name=$1; shift; if soon "$@"; then echo "$name: yes"; else echo "$name: no"; tapbond show; tapbond events | tail -n 20; ip -br link; fi; }
ping1() { ping -c 1 -W 1 "$1"; }
registered() { test "$(ip -br link | grep -c '^tb')" = "$1"; } # VLAN devices of tapbond's
vlan() { # BASE NAME ID NET: a VLAN device and its peer
    ip link add link $1 name $2 type vlan id $3; ip addr add 10.0.$4.1/24 dev $2; ip link set $2 up
    case $1 in bond0 | br0) low=eth2 ;; *) low=$1 ;; esac
    $P link show $2 >/dev/null 2>&1 && return
    $P link add link $low name $2 type vlan id $3; $P addr add 10.0.$4.2/24 dev $2; $P link set $2 up
}
bond() { tapbond ip link add bond0 type bond mode active-backup "$@"; for i in eth0 eth1; do tapbond ip link set $i down master bond0; done; tapbond ip link set bond0 up; }
daemon() { pidof tapbond; }

ip netns add p; ip link set eth2 netns p; $P link set eth2 up; $P addr add 10.0.0.2/24 dev eth2
bond miimon 100
vlan bond0 v10 10 10
fact "VLAN" ping1 10.0.10.2
vlan v10 v20 20 20
fact "VLAN in a VLAN" ping1 10.0.20.2
ip netns add web; ip link add link bond0 netns web name v30 type vlan id 30; ip -n web addr add 10.0.30.1/24 dev v30; ip -n web link set v30 up
$P link add link eth2 name v30 type vlan id 30; $P addr add 10.0.30.2/24 dev v30; $P link set v30 up
fact "VLAN in another namespace" ip netns exec web ping -c 1 -W 1 10.0.30.2
ip netns del web
fact "that namespace is gone" registered 2
echo "registered: $(ip -br link | grep -c '^tb.*DOWN')"
tapbond show | grep 'vlan filter'
tapbond ip link set eth0 down
fact "after a failover" ping1 10.0.10.2
kill -9 $(daemon); vlan bond0 v11 11 11; tapbond show >/dev/null
fact "made while nobody ran" ping1 10.0.11.2
ip link del v20; ip link del v11
fact "deleted" registered 2
tapbond ip link set eth1 nomaster
fact "released" registered 1
kill -9 $(daemon); tapbond cleanup >/dev/null
fact "cleaned up" registered 0
ip link set eth0 up; ip link set eth1 up

bond miimon 100 express on
vlan bond0 v10 10 10
fact "express" ping1 10.0.10.2
tapbond ip link del bond0
fact "gone with the bond" registered 0

# A VLAN-aware bridge: its address is announced with the tag of the bond's port.
bond miimon 100
ip link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0; ip link set br0 up; ip link set bond0 master br0
bridge vlan add dev bond0 vid 10; bridge vlan add dev br0 vid 10 self pvid untagged; ip addr add 10.0.10.1/24 dev br0
fact "bridge" ping1 10.0.10.2
ip netns exec p sh -c 'echo 1 >/proc/sys/net/ipv4/conf/all/arp_accept; ip neigh flush all' >/dev/null 2>&1
ip link set eth0 down; ip link set eth1 up; sleep 0.5; ip link set eth1 down; ip link set eth0 up
announced() { $P neigh show dev v10 | grep -q '^10.0.10.1 '; }
fact "announced in VLAN 10" announced
ip link set bond0 nomaster; ip link del br0; ip link set eth1 up

# A VRF: targets are looked up in its table.
ip link add red type vrf table 10; ip link set red up; ip link set bond0 master red; ip addr add 10.0.0.1/24 dev bond0
tapbond ip link set bond0 type bond arp_interval 200 arp_ip_target 10.0.0.2 arp_validate all
fact "probes in a VRF" tapbond check bond0
tapbond ip link del bond0
