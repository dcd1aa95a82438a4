package modshell

import (
	"strings"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/modconf"
	"github.com/tapbond/tapbond/internal/modparam"
)

// parameters are what a load is asked for, and where each stands.
type parameters struct {
	conf *modconf.Config
	name string // what modprobe was asked for: the module or an alias
	line []modparam.Param
}

// whole returns the parameters of the module, or of the bond that is an alias
// of it: those in the files, then those of the command line.
func (p *parameters) whole(of string) []modparam.Param {
	var out []modparam.Param
	for _, o := range p.conf.Options(of) {
		out = append(out, modparam.Param{Name: o.Name, Value: o.Value})
	}
	return append(out, p.line...)
}

// alias is the bond that was asked for by an alias, "" if the module was.
func (p *parameters) alias() string {
	name := strings.TrimPrefix(p.name, "netdev-")
	if strings.ReplaceAll(name, "-", "_") == modconf.Module {
		return ""
	}
	return name
}

// request is what the daemon is asked for. Bonds with options lines of their own
// get those, whatever name was asked for.
func (p *parameters) request() control.ModuleRequest {
	req := control.ModuleRequest{Parameters: p.whole(p.alias())}
	for _, bond := range p.conf.Aliases() {
		if own := p.whole(bond); bond != p.alias() && len(own) > len(p.whole("")) {
			if req.Of == nil {
				req.Of = map[string][]modparam.Param{}
			}
			req.Of[bond] = own
		}
	}
	return req
}

// text is the parameters as insmod takes them.
func text(params []modparam.Param) string {
	var words []string
	for _, p := range params {
		words = append(words, p.String())
	}
	return strings.Join(words, " ")
}

// source finds the line that has the value a complaint quotes, "" if it is none
// of the files'.
func (p *parameters) source(complaint string) string {
	if p == nil {
		return ""
	}
	found := ""
	for _, bond := range append(p.conf.Aliases(), "") {
		for _, o := range p.conf.Options(bond) {
			if strings.Contains(complaint, `"`+o.Value+`"`) || strings.Contains(complaint, "`"+o.Value+"'") {
				found = o.At()
			}
		}
	}
	for _, l := range p.line {
		if strings.Contains(complaint, `"`+l.Value+`"`) || strings.Contains(complaint, "`"+l.Value+"'") {
			return ""
		}
	}
	return found
}
