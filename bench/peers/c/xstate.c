// User-Mode Linux 6.1 has room for a processor's extended state as it was before
// AMX. Where the state is larger it reads the first part of it, and the host
// refuses that part when it is written back: no process of the guest ever runs.
//
// Preloaded, this stands in front of ptrace(2) and completes what is written
// with what is there. The guest's programs use no AMX: its parts are marked as
// not in use.
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	PEEK_FIRST = 1, PEEK_LAST = 3,            // PTRACE_PEEKTEXT to PTRACE_PEEKUSER
	GETREGSET = 0x4204, SETREGSET = 0x4205,
	XSTATE = 0x202,                           // NT_X86_XSTATE
	IN_USE = 512,                             // offset of XSTATE_BV
};
static const uint64_t amx = (1ull << 17) | (1ull << 18);

static long call(long request, pid_t pid, void *addr, void *data)
{
	return syscall(SYS_ptrace, request, (long)pid, addr, data);
}

static long set_xstate(pid_t pid, struct iovec *part)
{
	static char whole[1 << 16] __attribute__((aligned(64)));
	struct iovec all = { whole, sizeof whole };
	uint64_t used;

	if (call(GETREGSET, pid, (void *)XSTATE, &all) < 0 || all.iov_len <= part->iov_len)
		return call(SETREGSET, pid, (void *)XSTATE, part);
	memcpy(whole, part->iov_base, part->iov_len);
	memcpy(&used, whole + IN_USE, sizeof used);
	used &= ~amx;
	memcpy(whole + IN_USE, &used, sizeof used);
	return call(SETREGSET, pid, (void *)XSTATE, &all);
}

// ptrace is the C library's function: it returns what PEEK reads, where the
// system call stores it.
long ptrace(int request, ...)
{
	va_list list;
	va_start(list, request);
	pid_t pid = va_arg(list, pid_t);
	void *addr = va_arg(list, void *), *data = va_arg(list, void *);
	va_end(list);

	if (request == SETREGSET && addr == (void *)XSTATE)
		return set_xstate(pid, data);
	if (request >= PEEK_FIRST && request <= PEEK_LAST) {
		long word;
		errno = 0;
		return call(request, pid, addr, &word) < 0 ? -1 : word;
	}
	return call(request, pid, addr, data);
}
