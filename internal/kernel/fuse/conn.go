package fuse

import (
	"errors"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// maxData bounds the octets of one read or write request; the kernel makes
// several of a longer one. Files of sysfs take and give less.
const maxData = 1 << 16

// requestSize is room for the longest request.
const requestSize = maxData + 4096

// conn is the connection to the kernel.
type conn struct {
	dev     io.ReadWriter // each Read is one request, each Write one answer
	buffers sync.Pool
}

func newConn(dev io.ReadWriter) *conn {
	c := &conn{dev: dev}
	c.buffers.New = func() any { b := make([]byte, requestSize); return &b }
	return c
}

// request is one from the kernel.
type request struct {
	inHeader
	body []byte
	buf  *[]byte // body is in it
}

// next returns the next request, io.EOF when the file system is unmounted.
func (c *conn) next() (*request, error) {
	for {
		buf := c.buffers.Get().(*[]byte)
		n, err := c.dev.Read(*buf)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOENT): // ENOENT: taken back before it was read
			c.buffers.Put(buf)
			continue
		case errors.Is(err, unix.ENODEV):
			return nil, io.EOF
		case err != nil:
			return nil, err
		}
		r := &request{buf: buf}
		body, ok := decode((*buf)[:n], &r.inHeader)
		if !ok {
			return nil, io.ErrUnexpectedEOF
		}
		r.body = body
		return r, nil
	}
}

// done gives a request's memory back; nothing may refer to its body any more.
func (c *conn) done(r *request) { c.buffers.Put(r.buf) }

// answer sends what a request gets: out, if there is no errno. taken is false
// if the kernel doesn't wait for it any more.
func (c *conn) answer(r *request, errno unix.Errno, out []byte) (taken bool) {
	if errno != 0 {
		out = nil
	}
	h := outHeader{Error: -int32(errno), Unique: r.Unique}
	h.Len = uint32(headerSize + len(out))
	msg := append(encode(make([]byte, 0, h.Len), &h), out...)
	for {
		_, err := c.dev.Write(msg)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}

// headerSize is that of outHeader.
const headerSize = 16

// device is /dev/fuse. Its calls block, so it isn't an os.File, which would have
// the netpoller look at it.
type device int

func (d device) Read(p []byte) (int, error)  { return unix.Read(int(d), p) }
func (d device) Write(p []byte) (int, error) { return unix.Write(int(d), p) }
