#!/bin/bash
# The guest's first process. Its root is the host's, read-only; the kernel's
# command line says how many NICs there are and where the modules are.
# Then it carries out commands from the second console: each a line, answered by
# its output and a line "= STATUS".
export PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin LC_ALL=C HOME=/run
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
# modprobe looks where it is told to, the kernel's own too.
mkdir -p /run/modules/lib/modules /run/tmp
export TMPDIR=/run/tmp
ln -s "$TAPBOND_MODULES/$(uname -r)" /run/modules/lib/modules/
printf '#!/bin/sh\nexec /sbin/modprobe -d /run/modules "$@"\n' >/run/modprobe
chmod +x /run/modprobe
echo /run/modprobe >/proc/sys/kernel/modprobe
/run/modprobe -a ipv6 veth sch_ingress cls_matchall act_mirred 2>/dev/null
/run/modprobe bonding max_bonds=0
ip link set lo up
for ((i = 0; i < TAPBOND_NICS; i++)); do
	ip link add "eth$i" type veth peer name "x$i"
	ethtool -K "eth$i" tx off tso off gso off >/dev/null 2>&1 # what leaves is finished
	for d in "vec$i" "x$i"; do
		echo 1 >"/proc/sys/net/ipv6/conf/$d/disable_ipv6"
		ip link set "$d" up promisc on
		tc qdisc add dev "$d" clsact
	done
	tc filter add dev "vec$i" ingress matchall action mirred egress redirect dev "x$i"
	tc filter add dev "x$i" ingress matchall action mirred egress redirect dev "vec$i"
done
exec 3<>/dev/ttyS0
stty -F /dev/ttyS0 raw -echo
echo "= ready" >&3
while read -r line <&3; do
	bash -c "$line" >&3 2>&1 3>&- </dev/null
	echo "= $?" >&3
done
/sbin/poweroff -f
