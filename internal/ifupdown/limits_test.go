package ifupdown

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/modconf"
)

// Files of the largest size that is read take a moment, or name the limit that
// they are beyond.
func TestLargeFiles(t *testing.T) {
	fill := func(text string) string { return strings.Repeat(text, maxFile/len(text)-1) }
	bond := "auto bond0\niface bond0 inet static\n bond-slaves eth0\n bond-mode 1\n address 10.0.0.1/8\n"
	for name, c := range map[string]struct{ text, want string }{
		"one line going on":  {bond + " up " + strings.Repeat("x\\\n", (maxFile-200)/3), "10.0.0.1/8"},
		"comments":           {bond + strings.Repeat("# x\\\n", (maxFile-200)/5), "10.0.0.1/8"},
		"lines":              {bond + strings.Repeat(" up x\n", (maxFile-200)/6), "more than 10000 lines"},
		"slaves":             {"auto bond0\niface bond0 inet manual\n bond-slaves" + strings.Repeat(" a", (maxFile-200)/2), "more than 1024 slaves"},
		"other slaves":       {"auto bond0\niface bond0 inet manual\n bond-slaves glob e1-1000 f1-1000", "more than 1024 slaves"},
		"auto":               {strings.Repeat("auto a\n", 4000) + strings.Repeat("iface a inet manual\n", 4000) + bond, "10.0.0.1/8"},
		"auto patterns":      {strings.Repeat("auto /a*\n", 2000) + strings.Repeat("iface ab inet manual\n", 2000) + bond, "10.0.0.1/8"},
		"bridges of bridges": {bond + strings.Repeat("iface a\n bridge-ports a b c d e f\niface b\n bridge-ports a b c d e f\niface c\n bridge_ports d e f a b c\n", 1000), "10.0.0.1/8"},
		"heirs":              {strings.Repeat("iface a inet manual inherits a a a a\n mtu 5\n", 2000) + bond, "more than 10000 lines are inherited"},
		"loops":              {bond + " up " + strings.Repeat("for i in 1 2 3 4 5 6 7 8 9; do ", 30) + "ifenslave bond0 eth$i" + strings.Repeat("; done", 30), "more than 10000 commands"},
		"quotes":             {bond + " up " + strings.Repeat("(", 4000), "10.0.0.1/8"},
		"too large":          {fill("# 567890\n") + "# 567890\n# 567890\n", "is larger than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "interfaces")
			if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			s, err := Read(file, "", new(modconf.Config))
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = told(s.UpAll(machine(), ifcfg.Rules{}))
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("%q isn't in %.300s", c.want, got)
			}
			if took := time.Since(begun); took > 40*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}
