package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/kernel/installed"
	"github.com/tapbond/tapbond/internal/kernel/ipshell"
)

// The answer matrix: what the kernel's driver answered to each of some 2,000
// requests, in the form of ip (testdata/answers, see record.sh there) and in
// that of its files (bond/option/testdata), is what the running program answers
// on real interfaces. testdata/answers/deviations.txt lists every difference.

// asking is a booth whose daemon serves, asked from this very process.
type asking struct {
	*booth
	shell  ipshell.Shell
	client *control.Client
	out    bytes.Buffer
}

// startAsking moves the test's goroutine into the booth's namespace for good.
func startAsking(t *testing.T) *asking {
	t.Helper()
	a := &asking{booth: newBooth(t)}
	a.in("ip link set lo up")
	// The targets of the recordings answer, or a replay slower than these would
	// find its slaves given up.
	a.sh(fmt.Sprintf("for i in $(seq 16); do echo addr add 10.2.0.$i/24 dev br0; done | %s -n %s -batch -", a.real, a.sw))
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	ns, err := netns.GetFromName(a.ns)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if err := netns.Set(ns); err != nil {
		t.Fatal(err)
	}
	stop := a.daemon()
	t.Cleanup(stop)
	if a.client, err = control.NewClient(); err != nil {
		t.Fatal(err)
	}
	real, err := installed.Find("ip")
	if err != nil {
		t.Fatal(err)
	}
	a.shell = ipshell.Shell{
		Stdin: strings.NewReader(""), Stdout: &a.out, Stderr: &a.out, Real: real,
		Connect: func(context.Context) (ipshell.Client, error) { return a.client, nil },
		Start:   func(context.Context) error { return fmt.Errorf("the daemon is gone") },
	}
	a.await()
	return a
}

func (a *asking) await() {
	a.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := a.client.Ping(a.t.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			a.t.Fatal(err)
		}
	}
}

// ip runs a command and returns its status and the first line it printed.
func (a *asking) ip(words ...string) (status int, said string) {
	a.out.Reset()
	status = a.shell.Run(a.t.Context(), words)
	said, _, _ = strings.Cut(strings.TrimSpace(a.out.String()), "\n")
	return status, said
}

func (a *asking) must(words string) {
	a.t.Helper()
	if status, said := a.ip(strings.Fields(words)...); status != 0 {
		a.t.Fatalf("ip %s: %d %s", words, status, said)
	}
}

// situation is what a section of the recordings says its bond is like.
type situation struct{ up, slaves bool }

func situationOf(section string) situation {
	return situation{up: strings.Contains(section, "bond up"), slaves: strings.Contains(section, "two slaves")}
}

// fresh makes bond0 as the recording's section had it. It does so thousands of
// times: without a process for each step.
func (a *asking) fresh(mode string, is situation) {
	a.t.Helper()
	must := func(err error) {
		a.t.Helper()
		if err != nil {
			a.t.Fatal(err)
		}
	}
	ctx := a.t.Context()
	if err := a.client.Delete(ctx, "bond0"); err != nil && !errors.Is(err, unix.ENODEV) {
		a.t.Fatal(err)
	}
	slaves := []string{"eth0", "eth1"}
	for _, eth := range slaves {
		must(a.link(eth, netlink.LinkSetDown))
	}
	words := []string{"mode", mode}
	if is != (situation{}) {
		words = append(words, "miimon", "100")
	}
	options, _, err := option.ParseWords(words)
	must(err)
	_, err = a.client.Create(ctx, control.CreateRequest{Name: "bond0", Options: options})
	must(err)
	if is.slaves {
		for _, eth := range slaves {
			must(a.client.Enslave(ctx, "bond0", eth))
		}
	}
	if is.up {
		must(a.link("bond0", netlink.LinkSetUp))
		// So that the targets' answers are valid ones.
		address := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 2, 0, 99), Mask: net.CIDRMask(24, 32)}}
		must(a.link("bond0", func(l netlink.Link) error { return netlink.AddrAdd(l, address) }))
	}
	must(a.client.Sync(ctx))
}

// link does something to a link of the booth.
func (a *asking) link(name string, do func(netlink.Link) error) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return do(l)
}

// reads is what an option reads, in the words of the recordings.
func (a *asking) reads(option string) string {
	a.t.Helper()
	if option == "prio" {
		a.out.Reset()
		a.shell.Run(a.t.Context(), []string{"-d", "link", "show", "eth0"})
		return regexp.MustCompile(` prio [-0-9]*`).FindString(a.out.String())
	}
	text, err := a.client.ReadFile(a.t.Context(), "bond0", option)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(text, "\n")
}

// differences are those that deviations.txt allows.
type differences struct {
	t     *testing.T
	mu    sync.Mutex
	lines []*difference
}

type difference struct {
	section, request string // regular expressions
	answer           string // ours
	used             bool
}

func readDifferences(t *testing.T) *differences {
	t.Helper()
	data, err := os.ReadFile("testdata/answers/deviations.txt")
	if err != nil {
		t.Fatal(err)
	}
	d := &differences{t: t}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		part := strings.Split(line, " | ")
		if len(part) != 4 {
			t.Fatalf("deviations.txt: want SECTION | REQUEST | OUR ANSWER | REASON: %s", line)
		}
		d.lines = append(d.lines, &difference{section: part[0], request: part[1], answer: part[2]})
	}
	return d
}

// allow reports whether answering so is a listed difference.
func (d *differences) allow(section, request, answer string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lines {
		if fits(l.section, section) && fits(l.request, request) && fits(l.answer, answer) {
			l.used = true
			return true
		}
	}
	return false
}

func fits(pattern, text string) bool {
	return regexp.MustCompile("^(?:" + pattern + ")$").MatchString(text)
}

// unused complains of differences of a form that are listed and aren't there.
func (d *differences) unused(form string) {
	for _, l := range d.lines {
		if !l.used && strings.HasPrefix(l.section, form) {
			d.t.Errorf("listed, but no difference: %s | %s", l.section, l.request)
		}
	}
}

var (
	ipRequest = regexp.MustCompile(`^\$ ip (.*) -> (\d+)$`)
	reading   = regexp.MustCompile(`^(\w+) reads: ?(.*)$`)
)

// TestAnswersToIP replays the recordings in the form of ip.
func TestAnswersToIP(t *testing.T) {
	t.Parallel()
	d := readDifferences(t)
	t.Cleanup(func() { d.unused("ip") })
	for mode := range 7 {
		data, err := os.ReadFile(fmt.Sprintf("testdata/answers/mode%d.txt", mode))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(data), "# ")[1:] {
			section, rest, _ := strings.Cut(part, "\n")
			if section[:4] != "mode" {
				t.Fatalf("section %q", section)
			}
			t.Run(section, func(t *testing.T) {
				works(t)
				r := ipReplay{asking: startAsking(t), d: d, section: section, mode: fmt.Sprint(mode), is: situationOf(section)}
				r.run(strings.Split(rest, "\n"))
			})
		}
	}
}

// ipReplay is one section of a recording under way.
type ipReplay struct {
	*asking
	d       *differences
	section string
	mode    string
	is      situation

	request   string // the one that isn't judged yet
	want, got string
	changed   bool // it was accepted by one or the other
}

func (r *ipReplay) run(lines []string) {
	r.fresh(r.mode, r.is)
	asked := 0
	for i, line := range lines {
		if m := ipRequest.FindStringSubmatch(line); m != nil {
			r.judge()
			asked++
			said := ""
			if text, ok := strings.CutPrefix(lines[i+1], "    | "); ok {
				said = " " + text
			}
			r.ask(m[1], m[2]+said)
		}
		if m := reading.FindStringSubmatch(line); m != nil && r.want == r.got {
			r.want, r.got = r.want+" and reads "+m[2], r.got+" and reads "+r.reads(m[1])
		}
	}
	r.judge()
	if asked < 200 {
		r.t.Errorf("only %d requests", asked)
	}
}

func (r *ipReplay) ask(request, want string) {
	if request == "link set eth1 master bond0" && !r.is.slaves {
		r.must("link set eth1 up") // the recording did so, too
	}
	status, said := r.ip(unquote(request)...)
	r.request, r.want, r.got = request, want, fmt.Sprint(status)
	if said != "" {
		r.got += " " + said
	}
	r.changed = status == 0 || r.want != r.got
	if strings.HasPrefix(request, "link add b1") && status == 0 {
		r.must("link del b1")
	}
}

// judge compares the answers to the last request, and makes a new bond if it
// changed this one.
func (r *ipReplay) judge() {
	if r.request == "" {
		return
	}
	if r.want != r.got && !r.d.allow("ip, "+r.section, r.request, r.got) {
		r.t.Errorf("%s\n$ ip %s\ndriver:  %s\ntapbond: %s", r.section, r.request, r.want, r.got)
	}
	if r.changed {
		r.fresh(r.mode, r.is)
	}
	r.request = ""
}

// unquote undoes the shell's quoting of words, as far as the recordings need it.
func unquote(line string) []string {
	words := strings.Split(line, " ")
	for i, w := range words {
		if w == "''" {
			words[i] = ""
		}
		words[i] = strings.ReplaceAll(words[i], `\`, "")
	}
	return words
}

var sysfsRequest = regexp.MustCompile(`^(\w+) <- '(.*)' +(ok|[A-Z][a-z]\S*(?: \S+)*)? *reads: ?(.*)$`)

// TestAnswersToSysfs replays the recordings in the form of the driver's files,
// on these very files (tapbond fs). They go on from request to request; where an option isn't built yet and the
// driver took it, what it reads is left aside until we take one too.
func TestAnswersToSysfs(t *testing.T) {
	t.Parallel()
	d := readDifferences(t)
	t.Cleanup(func() { d.unused("sysfs") })
	for mode := range 7 {
		data, err := os.ReadFile(fmt.Sprintf("../../bond/option/testdata/writes-mode%d.txt", mode))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split("\n"+string(data), "\n# ")[1:] {
			section, rest, _ := strings.Cut(part, "\n")
			t.Run(section, func(t *testing.T) {
				works(t)
				a := startAsking(t)
				a.fresh(fmt.Sprint(mode), situationOf(section))
				a.replayWrites(d, section, strings.Split(rest, "\n"))
			})
		}
	}
}

// TestAnswersToMasters replays those to the file that makes bonds and removes
// them, in a namespace that nothing serves yet.
func TestAnswersToMasters(t *testing.T) {
	t.Parallel()
	b := newBooth(t)
	data, err := os.ReadFile("../../bond/option/testdata/writes-masters.txt")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for line := range strings.Lines(string(data)) {
		m := sysfsRequest.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		asked++
		want := cmp.Or(m[3], "ok") + " and reads " + m[4]
		if got := b.files().write(m[1], m[2]) + " and reads " + strings.TrimSuffix(b.files().read(m[1]), "\n"); got != want {
			t.Errorf("%s <- '%s'\ndriver:  %s\ntapbond: %s", m[1], m[2], want, got)
		}
	}
	if asked != 7 {
		t.Errorf("%d requests", asked)
	}
	// They are the daemon's last ones.
	for name := range strings.FieldsSeq(b.files().read("bonding_masters")) {
		if got := b.files().write("bonding_masters", "-"+name); got != "ok" {
			t.Errorf("-%s: %s", name, got)
		}
	}
}

func (a *asking) replayWrites(d *differences, section string, lines []string) {
	asked := 0
	apart := map[string]bool{} // options that the driver set and we couldn't
	for _, line := range lines {
		m := sysfsRequest.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		asked++
		name, want, reads := m[1], m[3], m[4]
		request := name + " <- '" + m[2] + "'"
		got := a.files().write("bond0/bonding/"+name, m[2])
		if got != want && !d.allow("sysfs, "+section, request, got) {
			a.t.Errorf("%s\n%s\ndriver:  %s\ntapbond: %s", section, request, want, got)
		}
		if got != want {
			apart[name] = true
		} else if got == "ok" {
			delete(apart, name)
		}
		if is := strings.TrimSuffix(a.files().read("bond0/bonding/"+name), "\n"); !apart[name] && is != reads && !d.allow("sysfs, "+section, request, got+" and reads "+is) {
			a.t.Errorf("%s\n%s\ndriver reads:  %s\ntapbond reads: %s", section, request, reads, is)
		}
	}
	if asked < 150 {
		a.t.Errorf("only %d requests", asked)
	}
}
