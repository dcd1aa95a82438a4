package policy_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tapbond/tapbond"

// pure are the packages whose decisions depend on their arguments alone: no
// sockets, clock, goroutines, files or log.
var pure = []struct {
	pkg     string
	imports []string // all it may import itself
	outside []string // modules it may depend on at all
	strict  bool     // nor may what it imports import any of impure
}{
	{pkg: module + "/policy", imports: []string{"strconv"}, strict: true},
	{pkg: module + "/lacp", imports: []string{"cmp", "encoding/binary", "errors", "fmt", "slices", "time"}},
	{pkg: module + "/alb", imports: []string{"net/netip", "slices", "time", module + "/policy"}},
}

var (
	impure = []string{"net", "os", "sync", "log", "log/slog", "time", "syscall"}
	never  = []string{"net", "log", "log/slog", "os/exec"} // not even by way of fmt
)

func list(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	return strings.Fields(string(out))
}

func TestPureImports(t *testing.T) {
	std := list(t, "std")
	for _, c := range pure {
		for _, p := range list(t, "-f", `{{join .Imports "\n"}}`, c.pkg) {
			if !slices.Contains(c.imports, p) {
				t.Errorf("%s imports %s", c.pkg, p)
			}
		}
		banned := never
		if c.strict {
			banned = impure
		}
		deps := list(t, "-deps", c.pkg)
		if !slices.Contains(deps, "runtime") || !slices.Contains(deps, c.pkg) {
			t.Fatalf("%s: not its dependencies: %v", c.pkg, deps)
		}
		for _, p := range deps {
			if slices.Contains(banned, p) {
				t.Errorf("%s depends on %s", c.pkg, p)
			}
			ours := p == c.pkg || slices.Contains(c.imports, p)
			if !ours && !slices.Contains(std, p) && !within(p, c.outside) {
				t.Errorf("%s depends on %s, outside the standard library", c.pkg, p)
			}
		}
	}
}

func within(pkg string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool {
		return pkg == m || strings.HasPrefix(pkg, m+"/")
	})
}
