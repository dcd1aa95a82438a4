/*
 * The datapath's design in C, to know what its language costs: one thread per
 * source, a TAP with virtio-net headers, packet sockets with the same, batches by
 * sendmmsg and recvmmsg, layer 2 XOR over the slaves. No options, no monitors,
 * no counters. Usage: loop TAP SLAVE...
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 32, HDR = 10, MAXFRAME = HDR + 65536 + 18, STRIDE = 69632 + 4160, MAXSLAVES = 32 };

static int tap, slaves, rx[MAXSLAVES], tx[MAXSLAVES];

static void die(const char *what) { perror(what); exit(1); }

static char *arena(size_t n)
{
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static int open_tap(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	unsigned base = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		die(name);
	if (ioctl(fd, TUNSETOFFLOAD, base | 0x20 | 0x40) < 0 && ioctl(fd, TUNSETOFFLOAD, base) < 0)
		die("TUNSETOFFLOAD");
	return fd;
}

static int open_slave(const char *name, int receives)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, room = 4 << 20;
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(name),
		.sll_protocol = receives ? htons(ETH_P_ALL) : 0};
	struct packet_mreq all = {.mr_ifindex = at.sll_ifindex, .mr_type = PACKET_MR_PROMISC};

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one) < 0)
		die(name);
	setsockopt(fd, SOL_SOCKET, receives ? SO_RCVBUFFORCE : SO_SNDBUFFORCE, &room, sizeof room);
	if (receives) {
		setsockopt(fd, SOL_PACKET, 23 /* PACKET_IGNORE_OUTGOING */, &one, sizeof one);
		setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all);
	}
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		die(name);
	return fd;
}

static void await(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	poll(&p, 1, -1);
}

/* out: host to wire. Frames are packed into one arena, a list for each slave. */
static void *out(void *unused)
{
	const size_t size = 512 << 10;
	char *buf = arena(size);
	static struct mmsghdr msg[MAXSLAVES][BATCH];
	static struct iovec iov[MAXSLAVES][BATCH];
	int n[MAXSLAVES];

	for (;;) {
		size_t at = 0;
		memset(n, 0, sizeof n);
		for (int i = 0; i < BATCH && at + MAXFRAME <= size; i++) {
			ssize_t len = read(tap, buf + at, MAXFRAME);
			if (len < HDR + 14)
				break;
			int s = (uint8_t)(buf[at + HDR + 5] ^ buf[at + HDR + 11]) % slaves;
			struct iovec *v = &iov[s][n[s]];
			v->iov_base = buf + at, v->iov_len = len;
			msg[s][n[s]++].msg_hdr = (struct msghdr){.msg_iov = v, .msg_iovlen = 1};
			at = (at + len + 63) & ~(size_t)63;
		}
		if (at == 0) {
			await(tap);
			continue;
		}
		for (int s = 0; s < slaves; s++)
			for (int done = 0; done < n[s];) {
				int k = sendmmsg(tx[s], msg[s] + done, n[s] - done, 0);
				done += k > 0 ? k : 1; /* a refused frame is lost */
			}
	}
	return unused;
}

/* in: one slave's wire to the host. */
static void *in(void *arg)
{
	int fd = rx[(intptr_t)arg];
	char *buf = arena((size_t)BATCH * STRIDE);
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){buf + (size_t)i * STRIDE, MAXFRAME};
		msg[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	for (;;) {
		int n = recvmmsg(fd, msg, BATCH, MSG_DONTWAIT, NULL);
		if (n <= 0) {
			await(fd);
			continue;
		}
		for (int i = 0; i < n; i++)
			if (write(tap, iov[i].iov_base, msg[i].msg_len) < 0)
				continue; /* the TAP is down: lost */
	}
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc < 3 || argc - 2 > MAXSLAVES) {
		fprintf(stderr, "usage: %s TAP SLAVE...\n", argv[0]);
		return 2;
	}
	slaves = argc - 2;
	tap = open_tap(argv[1]);
	for (int i = 0; i < slaves; i++) {
		rx[i] = open_slave(argv[2 + i], 1);
		tx[i] = open_slave(argv[2 + i], 0);
	}
	for (intptr_t i = 0; i < slaves; i++)
		if (pthread_create(&t, NULL, in, (void *)i))
			die("thread");
	puts("ready");
	fflush(stdout);
	out(NULL);
}
