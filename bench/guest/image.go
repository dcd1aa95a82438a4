package guest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed init.sh
var initScript []byte

//go:embed request.sh
var requestScript []byte

// hostPrograms are taken from the host where it has them.
// sh among them: busybox's runs its own ip in place of the host's.
var hostPrograms = []string{"sh", "ip", "tc", "bridge", "ethtool", "mii-tool", "ping", "sysctl"}

// buildImage writes the guest's root file system as the kernel takes it.
func buildImage(ctx context.Context, image string, k kernel, cfg Config) error {
	root := image + ".root"
	defer os.RemoveAll(root)
	for _, dir := range []string{"bin", "modules", "var", "etc", "lib/modules"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := addModules(ctx, root, k, cfg); err != nil {
		return err
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	programs := append([]string{busybox}, cfg.Files...)
	for _, p := range hostPrograms {
		if path, err := exec.LookPath(p); err == nil {
			programs = append(programs, path)
		}
	}
	for _, p := range programs {
		if err := addProgram(ctx, root, p); err != nil {
			return err
		}
	}
	var nics strings.Builder
	for i, n := range cfg.NICs {
		fmt.Fprintln(&nics, n.mac(i))
	}
	files := map[string][]byte{
		"init": initScript, "nics": []byte(nics.String()),
		"etc/modprobe.conf": []byte("options bonding max_bonds=0\n"), // loaded by ip link add, it makes none of its own
	}
	for _, name := range []string{"cable", "plug", "unplug"} {
		files["bin/"+name] = requestScript
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), content, 0o755); err != nil {
			return err
		}
	}
	return pack(ctx, root, image)
}

// pack makes the archive. It isn't compressed: the guest would take longer to
// unpack it than the host to read it.
func pack(ctx context.Context, root, image string) error {
	var names strings.Builder
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		fmt.Fprintln(&names, rel)
		return err
	})
	if err != nil {
		return err
	}
	out, err := os.Create(image)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0")
	cmd.Dir, cmd.Stdin, cmd.Stdout = root, strings.NewReader(names.String()), out
	if err := errors.Join(cmd.Run(), out.Close()); err != nil {
		return fmt.Errorf("cpio: %w", err)
	}
	return nil
}

// addModules puts the modules in, where insmod and modprobe find them.
func addModules(ctx context.Context, root string, k kernel, cfg Config) error {
	s, err := selectModules(k, cfg)
	if err != nil {
		return err
	}
	for name, from := range s.files {
		to := filepath.Join(root, "modules", name+".ko")
		if !strings.HasSuffix(from, ".xz") {
			if err := copyFile(to, from, 0o644); err != nil {
				return err
			}
			continue
		}
		b, err := exec.CommandContext(ctx, "xz", "-dc", from).Output()
		if err == nil {
			err = os.WriteFile(to, b, 0o644)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	boot := strings.Join(s.boot, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(root, "modules", "boot"), []byte(boot), 0o644); err != nil {
		return err
	}
	release := filepath.Base(k.modules)
	if err := os.Symlink("../../modules", filepath.Join(root, "lib/modules", release)); err != nil {
		return err
	}
	_, err = command(ctx, "", "depmod", "-b", root, release)
	return err
}

var library = regexp.MustCompile(`(?m)(?:=> )?(/\S+) \(0x`)

// addProgram copies a program to /bin, and the libraries it is linked with to
// where it looks for them.
func addProgram(ctx context.Context, root, path string) error {
	if err := copyFile(filepath.Join(root, "bin", filepath.Base(path)), path, 0o755); err != nil {
		return err
	}
	said, err := exec.CommandContext(ctx, "ldd", path).Output()
	if err != nil {
		return nil // static, or a script
	}
	for _, m := range library.FindAllStringSubmatch(string(said), -1) {
		to := filepath.Join(root, m[1])
		if exists(to) {
			continue
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), copyFile(to, m[1], 0o755)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string, mode os.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
