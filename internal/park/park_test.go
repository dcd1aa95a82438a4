package park

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns a File and the other end of its socket.
func pair(t *testing.T) (*File, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(fds[0], "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); unix.Close(fds[1]) })
	return f, fds[1]
}

// take reads one message; false when there is none.
func take(buf []byte, got *int) func(uintptr) bool {
	return func(fd uintptr) bool {
		n, err := unix.Read(int(fd), buf)
		if err != nil {
			return false
		}
		*got = n
		return true
	}
}

func TestReadSleepsUntilThereIsSomething(t *testing.T) {
	f, far := pair(t)
	var got int
	fn := take(make([]byte, 16), &got)
	for i := 1; i < 9; i++ {
		done := make(chan error)
		go func() { done <- f.Read(fn) }()
		select {
		case err := <-done:
			t.Fatalf("returned with nothing there: %v", err)
		case <-time.After(2 * time.Millisecond):
		}
		if _, err := unix.Write(far, make([]byte, i)); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil || got != i {
			t.Fatalf("message %d: got %d octets, %v", i, got, err)
		}
	}
}

// TestReadMissesNothing has a sender that is just as fast as the reader goes to
// sleep and wakes.
func TestReadMissesNothing(t *testing.T) {
	f, far := pair(t)
	const messages = 20000
	go func() {
		for i := range messages {
			for {
				_, err := unix.Write(far, []byte{byte(i)})
				if !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EAGAIN) {
					break
				}
			}
		}
	}()
	buf, got := make([]byte, 1), 0
	fn := take(buf, &got)
	if err := f.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		if err := f.Read(fn); err != nil || buf[0] != byte(i) {
			t.Fatalf("message %d: %d, %v", i, buf[0], err)
		}
	}
}

func TestCloseWakesTheReader(t *testing.T) {
	f, _ := pair(t)
	var got int
	done := make(chan error)
	go func() { done <- f.Read(take(make([]byte, 1), &got)) }()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	if err := f.Control(func(uintptr) { t.Error("called after Close") }); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}

func TestDeadline(t *testing.T) {
	f, far := pair(t)
	buf, got := make([]byte, 1), 0
	if err := f.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := f.Read(take(buf, &got)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(far, []byte{7}); err != nil {
		t.Fatal(err)
	}
	if err := f.Read(take(buf, &got)); err != nil || buf[0] != 7 {
		t.Fatal(buf, err)
	}
}

func TestDupOutlivesTheOriginal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	raw, err := r.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Dup(raw, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r.Close()
	done := make(chan error)
	buf, got := make([]byte, 1), 0
	go func() { done <- f.Read(take(buf, &got)) }()
	if _, err := w.Write([]byte{9}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || buf[0] != 9 {
		t.Fatal(buf, err)
	}
}

func TestReadNoAllocs(t *testing.T) {
	f, far := pair(t)
	buf, got := make([]byte, 1), 0
	fn := take(buf, &got)
	one := []byte{1}
	least := 1.0
	for range 5 {
		least = min(least, testing.AllocsPerRun(100, func() {
			// The second wait finds nothing and goes to sleep for a moment.
			for range 2 {
				unix.Write(far, one)
				if err := f.Read(fn); err != nil {
					t.Fatal(err)
				}
			}
			f.SetReadDeadline(time.Now().Add(-1))
			if f.Read(fn) == nil {
				t.Fatal("read something")
			}
			f.SetReadDeadline(time.Time{})
		}))
	}
	if least > 0 {
		t.Errorf("%v allocations", least)
	}
}
