package fuse

import "encoding/binary"

// The version that is spoken.
const (
	major = 7
	minor = 31
)

// Requests. Those that aren't here are answered with ENOSYS, after which the
// kernel asks for them no more, or does without.
const (
	opLookup      = 1
	opForget      = 2
	opGetattr     = 3
	opSetattr     = 4
	opReadlink    = 5
	opSymlink     = 6
	opMknod       = 8
	opMkdir       = 9
	opUnlink      = 10
	opRmdir       = 11
	opRename      = 12
	opLink        = 13
	opOpen        = 14
	opRead        = 15
	opWrite       = 16
	opStatfs      = 17
	opRelease     = 18
	opInit        = 26
	opOpendir     = 27
	opReaddir     = 28
	opReleasedir  = 29
	opCreate      = 35
	opInterrupt   = 36
	opDestroy     = 38
	opBatchForget = 42
	opRename2     = 45
	opTmpfile     = 51
)

// Flags.
const (
	initBigWrites      = 1 << 5  // writes of more than a page come whole
	initParallelDirOps = 1 << 18 // look-ups in a folder don't wait for each other
	openDirect         = 1 << 0  // reads and writes come as they were made
	setMode            = 1 << 0
	setUID             = 1 << 1
	setGID             = 1 << 2
)

// rootID is the number of the root.
const rootID = 1

// inHeader is in front of every request.
type inHeader struct {
	Len, Op        uint32
	Unique, Node   uint64
	UID, GID, PID  uint32
	ExtLen, Unused uint16
}

// outHeader is in front of every answer; the error is -errno.
type outHeader struct {
	Len    uint32
	Error  int32
	Unique uint64
}

type initIn struct{ Major, Minor, MaxReadahead, Flags uint32 }

type initOut struct {
	Major, Minor, MaxReadahead, Flags  uint32
	MaxBackground, CongestionThreshold uint16
	MaxWrite, TimeGran                 uint32
	MaxPages, MapAlignment             uint16
	Flags2, MaxStackDepth              uint32
	RequestTimeout                     uint16
	Unused                             [11]uint16
}

type attr struct {
	Ino, Size, Blocks               uint64
	Atime, Mtime, Ctime             uint64
	AtimeNsec, MtimeNsec, CtimeNsec uint32
	Mode, Nlink, UID, GID           uint32
	Rdev, Blksize, Flags            uint32
}

// entryOut says what a name is; what it says is valid for no time.
type entryOut struct {
	Node, Generation         uint64
	Valid, AttrValid         uint64
	ValidNsec, AttrValidNsec uint32
	Attr                     attr
}

type attrOut struct {
	Valid             uint64
	ValidNsec, Unused uint32
	Attr              attr
}

type setattrIn struct{ Valid, Unused uint32 } // and what is set to what

type openIn struct{ Flags, OpenFlags uint32 }

type openOut struct {
	Handle        uint64
	Flags, Unused uint32
}

// readIn is the like for write, where the data follow.
type readIn struct {
	Handle, Offset  uint64
	Size, ReadFlags uint32
	LockOwner       uint64
	Flags, Unused   uint32
}

type writeOut struct{ Size, Unused uint32 }

type releaseIn struct {
	Handle              uint64
	Flags, ReleaseFlags uint32
	LockOwner           uint64
}

type statfsOut struct {
	Blocks, Bfree, Bavail, Files, Ffree uint64
	Bsize, Namelen, Frsize, Unused      uint32
	Spare                               [6]uint32
}

type forgetIn struct{ Lookups uint64 }

type batchForgetIn struct{ Count, Unused uint32 }

type forgetOne struct{ Node, Lookups uint64 }

// direntHeader is in front of a name in a folder, which is filled up to a
// multiple of 8 octets.
type direntHeader struct {
	Ino, Next     uint64 // Next: the offset to go on at
	Namelen, Type uint32
}

// The structures are fixed in size, so neither can fail but for a short request.

func encode(to []byte, v any) []byte {
	to, _ = binary.Append(to, binary.NativeEndian, v)
	return to
}

// decode reads v and returns what follows it; ok is false if there is less.
func decode(from []byte, v any) (rest []byte, ok bool) {
	n, err := binary.Decode(from, binary.NativeEndian, v)
	if err != nil {
		return nil, false
	}
	return from[n:], true
}
