package ipshell

import (
	"regexp"
	"slices"
	"strings"
)

// The installed ip prints every link; what it can't know is woven in: flags,
// the master, the details. So whatever else is on a link, and whatever ip was
// asked to print of it, is ip's own.

// weaver weaves one picture into ip's output.
type weaver struct {
	*picture
	keep func(name string) bool // links to show
}

// flagsBefore are those that ip prints before MASTER and SLAVE.
var flagsBefore = []string{"NO-CARRIER", "LOOPBACK", "BROADCAST", "POINTOPOINT", "MULTICAST", "NOARP", "ALLMULTI", "PROMISC"}

// withFlag puts MASTER or SLAVE in its place.
func withFlag(flags []string, flag string) []string {
	if slices.Contains(flags, flag) {
		return flags
	}
	at := 0
	for at < len(flags) && slices.Contains(flagsBefore, flags[at]) {
		at++
	}
	return slices.Insert(slices.Clone(flags), at, flag)
}

var (
	// head is the first line of a link.
	head = regexp.MustCompile(`^(\d+: )([^:@ ]+)(@[^: ]+)?(: <)([^>]*)(> mtu \d+ )(?:(qdisc \S+ )?(master \S+ )?)`)
	// briefHead is a link's only line with -brief.
	briefHead = regexp.MustCompile(`^([^@ ]+)(@\S+)? .*?<([^>]*)>`)
	briefName = regexp.MustCompile(`^([^@ ]+)`)
	tunInfo   = regexp.MustCompile(`tun (?:type|[a-z_]+ ).*?persist (?:on|off) (?:user \S+ )?(?:group \S+ )?`)
	// generic is where the details that every kind has begin.
	generic = regexp.MustCompile(`(?:addrgenmode \S+ )?numtxqueues \d+ `)
)

// blocks cuts ip's text into links.
func blocks(text string) []string {
	var out []string
	for _, line := range strings.SplitAfter(text, "\n") {
		if line == "" {
			continue
		}
		if len(out) == 0 || line[0] != ' ' {
			out = append(out, "")
		}
		out[len(out)-1] += line
	}
	return out
}

// text weaves the links of ip's text.
func (w *weaver) text(in string) string {
	var out strings.Builder
	for _, b := range blocks(in) {
		m := head.FindStringSubmatchIndex(b)
		if m == nil {
			out.WriteString(b) // an empty line, or something ip has to say
			continue
		}
		name := b[m[4]:m[5]]
		if !w.keep(name) {
			continue
		}
		if st := w.bond(name); st != nil {
			b = flagged(b, m, "MASTER", "")
			b = tunInfo.ReplaceAllLiteralString(b, text("bond", bondInfo(st)))
			b = counted(b, st)
		} else if st, s := w.slave(name); s != nil {
			b = flagged(b, m, "SLAVE", st.Name)
			b = detailed(b, slaveInfo(s))
		}
		out.WriteString(b)
	}
	return out.String()
}

// flagged puts a flag, and a master, into a link's first line.
func flagged(b string, m []int, flag, master string) string {
	flags := strings.Join(withFlag(flagList(b[m[10]:m[11]]), flag), ",")
	end := m[1]
	rest := b[end:]
	mid := b[m[11]:end]
	if master != "" && m[16] < 0 { // none there
		mid += "master " + master + " "
	}
	return b[:m[10]] + flags + mid + rest
}

// flagList is the flags of a text; of an empty one none.
func flagList(flags string) []string {
	if flags == "" {
		return nil
	}
	return strings.Split(flags, ",")
}

// detailed puts a slave's details behind those of its kind, if there are any.
func detailed(b string, details []info) string {
	at := generic.FindStringIndex(b)
	if at == nil {
		return b
	}
	line := "\n"
	if strings.Contains(b, "\\") { // -oneline
		line = "\\"
	}
	return b[:at[0]] + line + "    " + text("bond_slave", details) + b[at[0]:]
}

// brief weaves the lines of -brief.
func (w *weaver) brief(in string) string {
	var out strings.Builder
	for _, line := range strings.SplitAfter(in, "\n") {
		name := briefName.FindString(line)
		if name == "" || !w.keep(name) {
			continue
		}
		flag := ""
		if w.bond(name) != nil {
			flag = "MASTER"
		} else if _, s := w.slave(name); s != nil {
			flag = "SLAVE"
		}
		if m := briefHead.FindStringSubmatchIndex(line); flag != "" && m != nil {
			line = line[:m[6]] + strings.Join(withFlag(flagList(line[m[6]:m[7]]), flag), ",") + line[m[7]:]
		}
		out.WriteString(line)
	}
	return out.String()
}

// json weaves ip's JSON.
func (w *weaver) json(in []byte, pretty, details bool) (string, error) {
	v, err := parseTree(in)
	if err != nil {
		return "", err
	}
	links, _ := v.([]any)
	out := []any{}
	for _, l := range links {
		o, ok := l.(object)
		name, _ := o.get("ifname").(string)
		if !ok || name != "" && !w.keep(name) {
			continue
		}
		if st := w.bond(name); st != nil {
			o = countedTree(flaggedTree(o, "MASTER"), st)
			if details {
				o = o.set("linkinfo", object{{"info_kind", "bond"}, {"info_data", tree(bondInfo(st))}}, "max_mtu")
			}
		} else if st, s := w.slave(name); s != nil {
			o = flaggedTree(o, "SLAVE")
			if o.get("qdisc") != nil {
				o = o.set("master", st.Name, "qdisc")
			}
			if details {
				li, _ := o.get("linkinfo").(object)
				li = append(li, member{"info_slave_kind", "bond"}, member{"info_slave_data", tree(slaveInfo(s))})
				o = o.set("linkinfo", li, "max_mtu")
			}
		}
		out = append(out, o)
	}
	p := &printer{pretty: pretty}
	p.value(out)
	return p.String() + "\n", nil
}

func flaggedTree(o object, flag string) object {
	list, ok := o.get("flags").([]any)
	if !ok {
		return o
	}
	var flags []string
	for _, f := range list {
		s, _ := f.(string)
		flags = append(flags, s)
	}
	out := []any{}
	for _, f := range withFlag(flags, flag) {
		out = append(out, f)
	}
	return o.set("flags", out, "")
}
