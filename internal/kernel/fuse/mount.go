package fuse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/kernel/tree"
	"github.com/tapbond/tapbond/internal/privilege"
)

// Mount is a tree that is mounted.
type Mount struct {
	dir    string
	made   bool   // the mount point wasn't there before
	dev    uint64 // of the file system
	served chan struct{}
	gone   chan struct{}
	stop   func() // ends the watch that closes gone
}

// source is what the table of mounts has as the device.
const source = "tapbond"

// New mounts t at dir, no link, which is made if only it isn't there. A mount that a killed
// process left is removed first; a living one is EBUSY. It needs CAP_SYS_ADMIN
// and /dev/fuse.
func New(dir string, t *tree.Tree) (*Mount, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	m := &Mount{dir: dir, served: make(chan struct{}), gone: make(chan struct{})}
	if err := m.prepare(); err != nil {
		return nil, err
	}
	if err := m.mount(t); err != nil {
		m.forget()
		return nil, err
	}
	return m, nil
}

// prepare makes the mount point fit to be mounted on.
func (m *Mount) prepare() error {
	err := unix.Lstat(m.dir, new(unix.Stat_t))
	for errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.ECONNABORTED) { // nobody serves it any more
		if err := unix.Unmount(m.dir, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("%s: remove what a killed process left: %w", m.dir, err)
		}
		err = unix.Lstat(m.dir, new(unix.Stat_t))
	}
	if errors.Is(err, unix.ENOENT) {
		err := makeFolder(m.dir)
		m.made = err == nil
		return err
	}
	if err == nil {
		err = noLink(m.dir)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m.dir, err)
	}
	if ours, err := mountedHere(m.dir); err != nil {
		return err
	} else if ours {
		return fmt.Errorf("%s shows a tapbond's files already: %w", m.dir, unix.EBUSY)
	}
	return nil
}

// makeFolder makes dir, but none above it: those would not be removed again.
func makeFolder(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%w; make the folder above it: mkdir -p %s", err, filepath.Dir(dir))
	}
	return err
}

// noLink refuses a symbolic link: the mount would be elsewhere.
func noLink(dir string) error {
	if to, err := os.Readlink(dir); err == nil {
		return fmt.Errorf("it is a link to %s; mount at that folder itself: %w", to, unix.ELOOP)
	}
	return nil
}

// maxData bounds the octets of one read or write request; the kernel makes
// several of a longer one. Files of sysfs take and give less.
const maxData = 1 << 16

// mount mounts and begins to serve. The library would do both, but with a
// connection that programs this one starts inherit: a daemon must not keep the
// mount from ending with this process.
func (m *Mount) mount(t *tree.Tree) error {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/fuse: %w", privilege.Explain(err, privilege.SysAdmin))
	}
	files, err := newServer(t)
	if err != nil {
		unix.Close(fd)
		return err
	}
	opts := fmt.Sprintf("fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions,max_read=%d", fd, maxData)
	if err := unix.Mount(source, m.dir, "fuse."+source, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, opts); err != nil {
		unix.Close(fd)
		return fmt.Errorf("mount %s: %w", m.dir, privilege.Explain(err, privilege.SysAdmin))
	}
	srv, err := fuse.NewServer(files, fmt.Sprintf("/dev/fd/%d", fd), &fuse.MountOptions{
		Name: source, MaxWrite: maxData, DisableXAttrs: true, DisableReadDirPlus: true,
		Logger: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	})
	if err != nil {
		unix.Close(fd)
		_ = unix.Unmount(m.dir, unix.MNT_DETACH)
		return fmt.Errorf("%s: %w", m.dir, err)
	}
	go func() {
		defer close(m.served)
		srv.Serve()
	}()
	var st unix.Stat_t
	if err := unix.Stat(m.dir, &st); err != nil {
		_ = unix.Unmount(m.dir, unix.MNT_DETACH)
		return fmt.Errorf("%s: %w", m.dir, err)
	}
	m.dev = st.Dev
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	go m.watch(ctx)
	return nil
}

// watch closes gone when the tree is no longer mounted. The kernel doesn't say so
// on the connection while another mount namespace has a copy of the mount.
func (m *Mount) watch(ctx context.Context) {
	defer close(m.gone)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.served:
			return
		case <-look.C:
		}
		if there, err := isMounted(m.dev); err == nil && !there {
			return
		}
	}
}

// lookEvery is how often the table of mounts is looked at.
const lookEvery = 500 * time.Millisecond

// Done is closed when the tree is no longer mounted.
func (m *Mount) Done() <-chan struct{} { return m.gone }

// Close unmounts. Files that are still open, and copies of the mount in other
// mount namespaces, go with the process.
func (m *Mount) Close() error {
	defer m.forget()
	m.stop()
	var st unix.Stat_t
	if err := unix.Stat(m.dir, &st); err != nil || st.Dev != m.dev {
		return nil // somebody else did, perhaps to mount something of theirs
	}
	err := unix.Unmount(m.dir, 0)
	if errors.Is(err, unix.EBUSY) {
		return unix.Unmount(m.dir, unix.MNT_DETACH)
	}
	return err
}

// forget removes a mount point that was made.
func (m *Mount) forget() {
	if m.made {
		_ = os.Remove(m.dir)
	}
}
