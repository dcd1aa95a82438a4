//go:build armbe || arm64be || m68k || mips || mips64 || mips64p32 || ppc || ppc64 || s390 || s390x || shbe || sparc || sparc64

package policy

// bigEndian is the processor's order of octets; see load32.
const bigEndian = true
