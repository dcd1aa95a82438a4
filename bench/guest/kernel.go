package guest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Debian's packages that depend on the newest kernel of a series.
const (
	DefaultKernel = "linux-image-amd64"      // 6.1 in Debian 12
	Kernel612     = "linux-image-6.12-amd64" // in Debian 12
)

// Programs are what a host needs for guests, and Packages are Debian's with them.
var (
	Programs = []string{"qemu-system-x86_64", "busybox", "cpio", "xz", "depmod", "ip", "ethtool", "mii-tool", "apt-get", "dpkg-deb"}
	Packages = []string{"qemu-system-x86", "busybox-static", "cpio", "xz-utils", "kmod", "iproute2", "ethtool", "net-tools"}
)

// kernel is an unpacked kernel package.
type kernel struct {
	name    string // of the package
	image   string // what QEMU loads
	modules string // lib/modules/RELEASE
}

func (k kernel) args() []string {
	return []string{"-kernel", k.image, "-append", "console=ttyS0 quiet net.ifnames=0 panic=1 random.trust_cpu=on no_timer_check"}
}

// cacheDir is where kernels are kept: a system folder for root, for others one of
// their own.
func cacheDir() (string, error) {
	if dir := os.Getenv("TAPBOND_GUEST_CACHE"); dir != "" {
		return dir, nil
	}
	if os.Geteuid() == 0 {
		return "/var/cache/tapbond-guest", nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "tapbond-guest"), err
}

var exact = regexp.MustCompile(`^linux-image-[0-9]+\.[0-9]+\.[0-9]`)

// Available reports what is missing for a guest with a kernel (DefaultKernel if
// empty), nil if nothing is. A kernel that isn't in the cache is downloaded.
func Available(ctx context.Context, kernel string) error {
	_, err := openKernel(ctx, kernel)
	return err
}

// openKernel returns a kernel from the cache, where it is downloaded to first if
// it isn't there. Processes that want the same one wait for the first.
func openKernel(ctx context.Context, name string) (kernel, error) {
	for _, p := range Programs {
		if _, err := exec.LookPath(p); err != nil {
			return kernel{}, fmt.Errorf("%w (Debian packages: %s)", err, strings.Join(Packages, " "))
		}
	}
	if name == "" {
		name = DefaultKernel
	}
	cache, err := cacheDir()
	if err != nil {
		return kernel{}, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return kernel{}, err
	}
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return kernel{}, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return kernel{}, fmt.Errorf("flock %s: %w", lock.Name(), err)
	}
	if !exact.MatchString(name) {
		if name, err = newestOf(ctx, name); err != nil {
			return kernel{}, err
		}
	}
	dir := filepath.Join(cache, name)
	k, err := kernelIn(dir, name)
	if err != nil {
		if err := download(ctx, cache, dir, name); err != nil {
			return kernel{}, fmt.Errorf("kernel %s: %w", name, err)
		}
		k, err = kernelIn(dir, name)
	}
	return k, err
}

// kernelIn is the kernel unpacked in dir, which is complete or not there.
func kernelIn(dir, name string) (kernel, error) {
	modules, err := filepath.Glob(filepath.Join(dir, "lib/modules/*"))
	if err == nil && len(modules) != 1 {
		err = fmt.Errorf("%s: %d kernels, want one", dir, len(modules))
	}
	if err != nil {
		return kernel{}, err
	}
	return kernel{name, filepath.Join(dir, "kernel"), modules[0]}, nil
}

// newest are the answers of newestOf, which take apt half a second.
var newest sync.Map

// newestOf returns the package that another one depends on.
func newestOf(ctx context.Context, name string) (string, error) {
	if p, ok := newest.Load(name); ok {
		return p.(string), nil
	}
	depends := func() (string, error) { return command(ctx, "", "apt-cache", "depends", "--important", name) }
	out, err := depends()
	if err != nil && update(ctx) == nil { // the lists may be missing
		out, err = depends()
	}
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok && exact.MatchString(p) {
			newest.Store(name, p)
			return p, nil
		}
	}
	return "", fmt.Errorf("package %s: no kernel", name)
}

// update has apt read its lists anew, which only root may.
func update(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return os.ErrPermission
	}
	_, err := command(ctx, "", "apt-get", "update", "-q")
	return err
}

// download gets a package and unpacks it to dir.
func download(ctx context.Context, cache, dir, name string) (err error) {
	tmp, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	get := func() error {
		_, err := command(ctx, tmp, "apt-get", "download", "-q", name)
		return err
	}
	if err = get(); err != nil && update(ctx) == nil { // the lists may be old
		err = get()
	}
	if err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if err != nil || len(debs) != 1 {
		return errors.Join(err, fmt.Errorf("%d packages downloaded", len(debs)))
	}
	tree := filepath.Join(tmp, "tree")
	if _, err := command(ctx, "", "dpkg-deb", "-x", debs[0], tree); err != nil {
		return err
	}
	if merged := filepath.Join(tree, "usr/lib/modules"); exists(merged) { // newer releases
		if err := errors.Join(os.MkdirAll(filepath.Join(tree, "lib"), 0o755), os.Rename(merged, filepath.Join(tree, "lib/modules"))); err != nil {
			return err
		}
	}
	k, err := kernelIn(tree, name)
	if err != nil {
		return err
	}
	release := filepath.Base(k.modules)
	if _, err := command(ctx, "", "depmod", "-b", tree, release); err != nil {
		return err
	}
	packed, err := os.ReadFile(filepath.Join(tree, "boot", "vmlinuz-"+release))
	if err != nil {
		return err
	}
	image, err := unpackKernel(ctx, packed)
	if err != nil {
		return err
	}
	if err := os.WriteFile(k.image, image, 0o644); err != nil {
		return err
	}
	_ = os.RemoveAll(dir) // what an older version of this left
	return os.Rename(tree, dir)
}

// unpackKernel returns the ELF file inside a kernel image, which boots at once:
// the emulator takes some seconds to unpack it. An image that isn't
// packed as expected is returned as it is.
func unpackKernel(ctx context.Context, image []byte) ([]byte, error) {
	const sectors, payloadOffset, payloadLength = 0x1f1, 0x248, 0x24c // linux/Documentation/arch/x86/boot.rst
	if len(image) < 0x250 || string(image[0x202:0x206]) != "HdrS" {
		return image, nil
	}
	begin := (int(image[sectors])+1)*512 + int(binary.LittleEndian.Uint32(image[payloadOffset:]))
	end := begin + int(binary.LittleEndian.Uint32(image[payloadLength:]))
	if begin > end || end > len(image) {
		return image, nil
	}
	payload := image[begin:end]
	for magic, program := range map[string][]string{
		"\xfd7zXZ\x00":     {"xz", "-dc", "--single-stream"},
		"\x28\xb5\x2f\xfd": {"zstd", "-dc"},
		"\x1f\x8b":         {"gzip", "-dc"},
	} {
		if !bytes.HasPrefix(payload, []byte(magic)) {
			continue
		}
		cmd := exec.CommandContext(ctx, program[0], program[1:]...)
		cmd.Stdin = bytes.NewReader(payload)
		out, _ := cmd.Output() // a warning: four bytes, the size, follow the stream
		if bytes.HasPrefix(out, []byte("\x7fELF")) && bytes.Contains(out, []byte("Xen\x00")) {
			return out, nil
		}
	}
	return image, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// command runs a program of the host and returns its output.
func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, tail(string(out), 400))
	}
	return string(out), err
}
