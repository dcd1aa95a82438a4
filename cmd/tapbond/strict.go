package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Every refusal of a command line names what was given, what is accepted, and a
// command that works. cobra alone answers a wrong word after a group with the help
// text and exit status 0.

// execute runs a command line without its first word.
func execute(ctx context.Context, args []string) error {
	root := rootCmd()
	root.SetArgs(shield(args))
	return root.ExecuteContext(ctx)
}

// strict has every command below root refuse wrong words and flags.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.SetFlagErrorFunc(wrongFlag)
	each(root, func(c *cobra.Command) {
		c.SuggestionsMinimumDistance = 2
		switch {
		case c.Name() == "help" && c.Parent() == root:
			c.RunE, c.Run, c.Args, c.PersistentPreRun = help, nil, nil, nil
			c.Example = "  tapbond help show"
		case c.HasSubCommands() && !c.Runnable():
			group(c)
		default:
			if c.HasParent() && c.Parent().Name() == "completion" {
				c.Args = words(0, 0)
			}
			unshielded(c)
		}
	})
}

// each calls do for a command and all below it.
func each(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		each(sub, do)
	}
}

// group has a command that does nothing itself refuse words that are none of its
// commands, and a group other than the program itself refuse to be called alone.
func group(c *cobra.Command) {
	c.Args = cobra.ArbitraryArgs
	c.DisableFlagsInUseLine = true
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case len(args) > 0:
			return unknownCommand(c, args)
		case c.HasParent():
			return fmt.Errorf("%swhich command? %s", spoken(c), choices(c, nil))
		}
		return c.Help()
	}
}

// help prints the help text of a command.
func help(c *cobra.Command, args []string) error {
	cmd := c.Root()
	for i, word := range args {
		sub, _, err := cmd.Find([]string{word})
		if err != nil || sub == cmd {
			return unknownCommand(cmd, args[i:])
		}
		cmd = sub
	}
	cmd.InitDefaultHelpFlag()
	return cmd.Help()
}

// unknownCommand is the error for words that begin with none of c's commands.
func unknownCommand(c *cobra.Command, args []string) error {
	if c.HasSubCommands() {
		return fmt.Errorf("%sthere is no command %q: %s", spoken(c), args[0], choices(c, args))
	}
	return fmt.Errorf("%sit has no commands, not %q; try: %s --help", spoken(c), args[0], c.CommandPath())
}

// choices lists a group's commands, and one line that works.
func choices(c *cobra.Command, args []string) string {
	var names []string
	var first *cobra.Command
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
			if first == nil {
				first = sub
			}
		}
	}
	line := exampleOf(first)
	if len(args) > 0 {
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			line = strings.Join(append([]string{c.CommandPath(), near[0]}, args[1:]...), " ")
		} else if guess := c.Annotations[guessKey]; guess != "" {
			line = strings.Join(append([]string{c.CommandPath(), guess}, args...), " ")
		} else if !c.HasParent() {
			line = "tapbond help"
		}
	}
	return fmt.Sprintf("it has %s; try: %s", strings.Join(names, ", "), line)
}

// guessKey is the annotation of a group whose users leave this command out.
const guessKey = "guess"

// words accepts that many words, with max < 0 any number from min.
func words(min, max int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && min > 0:
			return misused(c, "nothing was given")
		case len(args) < min:
			return misused(c, fmt.Sprintf("%q is too little", strings.Join(args, " ")))
		case max >= 0 && len(args) > max:
			return misused(c, fmt.Sprintf("%q is too much", strings.Join(args, " ")))
		}
		return nil
	}
}

// misused is the error for a command line that is not understood: what is wrong
// with it, what is accepted, and one that works.
func misused(c *cobra.Command, wrong string) error {
	_, takes, _ := strings.Cut(c.Use, " ")
	if takes == "" {
		takes = "no words"
	}
	return fmt.Errorf("%s%s; it takes %s; for example: %s", spoken(c), wrong, takes, exampleOf(c))
}

// wrongFlag is the error for a flag that is not understood.
func wrongFlag(c *cobra.Command, err error) error {
	var flags []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if kind := f.Value.Type(); kind != "bool" {
			name += " " + strings.ToUpper(kind)
		}
		flags = append(flags, name)
	})
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		f := value.GetFlag()
		_, usage := pflag.UnquoteUsage(f)
		err = fmt.Errorf("%s--%s: %q is no %s; it takes: %s; for example: %s", spoken(c), f.Name, value.GetValue(), f.Value.Type(), usage, exampleOf(c))
	} else {
		err = fmt.Errorf("%s%w; it takes %s; for example: %s", spoken(c), err, strings.Join(flags, "; "), exampleOf(c))
	}
	if c.Name() == "check" {
		return exitStatus{checkNothing, err}
	}
	return err
}

// spoken begins a message of a command: its name after the program's.
func spoken(c *cobra.Command) string {
	_, name, ok := strings.Cut(c.CommandPath(), " ")
	if !ok {
		return ""
	}
	return name + ": "
}

// exampleOf is a command line that works.
func exampleOf(c *cobra.Command) string {
	if line, _, _ := strings.Cut(strings.TrimSpace(c.Example), "\n"); line != "" {
		return line
	}
	return c.CommandPath()
}

// A negative number is a value, not a flag: "set bond0 miimon -1" must reach who
// judges it. Behind a shield cobra takes it for a word.

const shieldMark = "\x00"

var negative = regexp.MustCompile(`^-[0-9]`)

// shield marks negative numbers, unless they follow a flag, whose value they are
// then.
func shield(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if out[i] = a; i > 0 && negative.MatchString(a) && !strings.HasPrefix(args[i-1], "-") {
			out[i] = shieldMark + a
		}
	}
	return out
}

// unshielded gives a command its words without marks.
func unshielded(c *cobra.Command) {
	bare := func(args []string) []string {
		out := make([]string, len(args))
		for i, a := range args {
			out[i] = strings.TrimPrefix(a, shieldMark)
		}
		return out
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error { return check(c, bare(args)) }
	}
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error { return run(c, bare(args)) }
	}
}
