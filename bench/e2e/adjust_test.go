package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/lacp"
)

// portDiff is what LACP has otherwise for a slave, on purpose, than a recording.
type portDiff struct {
	slave          string
	actor, partner lacp.Bits // state bits; keep leaves them
	churn          [2]string // actor's and partner's; "" leaves it
}

// keep leaves a port's state as it was recorded.
const keep lacp.Bits = 0xff

var (
	slaveLine = regexp.MustCompile(`^(?:Slave Interface: |\d+: |\{"ifname":")?(eth\d|bond\d)\b`)
	procState = regexp.MustCompile(`^    port state: \d+`)
	fileState = map[string]*regexp.Regexp{}
	ipState   = map[string]*regexp.Regexp{}
	treeState = map[string]*regexp.Regexp{}
)

func init() {
	for _, end := range []string{"actor", "partner"} {
		key := "ad_" + end + "_oper_port_state"
		fileState[end] = regexp.MustCompile(key + `: \d+`)
		ipState[end] = regexp.MustCompile(key + ` \d+ ` + key + `_str <[^>]*>`)
		treeState[end] = regexp.MustCompile(`"` + key + `":\d+,"` + key + `_str":\[[^\]]*\]`)
	}
}

// adjust puts a portDiff into a recorded text of any kind: /proc, the slaves'
// files, ip's text and JSON.
func (d *portDiff) adjust(recorded string) string {
	var out strings.Builder
	slave, end := "", ""
	for line := range strings.Lines(recorded) {
		if m := slaveLine.FindStringSubmatch(line); m != nil {
			slave = m[1]
		}
		if details, ok := strings.CutPrefix(line, "details "); ok {
			end, _, _ = strings.Cut(details, " ")
		}
		if slave == d.slave {
			line = d.line(line, end)
		}
		out.WriteString(line)
	}
	return out.String()
}

// line adjusts a line about the slave; end is whose details in /proc it is in.
func (d *portDiff) line(line, end string) string {
	for i, who := range []string{"Actor", "Partner"} {
		if strings.HasPrefix(line, who+" Churn State: ") && d.churn[i] != "" {
			line = who + " Churn State: " + d.churn[i] + "\n"
		}
	}
	for e, bits := range map[string]lacp.Bits{"actor": d.actor, "partner": d.partner} {
		if bits == keep {
			continue
		}
		n, key := strconv.Itoa(int(bits)), "ad_"+e+"_oper_port_state"
		if e == end {
			line = procState.ReplaceAllString(line, "    port state: "+n)
		}
		line = fileState[e].ReplaceAllString(line, key+": "+n)
		line = ipState[e].ReplaceAllString(line, fmt.Sprintf("%s %s %s_str <%s>", key, n, key, bits))
		list := ""
		if bits != 0 {
			list = `"` + strings.Join(bits.Names(), `","`) + `"`
		}
		line = treeState[e].ReplaceAllString(line, fmt.Sprintf(`"%s":%s,"%s_str":[%s]`, key, n, key, list))
	}
	return line
}
