package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// foreignGrammar are commands whose words are those of the programs they stand in
// for.
var foreignGrammar = []string{"ip", "ifenslave", "modprobe", "insmod", "rmmod", "lsmod"}

// pathOf is a command's words after the program's name.
func pathOf(c *cobra.Command) []string { return strings.Fields(c.CommandPath())[1:] }

// expectRefusal runs a command line, which must fail with a message of one line
// that has all the words.
func expectRefusal(t *testing.T, line []string, says ...string) {
	t.Helper()
	err := execute(t.Context(), line)
	if err == nil || ended(err) == 0 {
		t.Errorf("tapbond %s: accepted", strings.Join(line, " "))
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("tapbond %s: %q does not say %q", strings.Join(line, " "), err, s)
		}
	}
	if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), shieldMark) {
		t.Errorf("tapbond %s: more than a line of text: %q", strings.Join(line, " "), err)
	}
}

// Every command refuses words and flags that it does not take: the exit status is
// not 0, and the message names what was given, what is accepted, and a command
// that works.
func TestEveryCommandRefusesWrongInput(t *testing.T) {
	t.Setenv("TAPBOND_RUN", t.TempDir())
	checked := 0
	each(rootCmd(), func(c *cobra.Command) {
		if c.Hidden || slices.Contains(foreignGrammar, c.Name()) {
			return
		}
		checked++
		path := pathOf(c)
		with := func(words ...string) []string { return slices.Concat(path, words) }
		c.InitDefaultHelpFlag()
		expectRefusal(t, with("--nosuch-flag"), "--nosuch-flag", "-h, --help", "tapbond ")
		expectRefusal(t, with("-Y"), "'Y'", "-h, --help", "tapbond ")
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if kind := f.Value.Type(); f.Hidden || kind == "string" || kind == "stringSlice" {
				return
			}
			_, usage := pflag.UnquoteUsage(f)
			expectRefusal(t, with("--"+f.Name+"=nosuch"), `"nosuch"`, "--"+f.Name, usage, "tapbond ")
		})
		if c.HasAvailableSubCommands() {
			says := []string{`"nosuch"`, "tapbond"}
			if c.Name() == "bench" { // it does something itself, too
				says = append(says, "for example: tapbond bench")
			} else {
				for _, sub := range c.Commands() {
					if !sub.Hidden {
						says = append(says, sub.Name())
					}
				}
			}
			expectRefusal(t, with("nosuch"), says...)
			return
		}
		for n := range 9 {
			words := slices.Repeat([]string{"nosuch"}, n)
			if c.ValidateArgs(words) == nil {
				continue
			}
			_, takes, _ := strings.Cut(c.Use, " ")
			says := []string{takes, "for example: tapbond " + strings.Join(path, " ")}
			if n > 0 {
				says = append(says, strings.Join(words, " "))
			}
			expectRefusal(t, with(words...), says...)
		}
	})
	if checked < 30 {
		t.Errorf("only %d commands found", checked)
	}
}

// The example in a message must work: the command is there, and takes its words.
func TestExamplesAreAccepted(t *testing.T) {
	each(rootCmd(), func(c *cobra.Command) {
		if c.Hidden || c.HasAvailableSubCommands() && c.Name() != "bench" || slices.Contains(foreignGrammar, c.Name()) {
			return
		}
		words := strings.Fields(exampleOf(c))
		path := append([]string{"tapbond"}, pathOf(c)...)
		if len(words) < len(path) || !slices.Equal(words[:len(path)], path) {
			t.Errorf("%s: the example is of another command: %s", c.CommandPath(), exampleOf(c))
			return
		}
		if err := c.ParseFlags(words[len(path):]); err != nil {
			t.Errorf("%s: %v", exampleOf(c), err)
		} else if err := c.ValidateArgs(c.Flags().Args()); err != nil {
			t.Errorf("%s: %v", exampleOf(c), err)
		}
	})
}

// Wrong input that is words and flags in form.
func TestMisleadingInput(t *testing.T) {
	t.Setenv("TAPBOND_RUN", t.TempDir())
	missing := t.TempDir() + "/none"
	for line, says := range map[string][]string{
		"nosuch":          {`"nosuch"`, "show", "tapbond help"},
		"shwo bond0":      {`"shwo"`, "try: tapbond show bond0"},
		"explain eth0":    {`"eth0"`, "flow, slave", "tapbond explain slave eth0"},
		"explain":         {"flow, slave"},
		"explain flwo x":  {"tapbond explain flow x"},
		"lab start":       {`"start"`, "demo, down, mend, up", "tapbond lab up"},
		"lab":             {"demo, down, mend, up"},
		"completion foo":  {`"foo"`, "bash, fish"},
		"help nosuch":     {`"nosuch"`, "show"},
		"help lab nosuch": {`"nosuch"`, "demo, down, mend, up"},
		"help show bond0": {`"bond0"`, "tapbond show --help"},

		"set bond0 mode=4":           {"mode=4", "tapbond set bond0 mode 4"},
		"set bond0 miimon=50 mode 1": {"miimon=50", "tapbond set bond0 miimon 50 mode 1"},
		"set bond0 miimon":           {"miimon", "value missing", "0 to 2147483647 ms"},
		"set bond0 mimon 100":        {"mimon", "did you mean miimon"},
		"set bond0 nosuchoption 1":   {"nosuchoption", "tapbond options"},
		"set bond0 arp_ip_target":    {"arp_ip_target", "tapbond set bond0 arp_ip_target ''"},
		"set bond0 slaves eth0":      {"slaves", "tapbond enslave bond0"},
		"set bond0 prio 5":           {"prio", "slave"},
		"set bond0 miimon -1":        {"bond0 does not exist", "tapbond ip link add bond0 type bond"},
		"run bond0 mode=4":           {"mode=4", "tapbond run bond0 mode 4"},
		"run bond0 eth0 eth1":        {"eth0", "tapbond run"},
		"options nosuch":             {"nosuch", "tapbond options"},
		"enslave bond0 -1":           {"bond0 does not exist"},
		"release bond0 eth0":         {"bond0 does not exist", "tapbond ip link add bond0"},
		"delete bond0":               {"bond0 does not exist"},
		"proc bond0":                 {"bond0 does not exist"},
		"show bond0":                 {"bond0 does not exist"},
		"file eth7 state":            {"eth7", "neither a bond nor a slave", "no bonds"},
		"explain slave eth0":         {"eth0", "no bonds in this network namespace"},

		"explain flow tcp A B bond0":                           {`"A"`, "ADDRESS:PORT", "tapbond explain flow tcp"},
		"explain flow tcp 10.0.0.1:1 10.0.0.2:2 bond0":         {`"bond0"`, "--bond bond0"},
		"explain flow tcp 10.0.0.1 10.0.0.2":                   {"10.0.0.1", "port missing", "10.0.0.1:80"},
		"explain flow tcp 10.0.0.1:1 10.0.0.2:2 vlan -1":       {"vlan -1", "1 to 4094"},
		"explain flow tcp 10.0.0.1:1 10.0.0.2:2":               {"no bonds"},
		"explain flow tcp 10.0.0.1:1 10.0.0.2:2 --bond nosuch": {"nosuch", "no bonds"},

		"lab up --mode nosuch":               {`"nosuch"`, "active-backup"},
		"lab demo --mode 9":                  {`"9"`, "active-backup"},
		"lab up --slaves 0":                  {"--slaves", "1 to 32"},
		"lab demo --slaves 1":                {"--slaves", "2 or more"},
		"events nosuch":                      {"nosuch", "neither a bond nor a slave", "no bonds"},
		"events -f":                          {"nothing to follow", "tapbond ip link add bond0 type bond"},
		"events -n 0":                        {`"0"`, "1 or more"},
		"events --since sunday":              {`"sunday"`, "10m", "2006-01-02"},
		"events --since -5m":                 {`"-5m"`, "10m"},
		"events a b":                         {"a b", "BOND|SLAVE"},
		"bench --only nosuch":                {`"nosuch"`, "small-out", "tapbond bench --only"},
		"bench --with nosuch":                {`"nosuch"`, "veth"},
		"bench --rounds -1":                  {"--rounds", "-1", "1 or more"},
		"bench --slice 1ms":                  {"--slice", "1ms", "100ms"},
		"bench --patience -2":                {"--patience", "-2"},
		"bench --compare /none":              {"/none"},
		"bench --show /none":                 {"/none"},
		"fs " + missing + "/deep":            {missing, "mkdir"},
		"fs --snapshot " + missing + "/deep": {missing, "mkdir"},
		"fs --every 5s /mnt":                 {"--every", "--snapshot"},
		"ifup a b":                           {"a b", "ifup bond0"},
		"ifdown":                             {"ifdown"},
		"run bond0 --log-json=x":             {`"x"`},
	} {
		t.Run(line, func(t *testing.T) { expectRefusal(t, strings.Fields(line), says...) })
	}
}
