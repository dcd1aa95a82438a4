package guest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// drivers are the modules of QEMU's NICs.
var drivers = map[string][]string{
	"virtio-net-pci": {"virtio_pci", "virtio_net"},
	"e1000":          {"e1000"},
	"e1000e":         {"e1000e"},
	"igb":            {"igb"},
	"rtl8139":        {"8139cp"},
	"vmxnet3":        {"vmxnet3"},
	"pcnet":          {"pcnet32"},
	"tulip":          {"tulip"},
	"i82559c":        {"e100"},
}

// loaded are the modules that every guest loads; bonding is there for the guest
// to load.
var (
	loaded = []string{"ipv6", "tun", "veth", "bridge", "8021q", "macvlan", "af_packet", "sch_ingress", "cls_bpf", "cls_u32", "act_mirred"}
	ready  = []string{"bonding", "dummy", "team", "vrf", "nf_tables", "nft_chain_nat", "nft_fwd_netdev", "nft_dup_netdev"}
)

// selection is the modules of a guest: files by name, those that are loaded at
// boot in their order.
type selection struct {
	files map[string]string
	boot  []string
}

// selectModules resolves what a guest needs. Modules that the kernel has built in
// are passed over; of those that Config names the kernel must have one or the other.
func selectModules(k kernel, cfg Config) (selection, error) {
	deps, err := readDeps(k.modules)
	if err != nil {
		return selection{}, err
	}
	s := selection{files: make(map[string]string)}
	withheld := func(m string) bool {
		return slices.ContainsFunc(cfg.Withheld, func(w string) bool { return moduleName(w) == m })
	}
	// needs is a module behind all that it needs, nothing if one is missing.
	needs := func(m string) (all []string) {
		for _, path := range append(slices.Clone(deps[m].needs), deps[m].path) {
			if path == "" || withheld(moduleName(path)) {
				return nil
			}
			all = append(all, moduleName(path))
		}
		return all
	}
	add := func(m string, boot bool) {
		for _, n := range needs(moduleName(m)) {
			s.files[n] = filepath.Join(k.modules, deps[n].path)
			if boot && !slices.Contains(s.boot, n) {
				s.boot = append(s.boot, n)
			}
		}
	}
	for _, n := range cfg.NICs {
		if drivers[n.model()] == nil {
			return s, fmt.Errorf("NIC model %s: unknown driver", n.model())
		}
		for _, m := range drivers[n.model()] {
			add(m, true)
		}
	}
	for _, m := range slices.Concat(loaded, cfg.Modules) {
		add(m, true)
	}
	for _, m := range ready {
		add(m, false)
	}
	for _, m := range cfg.Modules {
		if _, ok := deps[moduleName(m)]; !ok && !builtIn(k.modules, m) {
			return s, fmt.Errorf("%s has no module %s", k.name, m)
		}
	}
	return s, nil
}

type dep struct {
	path  string   // in the modules' folder
	needs []string // paths, what is needed first comes first
}

// readDeps reads what depmod wrote: each module with all it needs, the last to
// load first.
func readDeps(dir string) (map[string]dep, error) {
	f, err := os.Open(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := make(map[string]dep)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		path, rest, ok := strings.Cut(lines.Text(), ":")
		if !ok {
			return nil, fmt.Errorf("%s: no colon: %s", f.Name(), lines.Text())
		}
		needs := strings.Fields(rest)
		slices.Reverse(needs)
		all[moduleName(path)] = dep{path, needs}
	}
	return all, lines.Err()
}

func builtIn(dir, module string) bool {
	b, _ := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	return slices.ContainsFunc(strings.Fields(string(b)), func(path string) bool { return moduleName(path) == moduleName(module) })
}

// moduleName is the name by which the kernel knows a module or its file.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}
