#!/bin/busybox sh
# The guest's first process. Its second console takes commands: each is a line,
# answered by its output and a line with its status.
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /sbin /usr/sbin /usr/bin
/bin/busybox --install -s /usr/bin
export PATH=/bin:/sbin:/usr/sbin:/usr/bin HOME=/ LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/netns /run/lock
ln -s /run /var/run
hostname guest
echo /usr/bin/modprobe >/proc/sys/kernel/modprobe
while read -r m; do
	insmod "/modules/$m.ko" 2>/dev/null
done </modules/boot
[ ! -e /modules/tun.ko ] || [ -e /dev/net/tun ] || { mkdir -p /dev/net; mknod /dev/net/tun c 10 200; }
/bin/ip link set lo up
# Drivers are loaded in an order of their own; NICs have names by their number.
n=0
while read -r mac; do
	for d in /sys/class/net/*; do
		[ "$(cat "$d/address")" = "$mac" ] && /bin/ip link set "${d##*/}" name "nic$n"
	done
	n=$((n + 1))
done </nics
i=0
while [ $i -lt $n ]; do
	[ ! -e /sys/class/net/nic$i ] || /bin/ip link set nic$i name eth$i
	i=$((i + 1))
done
stty -F /dev/ttyS1 raw -echo
exec 3<>/dev/ttyS1
printf '\001=ready\n' >&3
while read -r line <&3; do
	/bin/sh -c "$line" >&3 2>&1 3>&- </dev/null
	printf '\001=%d\n' $? >&3
done
poweroff -f
